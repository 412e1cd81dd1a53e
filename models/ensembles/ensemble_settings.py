"""Ensemble settings: members by name, and how their scores become one; imports no torch."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from core.settings import Settings, is_record
from models.model_kinds import settings_of
from models.model_settings import (
    KIND_MEANING,
    SCORING_MEANING,
    KindSettings,
    LossSettings,
    ModelSettings,
    Scoring,
    TrainingSettings,
)

__all__ = ["Combine", "EnsembleSettings", "MemberSettings"]

Combine = Literal["mean", "rank_mean", "trimmed_mean", "weighted", "stacked"]

MAX_FITS = 500  # members times seeds
QUICK_EPOCHS = 2
SEEDS = 2**31
SHARED = ("lookback", "scoring")  # which every member has from the ensemble, and no file says again


def _of_its_kind(section: Any, info: ValidationInfo) -> KindSettings:
    return section if isinstance(section, KindSettings) else settings_of(section, recorded=is_record(info))


MemberName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class MemberSettings(Settings):
    """One member: what it is, and how it learns where that is not as the strategy says."""

    model: Annotated[SerializeAsAny[KindSettings], BeforeValidator(_of_its_kind)] = Field(
        description="the member's own section of keys, as [model] has them; lookback and scoring are the ensemble's"
    )
    loss: LossSettings | None = Field(default=None, description="the member's own loss, in place of the strategy's")
    training: TrainingSettings | None = Field(
        default=None, description="the member's own training, in place of the strategy's"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        kind = self.model.kind
        if isinstance(self.model, EnsembleSettings):
            raise ValueError("a member must be a single model, was an ensemble: name its members here instead")
        if self.training and self.training.start:
            raise ValueError("a member is trained from its seed: remove training.start")
        of_epochs = self.training and self.training != TrainingSettings(seed=self.training.seed)
        if not self.model.learns_by_epochs and (self.loss or of_epochs):
            raise ValueError(f"{kind} is not trained by epochs: remove its loss, and its training but for the seed")
        ModelSettings(model=self.model, loss=self.loss or LossSettings())  # whose own check names what does not fit
        return self

    @model_serializer(mode="wrap")
    def _own_keys(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What a file says of the member: nothing of what the ensemble says, or the strategy."""
        sections = {name: value for name, value in dump(self).items() if value is not None}
        sections["model"] = {key: value for key, value in sections["model"].items() if key not in SHARED}
        return sections

    def deciding(self) -> dict[str, Any]:
        """As every section, and nothing that a file of the member does not say."""
        sections = super().deciding()
        return sections | {"model": {key: value for key, value in sections["model"].items() if key not in SHARED}}

    def as_model(self, strategy: ModelSettings, *, seed: int) -> ModelSettings:
        """What decides the member when it is trained with the ``seed``-th of its seeds, from 0."""
        training = self.training or strategy.training
        drawn = (training.seed + seed) % SEEDS
        if not self.model.learns_by_epochs:
            return ModelSettings(model=self.model, training=TrainingSettings(seed=drawn))
        chosen = training.model_copy(update={"seed": drawn})
        return ModelSettings(model=self.model, loss=self.loss or strategy.loss, training=chosen)


class EnsembleSettings(KindSettings):
    """Members by name, and how their scores become one.

    Members learn apart, from the same rows. Their scores are put on one scale within each session, z-scored or ranked,
    and then combined. Every member has the ensemble's lookback, so that all of them score the same names.

    Examples
    --------
    >>> spec = qt.load_strategy("lstm_gru_transformer")
    >>> sorted(spec.model.members), spec.model.combine
    (['gru', 'lstm', 'transformer'], 'mean')
    """

    learns_by_epochs = True

    kind: Literal["ensemble"] = Field(default="ensemble", description=KIND_MEANING)
    members: Mapping[MemberName, MemberSettings] = Field(
        description="the models by name, two at least, or one with several seeds: [model.members.NAME.model] is a "
        "section as [model] is, and [model.members.NAME.loss] and .training stand in place of the strategy's"
    )
    seeds: int = Field(
        default=1, ge=1, le=100, description="seeds that each member is trained with, counted up from training.seed"
    )
    combine: Combine = Field(
        default="mean",
        description="mean: of z-scores; rank_mean: of ranks; trimmed_mean: of z-scores without the extremes; weighted: "
        "weights fitted on validation, none negative, of sum one; stacked: ridge on purged folds of training and "
        "validation",
    )
    trim: float = Field(default=0.1, ge=0.05, le=0.2, description="share cut at each end, of trimmed_mean")
    folds: int = Field(default=3, ge=2, le=20, description="purged folds, of stacked: each trains every member again")
    stack_penalty: float = Field(default=0.1, gt=0.0, description="ridge penalty of stacked, in units of the samples")
    scoring: Scoring = Field(default="exact", description=f"of the members that have the key; {SCORING_MEANING}")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The ensemble, and the kinds of its members."""
        return (self.kind, *dict.fromkeys(member.model.kind for member in self.members.values()))

    @property
    def n_fits(self) -> int:
        """Members times seeds: models that are combined."""
        return len(self.members) * self.seeds

    @property
    def n_trimmed(self) -> int:
        """Scores of a name that are cut at each end: ⌊trim × fits⌋."""
        # as much above ⌊·⌋ as a product such as 0.1 × 30 may fall below its whole number
        return int(self.trim * self.n_fits + 1e-9) if self.combine == "trimmed_mean" else 0

    def quick(self) -> Self:
        """Quick members of one seed, two epochs at most, and two folds."""
        return self.model_copy(
            update={
                "members": {name: _quick(member) for name, member in self.members.items()},
                "seeds": 1 if len(self.members) > 1 else 2,
                "folds": 2,
            }
        )

    def scored_as(self, scoring: Scoring) -> Self:
        """The ensemble and its members with another way to score."""
        members = {
            name: member.model_copy(update={"model": member.model.scored_as(scoring)})
            for name, member in self.members.items()
        }
        return self.model_copy(update={"scoring": scoring, "members": members})

    def deciding(self) -> dict[str, Any]:
        """As every section, and so each member's: a key that a kind learns later leaves an ensemble's fingerprint."""
        return {**super().deciding(), "members": {name: member.deciding() for name, member in self.members.items()}}

    @model_validator(mode="before")
    @classmethod
    def _share(cls, numbers: Any) -> Any:
        """Give every member the ensemble's lookback and scoring; members stand in the order of their names."""
        members = numbers.get("members") if isinstance(numbers, Mapping) else None
        if not isinstance(members, Mapping):
            return numbers
        said = {key: numbers.get(key, cls.model_fields[key].default) for key in SHARED}
        shared = {str(name): _sharing(str(name), member, said) for name, member in members.items()}
        return {**numbers, "members": dict(sorted(shared.items()))}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not 2 <= self.n_fits <= MAX_FITS:
            wanted = f"give two members, or several seeds, and at most {MAX_FITS} in all"
            raise ValueError(f"members times seeds must be at least 2, was {self.n_fits}: {wanted}")
        members = self.scored_as(self.scoring).members
        if any(members[name] != member for name, member in self.members.items()):
            object.__setattr__(self, "members", members)
        return self


def _sharing(name: str, member: Any, said: Mapping[str, Any]) -> Any:
    """A member as a file has it, with the ensemble's lookback; another than the ensemble's is refused."""
    model = member.model if isinstance(member, MemberSettings) else None
    section = member.get("model") if isinstance(member, Mapping) else None
    keys = section if model is None else model.model_dump()
    if not isinstance(keys, Mapping):
        return member
    for key in SHARED:
        if keys.get(key, said[key]) != said[key] and not (key == "scoring" and model):
            raise ValueError(
                f"members.{name}.model.{key} is the ensemble's, {said[key]}, was {keys[key]}: say model.{key} for all "
                "members at once"
            )
    return member if model else {**member, "model": {"lookback": said["lookback"], **keys}}


def _quick(member: MemberSettings) -> MemberSettings:
    training = member.training
    few = None if training is None else min(QUICK_EPOCHS, training.max_epochs)
    shorter = None if training is None else training.model_copy(update={"max_epochs": few, "start": ""})
    return member.model_copy(update={"model": member.model.quick(), "training": shorter})
