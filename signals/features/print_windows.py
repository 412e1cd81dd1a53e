"""Print windows: features whose window of *n* counts a name's own prints, so that a missing bar does not blind it.

A hole of at most ``gap_limit`` sessions between two prints is left out of a name's bars before its features are
computed, and their numbers are put back at the sessions of the prints; in the hole itself they are NaN, for
``fill_gaps`` to carry. A longer hole, or one as long as a name that left (``MAX_SILENT_SESSIONS``), stays in, and every
window that meets it is NaN as before. A hole counts once the name has printed again, so row *t* reads rows ≤ *t* only.

A bar that printed but lacks an open, high, low or volume would blind as a missing one does: where a feature is NaN over
a name's prints it is taken over its whole bars, in the same way.

Shipped features of one ticker know no dates, so the bars of all tickers are packed side by side. One of your own is
given the tickers with the same holes at a time, under the true dates of their bars. A cross-sectional one is
given every session, holes included, and asks ``since_print`` for a change that skips them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from market.delistings import MAX_SILENT_SESSIONS
from market.panel import BAR_FIELDS, Panel, aligned_frame, no_delistings
from signals.features.feature import Feature
from signals.features.trailing_windows import change
from signals.rows import FloatArray

__all__ = ["PrintWindows", "sessions_read", "short_holes", "since_print"]

Rows = NDArray[np.bool_]
FRAMES = (*BAR_FIELDS, "universe")
WHOLE = ("open", "high", "low", "close", "volume")

_skipped: ContextVar[int] = ContextVar("skipped", default=0)


class PrintWindows:
    """Features of a panel over prints; what several of them read is packed once.

    Parameters
    ----------
    panel : Panel
        Bars.
    gap_limit : int
        Longest hole that a window skips, in sessions; 0 skips none.
    """

    def __init__(self, panel: Panel, gap_limit: int) -> None:
        self._panel, self._limit = panel, gap_limit
        self._printed = panel.printed.to_numpy()
        self._over_prints, self._over_whole_bars = _layers(panel, gap_limit) if gap_limit else (None, None)

    def numbers(self, feature: Feature) -> FloatArray:
        """The feature, shape (n_sessions, n_tickers)."""
        if feature.cross_sectional:
            with _skipping(self._limit):
                return feature.numbers(self._panel)
        numbers = feature.numbers(self._panel)
        if not self._limit:
            return numbers
        numbers = np.where(self._printed, numbers, np.nan)  # a hole that may end tomorrow has no number today
        if self._over_prints is not None:
            numbers[:, self._over_prints.columns] = self._over_prints.numbers(feature)
        if self._over_whole_bars is not None:
            columns = self._over_whole_bars.columns
            over_prints = numbers[:, columns]
            whole = self._over_whole_bars.numbers(feature)
            numbers[:, columns] = np.where(np.isnan(over_prints), whole, over_prints)
        return numbers


def since_print(values: FloatArray) -> FloatArray:
    """Simple return from the value of the name's print before, no further back than what is skipped now."""
    if not (limit := _skipped.get()):
        return change(values, 1)
    last = _last_row(~np.isnan(values[:-1]))
    near = (last >= 0) & (np.arange(len(last))[:, None] - last <= limit)
    before = np.where(near, np.take_along_axis(values, np.maximum(last, 0), axis=0), np.nan)
    returns: FloatArray = np.full_like(values, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(values[1:], before, out=returns[1:])
    returns[1:] -= 1.0
    return returns


def short_holes(known: Rows, gap_limit: int) -> Rows:
    """Mark the rows of each column that lie in a hole of at most ``gap_limit`` rows between two known ones."""
    limit = min(gap_limit, MAX_SILENT_SESSIONS - 1)
    last = _last_row(known)
    after = len(known) - 1 - _last_row(known[::-1])[::-1]  # n_rows where none follows
    short: Rows = ~known & (last >= 0) & (after < len(known)) & (after - last - 1 <= limit)
    return short


def sessions_read(panel: Panel, prints: int, gap_limit: int) -> int:
    """Most sessions back from a print at which the print so many prints before it lies, short holes skipped."""
    holes = short_holes(panel.printed.to_numpy(), gap_limit) if gap_limit else np.zeros((1, 1), dtype=bool)
    if not holes.any():
        return prints
    longest = prints
    for column in np.flatnonzero(holes.any(axis=0)):
        kept = np.flatnonzero(~holes[:, column])
        longest = max(longest, int((kept[prints:] - kept[: max(len(kept) - prints, 0)]).max(initial=0)))
    return longest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packed:
    """Bars of every column one after the other, from the first row on, whatever their sessions."""

    panel: Panel
    order: NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alike:
    """Tickers with the same rows, and their bars there."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    panel: Panel


@dataclass(frozen=True, kw_only=True, eq=False)
class _Layer:
    """Bars of some columns without some of their rows; only known rows have a number."""

    panel: Panel
    columns: NDArray[np.intp]
    left_out: Rows
    known: Rows

    def numbers(self, feature: Feature) -> FloatArray:
        """The feature at the rows that are left, NaN elsewhere, shape (n_sessions, n_columns)."""
        numbers = np.full(self.left_out.shape, np.nan, order="F")
        if feature.formula.__module__.startswith("signals."):
            np.put_along_axis(numbers, self._packed.order, feature.numbers(self._packed.panel), axis=0)
        else:
            for group in self._alike:
                numbers[np.ix_(group.rows, group.columns)] = feature.numbers(group.panel)
        numbers[~self.known] = np.nan
        return numbers

    @cached_property
    def _packed(self) -> _Packed:
        order = np.argsort(self.left_out, axis=0, kind="stable")
        beyond = np.take_along_axis(self.left_out, order, axis=0)
        tickers, frames = self.panel.tickers[self.columns], dict[str, Any]()
        for name in FRAMES:
            values = getattr(self.panel, name).to_numpy()[:, self.columns]
            ordered = np.take_along_axis(values, order, axis=0)
            ordered[beyond] = name != "universe" and np.nan
            frames[name] = aligned_frame(ordered, self.panel.sessions, tickers, copy=False)
        return _Packed(panel=replace(self.panel, **frames, delistings=no_delistings()), order=order)

    @cached_property
    def _alike(self) -> list[_Alike]:
        patterns, pattern = np.unique(self.left_out, axis=1, return_inverse=True)
        groups = []
        for k in range(patterns.shape[1]):
            rows, members = np.flatnonzero(~patterns[:, k]), np.flatnonzero(pattern == k)
            frames: dict[str, Any] = {
                name: getattr(self.panel, name).iloc[rows, self.columns[members]] for name in FRAMES
            }
            bars = replace(self.panel, **frames, delistings=no_delistings())
            groups.append(_Alike(rows=rows, columns=members, panel=bars))
        return groups


@contextmanager
def _skipping(gap_limit: int) -> Iterator[None]:
    before = _skipped.set(min(gap_limit, MAX_SILENT_SESSIONS - 1))
    try:
        yield
    finally:
        _skipped.reset(before)


def _layers(panel: Panel, gap_limit: int) -> tuple[_Layer | None, _Layer | None]:
    """Bars without the short holes, of the columns that have some, and bars without those that are not whole."""
    printed = panel.printed.to_numpy()
    whole = printed.copy()
    for name in WHOLE:
        whole &= getattr(panel, name).notna().to_numpy()
    holes = short_holes(printed, gap_limit)
    partial = holes if np.array_equal(whole, printed) else short_holes(whole, gap_limit)
    odd = np.flatnonzero((partial & printed).any(axis=0))
    return _layer(panel, holes, printed, np.flatnonzero(holes.any(axis=0))), _layer(panel, partial, whole, odd)


def _layer(panel: Panel, left_out: Rows, known: Rows, places: NDArray[np.intp]) -> _Layer | None:
    if not len(places):
        return None
    return _Layer(panel=panel, columns=places, left_out=left_out[:, places], known=known[:, places])


def _last_row(marked: Rows) -> NDArray[np.intp]:
    """Row of the latest mark up to each row, −1 before the first."""
    rows = np.arange(len(marked))[:, None]
    return np.maximum.accumulate(np.where(marked, rows, -1), axis=0)
