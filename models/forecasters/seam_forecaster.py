"""Seam forecaster: any network behind the model seam as a forecaster of single series, a training a horizon.

The network, its training loop, its seeds and its checkpoints are those of every strategy; the loss is of one name at a
time, the target the return of the series itself over one horizon.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import DataError
from models.forecasters.folded_windows import folded
from models.forecasters.forecaster import ForecastContext, SeriesHistory
from models.forecasters.forecasts import Forecasts
from models.model import FitContext, FittedModel
from models.model_kinds import make_model
from models.model_settings import ModelSettings
from models.sample_splits import Split
from models.windows import Windows, build_windows, fit_scaler

__all__ = ["FittedSeam", "SeamForecaster"]

ALONE = frozenset({"mse", "huber", "gaussian", "direction", "volatility"})  # terms that compare no names


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamForecaster:
    """A network that forecasts, pooled over the series.

    Parameters
    ----------
    settings : ModelSettings
        Kind, loss and training; a kind that is trained by epochs and compares no names, terms of one name at a time.

    Raises
    ------
    ValueError
        If the settings are others.
    """

    settings: ModelSettings

    def __post_init__(self) -> None:
        model, strange = self.settings.model, sorted(set(self.settings.loss.weights) - ALONE)
        if not model.learns_by_epochs or model.kind == "cross_attention":
            raise ValueError(f"a forecaster is a network that reads one series, was {model.kind}: choose lstm or gru")
        if strange:
            raise ValueError(f"loss.terms {strange[0]} compares names: choose of {', '.join(sorted(ALONE))}")

    def fit(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> "FittedSeam":
        """Train one network a horizon on training rows, stopped by the loss on validation rows."""
        settings = replace_seed(self.settings, context.seed)
        models = []
        for place, outcomes in enumerate(np.moveaxis(history.outcomes(), -1, 0)):
            windows = _windows(history, outcomes, split.train, settings.model.lookback)
            warm_up = max(settings.model.lookback - 1, settings.training.burn_in)
            fold, rows = folded(windows, split, warm_up=warm_up)
            models.append(make_model(settings).fit(fold, rows, context=FitContext()))
            context.progress(place + 1, len(history.horizons))
        return FittedSeam(models=tuple(models), horizons=history.horizons)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedSeam:
    """A network a horizon.

    Parameters
    ----------
    models : tuple of FittedModel
        In the order of the horizons.
    horizons : tuple of int
        Sessions ahead.
    """

    models: tuple[FittedModel, ...]
    horizons: tuple[int, ...]

    def forecasts(self, history: SeriesHistory, rows: slice) -> Forecasts:
        """Expected returns at every origin of ``rows``; NaN where a window is not whole."""
        sessions, said = history.sessions[rows], []
        for model in self.models:
            windows = _unlabelled(history, model)
            said.append(model.scores(windows, sessions).to_numpy(dtype="float64") * model.scaler.target_sd)
        return Forecasts(
            sessions=sessions, tickers=history.panel.tickers, horizons=self.horizons, mean=np.stack(said, axis=-1)
        )

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """Numbers fitted, and the epochs kept."""
        epochs = " ".join(str(model.card.best_epoch) for model in self.models)
        return {"parameters": sum(model.card.n_parameters for model in self.models), "epochs": epochs}


def replace_seed(settings: ModelSettings, seed: int) -> ModelSettings:
    """The settings with another seed."""
    return settings.model_copy(update={"training": settings.training.model_copy(update={"seed": seed})})


def _windows(history: SeriesHistory, outcomes: np.ndarray, rows: slice, lookback: int) -> Windows:
    """Windows and labels, scaled on training rows; a return counts in its sd over those rows, all series together."""
    targets = pd.DataFrame(outcomes, history.sessions, history.panel.tickers)
    universe = history.panel.universe
    known = targets.iloc[rows].where(universe.iloc[rows]).to_numpy()
    known = known[np.isfinite(known)]
    if len(known) < 2 or not known.std() > 0.0:
        raise DataError("the training rows hold no returns that vary: give more history")
    scaler = fit_scaler(
        history.features, targets=targets, universe=universe, rows=rows, target_sd=float(known.std(ddof=1))
    )
    return build_windows(history.features, targets=targets, universe=universe, scaler=scaler, lookback=lookback)


def _unlabelled(history: SeriesHistory, model: FittedModel) -> Windows:
    panel = history.panel
    return build_windows(
        history.features,
        targets=panel.close * np.nan,
        universe=panel.universe,
        scaler=model.scaler,
        lookback=model.settings.model.lookback,
    )
