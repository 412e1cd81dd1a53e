"""Ensemble: a model made of models, which learn apart and whose scores are combined within each session."""

from typing import TYPE_CHECKING

from models.ensembles.ensemble_settings import EnsembleSettings
from models.model_settings import ModelSettings

if TYPE_CHECKING:
    from models.ensembles.ensemble_model import EnsembleModel
    from models.ensembles.fitted_ensemble import FittedEnsemble
    from models.model import StoredModel

__all__ = ["SETTINGS", "EnsembleSettings", "model", "restored"]

SETTINGS = EnsembleSettings


def model(settings: ModelSettings) -> "EnsembleModel":
    """The ensemble, its members not fitted."""
    from models.ensembles.ensemble_model import EnsembleModel

    return EnsembleModel(settings=settings)


def restored(settings: ModelSettings, stored: "StoredModel") -> "FittedEnsemble":
    """The ensemble of a checkpoint."""
    from models.ensembles.fitted_ensemble import restored_ensemble

    return restored_ensemble(settings, stored)
