"""Stage comparison: recomputed frames against kept ones, with the first session and ticker that differ."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from portfolio.book_settings import BookSettings
from portfolio.selection import select_sides

__all__ = ["StageDifference", "compare_bits", "compare_returns", "compare_scores", "compare_weights"]

SCORE_TOLERANCE = 1e-5  # of the session's cross-sectional standard deviation
RETURN_TOLERANCE = 1e-4
SAME_WEIGHT = 1e-9  # rounding of the same decision


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDifference:
    """The first place where two versions of a stage differ.

    Parameters
    ----------
    stage : str
        Bars, features, scores, weights, fills, returns or metrics.
    session, ticker : str
        Where; empty where the stage has none.
    detail : str
        What was there and what is.
    """

    stage: str
    session: str = ""
    ticker: str = ""
    detail: str = ""

    def __str__(self) -> str:
        where = " ".join(part for part in (self.session, self.ticker) if part)
        return f"{self.stage}{f' of {where}' if where else ''}{f': {self.detail}' if self.detail else ''}"


def compare_bits(stage: str, kept: pd.DataFrame, found: pd.DataFrame) -> StageDifference | None:
    """The first cell that is not the same number bit for bit, NaN being one number."""
    return _axes(stage, kept, found) or _first(stage, kept, found, ~_same(kept, found))


def compare_scores(kept: pd.DataFrame, found: pd.DataFrame) -> StageDifference | None:
    """The first score beyond 1e-5 of its session's cross-sectional standard deviation."""
    if difference := _axes("scores", kept, found):
        return difference
    allowed = SCORE_TOLERANCE * kept.std(axis=1, ddof=1).fillna(0.0).to_numpy()[:, None]
    gap = np.abs(found.to_numpy() - kept.to_numpy())
    return _first("scores", kept, found, ~_same(kept, found) & ~(gap <= allowed))


def compare_weights(
    kept: pd.DataFrame, found: pd.DataFrame, *, scores: pd.DataFrame, book: BookSettings, round_trip: float
) -> tuple[StageDifference | None, list[str]]:
    """The first weight that differs without a cut-off nearby, and the names that a cut-off explains.

    A name that crossed a cut-off keeps differing while the smoothing remembers it; only its first session is judged.

    Parameters
    ----------
    kept, found : DataFrame of float
        Decided weights.
    scores : DataFrame of float
        Kept scores of the same sessions.
    book : BookSettings
        Says where the cut-offs are.
    round_trip : float
        Cost of buying and selling, a fraction of notional.
    """
    if difference := _axes("weights", kept, found):
        return difference, []
    differs = ~_same(kept, found) & ~(np.abs(found.to_numpy() - kept.to_numpy()) <= SAME_WEIGHT)
    begins = differs & (np.cumsum(differs, axis=0) == 1)
    near = _near_cut(scores, book, round_trip)
    explained = [f"{kept.index[row]:%Y-%m-%d} {kept.columns[column]}" for row, column in np.argwhere(begins & near)]
    return _first("weights", kept, found, begins & ~near), explained


def compare_returns(
    kept: pd.DataFrame, found: pd.DataFrame, *, tolerance: float = RETURN_TOLERANCE
) -> StageDifference | None:
    """The first session whose fills (turnover) or returns differ by more than the tolerance."""
    if difference := _axes("returns", kept, found):
        return difference
    gap = np.abs(found.to_numpy() - kept.to_numpy())
    return _first("returns", kept, found, ~_same(kept, found) & ~(gap <= tolerance))


def _near_cut(scores: pd.DataFrame, book: BookSettings, round_trip: float) -> np.ndarray:
    """Which scores lie within the tolerance of a border between picked and not picked."""
    sides, values = select_sides(scores, book.k), scores.to_numpy()
    scored = np.isfinite(values)
    borders = [
        _between(np.where(sides.top, values, np.inf), np.where(scored & ~sides.top, values, -np.inf)),
        _between(np.where(scored & ~sides.bottom, values, np.inf), np.where(sides.bottom, values, -np.inf)),
    ]
    if book.builder == "filter_negative":
        level = {"below_zero": 0.0, "below_threshold": book.short_threshold}
        relative = scores.mean(axis=1).to_numpy() - round_trip
        borders.append(np.full(len(scores), level[book.short_filter]) if book.short_filter in level else relative)
    allowed = SCORE_TOLERANCE * scores.std(axis=1, ddof=1).to_numpy()[:, None]
    near: np.ndarray = np.any([np.abs(values - border[:, None]) <= allowed for border in borders], axis=0)
    return near


def _between(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The middle between the lowest value above a border and the highest below it; NaN without both."""
    low, high = above.min(axis=1), below.max(axis=1)
    both = np.isfinite(low) & np.isfinite(high)
    return np.where(both, (np.where(both, low, 0.0) + np.where(both, high, 0.0)) / 2.0, np.nan)


def _same(kept: pd.DataFrame, found: pd.DataFrame) -> np.ndarray:
    left, right = kept.to_numpy(), found.to_numpy()
    same: np.ndarray = (left == right) | (np.isnan(left) & np.isnan(right))
    return same


def _axes(stage: str, kept: pd.DataFrame, found: pd.DataFrame) -> StageDifference | None:
    for axis, left, right in (("sessions", kept.index, found.index), ("columns", kept.columns, found.columns)):
        if not left.equals(right):
            odd = left.symmetric_difference(right)
            first = "order" if not len(odd) else f"{odd[0]:%Y-%m-%d}" if axis == "sessions" else str(odd[0])
            return StageDifference(stage=stage, detail=f"other {axis}, first {first}")
    return None


def _first(stage: str, kept: pd.DataFrame, found: pd.DataFrame, wrong: np.ndarray) -> StageDifference | None:
    if not wrong.any():
        return None
    row, column = np.argwhere(wrong)[0]
    then, now = (float(frame.to_numpy()[row, column]) for frame in (kept, found))
    detail = f"{then!r} kept, {now!r} found"
    session, ticker = f"{kept.index[row]:%Y-%m-%d}", str(kept.columns[column])
    return StageDifference(stage=stage, session=session, ticker=ticker, detail=detail)
