"""The built-in market continued: what comes after its last session, so that a version frozen on it can be watched.

A longer built-in market is another market from its first session on, since its shocks are drawn at once. Here the
market of a version stays bit for bit as it was, and later sessions are drawn in blocks of 250 from streams of their
own: the first 100 of 200 sessions are the 100. ``builtin+250`` names it; ``builtin+250,planted_ic=0`` lets the planted
alpha end with the last session that was there.
"""

import re
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from market.inputs import Inputs
from market.panel import Panel, PanelFacts, aligned_frame
from market.synthetic.generate import SEASONING, synthetic_market
from market.synthetic.path import PricePath, walk_prices
from market.synthetic.shocks import SECTORS, Lifetimes, Shocks, draw_lifetimes, draw_shocks
from market.synthetic.synthetic_settings import SyntheticSettings

__all__ = ["Continuation", "continued_market"]

BLOCK = 250  # sessions drawn at once
MAX_MORE = 2_500
WORDS = re.compile(r"builtin\+([1-9][0-9]{0,4})(?:,planted_ic=([0-9.]{1,12}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """How a built-in market goes on.

    Parameters
    ----------
    n_sessions : int
        Sessions after its last one, 1 to 2,500.
    planted_ic : float or None
        Planted IC of these sessions, 0 to 0.10; None for that of the market.
    """

    n_sessions: int
    planted_ic: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.n_sessions <= MAX_MORE:
            raise ValueError(f"builtin+N takes 1 to {MAX_MORE:,} sessions, was {self.n_sessions:,}")
        if self.planted_ic is not None and not 0.0 <= self.planted_ic <= 0.10:
            raise ValueError(f"planted_ic must be 0 to 0.10, was {self.planted_ic:g}")

    @classmethod
    def parse(cls, words: str) -> "Continuation | None":
        """Read ``builtin+250`` or ``builtin+250,planted_ic=0``; None for words that name other bars.

        Raises
        ------
        ValueError
            If they begin so and go on otherwise.
        """
        if not words.startswith("builtin+"):
            return None
        match = WORDS.fullmatch(words)
        try:
            told = None if match is None or match[2] is None else float(match[2])
        except ValueError:
            match = None
        if match is None:
            raise ValueError(f"{words[:60]!r} names no continued market: write builtin+250 or builtin+250,planted_ic=0")
        return cls(n_sessions=int(match[1]), planted_ic=told)


def continued_market(settings: SyntheticSettings, more: Continuation) -> Inputs:
    """The market of these settings with sessions after its last; what was there stays bit for bit.

    Parameters
    ----------
    settings : SyntheticSettings
        The market as it was.
    more : Continuation
        How many sessions follow, and with which planted IC.

    Returns
    -------
    Inputs
        Panel, true scores and sectors. Volatilities and betas of names are drawn anew at the seam, the level of a
        name's volume is kept.

    Examples
    --------
    >>> from live.continued_market import Continuation, continued_market
    >>> from market.synthetic import SyntheticSettings
    >>> small = SyntheticSettings(n_tickers=20, n_sessions=150)
    >>> len(continued_market(small, Continuation(n_sessions=30)).panel.sessions)
    180
    """
    sector = np.arange(settings.n_tickers) % len(SECTORS)
    rng = np.random.Generator(np.random.PCG64(settings.seed))
    shocks, lifetimes = draw_shocks(rng, settings, sector), draw_lifetimes(rng, settings)
    for block in range(-(-more.n_sessions // BLOCK)):
        shocks, lifetimes = _joined(settings, shocks, lifetimes, block=block)
    total = settings.n_sessions + more.n_sessions
    planted, strength = _strength(settings, shocks.strength[:total], more.planted_ic)
    shocks = replace(_first(shocks, total), strength=strength)
    lifetimes = replace(_first(lifetimes, total), last=np.minimum(lifetimes.last, total))
    path = walk_prices(shocks, lifetimes, planted_ic=planted)
    panel = _panel(settings, path, lifetimes, more)
    sectors = pd.Series(np.array(SECTORS)[sector], index=panel.tickers, name="sector", dtype="str")
    return Inputs(panel=panel, oracle=aligned_frame(path.oracle, panel.sessions, panel.tickers), sectors=sectors)


def _joined(
    settings: SyntheticSettings, shocks: Shocks, lifetimes: Lifetimes, *, block: int
) -> tuple[Shocks, Lifetimes]:
    """The same with a block of sessions behind it; names that are still listed may leave in it, none enters."""
    begins = len(shocks.strength)
    rng = np.random.Generator(np.random.PCG64([settings.seed, block + 1]))
    longer = settings.model_copy(update={"n_sessions": BLOCK})
    later, lives = draw_shocks(rng, longer, np.arange(settings.n_tickers) % len(SECTORS)), draw_lifetimes(rng, longer)
    level = np.exp(np.log(shocks.volume).mean(axis=0) - np.log(later.volume).mean(axis=0))
    later = replace(later, volume=np.maximum(np.rint(later.volume * level), 1.0))
    stays = lifetimes.last == begins
    joined = replace(
        lifetimes,
        last=np.where(stays, begins + np.where(lives.first > 0, BLOCK, lives.last), lifetimes.last),
        halted=np.concatenate([lifetimes.halted, lives.halted]),
    )
    return _behind(shocks, later), joined


def _behind(before: Shocks, after: Shocks) -> Shocks:
    parts: dict[str, Any] = {
        each.name: np.concatenate([getattr(before, each.name), getattr(after, each.name)]) for each in fields(Shocks)
    }
    return Shocks(**parts)


def _first(drawn: Any, total: int) -> Any:
    """The first sessions of all that is drawn by session."""
    names = [each.name for each in fields(drawn)] if isinstance(drawn, Shocks) else ["halted"]
    return replace(drawn, **{name: getattr(drawn, name)[:total] for name in names})


def _strength(settings: SyntheticSettings, drawn: np.ndarray, planted_ic: float | None) -> tuple[float, np.ndarray]:
    """The planted IC of the whole path, and a strength by session that gives later ones another."""
    if planted_ic is None or planted_ic == settings.planted_ic:
        return settings.planted_ic, drawn
    later = np.arange(len(drawn)) >= settings.n_sessions
    if settings.planted_ic == 0.0:
        return planted_ic, np.where(later, drawn, 0.0)
    return settings.planted_ic, np.where(later, drawn * (planted_ic / settings.planted_ic), drawn)


def _panel(settings: SyntheticSettings, path: PricePath, lifetimes: Lifetimes, more: Continuation) -> Panel:
    total = len(path.close)
    sessions = pd.DatetimeIndex(pd.bdate_range(settings.first_session, periods=total).to_numpy())
    tickers = pd.Index([f"SYN{number:03d}" for number in range(settings.n_tickers)])
    rows = np.arange(total)[:, None]
    eligible = ~np.isnan(path.close) & (rows - lifetimes.first >= SEASONING - 1) & (rows < path.last)
    values = {name: getattr(path, name) for name in ("open", "high", "low", "close", "volume")}
    values |= {"dollar_volume": path.close * path.volume, "universe": eligible}
    frames: dict[str, Any] = {name: aligned_frame(array, sessions, tickers) for name, array in values.items()}
    gone = np.flatnonzero(path.last < total)
    paid = np.where(path.failed, lifetimes.failure_return, lifetimes.takeover_return)
    columns = {"session": sessions[path.last[gone]].as_unit("ns"), "delisting_return": paid[gone]}
    delistings = pd.DataFrame(columns, index=pd.Index(tickers[gone], name="ticker", dtype="str"))
    return Panel(facts=_facts(settings, more), delistings=delistings, **frames)


def _facts(settings: SyntheticSettings, more: Continuation) -> PanelFacts:
    """The market's own facts, and in its source how it goes on."""
    own = synthetic_market(settings.model_copy(update={"n_tickers": 20, "n_sessions": 150})).panel.facts
    planted = "" if more.planted_ic is None else f" with planted IC {more.planted_ic:g}"
    return replace(own, source=f"{own.source}, continued by {more.n_sessions:,} sessions{planted}")
