"""Everything random that the price path does not feed back into: returns without alpha, ranges, volumes, lifetimes.

All arrays are (n_sessions, n_tickers) or (n_sessions,); returns are simple, per session, and symmetric about their mean
so that a name's volatility says nothing about the rank of its next return.
"""

from dataclasses import dataclass

import numpy as np

from core.conventions import SESSIONS_PER_YEAR
from market.synthetic.synthetic_settings import SyntheticSettings

__all__ = ["SECTORS", "Lifetimes", "Shocks", "draw_lifetimes", "draw_shocks"]

SECTORS = (
    "Communication",
    "Consumer",
    "Energy",
    "Finance",
    "Health",
    "Industry",
    "Materials",
    "Real estate",
    "Technology",
    "Utilities",
)

MARKET_DRIFT = 0.0004  # per session, about 10 % annualised
MARKET_VOLATILITY = (0.006, 0.014)  # calm and turbulent regime, per session
STAY_IN_REGIME = (0.99, 0.97)  # mean stay of 100 and 33 sessions
GARCH_SHOCK, GARCH_MEMORY = 0.06, 0.90
SECTOR_VOLATILITY = 0.004
NAME_VOLATILITY = 0.015
VOLATILITY_HALF_LIFE, VOLATILITY_SPREAD = 18.0, 0.4  # of a name's log volatility
VOLUME_HALF_LIFE, VOLUME_SPREAD = 12.0, 0.45  # of a name's log volume
STRENGTH_HALF_LIFE, STRENGTH_SPREAD = 60.0, 0.35  # of the log strength of the planted alpha
FACTOR_BLOCK = 250  # sessions
OVERNIGHT_SHARE = 0.25  # of the variance of a close-to-close return
MAX_SHOCK = 8.0  # standard deviations
MAX_MOVE = 0.4  # of the price, overnight or intraday
RANGE_REACH = 0.4  # standard deviations of the name's return
MIN_SHARES = 100.0  # per printed session
TYPICAL_VOLUME, VOLUME_RANGE = 1.5e6, 0.8  # shares per session; spread of its log over names
START_PRICE, START_SPREAD, START_BOUNDS = 40.0, 0.6, (10.0, 250.0)
LATE_LISTING, TAKEOVERS_PER_YEAR, HALTS_PER_YEAR = 0.12, 0.015, 0.15  # share of names; per name and year
MIN_LIFE_SESSIONS = 120  # sessions before a takeover, and from the last listing to the end
TAKEOVER_RETURNS, FAILURE_RETURNS = (-0.01, 0.03), (-0.55, -0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shocks:
    """Returns before alpha, ranges, volumes and the course of the alpha.

    Parameters
    ----------
    gap, intraday : array, shape (n_sessions, n_tickers)
        Simple return from close to open, and from open to close.
    above, below : array, shape (n_sessions, n_tickers)
        High over the larger, and low under the smaller, of open and close; fractions.
    volume : array, shape (n_sessions, n_tickers)
        Whole shares.
    dispersion : array, shape (n_sessions,)
        Cross-sectional standard deviation of returns that the session's volatilities imply.
    strength : array, shape (n_sessions,)
        Strength of the alpha, positive, mean 1.
    alpha_factor : array, shape (n_sessions,)
        Shock common to the names with the same alpha, mean 0, standard deviation 1.
    """

    gap: np.ndarray
    intraday: np.ndarray
    above: np.ndarray
    below: np.ndarray
    volume: np.ndarray
    dispersion: np.ndarray
    strength: np.ndarray
    alpha_factor: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """When names trade, before any of them fails.

    Parameters
    ----------
    first, last : array of int, shape (n_tickers,)
        First and last row with a print; ``last`` is n_sessions where no takeover ends the name.
    start_price : array, shape (n_tickers,)
        Price at the first open.
    takeover_return, failure_return : array, shape (n_tickers,)
        Delisting return of a name that is taken over, and of one that fails.
    halted : array of bool, shape (n_sessions, n_tickers)
        No print although listed.
    """

    first: np.ndarray
    last: np.ndarray
    start_price: np.ndarray
    takeover_return: np.ndarray
    failure_return: np.ndarray
    halted: np.ndarray


def draw_shocks(rng: np.random.Generator, settings: SyntheticSettings, sector: np.ndarray) -> Shocks:
    """Draw what happens to every name in every session, whether or not it is listed.

    Parameters
    ----------
    rng : Generator
        Source of every draw.
    settings : SyntheticSettings
        Numbers of sessions and names.
    sector : array of int, shape (n_tickers,)
        Sector of each name.
    """
    shape = (settings.n_sessions, settings.n_tickers)
    beta = np.clip(rng.normal(1.0, 0.2, shape[1]), 0.5, 1.5)
    market_volatility, market = _market_returns(rng, shape[0])
    sector_volatility = market_volatility * (SECTOR_VOLATILITY / MARKET_VOLATILITY[0])
    sectors = sector_volatility[:, None] * _student_t(rng, (shape[0], len(SECTORS)), 6.0)
    log_volatility = _persistent(rng, shape, VOLATILITY_HALF_LIFE, VOLATILITY_SPREAD)
    volatility = NAME_VOLATILITY * np.exp(log_volatility)
    surprise = _student_t(rng, shape, 5.0)
    total = market[:, None] * beta + sectors[:, sector] + volatility * surprise
    gap = _gap(rng, market, market_volatility)[:, None] * beta
    gap += _gap(rng, sectors, sector_volatility[:, None])[:, sector] + _gap(rng, volatility * surprise, volatility)
    reach = np.abs(rng.standard_normal((2, *shape))) * (RANGE_REACH * volatility)
    return Shocks(
        gap=np.clip(gap, -MAX_MOVE, MAX_MOVE),
        intraday=np.clip(total - gap, -MAX_MOVE, MAX_MOVE),
        above=reach[0],
        below=reach[1],
        volume=_volumes(rng, log_volatility, surprise),
        dispersion=np.sqrt(np.mean(volatility**2, axis=1) + sector_volatility**2),
        strength=_strength(rng, settings.n_sessions),
        alpha_factor=_alpha_factor(rng, settings.n_sessions),
    )


def draw_lifetimes(rng: np.random.Generator, settings: SyntheticSettings) -> Lifetimes:
    """Draw listings, takeovers and halts."""
    n, sessions = settings.n_tickers, settings.n_sessions
    late = rng.random(n) < LATE_LISTING
    first = np.where(late, rng.integers(20, max(sessions - MIN_LIFE_SESSIONS, 21), n), 0)
    life = MIN_LIFE_SESSIONS + np.ceil(rng.exponential(SESSIONS_PER_YEAR / TAKEOVERS_PER_YEAR, n)).astype(np.int64)
    return Lifetimes(
        first=first,
        last=np.minimum(first + life, sessions),
        start_price=np.clip(START_PRICE * np.exp(START_SPREAD * rng.standard_normal(n)), *START_BOUNDS),
        takeover_return=rng.uniform(*TAKEOVER_RETURNS, n).round(4),
        failure_return=rng.uniform(*FAILURE_RETURNS, n).round(4),
        halted=_halts(rng, (sessions, n)),
    )


def _halts(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Runs of one to three sessions, with a print between any two of them."""
    drawn, length = rng.random(shape) < HALTS_PER_YEAR / SESSIONS_PER_YEAR, rng.integers(1, 4, shape)
    begins = drawn.copy()
    for lag in (1, 2, 3):
        begins[lag:] &= ~drawn[:-lag]
    halted = begins.copy()
    for lag in (1, 2):
        halted[lag:] |= begins[:-lag] & (length[:-lag] > lag)
    return halted


def _market_returns(rng: np.random.Generator, n_sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """Volatility and return of the market: Markov regimes times GARCH(1,1)."""
    shocks, switches = _student_t(rng, (n_sessions,), 6.0), rng.random(n_sessions)
    regime, variance = 0, 1.0
    volatility = np.empty(n_sessions)
    for t in range(n_sessions):
        regime = regime if switches[t] < STAY_IN_REGIME[regime] else 1 - regime
        volatility[t] = MARKET_VOLATILITY[regime] * variance**0.5
        variance *= GARCH_MEMORY + GARCH_SHOCK * shocks[t] ** 2
        variance += 1 - GARCH_MEMORY - GARCH_SHOCK
    return volatility, MARKET_DRIFT + volatility * shocks


def _gap(rng: np.random.Generator, total: np.ndarray, volatility: np.ndarray) -> np.ndarray:
    """Overnight part of ``total``: its share of the variance, uncorrelated with the rest (a Brownian bridge)."""
    bridge = volatility * rng.standard_normal(total.shape)
    gap: np.ndarray = OVERNIGHT_SHARE * total + (OVERNIGHT_SHARE * (1.0 - OVERNIGHT_SHARE)) ** 0.5 * bridge
    return gap


def _volumes(rng: np.random.Generator, log_volatility: np.ndarray, surprise: np.ndarray) -> np.ndarray:
    shape = surprise.shape
    base = rng.normal(np.log(TYPICAL_VOLUME), VOLUME_RANGE, shape[1])
    interest = _persistent(rng, shape, VOLUME_HALF_LIFE, VOLUME_SPREAD)
    reaction = 0.25 * (np.abs(surprise) - 0.75) + 0.25 * log_volatility
    noise = 0.2 * rng.standard_normal(shape)
    shares: np.ndarray = np.rint(np.exp(base + interest + reaction + noise))
    shares[shares < MIN_SHARES] = MIN_SHARES
    return shares


def _strength(rng: np.random.Generator, n_sessions: int) -> np.ndarray:
    course = np.exp(_persistent(rng, (n_sessions, 1), STRENGTH_HALF_LIFE, STRENGTH_SPREAD)[:, 0])
    return np.asarray(course / course.mean())


def _persistent(rng: np.random.Generator, shape: tuple[int, int], half_life: float, spread: float) -> np.ndarray:
    """Stationary first-order autoregression down the sessions, standard deviation ``spread``."""
    memory = 0.5 ** (1.0 / half_life)
    values = rng.standard_normal(shape)
    values[1:] *= (1.0 - memory**2) ** 0.5
    for t in range(1, shape[0]):
        values[t] += memory * values[t - 1]
    return spread * values


def _student_t(rng: np.random.Generator, shape: tuple[int, ...], degrees: float) -> np.ndarray:
    """Student t with unit variance, cut at ``MAX_SHOCK`` standard deviations."""
    values = rng.standard_t(degrees, shape) * ((degrees - 2.0) / degrees) ** 0.5
    shocks: np.ndarray = np.clip(values, -MAX_SHOCK, MAX_SHOCK)
    return shocks


def _alpha_factor(rng: np.random.Generator, n_sessions: int) -> np.ndarray:
    """Normal shocks with mean 0 in every block of 250 sessions, so that the planted IC holds in each."""
    values = rng.standard_normal(n_sessions)
    for start in range(0, n_sessions, FACTOR_BLOCK):
        values[start : start + FACTOR_BLOCK] -= values[start : start + FACTOR_BLOCK].mean()
    return np.asarray(values / values.std())
