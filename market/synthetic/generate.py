"""The built-in market from its settings: panel, oracle scores and sectors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from market.panel import Panel, PanelFacts, aligned_frame
from market.synthetic.path import PricePath, walk_prices
from market.synthetic.shocks import SECTORS, Lifetimes, draw_lifetimes, draw_shocks
from market.synthetic.synthetic_settings import SyntheticSettings

__all__ = ["SyntheticMarket", "synthetic_market"]

DEFAULT = SyntheticSettings()
SEASONING = 20  # sessions since the first print before a name is eligible


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SyntheticMarket:
    """Bars with a known answer.

    Parameters
    ----------
    panel : Panel
        Bars, universe and delistings; its facts say that it is synthetic.
    oracle : DataFrame of float, shape (n_sessions, n_tickers)
        Scores of the planted alpha, known at the close of each session: mean 0 and standard deviation about 1 within a
        session, higher is better, NaN where not available.
    sectors : Series of str, shape (n_tickers,)
        Sector of each ticker.
    """

    panel: Panel
    oracle: pd.DataFrame
    sectors: pd.Series


def synthetic_market(settings: SyntheticSettings = DEFAULT) -> SyntheticMarket:
    """Generate the built-in market; the same settings give the same bits.

    Equations, sources and measurements stand in ``docs/synthetic_market.md``.

    Parameters
    ----------
    settings : SyntheticSettings
        Seed, size and planted information coefficient.

    Returns
    -------
    SyntheticMarket
        Panel, oracle scores and sectors.

    Examples
    --------
    >>> market = qt.synthetic_market(qt.SyntheticSettings(n_tickers=20, n_sessions=150))
    >>> market.panel
    <Panel built-in synthetic market, seed 1, planted IC 0.045: 150 sessions × 20 tickers, 2015-01-02 to 2015-07-30>
    """
    rng = np.random.Generator(np.random.PCG64(settings.seed))
    sector = np.arange(settings.n_tickers) % len(SECTORS)
    shocks = draw_shocks(rng, settings, sector)
    lifetimes = draw_lifetimes(rng, settings)
    path = walk_prices(shocks, lifetimes, planted_ic=settings.planted_ic)
    panel = _panel(settings, path, lifetimes)
    return SyntheticMarket(
        panel=panel,
        oracle=aligned_frame(path.oracle, panel.sessions, panel.tickers),
        sectors=pd.Series(np.array(SECTORS)[sector], index=panel.tickers, name="sector", dtype="str"),
    )


def _panel(settings: SyntheticSettings, path: PricePath, lifetimes: Lifetimes) -> Panel:
    sessions = pd.DatetimeIndex(pd.bdate_range(settings.first_session, periods=settings.n_sessions).to_numpy())
    tickers = pd.Index([f"SYN{number:03d}" for number in range(settings.n_tickers)])
    rows = np.arange(settings.n_sessions)[:, None]
    eligible = ~np.isnan(path.close) & (rows - lifetimes.first >= SEASONING - 1) & (rows < path.last)
    values = {name: getattr(path, name) for name in ("open", "high", "low", "close", "volume")}
    values |= {"dollar_volume": path.close * path.volume, "universe": eligible}
    frames: dict[str, Any] = {name: aligned_frame(array, sessions, tickers) for name, array in values.items()}
    return Panel(facts=_facts(settings), delistings=_delistings(sessions, tickers, path, lifetimes), **frames)


def _delistings(sessions: pd.DatetimeIndex, tickers: pd.Index, path: PricePath, lifetimes: Lifetimes) -> pd.DataFrame:
    gone = np.flatnonzero(path.last < len(sessions))
    paid = np.where(path.failed, lifetimes.failure_return, lifetimes.takeover_return)
    columns = {"session": sessions[path.last[gone]].as_unit("ns"), "delisting_return": paid[gone]}
    return pd.DataFrame(columns, index=pd.Index(tickers[gone], name="ticker", dtype="str"))


def _facts(settings: SyntheticSettings) -> PanelFacts:
    return PanelFacts(
        source=f"built-in synthetic market, seed {settings.seed}, planted IC {settings.planted_ic:g}",
        adjustment="none needed: no splits or dividends",
        volume_basis="whole shares, no splits",
        point_in_time=True,
        synthetic=True,
        universe=f"listed names with a print and at least {SEASONING} sessions since their first",
    )
