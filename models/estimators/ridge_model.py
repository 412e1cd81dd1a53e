"""Ridge model: ridge regression behind the seam, its penalty chosen on validation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from models.estimators.estimator_model import FittedEstimator, StoredForm, fitted_estimator, restored_estimator
from models.estimators.ridge_regression import fit_ridge
from models.estimators.window_columns import WindowColumns
from models.model import FitContext, StoredModel
from models.model_settings import ModelSettings
from models.sample_splits import Split
from models.windows import Windows

__all__ = ["LINEAR_FORM", "Linear", "RidgeModel", "restored_ridge"]


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A weighted sum of features.

    Parameters
    ----------
    coefficients : ndarray of float64, shape (width,)
        One a number of a sample.
    """

    coefficients: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Scores (n_samples,), in float64."""
        scores: np.ndarray = x.astype(np.float64) @ self.coefficients
        return scores


def _dump(linear: Linear) -> Mapping[str, torch.Tensor]:
    return {"coefficients": torch.from_numpy(linear.coefficients)}


def _load(tensors: Mapping[str, torch.Tensor]) -> Linear:
    return Linear(tensors["coefficients"].numpy())


LINEAR_FORM = StoredForm(dump=_dump, load=_load, size=lambda linear: len(linear.coefficients))


@dataclass(frozen=True, slots=True, kw_only=True)
class RidgeModel:
    """Ridge regression on samples centred within their session.

    Parameters
    ----------
    settings : ModelSettings
        Of kind ``"ridge"``.
    """

    settings: ModelSettings

    def fit(self, windows: Windows, split: Split, *, context: FitContext) -> FittedEstimator:
        """Solve the normal equations once a penalty and keep the best."""
        kind: Any = self.settings.model
        found = fit_ridge(windows, split, penalties=kind.penalties, settings=kind, target=kind.target)
        linear, facts = Linear(np.array(found.coefficients)), (("Penalty", f"{found.penalty:g}"),)
        model = fitted_estimator(linear, windows, split, settings=self.settings, form=LINEAR_FORM, facts=facts)
        context.progress(1, 1, f"validation rank IC {model.validation_ic:+.4f}")
        return model


def restored_ridge(settings: ModelSettings, stored: StoredModel) -> FittedEstimator:
    """The coefficients of a checkpoint, one finite number a number of a sample.

    Raises
    ------
    ValueError
        If they are not that.
    """
    coefficients, width = stored.tensors["coefficients"], WindowColumns.of(settings.model, stored.scaler.names).width
    if coefficients.shape != (width,) or not torch.isfinite(coefficients).all():
        raise ValueError(f"coefficients must be {width} finite numbers, one a feature and lag")
    return restored_estimator(settings, stored, form=LINEAR_FORM)
