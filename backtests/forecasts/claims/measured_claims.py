"""Measured claims: every headline tried on one set of bars."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from backtests.forecasts.claims.averaging_claims import Averaged, averaged, random_walks
from backtests.forecasts.claims.claim_series import claim_series
from backtests.forecasts.claims.direction_claims import ups
from backtests.forecasts.claims.price_claims import PriceFit, free_r2, price_fits
from backtests.forecasts.claims.scaled_claims import scaled_errors
from backtests.forecasts.claims.selection_claims import Selection, other_choices, selections, typical_moves
from backtests.forecasts.claims.sharpe_claims import lucky_books
from backtests.forecasts.claims.temperature_claims import LearnedIC, learned_ics, soft_against_hard
from core.progress import ProgressCallback, silent
from market.panel import Panel

__all__ = ["SHARPE_SESSIONS", "MeasuredClaims", "measure_claims"]

SHARPE_SESSIONS = 159  # of the span behind the Sharpe ratio of 2.53


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredClaims:
    """What the headlines come to on one set of bars; what each field holds is said where it is computed.

    Parameters
    ----------
    panel : Panel
        The bars.
    series : Index
        Names of the series on which single series are tried.
    free : dict of str to float
        ``free_r2``.
    fits : dict of str to PriceFit
        ``price_fits``.
    scaled : Series
        Medians over series of ``scaled_errors``.
    ups : DataFrame
        ``ups``.
    lucky : Series
        ``lucky_books``.
    selections : list of Selection
        ``selections``.
    other_choices : float
        ``other_choices``.
    moves : Series
        ``typical_moves``.
    on_walks, on_bars : Averaged
        ``averaged`` on random walks as volatile as the series, and on the series.
    soft : DataFrame
        ``soft_against_hard``.
    learned : dict of float to LearnedIC
        ``learned_ics``.
    """

    panel: Panel
    series: pd.Index
    free: dict[str, float]
    fits: dict[str, PriceFit]
    scaled: pd.Series
    ups: pd.DataFrame
    lucky: pd.Series
    selections: list[Selection]
    other_choices: float
    moves: pd.Series
    on_walks: Averaged
    on_bars: Averaged
    soft: pd.DataFrame
    learned: dict[float, LearnedIC]


def measure_claims(panel: Panel, *, seed: int = 0, progress: ProgressCallback = silent) -> MeasuredClaims:
    """Try every headline on these bars.

    Parameters
    ----------
    panel : Panel
        At least 570 sessions, and five names that print from the first to the last.
    seed : int
        Of everything random.
    progress : callable
        Called as headlines are done.

    Raises
    ------
    DataError
        If the bars hold too few sessions or whole names.
    """
    closes = claim_series(panel)
    returns = panel.close.pct_change(fill_method=None)
    parts: Mapping[str, Callable[[], Any]] = {
        "free": lambda: free_r2(closes),
        "fits": lambda: price_fits(closes, seed=seed),
        "scaled": lambda: scaled_errors(closes).median(),
        "ups": lambda: ups(closes),
        "lucky": lambda: lucky_books(returns, n_sessions=SHARPE_SESSIONS, seed=seed),
        "selections": lambda: selections(closes, seed=seed),
        "other_choices": lambda: other_choices(closes, seed=seed),
        "moves": lambda: typical_moves(closes),
        "on_walks": lambda: averaged(random_walks(closes, seed=seed)),
        "on_bars": lambda: averaged(closes),
        "soft": lambda: soft_against_hard(returns),
        "learned": lambda: learned_ics(panel),
    }
    found: dict[str, Any] = {}
    for done, (name, made) in enumerate(parts.items(), start=1):
        found[name] = made()
        progress("claims", done, len(parts), panel.facts.source)
    return MeasuredClaims(panel=panel, series=closes.columns, **found)
