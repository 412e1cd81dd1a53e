"""Sample splits: training, validation and test spans in time order, purged so that no label crosses a boundary.

Spans are half-open row bounds. Ninety-session *inputs* may reach back across a boundary, labels may not reach forward.
"""

import datetime as dt
import itertools
from dataclasses import dataclass

import pandas as pd

from core.errors import DataError
from models.model_settings import SplitSettings

__all__ = ["Split", "resolve_split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Rows of each span.

    Parameters
    ----------
    train, validation : slice
        Rows whose label is known before the next span begins.
    test : slice
        Rows judged, after validation and its purge; empty where what is judged lies elsewhere.
    purge : int
        Rows dropped at the end of training and of validation: label horizon + execution delay.
    """

    train: slice
    validation: slice
    test: slice
    purge: int

    def __post_init__(self) -> None:
        ends = (self.train, self.validation, self.test)
        fitted = all(span.start < span.stop for span in ends[:2]) and self.test.start <= self.test.stop
        if not fitted or any(left.stop + self.purge > right.start for left, right in itertools.pairwise(ends)):
            raise ValueError(f"spans must be in time order, none empty and {self.purge} rows apart, were {ends}")


def resolve_split(sessions: pd.DatetimeIndex, settings: SplitSettings, *, delay: int, horizon: int) -> Split:
    """Row bounds of training, validation and test.

    Row *t*'s label runs from the fill at *t* + delay to *t* + delay + horizon, so the last delay + horizon rows of
    training and of validation are dropped: their labels would be realised inside the next span.

    Parameters
    ----------
    sessions : DatetimeIndex
        Sorted, unique.
    settings : SplitSettings
        Fractions or dates.
    delay, horizon : int
        Sessions between decision and fill, and sessions held.

    Raises
    ------
    DataError
        If a date lies outside the sessions or a span keeps no row.
    """
    if delay < 0 or horizon < 1:
        raise ValueError(f"delay must be at least 0 and horizon at least 1 session, were {delay} and {horizon}")
    purge = delay + horizon
    validation_start, test_start = _boundaries(sessions, settings)
    spans = {
        "training": slice(0, validation_start - purge),
        "validation": slice(validation_start, test_start - purge),
        "test": slice(test_start, len(sessions)),
    }
    for name, span in spans.items():
        if span.start >= span.stop:
            raise DataError(f"the {name} span keeps no session of {len(sessions)} after a purge of {purge}: widen it")
    return Split(train=spans["training"], validation=spans["validation"], test=spans["test"], purge=purge)


def _boundaries(sessions: pd.DatetimeIndex, settings: SplitSettings) -> tuple[int, int]:
    """First rows of validation and of test."""
    if settings.train_end is None or settings.validation_end is None:
        n_sessions = len(sessions)
        return round(n_sessions * settings.train), round(n_sessions * (settings.train + settings.validation))
    return _row_after(sessions, "train_end", settings.train_end), _row_after(
        sessions, "validation_end", settings.validation_end
    )


def _row_after(sessions: pd.DatetimeIndex, name: str, date: dt.date) -> int:
    moment = pd.Timestamp(date)
    if len(sessions) == 0 or not sessions[0] <= moment < sessions[-1]:
        span = f"{sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}" if len(sessions) else "no session"
        raise DataError(f"{name} {date} must lie within the bars ({span}) and leave sessions after it: move the date")
    return int(sessions.searchsorted(moment, side="right"))
