"""Inputs: what a run reads, loaded from a request."""

from dataclasses import dataclass, fields

import pandas as pd

from market.hedge import with_hedge
from market.holdout import HoldoutSettings, readable
from market.panel import Panel
from market.request import BarsRequest
from market.sources import load_bars
from market.sources.benchmark import load_benchmark, load_levels
from market.sources.factor_returns import load_factors
from market.sources.sectors import load_sectors
from market.universe import choose_universe

__all__ = ["Inputs", "load_inputs"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inputs:
    """Bars and what may stand beside them.

    Parameters
    ----------
    panel : Panel
        Bars with their universe.
    oracle : DataFrame of float or None
        The built-in market's true scores, known at the close of each session; None on every real market.
    benchmark : Series of float or None
        Simple returns on the panel's sessions.
    sectors : Series of str or None
        Sector by ticker, where known.
    vix : Series of float or None
        Level of the VIX at the close of the panel's sessions, where given.
    factors : DataFrame of float or None
        Simple returns of factors on the panel's sessions, and ``rf``, where given.

    Examples
    --------
    >>> qt.Inputs(panel=bars).sectors is None
    True
    """

    panel: Panel
    oracle: pd.DataFrame | None = None
    benchmark: pd.Series | None = None
    sectors: pd.Series | None = None
    vix: pd.Series | None = None
    factors: pd.DataFrame | None = None

    @classmethod
    def of(cls, bars: "Panel | Inputs") -> "Inputs":
        """Bars alone as inputs; inputs as they are."""
        return bars if isinstance(bars, Inputs) else cls(panel=bars)

    def __repr__(self) -> str:
        beside = [each.name for each in fields(self)[1:] if getattr(self, each.name) is not None]
        return f"<Inputs: {self.panel!r}{' with ' if beside else ''}{', '.join(beside)}>"


def load_inputs(request: BarsRequest, *, holdout: HoldoutSettings | None = None) -> Inputs:
    """Load bars, universe, hedge, oracle, sectors, benchmark, VIX and factors; a sealed hold-out is left out."""
    request = readable(request, holdout)
    oracle, sectors = None, None
    if request.bars == "builtin":
        from market.synthetic import synthetic_market

        market = synthetic_market()
        panel = market.panel.between(request.start, request.end)
        oracle, sectors = market.oracle.loc[panel.sessions], market.sectors
    else:
        panel = load_bars(
            request.bars,
            start=request.start,
            end=request.end,
            point_in_time=request.point_in_time,
            exchange=request.exchange,
            keep_thin_sessions=request.keep_thin_sessions,
        )
    if not (request.bars == "builtin" and request.universe == "all"):
        panel = choose_universe(panel, request.universe)
    if request.hedge is not None:
        hedge = load_bars(request.hedge, start=request.start, end=request.end, exchange=panel.facts.exchange)
        panel = with_hedge(panel, hedge)
    if request.sectors is not None:
        sectors = load_sectors(request.sectors, panel.tickers)
    benchmark = None if request.benchmark is None else load_benchmark(request.benchmark, panel.sessions)
    vix = None if request.vix is None else load_levels(request.vix, panel.sessions)
    factors = None if request.factors is None else load_factors(request.factors, panel.sessions)
    return Inputs(panel=panel, oracle=oracle, benchmark=benchmark, sectors=sectors, vix=vix, factors=factors)
