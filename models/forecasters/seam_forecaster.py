"""Seam forecaster: any network behind the model seam that reads one series, with an output for each horizon.

The networks are those of strategies (``models.kinds``), and so are the scaling of features and the rules of training;
the labels are the returns of the series themselves, each horizon's in its own standard deviation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from scipy.special import ndtri

from core.errors import DataError
from models.forecasters.forecaster import ForecastContext, SeriesHistory
from models.forecasters.forecasts import LEVELS, Forecasts
from models.forecasters.learned.horizon_loop import TrainedHorizons, train_horizons
from models.forecasters.learned.horizon_network import gives_variance, horizon_network, windows_given
from models.forecasters.learned.series_lanes import Lanes, lanes_of
from models.forecasters.residual_ranges import error_ratios
from models.model_settings import ModelSettings
from models.sample_splits import Split
from models.threads import steady
from models.windows import Scaler, Windows, build_windows, fit_scaler

__all__ = ["FittedSeam", "SeamForecaster", "Tuning"]

LOSSES = ({"mse"}, {"gaussian"})  # of one series at a time
MIN_WINDOWS = 30  # training windows with a return

Train = Callable[[Lanes, Lanes], TrainedHorizons]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How a network that learned from all series goes on with one of them.

    Parameters
    ----------
    epochs : int
        At most; with 0 the network stays as it is.
    rate : float
        Step size, as a share of that of the training before.
    """

    epochs: int = 5
    rate: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamForecaster:
    """A network that forecasts, pooled over the series; one training for all horizons.

    Parameters
    ----------
    settings : ModelSettings
        A kind with a network that reads one series, the loss ``mse``, or ``gaussian`` for one with a variance, and the
        training.
    ranges : {"validation", "gaussian"}
        Of a network with a variance: quantiles of validation errors ÷ the standard deviation that it gives, or those
        of the normal distribution, which take the network at its word.
    tuning : Tuning
        For ``FittedSeam.tuned``.

    Raises
    ------
    ValueError
        If the settings are others.
    """

    settings: ModelSettings
    ranges: Literal["validation", "gaussian"] = "validation"
    tuning: Tuning = Tuning()

    def __post_init__(self) -> None:
        model, terms = self.settings.model, set(self.settings.loss.weights)
        if not model.learns_by_epochs or model.kind == "cross_attention":
            raise ValueError(f"a forecaster is a network that reads one series, was {model.kind}: choose lstm or gru")
        if terms not in LOSSES:
            raise ValueError(
                f"loss.terms must be mse or gaussian alone, which compare no names, were {', '.join(terms)}"
            )

    def fit(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> "FittedSeam":
        """Train on training rows, stopped by the loss on validation rows.

        Raises
        ------
        DataError
            If fewer than 30 training windows, or no validation window, have a return, or a feature never changes.
        """
        training = self.settings.training.model_copy(update={"seed": context.seed})
        settings = self.settings.model_copy(update={"training": training})
        sds = _return_sds(history, split.train)
        begun = FittedSeam(forecaster=replace(self, settings=settings), scaler=_scaler(history, split.train), sds=sds)
        return begun.trained_on(history, split, partial(train_horizons, settings=settings))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedSeam:
    """A trained network.

    Parameters
    ----------
    forecaster : SeamForecaster
        What trained it.
    scaler : Scaler
        Of the features, from training rows.
    sds : ndarray of float, shape (H,)
        Standard deviation of the training returns over each horizon.
    trained : TrainedHorizons, optional
        Weights; None before the training.
    ratios : ndarray of float, shape (H, len(LEVELS)), optional
        Quantiles of what comes less the expectation, ÷ the standard deviation given; None for a network without one.
    """

    forecaster: SeamForecaster
    scaler: Scaler
    sds: np.ndarray
    trained: TrainedHorizons | None = None
    ratios: np.ndarray | None = None

    def forecasts(self, history: SeriesHistory, rows: slice) -> Forecasts:
        """Expected returns at every origin of ``rows``, and ranges of a network with a variance.

        NaN where a window is not whole.
        """
        mean, sd = self.moments(history, rows)
        around = None if sd is None or self.ratios is None else mean[..., None] + sd[..., None] * self.ratios
        return Forecasts(
            sessions=history.sessions[rows],
            tickers=history.panel.tickers,
            horizons=history.horizons,
            mean=mean,
            quantiles=around,
        )

    def tuned(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> "FittedSeam":  # noqa: ARG002
        """The network after further epochs on one series, at smaller steps, on the scale that it learned on.

        It stays as it is where no epoch lowers the loss on the series' own validation rows.

        Raises
        ------
        DataError
            If the series has fewer than 30 training windows with a return, or none on validation.
        """
        tuning, settings = self.forecaster.tuning, self.forecaster.settings
        if not tuning.epochs:
            return self
        slower = {"max_epochs": tuning.epochs, "learning_rate": tuning.rate * settings.training.learning_rate}
        settings = settings.model_copy(update={"training": settings.training.model_copy(update=slower)})
        return self.trained_on(history, split, partial(train_horizons, settings=settings, start=self._weights))

    def trained_on(self, history: SeriesHistory, split: Split, train: Train) -> "FittedSeam":
        """With the weights that a training on these series ends with, and the ranges that follow from them."""
        trained = train(*self._lanes(history, split))
        fitted = replace(self, trained=trained)
        if self.forecaster.ranges == "gaussian":
            return replace(fitted, ratios=np.tile(ndtri(np.asarray(LEVELS)), (len(self.sds), 1)))
        mean, sd = fitted.moments(history, split.validation)
        if sd is None:
            return fitted
        return replace(fitted, ratios=error_ratios(history.outcomes()[split.validation] - mean, sd))

    def moments(self, history: SeriesHistory, rows: slice) -> tuple[np.ndarray, np.ndarray | None]:
        """Expected returns and the standard deviations given with them, (rows, N, H) each; None without a variance."""
        model, windows = self.forecaster.settings.model, self._windows(history)
        with torch.random.fork_rng(devices=[]), steady():
            network = horizon_network(model, windows.x.shape[2], len(self.sds))
            network.load_state_dict(self._weights)
            given = windows_given(network.eval(), windows.x, rows, lookback=model.lookback).numpy().astype("float64")
        given = np.where(windows.mask[rows].numpy()[..., None], given, np.nan)
        means, logs = given[..., : len(self.sds)], given[..., len(self.sds) :]
        return means * self.sds, np.exp(0.5 * logs) * self.sds if gives_variance(model) else None

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """Numbers fitted, and the epochs kept."""
        trained = self.trained
        if trained is None:
            return {"parameters": 0}
        counted = sum(tensor.numel() for tensor in trained.weights.values())
        return {"parameters": counted, "epochs": f"{trained.best_epoch} of {len(trained.losses)}"}

    @property
    def _weights(self) -> Mapping[str, torch.Tensor]:
        if self.trained is None:
            raise ValueError("the network is not trained: fit it first")
        return self.trained.weights

    def _windows(self, history: SeriesHistory) -> Windows:
        return build_windows(
            history.features,
            targets=history.panel.close,
            universe=history.panel.universe,
            scaler=self.scaler,
            lookback=self.forecaster.settings.model.lookback,
        )

    def _lanes(self, history: SeriesHistory, split: Split) -> tuple[Lanes, Lanes]:
        """Training and validation rows; a label where the window is whole and the return is known."""
        windows, lookback = self._windows(history), self.forecaster.settings.model.lookback
        labels = np.where(windows.mask.numpy()[..., None], history.outcomes() / self.sds, np.nan)
        y = torch.from_numpy(labels.astype(np.float32))
        learned, validation = (
            lanes_of(windows.x, y, rows, warm_up=lookback - 1) for rows in (split.train, split.validation)
        )
        if learned.labels < MIN_WINDOWS or not validation.labels:
            raise DataError(
                f"a network of {lookback} sessions needs {MIN_WINDOWS} training windows and one of validation, has "
                f"{learned.labels} and {validation.labels}: give more history, or a shorter lookback"
            )
        return learned, validation


def _scaler(history: SeriesHistory, rows: slice) -> Scaler:
    panel = history.panel
    try:
        return fit_scaler(history.features, targets=panel.close, universe=panel.universe, rows=rows, target_sd=1.0)
    except DataError as error:
        what = str(error).partition(":")[0]
        raise DataError(f"{what}: name others with features=, or arima, which reads closes alone") from error


def _return_sds(history: SeriesHistory, rows: slice) -> np.ndarray:
    """Standard deviation of the returns over each horizon, shape (H,), of all series together."""
    known = np.where(history.panel.universe.iloc[rows].to_numpy()[..., None], history.outcomes()[rows], np.nan)
    flat = known.reshape(-1, known.shape[-1])
    counts = np.isfinite(flat).sum(axis=0)
    sds = np.nanstd(flat, axis=0, ddof=1) if counts.min() > 1 else np.zeros(flat.shape[1])
    if not (sds > 0.0).all():
        raise DataError("the training rows hold no returns that vary: give more history")
    return np.asarray(sds)
