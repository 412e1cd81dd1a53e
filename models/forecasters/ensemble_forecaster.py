"""Ensemble forecaster: forecasters as one, by a mean, a trimmed mean, given weights or weights of validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from models.ensembles.combination import trimmed_mean
from models.forecasters.forecaster import FittedForecaster, ForecastContext, Forecaster, SeriesHistory
from models.forecasters.forecasts import Forecasts
from models.sample_splits import Split

__all__ = ["EnsembleForecaster", "FittedEnsembleForecaster", "simplex_weights"]

SUM_PULL = 1e4  # how much heavier than the errors the sum of the weights counts


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsembleForecaster:
    """A forecaster made of forecasters.

    Parameters
    ----------
    members : mapping of str to Forecaster
        By name, two or more.
    weights : tuple of float, optional
        One a member, non-negative and of sum one; fitted on validation where ``fitted``, else equal.
    fitted : bool
        Weights that err least on validation rows, squared.
    trim : float
        Share of the members left out at either end of every forecast, 0 to 0.45.

    Raises
    ------
    ValueError
        If there are fewer than two members, or weights that are none.
    """

    members: Mapping[str, Forecaster]
    weights: tuple[float, ...] | None = None
    fitted: bool = False
    trim: float = 0.0

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            raise ValueError(f"an ensemble has two members or more, had {len(self.members)}")
        told = self.weights or ()
        if told and (len(told) != len(self.members) or min(told) < 0.0 or abs(sum(told) - 1.0) > 1e-9):
            raise ValueError(f"weights must be {len(self.members)} numbers from 0 on whose sum is 1, were {told}")
        if not 0.0 <= self.trim < 0.5:
            raise ValueError(f"trim must be a share from 0 to 0.45, was {self.trim}")

    @property
    def cut(self) -> int:
        """Members left out at either end: 10 % of five are none."""
        return int(self.trim * len(self.members))

    def fit(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> "FittedEnsembleForecaster":
        """Fit every member, then the weights."""
        fitted = [member.fit(history, split, context=context) for member in self.members.values()]
        equal = tuple(1.0 / len(fitted) for _ in fitted)
        weights = self.weights or equal
        if self.fitted:
            said = [each.forecasts(history, split.validation).mean for each in fitted]
            weights = simplex_weights(said, history.outcomes()[split.validation]) or equal
        return FittedEnsembleForecaster(
            members=dict(zip(self.members, fitted, strict=True)), weights=weights, cut=self.cut, trim=self.trim
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedEnsembleForecaster:
    """The members after fitting.

    Parameters
    ----------
    members : mapping of str to FittedForecaster
        By name.
    weights : tuple of float
        One a member.
    cut : int
        Members left out at either end of every forecast.
    trim : float
        The share that was asked for.
    """

    members: Mapping[str, FittedForecaster]
    weights: tuple[float, ...]
    cut: int
    trim: float

    def forecasts(self, history: SeriesHistory, rows: slice) -> Forecasts:
        """What the members say together; NaN where one says nothing."""
        said = [member.forecasts(history, rows) for member in self.members.values()]
        return Forecasts(
            sessions=said[0].sessions,
            tickers=said[0].tickers,
            horizons=said[0].horizons,
            mean=self._joined([each.mean for each in said]),
        )

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """Numbers fitted, weights, and whether trimming trims anything."""
        counted = [each.facts.get("parameters", 0) for each in self.members.values()]
        weights = " ".join(f"{name} {weight:.3f}" for name, weight in zip(self.members, self.weights, strict=True))
        facts: dict[str, float | int | str] = {"parameters": sum(int(each) for each in counted), "weights": weights}
        if self.trim > 0.0:
            none = f"trims nothing: {self.trim:.0%} of {len(self.members)} members are less than one"
            facts["trimmed"] = f"{self.cut} at either end" if self.cut else none
        return facts

    def _joined(self, means: Sequence[np.ndarray]) -> np.ndarray:
        if self.trim > 0.0:
            return trimmed_mean(means, cut=self.cut)
        total = np.zeros(means[0].shape)
        for weight, mean in zip(self.weights, means, strict=True):
            total = total + weight * mean
        return total


def simplex_weights(said: Sequence[np.ndarray], outcomes: np.ndarray) -> tuple[float, ...] | None:
    """Non-negative weights of sum one with the least squared error; None without a common outcome.

    Least squares with one more row, a heavy one that says the sum (Haskell and Hanson, 1981).

    Examples
    --------
    >>> import numpy as np
    >>> from models.forecasters.ensemble_forecaster import simplex_weights
    >>> y = np.array([0.01, -0.02, 0.03])
    >>> [round(weight, 6) for weight in simplex_weights([y, -y], y)]
    [1.0, 0.0]
    """
    known = np.isfinite(outcomes) & np.all([np.isfinite(each) for each in said], axis=0)
    if not known.any():
        return None
    x, y = np.stack([each[known] for each in said], axis=1), outcomes[known]
    pull = SUM_PULL * max(float(np.abs(x).max()), 1e-12) * np.sqrt(len(y))
    weights, _ = nnls(np.vstack([x, np.full(x.shape[1], pull)]), np.append(y, pull))
    total = float(weights.sum())
    return tuple(float(weight / total) for weight in weights) if total > 0.0 else None
