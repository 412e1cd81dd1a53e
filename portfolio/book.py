"""Book: the whole way from scores to decided weights, with every stage and a diagnosis of each session.

Target → smoothing → position limit → cash buffer. Row *t* is decided at the close of *t*; nothing is shifted here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from market import Panel, listed
from market.panel import aligned_frame
from portfolio.builders import Selection, select_sides, target_weights
from portfolio.constraints import keep_cash, limit_positions, position_limits
from portfolio.settings import BookSettings
from portfolio.smoothing import smooth_weights

__all__ = ["THIN_LEG", "Book", "TradeCosts", "build_book"]

THIN_LEG = 5  # names; a leg with fewer is reported as thin


class TradeCosts(Protocol):
    """Anything that knows the cost of one trade, such as ``backtests.Costs``."""

    @property
    def trade_bps(self) -> float:
        """Cost of one trade, one way, in basis points of traded notional."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Book:
    """Decided weights and how they came about.

    Parameters
    ----------
    weights : DataFrame of float, shape (n_sessions, n_tickers)
        Fractions of equity decided at each close; a row is complete, or all NaN for no rebalance.
    diagnostics : DataFrame, one row a session
        ``n_scored``, ``names_a_side``; ``n_long``, ``n_short`` (names of the target); ``empty_leg``, ``thin_leg`` (a
        leg with gross has no name, or fewer than five); ``gross``, ``net``, ``largest_weight`` of the decided weights;
        ``limit_long``, ``limit_short``, ``cut_by_limit`` (gross that the limit took away); ``cash_scale`` (factor that
        kept the cash buffer). Floats are NaN where nothing was decided.
    stages : Mapping of str to DataFrame
        ``"target"``, ``"smoothed"`` and ``"limited"`` weights, in that order.
    """

    weights: pd.DataFrame
    diagnostics: pd.DataFrame
    stages: Mapping[str, pd.DataFrame]


def build_book(scores: pd.DataFrame, panel: Panel, settings: BookSettings, *, costs: TradeCosts | None = None) -> Book:
    """Turn scores into the weights decided at each close.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_scored_sessions, n_tickers)
        Calibrated expected next-session returns, known at the close of each session; NaN where there is none. The
        tickers of the panel, on some or all of its sessions.
    panel : Panel
        Bars; a name is eligible while it is in ``panel.universe`` and listed.
    settings : BookSettings
        Builder, legs, smoothing and limits.
    costs : TradeCosts, optional
        One-way trading cost, needed by ``short_filter="below_market"`` alone.

    Returns
    -------
    Book
        On all sessions of the panel. Smoothing remembers the smoothed weights, not the limited ones.

    Raises
    ------
    ValueError
        If scores and panel differ in tickers, a scored session is unknown to the panel, a score is infinite, or costs
        are needed and missing.
    """
    alive = listed(panel)
    eligible = _on_panel(scores, panel).where(panel.universe & alive)
    selection = select_sides(eligible, settings.k)
    target = target_weights(eligible, settings, round_trip=_round_trip(settings, costs))
    smoothed = smooth_weights(target, alive, weight=settings.smoothing)
    limits = position_limits(selection.count, panel.sessions, settings)
    limited = limit_positions(smoothed, limits)
    weights = keep_cash(limited, buffer=settings.cash_buffer)
    stages = {"target": target, "smoothed": smoothed, "limited": limited}
    diagnostics = pd.concat(
        [_leg_diagnostics(target, selection, settings), _size_diagnostics(weights, stages, limits)], axis=1
    )
    return Book(weights=weights, diagnostics=diagnostics, stages=stages)


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
        raise ValueError("scores must be finite or NaN, some are infinite: look at the model's calibration")
    placed = scores.reindex(index=panel.sessions, columns=panel.tickers)
    return aligned_frame(placed.to_numpy(dtype=float), panel.sessions, panel.tickers)


def _round_trip(settings: BookSettings, costs: TradeCosts | None) -> float:
    if costs is not None:
        return 2.0 * costs.trade_bps / 1e4
    if settings.builder == "filter_negative" and settings.short_filter == "below_market":
        raise ValueError("costs are missing: short_filter below_market compares scores with the round-trip cost")
    return 0.0


def _leg_diagnostics(target: pd.DataFrame, selection: Selection, settings: BookSettings) -> pd.DataFrame:
    decided = selection.n_scored > 0
    names = {"long": (target > 0).sum(axis=1), "short": (target < 0).sum(axis=1)}
    legs = [names[leg] for leg, gross in (("long", settings.long), ("short", settings.short)) if gross > 0]
    fewest = pd.concat(legs, axis=1).min(axis=1)
    return pd.DataFrame(
        {
            "n_scored": pd.Series(selection.n_scored, index=target.index),
            "names_a_side": pd.Series(selection.count, index=target.index),
            "n_long": names["long"],
            "n_short": names["short"],
            "empty_leg": decided & (fewest == 0),
            "thin_leg": decided & (fewest < THIN_LEG),
        }
    )


def _size_diagnostics(weights: pd.DataFrame, stages: Mapping[str, pd.DataFrame], limits: pd.DataFrame) -> pd.DataFrame:
    gross = {name: frame.abs().sum(axis=1, min_count=1) for name, frame in (*stages.items(), ("final", weights))}
    return pd.DataFrame(
        {
            "gross": gross["final"],
            "net": weights.sum(axis=1, min_count=1),
            "largest_weight": weights.abs().max(axis=1),
            "limit_long": limits["long"],
            "limit_short": limits["short"],
            "cut_by_limit": gross["smoothed"] - gross["limited"],
            "cash_scale": (gross["final"] / gross["limited"]).where(gross["limited"] > 0),
        }
    )
