"""Breadth: how many names stood behind the decisions of a span, and when the cross-section collapsed."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from backtests.judged_span import JudgedSpan
from market.delistings import listed
from market.panel import Panel

__all__ = ["COLLAPSED_BELOW", "COLLAPSED_SESSIONS", "Breadth", "breadth_of", "measure_breadth"]

COLLAPSED_BELOW = 0.5  # share of the names that should have a score
COLLAPSED_SESSIONS = 20  # judged sessions in a row below it


@dataclass(frozen=True, slots=True, kw_only=True)
class Breadth:
    """Names scored against names that should have been, and the largest position, over the judged sessions.

    Parameters
    ----------
    scored_median, eligible_median : float
        Names with a score, and names that should have one, of the median decision.
    worst_share : float
        Scored ÷ eligible names of the decision where that is lowest; NaN where no name was ever eligible.
    worst_session : Timestamp or None
        When that was; the first such session.
    worst_scored : int
        Names scored then.
    largest_weight : float
        Largest absolute weight of one name at any close, a fraction of equity; NaN without a position.
    collapsed : bool
        In at least 20 judged sessions in a row less than half of the eligible names were scored.
    worst_eligible : int
        Names eligible in the worst session.
    thin_sessions : int
        Longest stretch of judged sessions in which less than half were scored.
    thin_from : Timestamp or None
        Its first decision; None where there is none.
    largest_name : str
        Name of the largest weight.
    largest_session : Timestamp or None
        When it was held.
    """

    scored_median: float
    eligible_median: float
    worst_share: float
    worst_session: pd.Timestamp | None
    worst_scored: int
    largest_weight: float
    collapsed: bool
    worst_eligible: int = 0
    thin_sessions: int = 0
    thin_from: pd.Timestamp | None = None
    largest_name: str = ""
    largest_session: pd.Timestamp | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``metrics.json``."""
        return {
            name: f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else value
            for name, value in asdict(self).items()
        }


def measure_breadth(
    scored: pd.Series, eligible: pd.Series, *, held_weights: pd.DataFrame, interval: int = 1
) -> Breadth:
    """Measure breadth from counts of names.

    Parameters
    ----------
    scored, eligible : Series of int
        Names with a score, and names that should have one, of every decision of the span, in order.
    held_weights : DataFrame of float
        Fractions of equity at each judged close.
    interval : int
        Sessions that a decision is held for, usually the sessions to the next one. A single decision is no stretch.
    """
    share = (scored / eligible.where(eligible > 0)).to_numpy(dtype=float)
    known = not np.isnan(share).all()
    worst = int(np.nanargmin(share)) if known else 0
    first, length = _longest_run(share < COLLAPSED_BELOW)
    thin = length * interval
    weight, session, name = _largest(held_weights)
    return Breadth(
        scored_median=float(scored.median()),
        eligible_median=float(eligible.median()),
        worst_share=float(share[worst]) if known else np.nan,
        worst_session=scored.index[worst] if known else None,
        worst_scored=int(scored.iloc[worst]) if known else 0,
        worst_eligible=int(eligible.iloc[worst]) if known else 0,
        largest_weight=weight,
        largest_name=name,
        largest_session=session,
        thin_sessions=thin,
        thin_from=scored.index[first] if length else None,
        collapsed=length > 1 and thin >= COLLAPSED_SESSIONS,
    )


def breadth_of(
    scores: pd.DataFrame,
    panel: Panel,
    span: JudgedSpan,
    *,
    held_weights: pd.DataFrame,
    given: bool = False,
) -> Breadth:
    """Breadth of scores on their bars.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_scored_sessions, n_tickers)
        Known at the close of each session; NaN where there is none.
    panel : Panel
        Bars that hold their sessions.
    span : JudgedSpan
        Its decisions are counted.
    held_weights : DataFrame of float
        Fractions of equity at each judged close.
    given : bool
        Scores came without a model, and whoever gave them chose the names: only names with a score in some session
        should have one in each. A model should score every listed name of the universe.
    """
    eligible = (panel.universe & listed(panel)).loc[span.decisions, scores.columns]
    scored = scores.loc[span.decisions].notna() & eligible
    if given:
        eligible = eligible & scored.any()
    counts = (scored.sum(axis=1), eligible.sum(axis=1))
    return measure_breadth(*counts, held_weights=held_weights, interval=span.interval)


def _longest_run(flags: np.ndarray) -> tuple[int, int]:
    """Place and length of the longest run of True; the first of equal ones, (0, 0) without any."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    starts, stops = edges[::2], edges[1::2]
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(stops - starts))
    return int(starts[longest]), int(stops[longest] - starts[longest])


def _largest(held_weights: pd.DataFrame) -> tuple[float, pd.Timestamp | None, str]:
    size = np.nan_to_num(held_weights.abs().to_numpy(dtype=float))
    if not size.any():
        return np.nan, None, ""
    row, column = divmod(int(size.argmax()), size.shape[1])
    return float(size[row, column]), held_weights.index[row], str(held_weights.columns[column])
