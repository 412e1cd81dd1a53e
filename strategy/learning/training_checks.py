"""Training checks: what would stop a run after hours of training, found before it has a folder."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.errors import DataError
from market.panel import Panel
from models.windows import Windows
from strategy.definitions.spec import StrategySpec

__all__ = ["check_test_rows", "check_volume"]

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


def _varies(frame: pd.DataFrame) -> bool:
    """Whether two known values differ."""
    values = frame.to_numpy(dtype=float)
    known = values[~np.isnan(values)]
    return bool(known.size and known.min() < known.max())
