"""scikit-learn: an estimator by its name in a fixed list, on the features of the last sessions, one by default."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from models.estimators.estimator_settings import EstimatorSettings
from models.model_settings import KIND_MEANING, ModelSettings

if TYPE_CHECKING:
    from models.estimators.estimator_model import FittedEstimator
    from models.estimators.library_model import LibraryModel
    from models.model import StoredModel

__all__ = ["KNOBS", "SETTINGS", "SklearnSettings", "model", "restored"]

Positive = Annotated[float, Field(gt=0.0)]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]

FOREST = {"trees": 100, "depth": 8, "min_leaf": 100, "row_share": 0.2}
SHARES = (0.003, 0.01, 0.03, 0.1, 0.3)
KNOBS: Mapping[str, Mapping[str, Any]] = {
    "elastic_net": {"penalties": SHARES, "l1_share": 0.5},
    "extra_trees": FOREST | {"column_share": 1.0, "row_share": 1.0},
    "fourier_ridge": {"penalties": (1e-5, 1e-4, 1e-3, 1e-2, 1e-1), "components": 256, "width": 1.0},
    "hist_gradient_boosting": {
        "trees": 100,
        "learning_rate": 0.05,
        "leaves": 31,
        "min_leaf": 200,
        "column_share": 0.8,
    },
    "huber_regression": {"delta": 1.35},
    "lasso": {"penalties": SHARES},
    "random_forest": FOREST | {"column_share": 0.33},
}


class SklearnSettings(EstimatorSettings):
    """An estimator of scikit-learn's; each has some of the keys below, and its own default for each.

    Every one is seeded, fitted on one thread, and deterministic. ``elastic_net``, ``lasso`` and ``fourier_ridge`` read
    their samples block by block; the others hold them once, as float32.

    Examples
    --------
    >>> qt.load_strategy("filter_negative", {"model.kind": "sklearn", "model.depth": 4}).model.knobs
    {'trees': 100, 'depth': 4, 'min_leaf': 100, 'row_share': 1.0, 'column_share': 1.0}
    """

    kind: Literal["sklearn"] = Field(default="sklearn", description=KIND_MEANING)
    estimator: Literal[
        "elastic_net",
        "extra_trees",
        "fourier_ridge",
        "hist_gradient_boosting",
        "huber_regression",
        "lasso",
        "random_forest",
    ] = Field(default="extra_trees", description="which estimator of scikit-learn; each has some of the keys below")
    target: Literal["rank", "zscore"] = Field(
        default="rank", description="label within its session: its average rank, or its z-score"
    )
    trees: Count | None = Field(default=None, description="trees of a forest or of boosting")
    depth: Count | None = Field(default=None, description="depth of a forest's trees, at most")
    leaves: Annotated[int, Field(ge=2)] | None = Field(default=None, description="leaves of a boosted tree, at most")
    min_leaf: Count | None = Field(default=None, description="samples of a leaf, at least")
    learning_rate: Share | None = Field(default=None, description="shrinkage of each boosted tree")
    column_share: Share | None = Field(default=None, description="share of the columns that a split may choose from")
    row_share: Share | None = Field(
        default=None, description="samples that a tree is grown on, drawn with replacement; 1 of extra_trees: all"
    )
    penalties: tuple[Positive, ...] | None = Field(
        default=None,
        description="penalties tried; shares of that which leaves no coefficient, of fourier_ridge in samples",
    )
    l1_share: Share | None = Field(default=None, description="share of the elastic net's penalty that is absolute")
    components: Count | None = Field(default=None, description="random Fourier features")
    width: Positive | None = Field(
        default=None, description="width of the Gaussian kernel, in typical distances of two samples over √2"
    )
    delta: Annotated[float, Field(ge=1.0)] | None = Field(
        default=None, description="residuals beyond so many scales count by their size alone"
    )

    @property
    def knobs(self) -> dict[str, Any]:
        """The chosen estimator's own keys, each as set or at its default."""
        given = {key: getattr(self, key) for key in KNOBS[self.estimator]}
        return {key: KNOBS[self.estimator][key] if value is None else value for key, value in given.items()}

    def quick(self) -> Self:
        """Few trees, few Fourier features."""
        few = {"trees": 20, "components": 32}
        return self.model_copy(update={key: min(few[key], self.knobs[key]) for key in few if key in self.knobs})

    @field_validator("penalties")
    @classmethod
    def _check_penalties(cls, penalties: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if penalties is not None and not penalties:
            raise ValueError("penalties must hold at least one")
        return penalties

    @model_validator(mode="after")
    def _check_knobs(self) -> Self:
        known = {key for knobs in KNOBS.values() for key in knobs}
        foreign = [key for key in type(self).model_fields if key in known and getattr(self, key) is not None]
        foreign = [key for key in foreign if key not in KNOBS[self.estimator]]
        if foreign:
            raise ValueError(
                f"{foreign[0]} is no key of estimator {self.estimator}, which has {', '.join(KNOBS[self.estimator])}"
            )
        if KNOBS[self.estimator].get("penalties") is SHARES and max(self.knobs["penalties"]) >= 1.0:
            raise ValueError(f"penalties of {self.estimator} must be shares below 1, were {self.penalties}")
        return self


SETTINGS = SklearnSettings


def model(settings: ModelSettings) -> "LibraryModel":
    """The estimator, not fitted."""
    from models.estimators.library_model import LibraryModel

    return LibraryModel(settings=settings)


def restored(settings: ModelSettings, stored: "StoredModel") -> "FittedEstimator":
    """The fitted estimator of a checkpoint."""
    from models.estimators.library_model import restored_library_model

    return restored_library_model(settings, stored)
