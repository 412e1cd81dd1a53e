"""ARIMA: autoregression and moving average of daily log returns, a model a series, by statsmodels.

Parameters are fitted on training rows; at every later origin the Kalman filter has seen the returns up to it and the
parameters stay. The log price then follows ARIMA(p, 1, q).
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import DataError
from models.forecasters.forecast_extra import forecast_library
from models.forecasters.forecaster import ForecastContext, SeriesHistory
from models.forecasters.forecasts import Forecasts
from models.sample_splits import Split

__all__ = ["ArimaForecaster", "FittedArima"]

MIN_RETURNS = 60
ORDERS = ((0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (2, 1), (1, 2), (2, 2))
SCALE = 100.0  # per cent: the optimiser's steps suit numbers near one


@dataclass(frozen=True, slots=True, kw_only=True)
class ArimaForecaster:
    """ARIMA of each series.

    Parameters
    ----------
    orders : tuple of (int, int)
        Pairs (p, q) tried; that with the lowest AIC on training rows is kept.
    """

    orders: tuple[tuple[int, int], ...] = ORDERS

    def fit(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> "FittedArima":
        """Fit every series on its training rows.

        Raises
        ------
        DataError
            If no series has 60 training returns; one that has fewer beside others is not forecast.
        """
        returns, found = _returns(history), []
        for place in range(returns.shape[1]):
            known = returns[split.train, place]
            known = known[np.isfinite(known)]
            enough = len(known) >= MIN_RETURNS
            found.append(min(self._fits(known), key=lambda fit: fit.aic, default=None) if enough else None)
            context.progress(place + 1, returns.shape[1])
        if not any(found):
            longest = int(np.isfinite(returns[split.train]).sum(axis=0).max(initial=0))
            raise DataError(f"arima needs {MIN_RETURNS} training returns of a series, the longest has {longest}")
        return FittedArima(series=tuple(found))

    def _fits(self, returns: np.ndarray) -> Iterator["_SeriesFit"]:
        for order in self.orders:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of starting values and convergence: the AIC judges the fit
                try:
                    fitted = _model(returns, order).fit(disp=0)
                except np.linalg.LinAlgError:
                    continue
            if np.isfinite(fitted.aic):
                yield _SeriesFit(order=order, parameters=tuple(map(float, fitted.params)), aic=float(fitted.aic))


@dataclass(frozen=True, slots=True, kw_only=True)
class _SeriesFit:
    order: tuple[int, int]
    parameters: tuple[float, ...]
    aic: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedArima:
    """A model a series.

    Parameters
    ----------
    series : tuple of _SeriesFit or None
        In the order of the tickers; None where there was too little to fit.
    """

    series: tuple[_SeriesFit | None, ...]

    def forecasts(self, history: SeriesHistory, rows: slice) -> Forecasts:
        """Expected returns at every origin of ``rows``."""
        returns = _returns(history)[: rows.stop]
        mean = np.full((len(history.sessions[rows]), returns.shape[1], len(history.horizons)), np.nan)
        for place, fit in enumerate(self.series):
            if fit is not None:
                mean[:, place] = np.expm1(_sums(returns[:, place], fit, history.horizons)[rows] / SCALE)
        return Forecasts(
            sessions=history.sessions[rows], tickers=history.panel.tickers, horizons=history.horizons, mean=mean
        )

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """Numbers fitted, and the orders kept."""
        fits = [fit for fit in self.series if fit is not None]
        orders = sorted({"({},1,{})".format(*fit.order) for fit in fits})
        return {"parameters": sum(len(fit.parameters) for fit in fits), "orders": " ".join(orders)}


def _returns(history: SeriesHistory) -> np.ndarray:
    closes = history.log_closes()
    return SCALE * np.diff(closes, axis=0, prepend=np.full((1, closes.shape[1]), np.nan))


def _model(returns: np.ndarray, order: tuple[int, int]) -> Any:
    library = forecast_library("statsmodels.tsa.statespace.sarimax")
    return library.SARIMAX(returns, order=(order[0], 0, order[1]), trend="c")


def _sums(returns: np.ndarray, fit: _SeriesFit, horizons: tuple[int, ...]) -> np.ndarray:
    """Expected log returns over each horizon at every row, (T, H): the filtered state carried forward and added up."""
    seen = _model(returns, fit.order).filter(fit.parameters)
    space, state = seen.model.ssm, seen.filter_results.filtered_state
    transition, design = space["transition"], space["design"][0]
    intercept = space["state_intercept"].reshape(len(transition), -1)[:, :1]
    total, sums = np.zeros(state.shape[1]), []
    for step in range(1, horizons[-1] + 1):
        state = transition @ state + intercept
        total = total + design @ state
        if step in horizons:
            sums.append(total)
    return np.stack(sums, axis=-1)
