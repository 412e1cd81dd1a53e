"""Walk settings: what is retrained when, on which seeds."""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from core.settings import Settings
from models.fold_splits import RetrainingSettings

__all__ = ["CombinatorialSettings", "WalkSettings"]

OPTIONS = ("train", "test", "validation", "embargo", "expanding", "first_test", "seeds", "learner", "combinatorial")


def _renamed(learner: Any) -> Any:
    """What a walk called the strategy's model before there were kinds of it."""
    return "model" if learner == "network" else learner


class CombinatorialSettings(Settings):
    """Judge every choice of ``k_test`` among ``n_groups`` groups of sessions.

    Parameters
    ----------
    n_groups, k_test : int
        N and k.
    """

    n_groups: int = Field(default=6, ge=2, le=20)
    k_test: int = Field(default=2, ge=1)


class WalkSettings(Settings):
    """Settings of a walk that decide its numbers, beside the strategy.

    Parameters
    ----------
    retraining : RetrainingSettings
        Lengths of the spans.
    first_test : date, optional
        First judged session, or the first after it; by default the one after the first ``retraining.train`` sessions.
        Earlier bars warm features up.
    seeds : tuple of int
        One training a fold each; empty for the strategy's own.
    learner : {"model", "ridge"}
        What is trained: the strategy's model, with ridge beside it, or ridge alone, which has no seed.
    combinatorial : CombinatorialSettings, optional
        Combinatorial purged splits instead of a walk forward.
    """

    retraining: RetrainingSettings = RetrainingSettings()
    first_test: dt.date | None = None
    seeds: tuple[int, ...] = ()
    learner: Annotated[Literal["model", "ridge"], BeforeValidator(_renamed)] = "model"
    combinatorial: CombinatorialSettings | None = None

    @classmethod
    def of(cls, numbers: Mapping[str, object]) -> Self:
        """Settings from numbers by name; None is the default.

        ``combinatorial`` is a pair, N groups and K of them judged; its learner is ridge unless one is named.

        Raises
        ------
        ValueError
            If one is not allowed; in one line.
        """
        given = {name: value for name, value in numbers.items() if value not in (None, ())}
        if isinstance(pair := given.get("combinatorial"), Sequence):
            if len(pair) != 2:
                raise ValueError(
                    f"combinatorial takes two numbers, N groups and K of them judged, such as 6,2, was {pair}"
                )
            given["combinatorial"] = dict(zip(("n_groups", "k_test"), pair, strict=True))
            given.setdefault("learner", "ridge")
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            problem = error.errors()[0]
            if problem["type"] == "extra_forbidden":
                raise ValueError(f"unknown option {problem['loc'][-1]}: a walk takes {', '.join(OPTIONS)}") from error
            option = str(problem["loc"][-1] if problem["loc"] else "a walk").replace("_", "-")
            raise ValueError(
                f"{option}: {problem['msg'].removeprefix('Value error, ')}, was {problem['input']!r}"
            ) from error

    def fingerprint(self) -> str:
        """The sha256 of everything but the seeds, which the strategies of the runs carry."""
        deciding = self.model_dump_json(exclude={"seeds"}).replace(
            '"learner":"model"', '"learner":"network"'
        )  # as ever
        return f"walk-{hashlib.sha256(deciding.encode()).hexdigest()}"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds) or any(seed < 0 for seed in self.seeds):
            raise ValueError(f"seeds must be different numbers from 0 on, were {self.seeds}")
        if self.learner == "ridge" and len(self.seeds) > 1:
            raise ValueError(f"ridge has no seed: give none instead of {self.seeds}")
        return self
