"""Ensemble model: members fitted one after the other, then weighed; each keeps a folder of state of its own.

What weighs members did not train them: validation rows, or for ``stacked`` purged folds of training and validation,
on each of which every member is fitted again without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from core.errors import DataError
from models.ensembles.combination import Combination
from models.ensembles.ensemble_settings import EnsembleSettings
from models.ensembles.fitted_ensemble import FittedEnsemble, MemberFact, member_models
from models.ensembles.member_weights import equal_weights, fitted_weights, session_moments, stacked_weights
from models.ensembles.session_scale import scaled_sessions, z_scores
from models.estimators.samples import mean_rank_ic
from models.fold_splits import CombinatorialSplit, combinatorial_splits
from models.model import FitContext, FittedModel, ScoreContext, before_refit
from models.model_kinds import make_model
from models.model_settings import ModelSettings
from models.sample_splits import Split
from models.spans import usable_rows
from models.windows import Windows

__all__ = ["EnsembleModel"]

NOBODY = "no member follows the labels: all count the same"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsembleModel:
    """Members that are fitted apart and combined.

    Parameters
    ----------
    settings : ModelSettings
        Of kind ``"ensemble"``.
    """

    settings: ModelSettings

    def fit(self, windows: Windows, split: Split, *, context: FitContext) -> FittedEnsemble:
        """Fit every member with every seed, and on the folds where they are stacked; then weigh them."""
        ensemble, folds = self._ensemble, self._folds(windows, split)
        n_fits = ensemble.n_fits * (1 + len(folds))
        fits = self._fitted(windows, split, _FitContexts(context=context, first=0, n_fits=n_fits))
        judged = [before_refit(fit) for fit in fits]
        scores = _scored(judged, windows, split.validation, context)
        members = self._member_scores(scores)
        if ensemble.combine == "stacked":
            held = self._out_of_fold(
                windows, folds, _FitContexts(context=context, first=ensemble.n_fits, n_fits=n_fits)
            )
            moments = session_moments(held, windows.y.cpu().numpy())
            found = stacked_weights(moments, penalty=ensemble.stack_penalty)
        elif ensemble.combine == "weighted":
            found = fitted_weights(session_moments(members, windows.y[split.validation].cpu().numpy()))
        else:
            found = equal_weights(len(members))
        weights = found or equal_weights(len(members))
        ics = [mean_rank_ic(windows, split.validation, each) for each in members]
        whole = Combination(settings=ensemble, weights=weights).combined(scores)
        return FittedEnsemble(
            settings=self.settings,
            scaler=windows.scaler,
            fits=tuple(fits),
            members={
                name: MemberFact(weight=weight, validation_ic=ic)
                for name, weight, ic in zip(ensemble.members, weights, ics, strict=True)
            },
            validation_ic=mean_rank_ic(windows, split.validation, whole),
            facts=self._facts(is_weighed=found is not None, folds=folds),
        )

    @property
    def _ensemble(self) -> EnsembleSettings:
        if not isinstance(self.settings.model, EnsembleSettings):
            raise ValueError(f"model.kind must be ensemble, was {self.settings.model.kind}")
        return self.settings.model

    def _fitted(self, windows: Windows, split: Split, contexts: "_FitContexts") -> list[FittedModel]:
        """Every member with every seed, in order."""
        plan = member_models(self.settings).items()
        return [
            make_model(settings).fit(windows, split, context=contexts.of(number, place))
            for number, (place, settings) in enumerate(plan)
        ]

    def _member_scores(self, scores: list[np.ndarray]) -> list[np.ndarray]:
        scaled = [scaled_sessions(each, z_scores) for each in scores]
        return Combination(settings=self._ensemble, weights=()).member_scores(scaled)

    def _folds(self, windows: Windows, split: Split) -> list[CombinatorialSplit]:
        """Splits of training and validation, each of which holds out a part; none where nothing is stacked."""
        if self._ensemble.combine != "stacked":
            return []
        first = int(usable_rows(windows, split.train, span="training")[0])
        length, validated = split.validation.stop - first, split.validation.stop - split.validation.start
        n_folds = self._ensemble.folds
        try:
            found = combinatorial_splits(
                length, n_groups=n_folds, k_test=1, validation=validated / length, purge=split.purge
            )
        except (DataError, ValueError) as error:
            raise DataError(
                f"model.folds {n_folds} leave too few of {length} sessions to fit on: set fewer, or give more history"
            ) from error
        return [_moved(fold, first) for fold in found]

    def _out_of_fold(
        self, windows: Windows, folds: list[CombinatorialSplit], contexts: "_FitContexts"
    ) -> list[np.ndarray]:
        """Scores of each member, (n_sessions, n_tickers), each row by a fit that never met its label; NaN elsewhere."""
        held = [np.full(tuple(windows.y.shape), np.nan) for _ in self._ensemble.members]
        for number, fold in enumerate(folds):
            moved = contexts.fold(number, self._ensemble.n_fits)
            fits = self._fitted(_without(windows, fold.barred), fold.split, moved)
            for rows in fold.judged:
                scores = _scored(fits, windows, rows, contexts.context)
                for whole, part in zip(held, self._member_scores(scores), strict=True):
                    whole[rows] = part
        return held

    def _facts(self, *, is_weighed: bool, folds: list[CombinatorialSplit]) -> tuple[tuple[str, str], ...]:
        ensemble = self._ensemble
        if ensemble.combine == "trimmed_mean":
            cut, n_fits = ensemble.n_trimmed, ensemble.n_fits
            trims = f"{cut} of {n_fits} scores of a name at each end"
            nothing = f"nothing: {ensemble.trim:g} of {n_fits} scores is less than one, so this is the plain mean"
            return (("Trimmed", trims if cut else nothing),)
        if ensemble.combine == "weighted":
            return (
                ("Weights", "fitted on validation, whose rank IC is no estimate of theirs" if is_weighed else NOBODY),
            )
        if ensemble.combine == "stacked":
            ridge = f"ridge on {len(folds)} purged folds, penalty {ensemble.stack_penalty:g}"
            return (("Weights", ridge if is_weighed else NOBODY),)
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _FitContexts:
    """Where fits keep their state, and how far all of them are."""

    context: FitContext
    first: int
    n_fits: int
    place: str = ""

    def of(self, number: int, place: str) -> FitContext:
        """The context of one fit: a folder of its own, and its progress as a part of all."""
        context, count = self.context, self.first + number + 1
        where = f"{self.place}{place}"

        def tell(done: int, total: int, note: str) -> None:
            context.progress(done, total, f"{where}, {count} of {self.n_fits}: {note}")

        say, watch = context.announce, context.watch
        return replace(
            context,
            folder=None if context.folder is None else context.folder / where,
            progress=tell,
            announce=None if say is None or self.place else lambda words: say(f"{where}: {words}"),
            watch=None if watch is None else lambda seen: watch(replace(seen, part=where)),
        )

    def fold(self, number: int, n_fits: int) -> "_FitContexts":
        """The contexts of the fits of one fold."""
        return replace(self, first=self.first + number * n_fits, place=f"fold{number}.")


def _scored(fits: list[FittedModel], windows: Windows, rows: slice, context: FitContext) -> list[np.ndarray]:
    sessions, how = windows.sessions[rows], ScoreContext(device=context.device)
    return [fit.scores(windows, sessions, context=how).to_numpy(dtype=np.float64) for fit in fits]


def _moved(fold: CombinatorialSplit, first: int) -> CombinatorialSplit:
    """A fold whose rows count from ``first``."""

    def moved(span: slice) -> slice:
        return slice(span.start + first, span.stop + first)

    spans: Mapping[str, slice] = {name: moved(getattr(fold.split, name)) for name in ("train", "validation", "test")}
    return replace(
        fold,
        judged=tuple(moved(span) for span in fold.judged),
        split=Split(**spans, purge=fold.split.purge),
        barred=tuple(moved(span) for span in fold.barred),
    )


def _without(windows: Windows, barred: tuple[slice, ...]) -> Windows:
    """Windows that do not know the labels of some rows."""
    y = windows.y.clone()
    for rows in barred:
        y[rows] = torch.nan
    return replace(windows, y=y)
