"""Trivial forecasts: doing nothing, in five ways; what every forecaster stands beside.

All read closes alone, and no parameter of theirs was ever fitted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from models.forecasters.forecaster import NothingFitted, SeriesHistory
from models.forecasters.forecasts import LEVELS, Forecasts, quantiles_of_samples

__all__ = ["TRIVIAL", "TrivialForecaster", "past_ranges"]

MEMORY = 250  # sessions from which a mean or a range is drawn: about a year
SHORTEST = 30  # past returns below which no range is told
VOLATILITY_SESSIONS = 60
EMA_SPAN = 10
BLOCK = 64  # origins whose past is sorted at once


def _nothing(log_closes: pd.DataFrame, _horizon: int) -> pd.DataFrame:
    return log_closes * 0.0


def _drift(log_closes: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """The mean return of the whole past, h times: the line from the first price to the last, drawn on."""
    return horizon * log_closes.diff().expanding(min_periods=SHORTEST).mean()


def _historical_mean(log_closes: pd.DataFrame, horizon: int) -> pd.DataFrame:
    return horizon * log_closes.diff().rolling(MEMORY, min_periods=SHORTEST).mean()


def _moving_average(log_closes: pd.DataFrame, _horizon: int) -> pd.DataFrame:
    """The price goes back to its exponential moving average."""
    return log_closes.ewm(span=EMA_SPAN, min_periods=EMA_SPAN).mean() - log_closes


TRIVIAL: Mapping[str, Callable[[pd.DataFrame, int], pd.DataFrame]] = {
    "persistence": _nothing,
    "drift": _drift,
    "historical_mean": _historical_mean,
    "historical_volatility": _nothing,
    "ema": _moving_average,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrivialForecaster(NothingFitted):
    """One of the trivial forecasts, with nothing to fit.

    ``historical_volatility`` expects nothing, with a normal range by the standard deviation of the last 60 sessions;
    the others take the quantiles of the past year's returns over as many sessions, moved to what they expect.

    Parameters
    ----------
    name : {"persistence", "drift", "historical_mean", "historical_volatility", "ema"}
        Which.
    """

    name: str

    def forecasts(self, history: SeriesHistory, rows: slice) -> Forecasts:
        """The trivial forecast at every origin of ``rows``."""
        seen = pd.DataFrame(history.log_closes()[: rows.stop], history.sessions[: rows.stop], history.panel.tickers)
        said = [TRIVIAL[self.name](seen, horizon).to_numpy()[rows] for horizon in history.horizons]
        ranges = _normal_ranges if self.name == "historical_volatility" else past_ranges
        around = [ranges(seen, horizon, rows) for horizon in history.horizons]
        mean, quantiles = np.stack(said, axis=-1), np.stack(around, axis=2)
        return Forecasts(
            sessions=history.sessions[rows],
            tickers=history.panel.tickers,
            horizons=history.horizons,
            mean=np.expm1(mean),
            quantiles=np.expm1(quantiles + mean[..., None]),
        )

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """Nothing was fitted."""
        return {"parameters": 0}


def past_ranges(log_closes: pd.DataFrame, horizon: int, rows: slice) -> np.ndarray:
    """Quantiles at ``LEVELS`` of the past year's h-session log returns about their median, at the origins ``rows``.

    Returns
    -------
    ndarray of float, shape (n_rows, n_tickers, len(LEVELS))
        NaN with fewer than 30 past returns.
    """
    past = log_closes.diff(horizon).to_numpy()
    padded = np.concatenate([np.full((MEMORY - 1, past.shape[1]), np.nan), past])
    windows = np.lib.stride_tricks.sliding_window_view(padded, MEMORY, axis=0)[rows]
    found = [_centred(windows[start : start + BLOCK]) for start in range(0, len(windows), BLOCK)]
    return np.concatenate(found) if found else np.empty((0, past.shape[1], len(LEVELS)))


def _centred(windows: np.ndarray) -> np.ndarray:
    enough = np.isfinite(windows).sum(axis=-1, keepdims=True) >= SHORTEST
    quantiles = np.where(enough, quantiles_of_samples(windows), np.nan)
    return quantiles - quantiles[..., [LEVELS.index(0.5)]]


def _normal_ranges(log_closes: pd.DataFrame, horizon: int, rows: slice) -> np.ndarray:
    spread = log_closes.diff().rolling(VOLATILITY_SESSIONS, min_periods=SHORTEST).std()
    return np.asarray(np.sqrt(horizon) * spread.to_numpy()[rows][..., None] * ndtri(np.asarray(LEVELS)))
