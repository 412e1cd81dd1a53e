"""Linear forecaster: ridge regression of the returns to come on the features of the origin, all horizons at once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from core.errors import DataError
from models.forecasters.forecaster import ForecastContext, SeriesHistory
from models.forecasters.forecasts import Forecasts
from models.sample_splits import Split

__all__ = ["FittedLinear", "LinearForecaster"]

PENALTIES = (0.01, 0.1, 1.0, 10.0)  # of the number of samples: features have variance 1
MIN_SAMPLES = 30
BOUND = 5.0  # standard deviations beyond which a feature is cut


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearForecaster:
    """Ridge on scaled features, pooled over the series; the penalty with the least validation error is kept.

    Parameters
    ----------
    penalties : tuple of float
        Those tried.
    """

    penalties: tuple[float, ...] = PENALTIES

    def fit(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> "FittedLinear":  # noqa: ARG002
        """Scale and fit on training rows, choose the penalty on validation rows.

        Raises
        ------
        DataError
            If fewer than 30 samples are complete.
        """
        features, outcomes = _stacked(history), history.outcomes()
        x, y = _samples(features, outcomes, split.train)
        if len(x) < MIN_SAMPLES:
            raise DataError(
                f"linear needs {MIN_SAMPLES} complete training samples, has {len(x)}: give more history, or "
                "features with a shorter memory such as core14"
            )
        mean, sd = x.mean(axis=0), x.std(axis=0)
        scale = _Scale(mean=mean, sd=np.where(sd > 0.0, sd, 1.0))
        fits = {penalty: _ridge(scale.of(x), y, penalty) for penalty in self.penalties}
        tried, came = _samples(features, outcomes, split.validation)
        errors = {
            penalty: float(np.mean(np.abs(came - _said(scale.of(tried), *fit)))) if len(tried) else 0.0
            for penalty, fit in fits.items()
        }
        chosen = min(errors, key=lambda penalty: (errors[penalty], -penalty))
        return FittedLinear(scale=scale, level=fits[chosen][0], weights=fits[chosen][1], penalty=chosen)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scale:
    mean: np.ndarray
    sd: np.ndarray

    def of(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip((x - self.mean) / self.sd, -BOUND, BOUND))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedLinear:
    """The regression that was kept.

    Parameters
    ----------
    scale : _Scale
        Of the features, from training rows.
    level : ndarray of float, shape (H,)
        Mean return of the training rows.
    weights : ndarray of float, shape (F, H)
        A coefficient a feature and horizon.
    penalty : float
        Chosen on validation.
    """

    scale: _Scale
    level: np.ndarray
    weights: np.ndarray
    penalty: float

    def forecasts(self, history: SeriesHistory, rows: slice) -> Forecasts:
        """Expected returns at every origin of ``rows``; NaN where a feature is missing."""
        said = _said(self.scale.of(_stacked(history)[rows]), self.level, self.weights)
        return Forecasts(
            sessions=history.sessions[rows], tickers=history.panel.tickers, horizons=history.horizons, mean=said
        )

    def tuned(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> "FittedLinear":  # noqa: ARG002
        """The regression drawn towards one series: ridge of what it leaves there, so that it shrinks to itself.

        It stays as it is where no penalty lowers the error on the series' own validation rows.

        Raises
        ------
        DataError
            If the series has fewer than 30 complete training samples.
        """
        features, outcomes = _stacked(history), history.outcomes()
        x, y = _samples(features, outcomes, split.train)
        if len(x) < MIN_SAMPLES:
            raise DataError(
                f"linear needs {MIN_SAMPLES} complete training samples, has {len(x)}: give more history, or "
                "features with a shorter memory such as core14"
            )
        scaled = self.scale.of(x)
        left = y - _said(scaled, self.level, self.weights)
        more = [_ridge(scaled, left, penalty) for penalty in PENALTIES]
        tried = [self, *(replace(self, level=self.level + up, weights=self.weights + by) for up, by in more)]
        x, came = _samples(features, outcomes, split.validation)
        scaled = self.scale.of(x)
        return min(tried, key=lambda fit: float(np.abs(came - _said(scaled, fit.level, fit.weights)).sum()))

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """Numbers fitted, and the penalty."""
        return {"parameters": self.weights.size + self.level.size, "penalty": self.penalty}


def _stacked(history: SeriesHistory) -> np.ndarray:
    return np.stack([frame.to_numpy(dtype="float64") for frame in history.features.values()], axis=-1)


def _samples(features: np.ndarray, outcomes: np.ndarray, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    """Complete samples of some rows: features (n, F) and outcomes (n, H)."""
    x, y = features[rows], outcomes[rows]
    known = np.isfinite(x).all(axis=-1) & np.isfinite(y).all(axis=-1)
    return x[known], y[known]


def _ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    level, middle = y.mean(axis=0), x.mean(axis=0)
    centred = x - middle
    gram = centred.T @ centred + penalty * len(x) * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (y - level))
    return level - middle @ weights, weights


def _said(x: np.ndarray, level: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.asarray(level + x @ weights)
