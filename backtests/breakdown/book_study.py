"""Book study: what the report shows of a book beyond the headline, measured once.

The arithmetic lives in the other modules of ``backtests``; here it is only put together.
"""

from dataclasses import dataclass, replace

import pandas as pd

from backtests.breakdown.attribution import attribution_table, leg_returns, sector_table
from backtests.breakdown.held_clusters import Clusters
from backtests.breakdown.holding_periods import concentration, holding_table, implied_holding
from backtests.breakdown.name_study import NameStudy, name_study
from backtests.engine.backtest_result import BacktestResult
from backtests.statistics.factor_regression import FactorFit, factor_fit
from backtests.statistics.rolling_beta import rolling_beta
from market import Panel
from market.inputs import Inputs

__all__ = ["BookStudy", "book_study", "judged_study", "optimizer_note", "short_leg_note"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BookStudy:
    """Attribution, holding periods, concentration and exposures of one book.

    Parameters
    ----------
    legs, attribution : DataFrame
        ``leg_returns`` and its ``attribution_table``.
    holding : DataFrame
        ``holding_table`` of the target.
    implied_holding : float
        Holding period in sessions, from turnover.
    concentration : DataFrame
        ``herfindahl`` and ``effective_names`` at each close.
    beta : Series
        To the market, over 63 sessions.
    sectors : DataFrame or None
        ``sector_table``; None where sectors are not known.
    factors : FactorFit or None
        Of the net returns on the given factors; None without them, or with too few common sessions.
    clusters : Clusters or None
        ``held_clusters`` of the last close, for an optimised book.
    names : NameStudy or None
        What each name contributed, and the worst sessions.
    """

    legs: pd.DataFrame
    attribution: pd.DataFrame
    holding: pd.DataFrame
    implied_holding: float
    concentration: pd.DataFrame
    beta: pd.Series
    sectors: pd.DataFrame | None = None
    factors: FactorFit | None = None
    clusters: Clusters | None = None
    names: NameStudy | None = None


def book_study(
    result: BacktestResult,
    panel: Panel,
    *,
    target: pd.DataFrame,
    market: pd.Series,
    sectors: pd.Series | None = None,
    factors: pd.DataFrame | None = None,
) -> BookStudy:
    """Measure attribution, holding periods, concentration and exposures of a book.

    Parameters
    ----------
    result : BacktestResult
        Of these bars.
    panel : Panel
        Bars that the book traded on.
    target : DataFrame of float
        Target weights at each close, of all sleeves together, before smoothing.
    market : Series of float
        Simple market return of each session.
    sectors : Series of str, optional
        Sector by ticker.
    factors : DataFrame of float, optional
        Simple returns of factors, and ``rf``.
    """
    legs = leg_returns(result, panel)
    return BookStudy(
        legs=legs,
        attribution=attribution_table(legs, market, sessions_per_year=result.sessions_per_year),
        holding=holding_table(target),
        implied_holding=implied_holding(result),
        concentration=concentration(result.held_weights),
        beta=rolling_beta(result.net_returns, market),
        sectors=None if sectors is None else sector_table(result, panel, sectors),
        factors=_factor_fit(result, factors),
        names=name_study(result, panel, market=market, sectors=sectors),
    )


def judged_study(
    study: BookStudy, whole: BacktestResult, judged: BacktestResult, inputs: Inputs, *, market: pd.Series
) -> BookStudy:
    """The study of a book in its judged sessions alone.

    Parameters
    ----------
    study : BookStudy
        Of the book over all sessions: what a name earns overnight goes to what was held the close before.
    whole, judged : BacktestResult
        Of the same book: all sessions, and the judged ones.
    inputs : Inputs
        Bars, sectors and factors.
    market : Series of float
        Simple market return of each session.
    """
    sessions = pd.DatetimeIndex(judged.net_returns.index)
    legs, sectors, factors = study.legs.loc[sessions], inputs.sectors, inputs.factors
    return replace(
        study,
        legs=legs,
        attribution=attribution_table(legs, market, sessions_per_year=judged.sessions_per_year),
        implied_holding=implied_holding(judged),
        concentration=study.concentration.loc[sessions],
        beta=rolling_beta(judged.net_returns, market),
        sectors=None if sectors is None else sector_table(whole, inputs.panel, sectors, sessions=sessions),
        factors=_factor_fit(judged, factors),
        names=name_study(whole, inputs.panel, market=market, sectors=sectors, sessions=sessions),
    )


def _factor_fit(result: BacktestResult, factors: pd.DataFrame | None) -> FactorFit | None:
    if factors is None:
        return None
    return factor_fit(result.net_returns, factors, sessions_per_year=result.sessions_per_year)


def short_leg_note(name: str, diagnostics: pd.DataFrame) -> str:
    """Warn where a book with a short leg picked no short name in most sessions; else the empty string."""
    decided = diagnostics[diagnostics["n_scored"] > 0]
    without = int((decided["n_short"] == 0).sum())
    if 2 * without <= len(decided):
        return ""
    return f"{name} picked no short name in {without} of {len(decided)} sessions: it was a long-only book there."


def optimizer_note(name: str, diagnostics: pd.DataFrame) -> str:
    """Say how often an optimised book was rebalanced, and how often held without a solution; else empty."""
    if "solver_failed" not in diagnostics:
        return ""
    rebalanced, failed = int((diagnostics["n_scored"] > 0).sum()), int(diagnostics["solver_failed"].sum())
    return (
        f"{name}: weights optimised at {rebalanced} rebalances and held between; at {failed} more the optimiser found "
        "none within the limits and the book was held."
    )
