"""IC decay: how well scores rank the returns of later sessions, and of longer spans."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from core.intervals import hac_lags_by_rule
from market.panel import Panel
from market.returns import Execution, forward_returns
from signals.decision_interval import DecisionPace
from signals.score_metrics import ICSummary, information_coefficient, summarize_ic, summary_frame

__all__ = ["ICDecay", "ic_decay"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ICDecay:
    """Rank IC by horizon, one row a horizon, the columns of ``ICSummary``.

    Parameters
    ----------
    single : DataFrame
        IC with the return of the h-th single session after the fill.
    cumulative : DataFrame
        IC with the return of the first h sessions after the fill; labels overlap, so errors count at least h lags.
    """

    single: pd.DataFrame
    cumulative: pd.DataFrame


def ic_decay(
    scores: pd.DataFrame,
    panel: Panel,
    execution: Execution,
    *,
    horizons: Sequence[int] = (1, 2, 5, 20),
    pace: DecisionPace | None = None,
) -> ICDecay:
    """Rank IC with later and with longer returns.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        Known at the close of each session; NaN where there is none.
    panel : Panel
        Bars that cover the sessions of scores and, for full rows, the horizons after them.
    execution : Execution
        Clock and price of the fills.
    horizons : sequence of int
        Sessions after the fill, each at least 1. None, or no session or ticker in common, is a ValueError.
    pace : DecisionPace, optional
        How often decisions come; every session by default.
    """
    if not horizons:
        raise ValueError("horizons is empty: give at least one, in sessions")
    if min(horizons) < 1:
        raise ValueError(f"horizons must be at least 1 session, was {min(horizons)}")
    known = pace or DecisionPace(per_year=panel.facts.sessions_per_year)
    later = {h: forward_returns(panel, execution, first=h - 1) for h in horizons}
    longer = {h: forward_returns(panel, execution, horizon=h) for h in horizons}
    single = {h: _summary_beyond(scores, forward, known, 1) for h, forward in later.items()}
    cumulative = {h: _summary_beyond(scores, forward, known, h) for h, forward in longer.items()}
    return ICDecay(single=summary_frame(single, "horizon"), cumulative=summary_frame(cumulative, "horizon"))


def _summary_beyond(scores: pd.DataFrame, forward: pd.DataFrame, pace: DecisionPace, horizon: int) -> ICSummary:
    ic, overlap = information_coefficient(scores, forward), pace.overlap(horizon)
    lags = max(hac_lags_by_rule(max(int(ic.count()), 1)), overlap)
    return summarize_ic(ic, horizon=overlap, hac_lags=lags, decisions_per_year=pace.per_year)
