"""Confidence sequences: ranges of a mean that hold at every session at once, however often one looks.

A 95 % range of one look is wrong in one of twenty looks; looked at daily it is wrong sooner or later. These are wider,
and 95 of 100 streams stay inside at *all* their sessions. A stream may be watched as long as one likes, and stopped
when one likes.

Half width after *t* numbers (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and
asymptotic confidence sequences", Annals of Statistics, 2024, theorem 2.2, after Robbins's normal mixture):

    s √( 2 (t ρ² + 1) / (t² ρ²) · log( √(t ρ² + 1) / α ) )

and with log(1 + √(t ρ² + 1) / 2α) in its place for a bound on one side (their appendix B.1). ρ makes it tightest at a
stated session.

Autocorrelation: daily numbers overlap and cluster. ``s`` is the long-run deviation, because sums of dependent numbers
move like a Brownian motion of that variance: HAC with Bartlett weights over √n lags, and at least twice those that
overlap; a signal's strength comes and goes more slowly than the usual n^(2/9) lags see. As an estimate it is too small,
the more so the more lags it counts; it is widened by the critical values of Kiefer and Vogelsang (2005) over the normal
one.

Against a reference: the mean of an earlier sample of *m* numbers is an estimate too. Under the null that both have one
mean, the sum of *t* later numbers less *t* times the earlier mean, divided by 1 + t / m, is a Brownian motion in the
clock τ = t m / (t + m). So the range of the difference is that of a mean after τ numbers: it never gets narrower than
what the reference itself is known to.
"""

import math
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import lambertw

from core.intervals import FIXED_B

__all__ = [
    "MIN_SESSIONS",
    "MIN_WINDOWS",
    "Side",
    "difference_confidence_sequence",
    "difference_reach",
    "long_run_deviations",
    "mean_confidence_sequence",
]

MIN_SESSIONS = 20  # numbers before a range is given: the limit theorem needs some
MIN_WINDOWS = 8  # horizons before a deviation is known from the stream alone
TIGHTEST = 125  # numbers at which a range is tightest: half a year
NORMAL = 1.96
Side = Literal["both", "lower", "upper"]


def mean_confidence_sequence(
    values: pd.Series, *, alpha: float = 0.05, horizon: int = 1, tightest: int = TIGHTEST, side: Side = "both"
) -> pd.DataFrame:
    """Range of the mean of a stream, valid at every session at once.

    Parameters
    ----------
    values : Series of float
        One number a session, in order; NaN sessions are left out and keep the range before them.
    alpha : float
        Share of streams that may ever leave their range, between 0 and 0.5.
    horizon : int
        Sessions that each number looks ahead: as many less one are counted as overlapping.
    tightest : int
        Numbers at which the range is tightest.
    side : {"both", "lower", "upper"}
        Bound on both sides, or on one alone, which is nearer; the other is infinite.

    Returns
    -------
    DataFrame
        On the sessions of ``values``: ``n`` (numbers so far), ``mean``, ``lower`` and ``upper``; bounds are NaN below
        20 numbers, and below 8 horizons of them.

    Raises
    ------
    ValueError
        If alpha, horizon or tightest is impossible.

    Examples
    --------
    >>> import pandas as pd
    >>> from backtests.statistics.confidence_sequence import mean_confidence_sequence
    >>> stream = pd.Series([0.02, 0.04] * 50)
    >>> bool(mean_confidence_sequence(stream)["lower"].iloc[-1] > 0.02)
    True
    """
    _check(alpha, horizon, tightest)
    numbers = values.dropna()
    count = np.arange(1.0, len(numbers) + 1.0)
    reach = long_run_deviations(numbers.to_numpy(dtype=np.float64), horizon=horizon) * _width(
        count, alpha, tightest, side
    )
    return _framed(values, numbers, centre=0.0, reach=reach, side=side)


def difference_confidence_sequence(
    values: pd.Series,
    reference: pd.Series,
    *,
    alpha: float = 0.05,
    horizon: int = 1,
    tightest: int = TIGHTEST,
    side: Side = "both",
) -> pd.DataFrame:
    """Range of how far the mean of a stream lies from that of an earlier sample, valid at every session at once.

    The null is that both have one mean, of which the earlier sample is a sample. The deviation of the stream is the
    larger of its own and of that pooled with the reference's, so that a noisier stream widens its range.

    Parameters
    ----------
    values : Series of float
        The stream, as in ``mean_confidence_sequence``.
    reference : Series of float
        The earlier sample of the same measure; NaN ones are left out.
    alpha, horizon, tightest, side
        As in ``mean_confidence_sequence``.

    Returns
    -------
    DataFrame
        On the sessions of ``values``: ``n``, ``mean`` (of the stream less that of the reference), ``lower`` and
        ``upper``; bounds are NaN below 20 numbers.

    Raises
    ------
    ValueError
        If the reference holds fewer than 20 numbers, or an argument is impossible.

    Examples
    --------
    >>> import pandas as pd
    >>> from backtests.statistics.confidence_sequence import difference_confidence_sequence
    >>> before, since = pd.Series([0.02, 0.04] * 100), pd.Series([-0.01, 0.01] * 60)
    >>> bool(difference_confidence_sequence(since, before)["upper"].iloc[-1] < 0.0)
    True
    """
    _check(alpha, horizon, tightest)
    numbers, earlier = values.dropna(), reference.dropna()
    m = len(earlier)
    if m < MIN_SESSIONS:
        raise ValueError(f"the reference holds {m} numbers, a comparison needs at least {MIN_SESSIONS}: give more")
    reach = difference_reach(
        numbers.to_numpy(dtype=np.float64),
        earlier.to_numpy(dtype=np.float64),
        alpha=alpha,
        horizon=horizon,
        tightest=tightest,
        side=side,
    )
    return _framed(values, numbers, centre=float(earlier.mean()), reach=reach, side=side)


def difference_reach(
    numbers: np.ndarray, earlier: np.ndarray, *, alpha: float, horizon: int, tightest: int = TIGHTEST, side: Side
) -> np.ndarray:
    """Half width of the range of ``difference_confidence_sequence``, of many streams at once.

    Parameters
    ----------
    numbers, earlier : array of float, shapes (..., n) and (..., m)
        Streams and their references without NaN, in order.
    alpha, horizon, tightest, side
        As in ``mean_confidence_sequence``.

    Returns
    -------
    array of float, shape (..., n)
        NaN below 20 numbers.

    Raises
    ------
    ValueError
        If the references are too short for their horizon.
    """
    m, count = earlier.shape[-1], np.arange(1.0, numbers.shape[-1] + 1.0)
    before = long_run_deviations(earlier, horizon=horizon)[..., -1:]
    if np.isnan(before).any():
        raise ValueError(
            f"the reference holds {m} numbers, too few for ones that look {horizon} sessions ahead: give more"
        )
    own = long_run_deviations(numbers, horizon=horizon)
    known = np.where(np.isnan(own), before, own) ** 2
    deviation = np.sqrt(np.maximum(known, (m * before**2 + count * known) / (m + count)))
    deviation[..., : MIN_SESSIONS - 1] = np.nan
    exact = before == 0.0  # a reference of one value is a known mean
    worth = np.where(exact, np.inf, m * (deviation / np.where(exact, 1.0, before)) ** 2)  # in numbers of the stream
    reach: np.ndarray = deviation * _width(count / (1.0 + count / worth), alpha, tightest, side)
    return reach


def long_run_deviations(numbers: np.ndarray, *, horizon: int = 1) -> np.ndarray:
    """Long-run standard deviation of the numbers up to each of them, HAC and widened, along the last axis.

    Divided by √n it is the error of their mean. Shape (..., n) as given, NaN below 20 numbers and below 8 horizons of
    them; ``numbers`` holds no NaN.
    """
    x = numbers - numbers[..., :1]  # sums of small numbers round less; deviations are about the running mean
    count = np.arange(1, x.shape[-1] + 1)
    lags = np.maximum(np.sqrt(count).astype(np.int64), 2 * (horizon - 1))
    total = np.cumsum(x, axis=-1)
    mean = total / count
    variance = np.cumsum(x * x, axis=-1) - count * mean**2
    for lag in range(1, min(int(lags.max(initial=0)), len(count) - 1) + 1):
        weight = np.where(lag <= lags, 1.0 - lag / (lags + 1.0), 0.0)[lag:]
        variance[..., lag:] += 2.0 * weight * _running_products(x, total, mean, lag)
    known = (count >= max(MIN_SESSIONS, MIN_WINDOWS * horizon)) & (count >= 2 * (lags + 1))
    widened = np.polyval(FIXED_B, (lags + 1) / count) / NORMAL
    deviation = np.sqrt(np.maximum(variance, 0.0) / np.maximum(count - 1, 1)) * widened
    return np.where(known, deviation, np.nan)


def _running_products(x: np.ndarray, total: np.ndarray, mean: np.ndarray, lag: int) -> np.ndarray:
    """Sum of (x_i − m)(x_{i−lag} − m) over i up to each n from lag + 1 on, m being the mean up to n."""
    products = np.cumsum(x[..., lag:] * x[..., :-lag], axis=-1)
    late, early, so_far = total[..., lag:] - total[..., lag - 1 : lag], total[..., :-lag], mean[..., lag:]
    pairs = np.arange(1, products.shape[-1] + 1)
    sums: np.ndarray = products - so_far * (late + early) + pairs * so_far**2
    return sums


def _width(clock: np.ndarray, alpha: float, tightest: int, side: Side) -> np.ndarray:
    """Half width of the range per unit of deviation after ``clock`` numbers."""
    level = alpha if side == "both" else 2.0 * alpha
    rho2 = _best(level) / tightest
    inside = clock * rho2 + 1.0
    logarithm = np.log(np.sqrt(inside) / alpha) if side == "both" else np.log1p(np.sqrt(inside) / (2.0 * alpha))
    width: np.ndarray = np.sqrt(2.0 * inside / (clock**2 * rho2) * logarithm)
    return width


def _best(alpha: float) -> float:
    """The t ρ² that makes the range after t numbers tightest: x = log(x + 1) − 2 log α."""
    return float(-lambertw(-(alpha**2) / math.e, k=-1).real - 1.0)


def _framed(values: pd.Series, numbers: pd.Series, *, centre: float, reach: np.ndarray, side: Side) -> pd.DataFrame:
    """The range on every session; one without a number keeps that of the session before."""
    count = np.arange(1.0, len(numbers) + 1.0)
    mean = numbers.to_numpy(dtype=np.float64).cumsum() / count - centre
    infinite = np.where(np.isnan(reach), np.nan, np.inf)
    columns = {
        "n": count,
        "mean": mean,
        "lower": mean - (infinite if side == "upper" else reach),
        "upper": mean + (infinite if side == "lower" else reach),
    }
    framed = pd.DataFrame(columns, index=numbers.index).reindex(values.index).ffill()
    return framed.assign(n=framed["n"].fillna(0.0).astype(int))


def _check(alpha: float, horizon: int, tightest: int) -> None:
    if not 0.0 < alpha < 0.5:
        raise ValueError(f"alpha must lie between 0 and 0.5, was {alpha}")
    if horizon < 1:
        raise ValueError(f"horizon must be at least 1 session, was {horizon}")
    if tightest < 1:
        raise ValueError(f"tightest must be at least 1 number, was {tightest}")
