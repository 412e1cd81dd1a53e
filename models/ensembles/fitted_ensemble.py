"""Fitted ensemble: fitted members, how their scores become one, and how both come back from a checkpoint."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch

from market.panel import aligned_frame
from models.ensembles.combination import Combination
from models.ensembles.ensemble_settings import EnsembleSettings
from models.ensembles.session_scale import scaled_sessions, z_scores
from models.model import FittedModel, ModelCard, ScoreContext, StoredModel, WindowScores, before_refit
from models.model_kinds import kind_of, restored_model
from models.model_settings import ModelSettings
from models.windows import Scaler, Windows, check_scaled

__all__ = ["FittedEnsemble", "MemberFact", "member_models", "restored_ensemble"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFact:
    """What is known of a member after fitting.

    Parameters
    ----------
    weight : float
        Its share of the combined score.
    validation_ic : float
        Mean within-session Spearman correlation of its own score, the mean over its seeds, on validation.
    """

    weight: float
    validation_ic: float


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedEnsemble:
    """Fitted members behind the seam.

    Parameters
    ----------
    settings : ModelSettings
        Of kind ``"ensemble"``.
    scaler : Scaler
        Of the training rows, every member's.
    fits : tuple of FittedModel
        Every member with every seed, seeds of a member side by side.
    members : mapping of str to MemberFact
        By name, in order.
    validation_ic : float
        Of the combined score.
    facts : tuple of (str, str)
        What else its card says.
    """

    settings: ModelSettings
    scaler: Scaler
    fits: tuple[FittedModel, ...]
    members: Mapping[str, MemberFact]
    validation_ic: float
    facts: tuple[tuple[str, str], ...] = ()

    @cached_property
    def combination(self) -> Combination:
        """How scores become one."""
        weights = tuple(member.weight for member in self.members.values())
        return Combination(settings=_ensemble(self.settings), weights=weights)

    @property
    def best_member(self) -> str:
        """The member with the highest rank IC on validation, the first of equals."""
        known = {name: fact.validation_ic for name, fact in self.members.items() if math.isfinite(fact.validation_ic)}
        return max(known, key=lambda name: known[name]) if known else next(iter(self.members))

    @property
    def card(self) -> ModelCard:
        """Size of all members, and what each of them counts."""
        cards = [fit.card for fit in self.fits]
        return ModelCard(
            kind=self.settings.model.kind,
            settings=self.settings,
            n_parameters=sum(card.n_parameters for card in cards),
            n_bytes=sum(card.n_bytes for card in cards),
            seed=self.settings.training.seed,
            validation_ic=self.validation_ic,
            facts=(*self._member_facts(), *self.facts),
        )

    @property
    def before_refit(self) -> "FittedEnsemble":
        """The ensemble whose members validation rows did not train; itself where there was no refit."""
        fits = tuple(before_refit(fit) for fit in self.fits)
        if all(fit is before for fit, before in zip(self.fits, fits, strict=True)):
            return self
        return replace(self, fits=fits)

    def scores(
        self, windows: Windows, sessions: pd.DatetimeIndex, *, context: ScoreContext | None = None
    ) -> pd.DataFrame:
        """Combine the scores of all members."""
        scores = self.fit_scores(windows, sessions, context=context)
        return aligned_frame(self.combination.combined(scores), sessions, windows.tickers)

    def member_scores(
        self, windows: Windows, sessions: pd.DatetimeIndex, *, context: ScoreContext | None = None
    ) -> dict[str, pd.DataFrame]:
        """Score with each member by itself, by name: the mean over its seeds of scores z-scored within the session."""
        scaled = [scaled_sessions(each, z_scores) for each in self.fit_scores(windows, sessions, context=context)]
        scores = self.combination.member_scores(scaled)
        return {
            name: aligned_frame(each, sessions, windows.tickers)
            for name, each in zip(self.members, scores, strict=True)
        }

    def fit_scores(
        self, windows: Windows, sessions: pd.DatetimeIndex, *, context: ScoreContext | None = None
    ) -> list[np.ndarray]:
        """Scores of every fit on its own scale, each (n sessions, n_tickers)."""
        how = context or ScoreContext()
        check_scaled(windows, sessions, scaler=self.scaler, lookback=self.settings.model.lookback)
        return [
            fit.scores(windows, sessions, context=_share(how, fit, done, len(self.fits))).to_numpy(dtype=np.float64)
            for done, fit in enumerate(self.fits)
        ]

    def window_scores(self) -> WindowScores | None:
        """The combination of the members' scores of given windows, which it compares; None if a member cannot."""
        members = [fit.window_scores() for fit in self.fits]
        known = [member for member in members if member is not None]
        if len(known) < len(members):
            return None

        def score(x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                scores = [member.score(x).detach().double().numpy()[None] for member in known]
            return torch.from_numpy(self.combination.combined(scores)[0])

        return WindowScores(score=score, is_differentiable=False, compares_names=True)

    def stored(self) -> StoredModel:
        """Tensors of all members, each behind its member's name and seed, and their records."""
        kept = {place: fit.stored() for place, fit in zip(_places(self.settings), self.fits, strict=True)}
        tensors = {f"{place}/{key}": value for place, each in kept.items() for key, value in each.tensors.items()}
        record = {
            "fits": {place: dict(each.record) for place, each in kept.items()},
            "sources": _sources(self.settings),
            "weights": {name: fact.weight for name, fact in self.members.items()},
            "member_ics": {name: _known(fact.validation_ic) for name, fact in self.members.items()},
            "validation_ic": _known(self.validation_ic),
            "facts": [list(fact) for fact in self.facts],
        }
        return StoredModel(scaler=self.scaler, tensors=tensors, record=record)

    def _member_facts(self) -> list[tuple[str, str]]:
        ensemble = _ensemble(self.settings)
        said = [
            (f"Member {name}", _words(ensemble.members[name].model.kind, fact)) for name, fact in self.members.items()
        ]
        seeds = [("Seeds a member", str(ensemble.seeds))] if ensemble.seeds > 1 else []
        return [("Combined by", ensemble.combine), *seeds, *said]


def member_models(settings: ModelSettings) -> dict[str, ModelSettings]:
    """Settings of every fit by its place, ``NAME.k`` for the *k*-th seed of a member, from 0."""
    ensemble = _ensemble(settings)
    return {
        f"{name}.{seed}": member.as_model(settings, seed=seed)
        for name, member in ensemble.members.items()
        for seed in range(ensemble.seeds)
    }


def restored_ensemble(settings: ModelSettings, stored: StoredModel) -> FittedEnsemble:
    """The fitted members of a checkpoint.

    Raises
    ------
    ValueError
        If it holds other members than its settings name, or weights that are no numbers.
    """
    record, fits = stored.record, member_models(settings)
    names, sources = list(_ensemble(settings).members), record["sources"]
    strangers = {key.split("/", 1)[0] for key in stored.tensors} - set(fits)
    if set(record["fits"]) != set(fits) or strangers or set(record["weights"]) != set(names):
        raise ValueError("it holds other members than its settings name")
    if sources != _sources(settings):
        raise ValueError("a member was learned by another source than is loaded now")
    members = {
        name: MemberFact(weight=_number(record["weights"][name]), validation_ic=_or_nan(record["member_ics"][name]))
        for name in names
    }
    return FittedEnsemble(
        settings=settings,
        scaler=stored.scaler,
        fits=tuple(_restored(place, each, stored) for place, each in fits.items()),
        members=members,
        validation_ic=_or_nan(record["validation_ic"]),
        facts=tuple((str(name), str(value)) for name, value in record["facts"]),
    )


def _restored(place: str, settings: ModelSettings, stored: StoredModel) -> FittedModel:
    prefix = f"{place}/"
    tensors = {key.removeprefix(prefix): value for key, value in stored.tensors.items() if key.startswith(prefix)}
    return restored_model(
        settings, StoredModel(scaler=stored.scaler, tensors=tensors, record=stored.record["fits"][place])
    )


def _ensemble(settings: ModelSettings) -> EnsembleSettings:
    if not isinstance(settings.model, EnsembleSettings):
        raise ValueError(f"model.kind must be ensemble, was {settings.model.kind}")
    return settings.model


def _places(settings: ModelSettings) -> Sequence[str]:
    return list(member_models(settings))


def _sources(settings: ModelSettings) -> dict[str, str]:
    """Sha256 of the source of every member's kind that is a user's own."""
    sources = {kind: kind_of(kind).source for kind in settings.model.kinds}
    return {kind: source for kind, source in sources.items() if source}


def _share(how: ScoreContext, fit: FittedModel, done: int, n_fits: int) -> ScoreContext:
    """The context of one fit among several: how far it is counts as its share of all."""
    scored = how.scoring if "scoring" in type(fit.settings.model).model_fields else None
    if how.progress is None:
        return replace(how, scoring=scored)
    tell = how.progress
    return replace(how, scoring=scored, progress=lambda part, total: tell(done * total + part, n_fits * total))


def _words(kind: str, fact: MemberFact) -> str:
    return f"{kind}, weight {fact.weight:+.3f}, validation rank IC {fact.validation_ic:+.4f}"


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"a weight must be a finite number, was {value!r}")
    return float(value)


def _or_nan(value: Any) -> float:
    return math.nan if value is None else _number(value)
