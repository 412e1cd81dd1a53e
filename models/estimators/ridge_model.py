"""Ridge model: ridge regression behind the seam, its penalty chosen on validation."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from models.estimators.estimator_model import FittedEstimator, StoredForm, fitted_estimator, restored_estimator
from models.estimators.ridge_regression import fit_ridge
from models.model import FitContext, StoredModel
from models.model_settings import ModelSettings
from models.sample_splits import Split
from models.windows import Windows

__all__ = ["RidgeModel", "restored_ridge"]


@dataclass(frozen=True, slots=True, eq=False)
class _Linear:
    """A weighted sum of features."""

    coefficients: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        scores: np.ndarray = x.astype(np.float64) @ self.coefficients
        return scores


def _dump(linear: _Linear) -> Mapping[str, torch.Tensor]:
    return {"coefficients": torch.from_numpy(linear.coefficients)}


def _load(tensors: Mapping[str, torch.Tensor]) -> _Linear:
    return _Linear(tensors["coefficients"].numpy())


FORM = StoredForm(dump=_dump, load=_load, size=lambda linear: len(linear.coefficients))


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
        found = fit_ridge(windows, split, penalties=self.settings.model.penalties)  # type: ignore[attr-defined]
        linear, facts = _Linear(np.array(found.coefficients)), (("Penalty", f"{found.penalty:g}"),)
        model = fitted_estimator(linear, windows, split, settings=self.settings, form=FORM, facts=facts)
        context.progress(1, 1, f"validation rank IC {model.validation_ic:+.4f}")
        return model


def restored_ridge(settings: ModelSettings, stored: StoredModel) -> FittedEstimator:
    """The coefficients of a checkpoint, one finite number a feature.

    Raises
    ------
    ValueError
        If they are not that.
    """
    coefficients, n_features = stored.tensors["coefficients"], len(stored.scaler.names)
    if coefficients.shape != (n_features,) or not torch.isfinite(coefficients).all():
        raise ValueError(f"coefficients must be {n_features} finite numbers, one a feature")
    return restored_estimator(settings, stored, form=FORM)
