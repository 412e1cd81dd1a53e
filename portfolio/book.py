"""Book: scores to decided weights, with every stage and the diagnostics of each session.

Target → sleeves → smoothing → rank gate → neutrality → overlays → position limit → dust → cash buffer. Row *t* is
decided at the close of *t*; nothing is shifted here. Overlays need the past returns of the book, which only a ledger
knows: ``plan_book`` stops before them and ``finish_book`` goes on from there. ``pick_names`` and ``plan_picked`` are
its two halves, apart for whoever plans many books on the same picks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from market import Panel, listed
from market.panel import aligned_frame
from portfolio.book_settings import BookSettings
from portfolio.builders import target_weights
from portfolio.constraints import close_out_dust, keep_cash, limit_positions, position_limits
from portfolio.costs import Costs
from portfolio.ewma import smooth_weights
from portfolio.gate import gate_by_rank
from portfolio.neutral import level_beta, level_legs, level_sectors
from portfolio.optimizer import full_window, optimized_targets
from portfolio.selection import Selection, select_sides
from portfolio.sleeves import hold_sleeves
from portfolio.trailing_risk import trailing_beta, trailing_volatility

__all__ = [
    "STAGES",
    "THIN_LEG",
    "Book",
    "Overlays",
    "Picks",
    "Plan",
    "build_book",
    "finish_book",
    "finished_weights",
    "pick_names",
    "plan_book",
    "plan_picked",
]

STAGES = ("target", "sleeves", "smoothed", "gated", "neutral", "vol_scaled", "switched", "limited")
THIN_LEG = 5  # names; a leg with fewer is reported as thin


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overlays:
    """Planned weights after the risk overlays.

    Parameters
    ----------
    stages : Mapping of str to DataFrame
        ``"vol_scaled"`` and ``"switched"``, those that are on.
    scale : Series of float or None
        Factor of the volatility target at each close.
    out : Series of bool or None
        Sessions at whose close a kill switch keeps the book flat.
    events : DataFrame or None
        ``portfolio.risk.Switches.events``; None without a switch.
    """

    stages: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    scale: pd.Series | None = None
    out: pd.Series | None = None
    events: pd.DataFrame | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picks:
    """Names picked at each close, and what each session alone says they should weigh.

    Parameters
    ----------
    eligible : DataFrame of float
        Scores of the names that may be held, on all sessions of the panel; NaN elsewhere.
    target : DataFrame of float
        Weights of the builder; a row of NaN is no rebalance.
    selection, listed, failed
        As of ``Plan``.
    """

    eligible: pd.DataFrame
    target: pd.DataFrame
    selection: Selection
    listed: pd.DataFrame
    failed: pd.Series | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """A book before its risk overlays, which need its own past returns.

    Parameters
    ----------
    settings : BookSettings
        Of the book.
    stages : Mapping of str to DataFrame
        ``"target"``, ``"smoothed"`` and, where they are on, ``"sleeves"``, ``"gated"`` and ``"neutral"``.
    selection : Selection
        Names picked at each close.
    listed : DataFrame of bool
        Names that can still be traded after each close.
    failed : Series of bool or None
        Rebalances without a solution of the optimiser; None for other builders.
    """

    settings: BookSettings
    stages: Mapping[str, pd.DataFrame]
    selection: Selection
    listed: pd.DataFrame
    failed: pd.Series | None = None

    @property
    def weights(self) -> pd.DataFrame:
        """The last stage."""
        return list(self.stages.values())[-1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Book:
    """Decided weights, their stages and diagnostics.

    Parameters
    ----------
    weights : DataFrame of float, shape (n_sessions, n_tickers)
        Fractions of equity decided at each close; a row is complete, or all NaN for no rebalance.
    diagnostics : DataFrame, one row per session
        ``n_scored``, ``names_a_side``; ``n_long``, ``n_short`` (names of the target); ``empty_leg``, ``thin_leg`` (a
        leg with gross has no name, or fewer than five); ``gross``, ``net``, ``largest_weight`` of the decided weights;
        ``limit_long``, ``limit_short``, ``cut_by_limit`` (gross that the limit took away); ``cash_scale`` (factor that
        kept the cash buffer); with overlays ``scale`` and ``out``; with an optimiser ``solver_failed``. Floats are NaN
        and ``n_scored`` is 0 where nothing was decided.
    stages : Mapping of str to DataFrame
        Those of ``STAGES`` that are on, in that order: ``"target"``, ``"smoothed"`` and ``"limited"`` always.
    events : DataFrame or None
        Log of the kill switches; None where there is none.
    """

    weights: pd.DataFrame
    diagnostics: pd.DataFrame
    stages: Mapping[str, pd.DataFrame]
    events: pd.DataFrame | None = None


def build_book(
    scores: pd.DataFrame,
    panel: Panel,
    settings: BookSettings,
    *,
    costs: Costs | None = None,
    sectors: pd.Series | None = None,
) -> Book:
    """Turn scores into the weights decided at each close, without overlays; see ``plan_book``."""
    return finish_book(plan_book(scores, panel, settings, costs=costs, sectors=sectors))


def plan_book(
    scores: pd.DataFrame,
    panel: Panel,
    settings: BookSettings,
    *,
    costs: Costs | None = None,
    sectors: pd.Series | None = None,
    horizon: int = 1,
) -> Plan:
    """Turn scores into weights up to neutrality.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_scored_sessions, n_tickers)
        Calibrated expected returns, known at the close of each session; NaN where there is none. The tickers of the
        panel, on some or all of its sessions.
    panel : Panel
        Bars; a name is eligible while it is in ``panel.universe`` and listed.
    settings : BookSettings
        Builder, legs, smoothing, gate and neutrality.
    costs : TradeCosts, optional
        One-way trading cost, needed by ``short_filter="below_market"`` alone.
    sectors : Series of str, optional
        Sector by ticker, needed by ``neutral="sector"`` and a ``sector_limit`` alone.
    horizon : int
        Sessions that the scores look ahead; above 1 the targets of as many closes are held side by side.

    Returns
    -------
    Plan
        On all sessions of the panel. Smoothing remembers the smoothed weights, the gate its own.

    Raises
    ------
    ValueError
        If scores and panel differ in tickers, a scored session is unknown to the panel, a score is infinite, costs or
        sectors are needed and missing, or the hedge is no ticker of the bars or may be held for its score.
    MissingExtraError
        If the book is optimised and skfolio is not installed.
    """
    picks = pick_names(scores, panel, settings, costs=costs, sectors=sectors)
    return plan_picked(picks, panel, settings, sectors=sectors, horizon=horizon)


def pick_names(
    scores: pd.DataFrame,
    panel: Panel,
    settings: BookSettings,
    *,
    costs: Costs | None = None,
    sectors: pd.Series | None = None,
) -> Picks:
    """Pick names and weigh them by the scores of each close alone; see ``plan_book``."""
    alive = listed(panel)
    eligible = _on_panel(scores, panel).where(panel.universe & alive)
    failed = None
    if settings.is_optimized:
        eligible = eligible.where(full_window(panel, settings.optimizer.window))
    selection = select_sides(eligible, settings.k)
    if settings.is_optimized:
        target, failed = optimized_targets(eligible, panel, settings, sectors=sectors)
    else:
        target = target_weights(
            eligible,
            settings,
            round_trip=_round_trip(settings, costs),
            volatility=trailing_volatility(panel, settings.volatility_sessions) if settings.weighs_volatility else None,
            hedge=_hedge(panel, alive, settings) if settings.builder == "index_hedged" else None,
            selection=selection,
        )
    return Picks(eligible=eligible, target=target, selection=selection, listed=alive, failed=failed)


def plan_picked(
    picks: Picks, panel: Panel, settings: BookSettings, *, sectors: pd.Series | None = None, horizon: int = 1
) -> Plan:
    """Sleeves, smoothing, gate and neutrality of picked names; see ``plan_book``."""
    target, alive = picks.target, picks.listed
    stages = {"target": target}
    if horizon > 1:
        stages["sleeves"] = target = hold_sleeves(target, alive, horizon=horizon)
    stages["smoothed"] = smooth_weights(target, alive, weight=settings.smoothing)
    if settings.rank_gate > 0:
        stages["gated"] = gate_by_rank(stages["smoothed"], picks.eligible, alive, threshold=settings.rank_gate)
    if settings.neutral != "none":
        stages["neutral"] = _neutral(stages, panel, settings, sectors)
    return Plan(settings=settings, stages=stages, selection=picks.selection, listed=alive, failed=picks.failed)


def finish_book(plan: Plan, overlays: Overlays | None = None) -> Book:
    """Limit the positions of a plan after its overlays, close out dust, keep the cash buffer and diagnose the book."""
    overlays, settings = overlays or Overlays(), plan.settings
    stages, limits = _limited(plan, overlays)
    unlimited, limited = list(stages.values())[-2:]
    weights = _kept(limited, settings)
    lines = {"scale": overlays.scale, "out": overlays.out, "solver_failed": plan.failed}
    tables = [
        _leg_diagnostics(plan.stages["target"], plan.selection, settings),
        _size_diagnostics(weights, unlimited, limited, limits),
        *(line.rename(name) for name, line in lines.items() if line is not None),
    ]
    return Book(weights=weights, diagnostics=pd.concat(tables, axis=1), stages=stages, events=overlays.events)


def finished_weights(plan: Plan, overlays: Overlays | None = None) -> pd.DataFrame:
    """Weights of ``finish_book`` alone, without its diagnostics."""
    stages, _ = _limited(plan, overlays or Overlays())
    return _kept(stages["limited"], plan.settings)


def _kept(limited: pd.DataFrame, settings: BookSettings) -> pd.DataFrame:
    """What is decided of the limited weights: no dust, and cash for costs."""
    return keep_cash(close_out_dust(limited, dust=settings.dust), buffer=settings.cash_buffer)


def _limited(plan: Plan, overlays: Overlays) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """All stages up to the limited one, which comes last, and the limits."""
    stages = {**plan.stages, **overlays.stages}
    unlimited, sessions = list(stages.values())[-1], pd.DatetimeIndex(plan.weights.index)
    limits = position_limits(plan.selection.count, sessions, plan.settings)
    return stages | {"limited": limit_positions(unlimited, limits, exempt=plan.settings.hedge_ticker)}, limits


def _hedge(panel: Panel, alive: pd.DataFrame, settings: BookSettings) -> pd.DataFrame:
    """Hedge portfolio sold against the longs; its weights sum to 1 in every session that has any."""
    ticker = settings.hedge_ticker
    if ticker is None:
        members = panel.universe & alive
        return members.div(members.sum(axis=1).where(lambda count: count > 0), axis=0).fillna(0.0)
    if ticker not in panel.tickers:
        raise ValueError(
            f"hedge {ticker} is no ticker of the bars: add its bars with --hedge FILE, or hedge with the universe"
        )
    if panel.universe[ticker].any():
        raise ValueError(f"hedge {ticker} is in the universe: give a universe without it, it is never held by score")
    only = (panel.tickers == ticker) & alive.to_numpy()
    return aligned_frame(only.astype(float), panel.sessions, panel.tickers)


def _neutral(
    stages: Mapping[str, pd.DataFrame], panel: Panel, settings: BookSettings, sectors: pd.Series | None
) -> pd.DataFrame:
    weights = list(stages.values())[-1]
    if settings.neutral == "legs":
        return level_legs(weights, stages["smoothed"])
    if settings.neutral == "beta":
        return level_beta(weights, trailing_beta(panel, settings.beta_sessions))
    if sectors is None:
        raise ValueError("sectors are missing: neutral sector needs the sector of every ticker")
    return level_sectors(weights, panel.universe & listed(panel), sectors)


def _on_panel(scores: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    strangers = scores.columns.symmetric_difference(panel.tickers)
    if len(strangers):
        raise ValueError(f"scores and panel differ in tickers {list(strangers[:5])}: score the panel that is traded")
    unknown = scores.index.difference(panel.sessions)
    if len(unknown):
        raise ValueError(
            f"scores of {unknown[0]:%Y-%m-%d} have no session in the panel: score the panel that is traded"
        )
    if np.isinf(scores.to_numpy()).any():
        raise ValueError("scores must be finite or NaN, some are infinite: check the model's calibration")
    placed = scores.reindex(index=panel.sessions, columns=panel.tickers)
    return aligned_frame(placed.to_numpy(dtype=float), panel.sessions, panel.tickers)


def _round_trip(settings: BookSettings, costs: Costs | None) -> float:
    if costs is not None:
        return 2.0 * costs.trade_bps / 1e4
    if settings.builder == "filter_negative" and settings.short_filter == "below_market":
        raise ValueError("costs are missing: short_filter below_market compares scores with the round-trip cost")
    return 0.0


def _leg_diagnostics(target: pd.DataFrame, selection: Selection, settings: BookSettings) -> pd.DataFrame:
    decided = target.notna().any(axis=1)
    names = {"long": (target > 0).sum(axis=1), "short": (target < 0).sum(axis=1)}
    legs = [names[leg] for leg, gross in settings.legs.items() if gross > 0]
    fewest = pd.concat(legs, axis=1).min(axis=1)
    return pd.DataFrame(
        {
            "n_scored": pd.Series(selection.n_scored, index=target.index).where(decided, 0),
            "names_a_side": pd.Series(selection.count, index=target.index),
            "n_long": names["long"],
            "n_short": names["short"],
            "empty_leg": decided & (fewest == 0),
            "thin_leg": decided & (fewest < THIN_LEG),
        }
    )


def _size_diagnostics(
    weights: pd.DataFrame, unlimited: pd.DataFrame, limited: pd.DataFrame, limits: pd.DataFrame
) -> pd.DataFrame:
    gross, before, after = (frame.abs().sum(axis=1, min_count=1) for frame in (weights, unlimited, limited))
    return pd.DataFrame(
        {
            "gross": gross,
            "net": weights.sum(axis=1, min_count=1),
            "largest_weight": weights.abs().max(axis=1),
            "limit_long": limits["long"],
            "limit_short": limits["short"],
            "cut_by_limit": before - after,
            "cash_scale": (gross / after).where(after > 0),
        }
    )
