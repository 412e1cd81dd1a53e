"""Inputs: what a run reads, loaded from a request."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from market.bars.csv import ending_note
from market.builtin_words import is_builtin
from market.exchanges import zone_of
from market.hedge import with_hedge
from market.holdout import HoldoutSettings, readable
from market.outside.outside_file import read_outside
from market.panel import Panel
from market.request import BarsRequest
from market.sources import load_bars
from market.sources.benchmark import checked_returns, checked_vix, plain_dates, read_levels, read_vix
from market.sources.builtin_bars import builtin_market
from market.sources.factor_returns import checked_factors, read_factors
from market.sources.sectors import load_sectors
from market.ticker_names import few_words
from market.universe import choose_universe

__all__ = ["BESIDE", "Inputs", "load_inputs"]

BESIDE = ("oracle", "benchmark", "sectors", "vix", "factors")


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
        Simple returns of factors on the panel's sessions, where given; the risk-free return, whether it is called
        ``RF``, ``risk_free`` or ``rf``, as ``rf``.
    absent : DatetimeIndex
        Sessions for which the benchmark's file has no close: its last level stands there.
    notes : tuple of str
        What the readers of files beside the bars found.

    Raises
    ------
    BarsError
        If factors, benchmark or VIX are of another unit.

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
    absent: pd.DatetimeIndex = field(default_factory=lambda: pd.DatetimeIndex([]))
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.factors is not None:
            found = checked_factors(
                plain_dates(self.factors), origin="factors", sessions_per_year=self.panel.facts.sessions_per_year
            )
            object.__setattr__(self, "factors", found.values)
            new = tuple(note for note in found.notes if note not in self.notes)
            object.__setattr__(self, "notes", (*self.notes, *new))
        if self.benchmark is not None:
            object.__setattr__(self, "benchmark", checked_returns(plain_dates(self.benchmark), origin="benchmark"))
        if self.vix is not None:
            object.__setattr__(self, "vix", checked_vix(plain_dates(self.vix), origin="VIX"))

    @classmethod
    def of(cls, bars: "Panel | Inputs") -> "Inputs":
        """Bars alone as inputs; inputs as they are."""
        return bars if isinstance(bars, Inputs) else cls(panel=bars)

    def __repr__(self) -> str:
        beside = [name for name in BESIDE if getattr(self, name) is not None]
        return f"<Inputs: {self.panel!r}{' with ' if beside else ''}{', '.join(beside)}>"


def load_inputs(request: BarsRequest, *, holdout: HoldoutSettings | None = None) -> Inputs:
    """Load bars, universe, hedge, outside tables and what stands beside them; a sealed hold-out is left out."""
    request = readable(request, holdout)
    oracle, sectors = None, None
    if is_builtin(request.bars):
        market = builtin_market(request.bars)
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
    if not (is_builtin(request.bars) and request.universe == "all"):
        panel = choose_universe(panel, request.universe)
    if request.hedge is not None:
        hedge = load_bars(request.hedge, start=request.start, end=request.end, exchange=panel.facts.exchange)
        panel = with_hedge(panel, hedge)
    if request.outside:
        exchange = panel.facts.exchange
        panel = panel.with_outside(
            {name: read_outside(path, name=name, exchange=exchange) for name, path in request.outside.items()}
        )
    return _with_files(Inputs(panel=panel, oracle=oracle, sectors=sectors), request)


def _with_files(inputs: Inputs, request: BarsRequest) -> Inputs:
    """Inputs with what the files of a request hold."""
    panel = inputs.panel
    notes: list[str] = []
    found: dict[str, Any] = {}
    zone = zone_of(panel.facts.exchange)
    if request.sectors is not None:
        found["sectors"] = load_sectors(request.sectors, panel.tickers)
        notes += ending_note(request.sectors)
        notes += _unnamed(found["sectors"].drop(list(panel.facts.beside), errors="ignore"), request.sectors)
    if request.benchmark is not None:
        levels = read_levels(request.benchmark, panel.sessions, zone=zone)
        found |= {"benchmark": levels.returns, "absent": levels.absent}
        notes += levels.notes
    if request.vix is not None:
        levels = read_vix(request.vix, panel.sessions, zone=zone)
        found["vix"] = levels.values
        notes += levels.notes
    if request.factors is not None:
        factors = read_factors(
            request.factors, panel.sessions, zone=zone, sessions_per_year=panel.facts.sessions_per_year
        )
        found["factors"] = factors.values
        notes += factors.notes
    return replace(inputs, **found, notes=tuple(notes))


def _unnamed(sectors: pd.Series, source: str) -> list[str]:
    without = sectors.index[sectors.isna()].tolist()
    if not without:
        return []
    return [
        f"{Path(source).name} names no sector for {len(without):,} of {len(sectors):,} tickers: {few_words(without)}"
    ]
