"""Price claims: what an R² of prices says, and where a leak would show.

Prices of tomorrow are explained by prices of today: persistence, which says that nothing moves, has an R² of prices
near 1 on every market. The less the test span is apart in level from the rest, the lower it is; the more series of
different level are pooled, the nearer to 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.forecasts.claims.claim_series import first_test_row
from backtests.forecasts.forecast_errors import r_squared

__all__ = ["PERSISTENCE", "PriceFit", "free_r2", "price_fits", "rmse_over_persistence"]

PERSISTENCE = "persistence"
SHORT_TEST = 126  # sessions of the reference's single series
POOLED = 4  # series that the reference pools
PENALTY = 1e-4  # of the number of samples, for features of variance 1
CENTRED = 5  # sessions that a centred indicator sees ahead
LAGS, MEANS = 5, (5, 20, 60)


class PriceFit(NamedTuple):
    """One forecast of tomorrow's price over the test cells, in prices and in returns.

    ``skill`` is 1 − mean absolute error of returns ÷ persistence's over the same cells, ``r2_free`` persistence's R² of
    prices there.
    """

    r2_price: float
    r2_free: float
    r2_return: float
    skill: float
    mape: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Samples:
    """Samples of pooled series: features and tomorrow's close, with the close of the day and the row."""

    x: np.ndarray  # (n, F)
    tomorrow: np.ndarray  # (n,)
    today: np.ndarray
    rows: np.ndarray


def free_r2(closes: pd.DataFrame) -> dict[str, float]:
    """Persistence's R² of next-session prices, by what is judged together.

    Parameters
    ----------
    closes : DataFrame of float, shape (n_sessions, n_series)
        Without NaN.

    Returns
    -------
    dict of str to float
        The lowest and the median series over 126 sessions, the median over the last fifth, and the pools of four and of
        all series over the last fifth.
    """
    values, start = closes.to_numpy(), first_test_row(len(closes))
    short = [r_squared(*_pair(values[-SHORT_TEST - 1 :, [place]])) for place in range(values.shape[1])]
    whole = [r_squared(*_pair(values[start:, [place]])) for place in range(values.shape[1])]
    return {
        f"one series, {SHORT_TEST} sessions: the lowest of {values.shape[1]}": min(short),
        f"one series, {SHORT_TEST} sessions: the median": float(np.median(short)),
        "one series, the last fifth: the median": float(np.median(whole)),
        f"{POOLED} series pooled, the last fifth": r_squared(*_pair(values[start:, :POOLED])),
        f"{values.shape[1]} series pooled, the last fifth": r_squared(*_pair(values[start:])),
    }


def _pair(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What persistence says and what comes, flat."""
    return values[:-1].ravel(), values[1:].ravel()


def rmse_over_persistence(r2: float, free: float) -> float:
    """How many times as large the root mean squared error of prices is as persistence's, of two R² on the same data.

    Examples
    --------
    >>> from backtests.forecasts.claims.price_claims import rmse_over_persistence
    >>> round(rmse_over_persistence(0.111, 0.96), 1)
    4.7
    """
    return float(np.sqrt((1.0 - r2) / (1.0 - free)))


def price_fits(closes: pd.DataFrame, *, seed: int = 0) -> dict[str, PriceFit]:
    """A linear model of tomorrow's price on scaled price levels, by how it is scaled and split, beside persistence.

    Parameters
    ----------
    closes : DataFrame of float, shape (n_sessions, n_series)
        Without NaN; the first four are pooled.
    seed : int
        Of the random split.

    Returns
    -------
    dict of str to PriceFit
        Persistence; the scaler of training rows; of all rows; a random split; and an indicator centred on the day,
        which reads five sessions ahead.
    """
    pooled = closes.iloc[:, :POOLED]
    honest, peeking = _samples(pooled, centred=False), _samples(pooled, centred=True)
    start = first_test_row(len(closes))
    early = honest.rows < start
    drawn = np.random.default_rng(seed).random(len(honest.rows)) < start / len(closes)
    everything = np.ones(len(honest.rows), dtype=bool)
    ways: Mapping[str, Callable[[], PriceFit]] = {
        PERSISTENCE: lambda: _judged(honest.today, honest, ~early),
        "scaler fitted on training rows": lambda: _fitted(honest, early, scaled_on=early),
        "scaler fitted on all rows": lambda: _fitted(honest, early, scaled_on=everything),
        "random split instead of a later one": lambda: _fitted(honest, drawn, scaled_on=everything),
        f"an indicator that sees {CENTRED} sessions ahead": lambda: _fitted(
            peeking, peeking.rows < start, scaled_on=peeking.rows < start
        ),
    }
    return {name: made() for name, made in ways.items()}


def _samples(closes: pd.DataFrame, *, centred: bool) -> _Samples:
    columns = [closes.shift(lag) for lag in range(LAGS)] + [closes.rolling(window).mean() for window in MEANS]
    if centred:
        columns.append(closes.rolling(2 * CENTRED + 1, center=True).mean())
    x = np.stack([column.to_numpy() for column in columns], axis=-1)
    tomorrow = closes.shift(-1).to_numpy()
    known = np.isfinite(x).all(axis=-1) & np.isfinite(tomorrow)
    rows = np.broadcast_to(np.arange(len(closes))[:, None], known.shape)
    return _Samples(x=x[known], tomorrow=tomorrow[known], today=closes.to_numpy()[known], rows=rows[known])


def _fitted(samples: _Samples, train: np.ndarray, *, scaled_on: np.ndarray) -> PriceFit:
    """Ridge on features and target, both scaled by the mean and deviation of the rows ``scaled_on``."""
    mean, sd = samples.x[scaled_on].mean(axis=0), samples.x[scaled_on].std(axis=0)
    middle, spread = samples.tomorrow[scaled_on].mean(), samples.tomorrow[scaled_on].std()
    x = np.column_stack([np.ones(len(samples.rows)), (samples.x - mean) / sd])
    y = (samples.tomorrow - middle) / spread
    penalty = PENALTY * train.sum() * np.eye(x.shape[1])
    penalty[0, 0] = 0.0
    weights = np.linalg.solve(x[train].T @ x[train] + penalty, x[train].T @ y[train])
    return _judged(middle + spread * (x @ weights), samples, ~train)


def _judged(said: np.ndarray, samples: _Samples, test: np.ndarray) -> PriceFit:
    said, came, today = said[test], samples.tomorrow[test], samples.today[test]
    returns, off = came / today - 1.0, (came - said) / today
    return PriceFit(
        r2_price=r_squared(said, came),
        r2_free=r_squared(today, came),
        r2_return=r_squared(said / today - 1.0, returns),
        skill=1.0 - float(np.mean(np.abs(off)) / np.mean(np.abs(returns))),
        mape=float(np.mean(np.abs(came - said) / came)),
    )
