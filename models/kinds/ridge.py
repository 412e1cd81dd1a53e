"""Ridge: linear regression on the features of the last sessions, one by default; the bar that others have to clear."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from core.settings import Later
from models.estimators.estimator_settings import EstimatorSettings
from models.model_settings import KIND_MEANING, ModelSettings

if TYPE_CHECKING:
    from models.estimators.estimator_model import FittedEstimator
    from models.estimators.ridge_model import RidgeModel
    from models.model import StoredModel

__all__ = ["SETTINGS", "RidgeSettings", "model", "restored"]


class RidgeSettings(EstimatorSettings):
    """Ridge regression; the penalty with the best validation rank IC is kept.

    Examples
    --------
    >>> qt.load_strategy("filter_negative", {"model.kind": "ridge"}).model.penalties
    (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
    """

    kind: Literal["ridge"] = Field(default="ridge", description=KIND_MEANING)
    penalties: tuple[float, ...] = Field(
        default=(1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0),
        min_length=1,
        description="penalties tried, in units of the number of samples",
    )

    target: Later[Literal["zscore", "rank"]] = Field(
        default="zscore", description="label within its session: its z-score, or its average rank"
    )

    @field_validator("penalties")
    @classmethod
    def _check(cls, penalties: tuple[float, ...]) -> tuple[float, ...]:
        if min(penalties) <= 0.0:
            raise ValueError(f"penalties must be positive, were {penalties}")
        return penalties


SETTINGS = RidgeSettings


def model(settings: ModelSettings) -> "RidgeModel":
    """The regression, not fitted."""
    from models.estimators.ridge_model import RidgeModel

    return RidgeModel(settings=settings)


def restored(settings: ModelSettings, stored: "StoredModel") -> "FittedEstimator":
    """The coefficients of a checkpoint."""
    from models.estimators.ridge_model import restored_ridge

    return restored_ridge(settings, stored)
