"""The price path: one loop over sessions, because yesterday's bars decide today's alpha and so today's price.

The push earned by the bars of the close of *t* falls between the open of *t*+1 and the open of *t*+2: what a decision
of that close, filled at the next open and held one session, receives.
"""

from dataclasses import dataclass

import numpy as np

from market.synthetic.alpha import HISTORY, Bars, oracle_row
from market.synthetic.shocks import Lifetimes, Shocks

__all__ = ["PricePath", "walk_prices"]

INTRADAY_SHARE = 0.7  # of the push; the rest falls into the following gap
FACTOR_LOADING = 0.21  # cross-sectional standard deviations of return per unit of the alpha factor
MIN_CLOSE = 6.0  # a close below it ends the listing


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePath:
    """What was printed, shape (n_sessions, n_tickers), and how each listing ended, shape (n_tickers,).

    Parameters
    ----------
    open, high, low, close, volume : array
        Cents and whole shares; NaN without a print.
    oracle : array
        Scores known at the close of each row; NaN where not available.
    last : array of int
        Last tradable row; n_sessions where the listing never ended.
    failed : array of bool
        Whether a low price ended the listing.
    """

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    oracle: np.ndarray
    last: np.ndarray
    failed: np.ndarray


def walk_prices(shocks: Shocks, lifetimes: Lifetimes, *, planted_ic: float) -> PricePath:
    """Walk all names through the sessions; prices are read only after rounding to the cent.

    Parameters
    ----------
    shocks : Shocks
        What happens to every name in every session.
    lifetimes : Lifetimes
        Listings, takeovers and halts.
    planted_ic : float
        Mean rank IC of the oracle scores; 0 plants nothing.
    """
    path = _empty_path(shocks, lifetimes)
    bars = Bars(close=np.full_like(path.close, np.nan), spread=np.full_like(path.close, np.nan), volume=path.volume)
    level = lifetimes.start_price
    push = earlier_push = np.zeros(len(level))
    for t in range(len(path.close)):
        begins = t == lifetimes.first
        opening = level * (1.0 + shocks.gap[t] + (1.0 - INTRADAY_SHARE) * earlier_push)
        opening = np.where(begins, lifetimes.start_price, opening)
        level = opening * (1.0 + shocks.intraday[t] + INTRADAY_SHARE * push)
        tradable = (t >= lifetimes.first) & (t <= path.last)
        printed = tradable & (~lifetimes.halted[t] | begins | (t == path.last))
        _print_bars(path, shocks, t, printed=printed, opening=opening, closing=level)
        _note_bars(bars, path, t)
        _end_failures(path, t)
        path.oracle[t] = oracle_row(bars, t, printed & (t - lifetimes.first >= HISTORY - 1))
        earlier_push, push = push, _push(shocks, path.oracle[t], t, planted_ic)
    return path


def _empty_path(shocks: Shocks, lifetimes: Lifetimes) -> PricePath:
    names = ("open", "high", "low", "close", "volume", "oracle")
    empty = {name: np.full(shocks.gap.shape, np.nan) for name in names}
    return PricePath(last=lifetimes.last.copy(), failed=np.zeros(len(lifetimes.last), dtype=bool), **empty)


def _print_bars(
    path: PricePath, shocks: Shocks, t: int, *, printed: np.ndarray, opening: np.ndarray, closing: np.ndarray
) -> None:
    high = np.maximum(opening, closing) * (1.0 + shocks.above[t])
    low = np.minimum(opening, closing) * (1.0 - shocks.below[t])
    path.open[t, printed] = _cents(opening[printed])
    path.high[t, printed] = _cents(high[printed])
    path.low[t, printed] = _cents(low[printed])
    path.close[t, printed] = _cents(closing[printed])
    path.volume[t, printed] = shocks.volume[t, printed]


def _note_bars(bars: Bars, path: PricePath, t: int) -> None:
    before = bars.close[t - 1] if t else path.close[t]
    bars.close[t] = np.where(np.isnan(path.close[t]), before, path.close[t])
    bars.spread[t] = (path.high[t] - path.low[t]) / path.close[t]


def _end_failures(path: PricePath, t: int) -> None:
    failing = (path.close[t] < MIN_CLOSE) & (t < path.last)  # NaN compares False
    path.last[failing] = t
    path.failed[failing] = True


def _push(shocks: Shocks, scores: np.ndarray, t: int, planted_ic: float) -> np.ndarray:
    """Contribution of the alpha, and of the factor its holders share, to the return of the session after *t*."""
    following = min(t + 1, len(shocks.dispersion) - 1)
    loading = planted_ic * shocks.strength[t] + FACTOR_LOADING * shocks.alpha_factor[t]
    push: np.ndarray = np.where(np.isnan(scores), 0.0, scores) * (shocks.dispersion[following] * loading)
    return push


def _cents(prices: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(prices * 100.0) / 100.0)
