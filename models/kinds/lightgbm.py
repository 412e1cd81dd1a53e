"""LightGBM: gradient-boosted trees on the features of the last sessions, one by default; an extra."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from core.settings import Later
from models.estimators.estimator_settings import EstimatorSettings
from models.model_settings import KIND_MEANING, ModelSettings

if TYPE_CHECKING:
    from models.estimators.boosted_trees import BoostedTrees
    from models.estimators.estimator_model import FittedEstimator
    from models.model import StoredModel

__all__ = ["SETTINGS", "LightgbmSettings", "model", "restored"]


class LightgbmSettings(EstimatorSettings):
    """Boosted trees, as many as validation rank IC asks for.

    ``objective = "l2"`` fits the label by least squares. ``"lambdarank_ic"`` weighs each pair of names of a session by
    what swapping them changes in the rank IC; it reads the order of labels alone, and takes time with the square of the
    names.

    Examples
    --------
    >>> ranking = {"model.kind": "lightgbm", "model.objective": "lambdarank_ic"}
    >>> qt.load_strategy("filter_negative", ranking).model.objective
    'lambdarank_ic'
    """

    kind: Literal["lightgbm"] = Field(default="lightgbm", description=KIND_MEANING)
    target: Literal["rank", "zscore"] = Field(
        default="rank", description="label within its session: its average rank, or its z-score"
    )
    trees: int = Field(default=300, ge=1, description="trees at most")
    patience: int = Field(default=50, ge=1, description="trees without a better validation rank IC before it stops")
    learning_rate: float = Field(default=0.05, gt=0.0, le=1.0, description="shrinkage of each tree")
    leaves: int = Field(default=31, ge=2, description="leaves of a tree, at most")
    min_leaf: int = Field(default=200, ge=1, description="samples of a leaf, at least")
    column_share: float = Field(default=0.8, gt=0.0, le=1.0, description="share of the features that a tree may use")
    row_share: float = Field(default=0.8, gt=0.0, le=1.0, description="share of the samples that a tree is fitted on")
    objective: Later[Literal["l2", "lambdarank_ic"]] = Field(
        default="l2", description="squared error of the label, or pairs of names by what a swap changes in the rank IC"
    )

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if self.objective == "lambdarank_ic" and self.target != "rank":
            raise ValueError(
                f"objective lambdarank_ic reads the order of labels alone, so target {self.target} decides nothing: "
                "set target to rank, or objective to l2"
            )
        return self


SETTINGS = LightgbmSettings


def model(settings: ModelSettings) -> "BoostedTrees":
    """The trees, not fitted."""
    from models.estimators.boosted_trees import BoostedTrees

    return BoostedTrees(settings=settings)


def restored(settings: ModelSettings, stored: "StoredModel") -> "FittedEstimator":
    """The trees of a checkpoint."""
    from models.estimators.boosted_trees import restored_trees

    return restored_trees(settings, stored)
