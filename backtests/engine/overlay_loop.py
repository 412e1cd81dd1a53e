"""Overlay loop: scores to the weights that are decided, risk overlays included; the one path of every command.

``portfolio`` knows no ledger, so the loop is here: the plan is traded unscaled and its past net returns set the
volatility scale; the scaled book is traded with no switch and its past net returns drive the switches. Returns known at
the close of *t* act on the weights decided at that close, so a book on the bars so far is the book on all bars.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from backtests.engine.many_books import net_returns_of
from market.delistings import MAX_SILENT_SESSIONS
from market.panel import Panel
from portfolio.book import (
    Book,
    Overlays,
    Picks,
    Plan,
    finish_book,
    finished_weights,
    pick_names,
    plan_picked,
)
from portfolio.book_settings import BookSettings
from portfolio.risk import kill_switches, scale_weights, switch_off, volatility_scale
from portfolio.rules import TradingRules

__all__ = ["decide_book", "decide_picked", "decide_weights", "traded_part"]


def decide_book(rules: TradingRules, panel: Panel, scores: pd.DataFrame, *, sectors: pd.Series | None = None) -> Book:
    """Decide weights from scores: builder, sleeves, smoothing, gate, neutrality, overlays and limits.

    Parameters
    ----------
    rules : TradingRules
        Portfolio, horizon, risk, execution and costs decide.
    panel : Panel
        Bars; later rows than a decision are not read for it.
    scores : DataFrame of float, shape (n_scored_sessions, n_tickers)
        Expected returns, known at each close.
    sectors : Series of str, optional
        Sector by ticker, for ``neutral="sector"``.

    Raises
    ------
    ValueError
        If scores do not fit the panel, or sectors are needed and missing.
    UnsupportedBookError
        If a volatility target or a kill switch is on and the book's net exposure is above 1.
    """
    picks = pick_names(scores, panel, rules.portfolio, costs=rules.costs, sectors=sectors)
    return finish_book(*_planned(rules, panel, picks, sectors))


def decide_weights(
    rules: TradingRules, panel: Panel, scores: pd.DataFrame, *, sectors: pd.Series | None = None
) -> pd.DataFrame:
    """Decide the weights of ``decide_book`` alone, without stages and diagnostics: the same bits for less work."""
    picks = pick_names(scores, panel, rules.portfolio, costs=rules.costs, sectors=sectors)
    return decide_picked(rules, panel, picks, sectors=sectors)


def decide_picked(rules: TradingRules, panel: Panel, picks: Picks, *, sectors: pd.Series | None = None) -> pd.DataFrame:
    """Decide the weights of names that are picked already, as ``decide_weights`` goes on from there."""
    return finished_weights(*_planned(rules, panel, picks, sectors))


def traded_part(panel: Panel, scores: pd.DataFrame, *, book: BookSettings | None = None) -> Panel:
    """Cut the panel to start shortly before the first score: as much history as listing and the book depend on.

    Parameters
    ----------
    panel : Panel
        Bars.
    scores : DataFrame of float
        Of the sessions traded.
    book : BookSettings, optional
        Whose sizes and neutrality may read further back.
    """
    first = int(panel.sessions.searchsorted(scores.index[0]))
    memory = max(MAX_SILENT_SESSIONS + 1, 0 if book is None else book.memory)
    return panel.between(panel.sessions[max(0, first - memory)], None)


def _planned(rules: TradingRules, panel: Panel, picks: Picks, sectors: pd.Series | None) -> tuple[Plan, Overlays]:
    plan = plan_picked(picks, panel, rules.portfolio, sectors=sectors, horizon=rules.horizon)
    overlays = Overlays()
    if rules.risk.scales:
        overlays = _scaled(rules, panel, plan)
    if rules.risk.switches:
        overlays = _switched(rules, panel, plan, overlays)
    return plan, overlays


def _scaled(rules: TradingRules, panel: Panel, plan: Plan) -> Overlays:
    past, year = _past_returns(rules, panel, finished_weights(plan)), panel.facts.sessions_per_year
    targeted = volatility_scale(past, rules.risk, sessions_per_year=year)
    max_net = np.inf if rules.costs.borrowing_bps is not None else 1.0 - rules.portfolio.cash_buffer
    weights, scale = scale_weights(plan.weights, targeted, max_net=max_net)
    return Overlays(stages={"vol_scaled": weights}, scale=scale)


def _switched(rules: TradingRules, panel: Panel, plan: Plan, overlays: Overlays) -> Overlays:
    shadow = _past_returns(rules, panel, finished_weights(plan, overlays))
    switches = kill_switches(shadow, rules.risk, sessions_per_year=panel.facts.sessions_per_year)
    weights = switch_off(overlays.stages.get("vol_scaled", plan.weights), switches.out, plan.listed)
    stages = {**overlays.stages, "switched": weights}
    return replace(overlays, stages=stages, out=switches.out, events=switches.events)


def _past_returns(rules: TradingRules, panel: Panel, weights: pd.DataFrame) -> pd.Series:
    """Net returns of the book on the panel's sessions, NaN before its first fill."""
    delay = rules.execution.delay
    filled = weights.iloc[: len(weights) - delay].dropna(how="all")
    if filled.empty:
        return pd.Series(np.nan, index=panel.sessions)
    part = traded_part(panel, filled)
    decided = weights.loc[filled.index[0] :]
    returns = net_returns_of(part, {"book": decided}, execution=rules.execution, costs=rules.costs)
    return returns["book"].reindex(panel.sessions)
