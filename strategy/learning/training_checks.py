"""Training checks: what would stop a run after hours of training, found before it has a folder."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.errors import DataError
from market.panel import Panel
from models.windows import Windows
from portfolio.optimizer import full_window
from strategy.definitions.spec import StrategySpec

__all__ = ["check_optimizer_window", "check_test_rows", "check_volume"]

WITHOUT_VOLUME = "core11"


def check_volume(spec: StrategySpec, panel: Panel, features: Mapping[str, pd.DataFrame], *, rows: slice) -> None:
    """Refuse features of volume on bars whose volume is missing, or one number throughout, in the training rows.

    Raises
    ------
    DataError
        If a feature has no value there, or is constant, for that reason.
    """
    if _varies(panel.volume.iloc[rows]):
        return
    without = [name for name, frame in features.items() if not _varies(frame.iloc[rows])]
    if without:
        raise DataError(
            f"{', '.join(without)} of feature set {spec.features.set} cannot be learned: the bars have no volume in "
            f"the training rows, or the same in all; give bars with volume, or features of prices alone with "
            f"--set features.set={WITHOUT_VOLUME}"
        )


def check_test_rows(windows: Windows, rows: slice, *, delay: int) -> None:
    """Refuse a test span in which no name can be scored and traded.

    Raises
    ------
    DataError
        If no session of it has a complete window whose decision fills within the bars.
    """
    stop = min(rows.stop, len(windows.sessions) - delay)
    if not bool(windows.mask[rows.start : max(stop, rows.start)].any()):
        first, last = windows.sessions[rows.start], windows.sessions[rows.stop - 1]
        raise DataError(
            f"no test session, {first:%Y-%m-%d} to {last:%Y-%m-%d}, has "
            f"a name with {windows.lookback} complete sessions whose decision fills within the bars: give later bars, "
            "end validation earlier, or lower model.lookback"
        )


def check_optimizer_window(spec: StrategySpec, panel: Panel, rows: np.ndarray) -> None:
    """Refuse an optimised book on test sessions at none of which a name has a full window of returns.

    Raises
    ------
    DataError
        If no name of the universe has one.
    """
    book = spec.portfolio
    if not book.is_optimized:
        return
    held = (full_window(panel, book.optimizer.window) & panel.universe).to_numpy()
    if not held[rows].any():
        raise DataError(
            f"no name has the {book.optimizer.window} returns that {book.builder} needs in any test session: give more "
            "history, or lower portfolio.optimizer.window"
        )


def _varies(frame: pd.DataFrame) -> bool:
    """Whether two known values differ."""
    values = frame.to_numpy(dtype=float)
    known = values[~np.isnan(values)]
    return bool(known.size and known.min() < known.max())
