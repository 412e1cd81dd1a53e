"""Training checks: what would stop a run after hours of training, found before it has a folder."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.errors import DataError
from market.panel import Panel
from models.sample_splits import Split
from models.windows import Windows
from portfolio.optimizer import full_window
from strategy.definitions.spec import StrategySpec

__all__ = ["check_optimizer_window", "check_test_rows", "check_volume"]

WITHOUT_VOLUME = "core11"


def check_volume(spec: StrategySpec, panel: Panel, features: Mapping[str, pd.DataFrame], *, split: Split) -> None:
    """Refuse features of volume on bars without: none in a span, or one number throughout the training rows.

    Raises
    ------
    DataError
        If a feature has no value there, or is constant, for that reason.
    """
    for span, rows, suffices in (
        ("training", split.train, _varies),
        ("validation", split.validation, _known),
        ("test", split.test, _known),
    ):
        if rows.start == rows.stop or suffices(panel.volume.iloc[rows]):
            continue
        without = [name for name, frame in features.items() if not suffices(frame.iloc[rows])]
        if without:
            same = ", or the same in all of them" if span == "training" else ""
            raise DataError(
                f"{', '.join(without)} of feature set {spec.features.set} cannot be known: the bars have no volume in "
                f"the {span} sessions{same}; give bars with volume, or choose features of prices alone with "
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


def _known(frame: pd.DataFrame) -> bool:
    """Whether a value is known."""
    return bool(frame.notna().any(axis=None))


def _varies(frame: pd.DataFrame) -> bool:
    """Whether two known values differ."""
    values = frame.to_numpy(dtype=float)
    known = values[~np.isnan(values)]
    return bool(known.size and known.min() < known.max())
