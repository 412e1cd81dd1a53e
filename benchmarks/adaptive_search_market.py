"""The markets that adaptive searches are let loose on, and one look at them: a specification to net returns.

A market has ten persistent features; returns know nothing of them, or as much as the planted rank IC of the best mix of
three. Each feature also has a factor return of mean zero, so that rank ICs scatter by about .1 a session, as they do in
the field, and not by chance alone. A look is a vectorised twin of the ledger: weights do not drift, and costs are taken
from the session's return. The ledger itself and the product's rank IC judge the winners.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from backtests.engine.many_books import net_returns_of
from backtests.statistics.metrics import sharpe_ratio
from core.compilation import compiled
from core.conventions import BASIS_POINTS, SESSIONS_PER_YEAR
from market import Execution, Panel, PanelFacts, forward_returns
from portfolio.costs import Costs
from signals.score_metrics import ICSummary, information_coefficient, summarize_ic

__all__ = ["FRACTIONS", "HALF_LIVES", "HOLDS", "N_FEATURES", "Judged", "Market", "Size", "Spec", "draw_market"]

PERSISTENCE = np.array([0.5, 0.8, 0.9, 0.95, 0.98, 0.5, 0.8, 0.9, 0.95, 0.98])  # AR(1) of each feature, by session
N_FEATURES = len(PERSISTENCE)
PLANTED = np.array([0.0, 0.0, 0.0, 0.0, 0.6, 0.0, 0.0, -0.5, 0.6, 0.0])  # the mix that knows something
VOLATILITY, MARKET_VOLATILITY, BETA_SPREAD = 0.02, 0.01, 0.3  # of a session; of betas around 1
FACTOR_IC = 0.07  # deviation of each feature's IC from session to session beyond that of chance: its factor's return
FRACTIONS, HALF_LIVES, HOLDS = (0.05, 0.1, 0.2, 0.3), (0.0, 1.0, 2.0, 5.0, 10.0), (1, 2, 5)
SOURCE = "simulated market of the adaptive-search study"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a market is, and what is planted."""

    names: int = 500
    validation: int = 250
    test: int = 1000
    planted_ic: float = 0.0
    trade_bps: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a search edits: the weights of a linear scorer and the settings of its book.

    Parameters
    ----------
    weights : tuple of float
        One a feature.
    fraction : float
        Of the names, in each leg; both legs are half of capital.
    half_life : float
        Sessions, of the scores' exponential smoothing; 0 is none.
    hold : int
        Sessions between two rebalances.
    """

    weights: tuple[float, ...]
    fraction: float = 0.2
    half_life: float = 0.0
    hold: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What the product measures of a specification on a span."""

    ic: ICSummary
    net: pd.Series

    @property
    def sharpe(self) -> float:
        """Annual net Sharpe ratio."""
        return sharpe_ratio(self.net)


@dataclass(frozen=True, kw_only=True, eq=False)
class Market:
    """One span of a market.

    Parameters
    ----------
    features : ndarray of float32, shape (n_features, n_sessions, n_names)
        Known at the close of each session.
    returns : ndarray of float32, shape (n_sessions, n_names)
        From that close, at which the next session opens, to the next one.
    trade_bps : float
        Costs one way.
    """

    features: np.ndarray
    returns: np.ndarray
    trade_bps: float
    _looked: dict[Spec, float] = field(default_factory=dict)
    _smoothed: dict[float, np.ndarray] = field(default_factory=dict)

    def scores(self, spec: Spec, *, every: int = 1) -> np.ndarray:
        """Scores of every so many sessions, shape (n_sessions ÷ every, n_names)."""
        if spec.half_life not in self._smoothed:
            keep = 0.5 ** (1.0 / spec.half_life) if spec.half_life else 0.0
            smooth = lfilter([1.0 - keep], [1.0, -keep], self.features, axis=1)
            self._smoothed[spec.half_life] = np.asarray(smooth, dtype=np.float32)
        mixed = np.tensordot(np.float32(spec.weights), self._smoothed[spec.half_life][:, ::every], axes=1)
        return np.asarray(mixed)

    def look(self, spec: Spec) -> float:
        """Annual net Sharpe ratio of a specification; the same one asked twice is one look."""
        if spec not in self._looked:
            net = self.net_returns(spec)
            spread = net.std(ddof=1)
            self._looked[spec] = float(net.mean() / spread * np.sqrt(SESSIONS_PER_YEAR)) if spread > 0 else -np.inf
        return self._looked[spec]

    def net_returns(self, spec: Spec) -> np.ndarray:
        """Net return of each session, weights drifting nowhere."""
        scores = self.scores(spec, every=spec.hold)
        low, high, size = _bounds(scores, spec.fraction)
        gross, traded = _traded(scores, low, high, self.returns, spec.hold)
        net: np.ndarray = (gross - traded * self.trade_bps / BASIS_POINTS) * (0.5 / size)
        return net

    def judged(self, spec: Spec) -> Judged:
        """Measure a specification by the product's own rank IC and ledger."""
        scores = pd.DataFrame(self.scores(spec), self.panel.sessions[:-2], self.panel.close.columns)
        decided = pd.DataFrame(np.nan, self.panel.sessions, scores.columns)
        known = self.scores(spec, every=spec.hold)
        low, high, size = _bounds(known, spec.fraction)
        sides = (known >= high[:, None]).astype(float) - (known <= low[:, None])
        decided.iloc[: -2 : spec.hold] = sides * (0.5 / size)  # between them no rebalance
        execution = Execution()
        net = net_returns_of(self.panel, [decided], execution=execution, costs=Costs(trade_bps=self.trade_bps)).iloc[
            :, 0
        ]
        ic = information_coefficient(scores, forward_returns(self.panel, execution))
        return Judged(ic=summarize_ic(ic), net=net.iloc[: len(scores)])

    @cached_property
    def panel(self) -> Panel:
        """The span as bars: each session opens at the close before."""
        grown = np.cumprod(1.0 + self.returns.astype(float), axis=0)
        close = 100.0 * np.vstack([np.ones(grown.shape[1]), grown, grown[-1]])
        opened = np.vstack([close[:1], close[:-1]])
        sessions = pd.bdate_range("2015-01-01", periods=len(close), name="session")
        tickers = pd.Index([f"N{place:03d}" for place in range(close.shape[1])], name="ticker")
        frames: Mapping[str, np.ndarray] = {
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
            "volume": np.full(close.shape, 1e6),
            "dollar_volume": 1e6 * close,
        }
        tables = {name: pd.DataFrame(values, sessions, tickers) for name, values in frames.items()}
        facts = PanelFacts(source=SOURCE, adjustment="none", volume_basis="as traded", synthetic=True)
        return Panel(**tables, universe=tables["volume"] > 0, facts=facts)


def draw_market(size: Size, seed: int) -> tuple[Market, Market]:
    """A market's validation and test span, which follow each other."""
    rng = np.random.default_rng(seed)
    shape = (size.validation + size.test, size.names)
    features = np.stack([_persistent(rng, shape, phi) for phi in PERSISTENCE])
    known = np.tensordot(PLANTED / np.sqrt((PLANTED**2).sum()), features, axes=1)
    share = 2.0 * np.sin(np.pi / 6.0 * size.planted_ic)  # Pearson's for this rank correlation of normal numbers
    factors = FACTOR_IC * np.einsum("ktn,kt->tn", features, rng.standard_normal((N_FEATURES, shape[0])))
    left = 1.0 - share**2 - N_FEATURES * FACTOR_IC**2
    own = share * known + factors + np.sqrt(left) * rng.standard_normal(shape)
    betas = 1.0 + BETA_SPREAD * rng.standard_normal(size.names)
    returns = VOLATILITY * own + MARKET_VOLATILITY * rng.standard_normal((shape[0], 1)) * betas
    returns = returns.astype(np.float32)
    cut = size.validation
    validation = Market(features=features[:, :cut], returns=returns[:cut], trade_bps=size.trade_bps)
    return validation, Market(features=features[:, cut:], returns=returns[cut:], trade_bps=size.trade_bps)


def _persistent(rng: np.random.Generator, shape: tuple[int, int], phi: float) -> np.ndarray:
    """Stationary normal AR(1) paths, variance 1."""
    shocks = rng.standard_normal(shape)
    shocks[1:] *= np.sqrt(1.0 - phi**2)
    return np.asarray(lfilter([1.0], [1.0, -phi], shocks, axis=0), dtype=np.float32)


def _bounds(scores: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray, int]:
    """The score up to which a name is short and that from which it is long, by session, and the names of a leg."""
    n_names = scores.shape[1]
    size = max(1, round(fraction * n_names))
    ordered = np.sort(scores, axis=1)  # quicker than a partition, for whole vectors are compared at once
    return ordered[:, size - 1].copy(), ordered[:, n_names - size].copy(), size


@compiled
def _traded(
    scores: np.ndarray, low: np.ndarray, high: np.ndarray, returns: np.ndarray, hold: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the returns of longs less shorts, and positions traded at the session's begin; legs of one a name."""
    n_sessions, n_names = returns.shape
    gross, traded, side = np.zeros(n_sessions), np.zeros(n_sessions), np.zeros(n_names)
    for t in range(n_sessions):
        row, earned, moved = t // hold, 0.0, 0.0
        if t % hold == 0:
            for name in range(n_names):
                new = 1.0 * (scores[row, name] >= high[row]) - 1.0 * (scores[row, name] <= low[row])
                moved += abs(new - side[name])
                side[name] = new
        for name in range(n_names):
            earned += side[name] * returns[t, name]
        gross[t], traded[t] = earned, moved
    return gross, traded
