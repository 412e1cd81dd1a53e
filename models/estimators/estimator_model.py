"""Estimator model: whatever has ``fit`` and ``predict`` behind the seam, one sample a name and session."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch

from core.user_file import named_failures
from market.panel import aligned_frame
from models.estimators.samples import Target, mean_rank_ic, samples_of
from models.estimators.window_columns import WindowColumns
from models.model import FitContext, ModelCard, ScoreContext, StoredModel, WindowScores
from models.model_settings import ModelSettings
from models.sample_splits import Split
from models.windows import Scaler, Windows, check_scaled

__all__ = [
    "Estimator",
    "EstimatorModel",
    "FittedEstimator",
    "Predictor",
    "StoredForm",
    "fitted_estimator",
    "restored_estimator",
]


class Predictor(Protocol):
    """Scores samples."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Scores (n_samples,) of features (n_samples, n_features), each sample by itself."""


class Estimator(Predictor, Protocol):
    """Fits samples, then scores them; deterministic from its seed."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> object:
        """Fit features (n_samples, n_features) to labels (n_samples,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredForm:
    """How a fitted estimator becomes tensors and back; never a pickle.

    Parameters
    ----------
    dump : callable
        Fitted estimator to tensors.
    load : callable
        Tensors to what predicts.
    size : callable
        Fitted estimator to the number of numbers that were fitted, where that can be said; 0 else.
    """

    dump: Callable[[Any], Mapping[str, torch.Tensor]]
    load: Callable[[Mapping[str, torch.Tensor]], Predictor]
    size: Callable[[Any], int] = lambda _estimator: 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedEstimator:
    """A fitted estimator behind the seam.

    Parameters
    ----------
    settings : ModelSettings
        Its kind.
    scaler : Scaler
        Of the training rows.
    predictor : Predictor
        Scores samples.
    tensors : mapping of str to Tensor
        Its state.
    validation_ic : float
        Mean within-session Spearman correlation on validation.
    n_parameters : int
        Numbers that were fitted; 0 where that cannot be said.
    facts : tuple of (str, str)
        What else its card says.
    """

    settings: ModelSettings
    scaler: Scaler
    predictor: Predictor
    tensors: Mapping[str, torch.Tensor]
    validation_ic: float
    n_parameters: int = 0
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def card(self) -> ModelCard:
        """Size, seed and validation rank IC."""
        return ModelCard(
            kind=self.settings.model.kind,
            settings=self.settings,
            n_parameters=self.n_parameters,
            n_bytes=sum(tensor.numel() * tensor.element_size() for tensor in self.tensors.values()),
            seed=self.settings.training.seed,
            validation_ic=self.validation_ic,
            facts=self.facts,
        )

    @property
    def columns(self) -> WindowColumns:
        """The cells of a window that its samples hold."""
        return WindowColumns.of(self.settings.model, self.scaler.names)

    def scores(
        self, windows: Windows, sessions: pd.DatetimeIndex, *, context: ScoreContext | None = None
    ) -> pd.DataFrame:
        """Score sessions from the last rows of their windows; the names of one session are predicted together."""
        how = context or ScoreContext()
        check_scaled(windows, sessions, scaler=self.scaler, lookback=self.settings.model.lookback)
        rows = windows.sessions.get_indexer(sessions)
        x, mask = windows.x.cpu().numpy(), windows.mask.cpu().numpy()
        scores, columns = np.full((len(rows), len(windows.tickers)), np.nan), self.columns
        for done, row in enumerate(rows, start=1):
            if mask[row].any():
                scores[done - 1, mask[row]] = _predicted(self.predictor, columns.of_session(x, int(row), mask[row]))
            if how.progress is not None:
                how.progress(done, len(rows))
        return aligned_frame(scores, sessions, windows.tickers)

    def window_scores(self) -> WindowScores:
        """Predictions from the last sessions of each window."""

        def score(x: torch.Tensor) -> torch.Tensor:
            samples = self.columns.of_session(x.numpy(), len(x) - 1, slice(None))
            return torch.from_numpy(np.asarray(self.predictor.predict(samples), dtype=np.float64))

        return WindowScores(score=score, is_differentiable=False)

    def stored(self) -> StoredModel:
        """Its tensors, and what its card says."""
        record = {
            "validation_ic": self.validation_ic,
            "parameters": self.n_parameters,
            "facts": [list(fact) for fact in self.facts],
        }
        return StoredModel(scaler=self.scaler, tensors=self.tensors, record=record)


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatorModel:
    """An estimator that is given the samples of the training rows.

    Parameters
    ----------
    settings : ModelSettings
        Its kind.
    build : callable
        Model settings to an estimator that is not fitted.
    form : StoredForm
        How its state is kept.
    target : {"zscore", "rank"}
        What it is fitted to, within each session.
    """

    settings: ModelSettings
    build: Callable[[ModelSettings], Estimator]
    form: StoredForm
    target: Target = "zscore"

    def fit(self, windows: Windows, split: Split, *, context: FitContext) -> FittedEstimator:
        """Fit on the samples of the training rows; validation is only measured."""
        samples = samples_of(windows, split.train, span="training", target=self.target)
        with named_failures(f"model {self.settings.model.kind}"):
            estimator = self.build(self.settings)
            estimator.fit(samples.x, samples.y)
        model = fitted_estimator(estimator, windows, split, settings=self.settings, form=self.form)
        context.progress(1, 1, f"validation rank IC {model.validation_ic:+.4f}")
        return model


def fitted_estimator(
    estimator: Any,
    windows: Windows,
    split: Split,
    *,
    settings: ModelSettings,
    form: StoredForm,
    facts: tuple[tuple[str, str], ...] = (),
) -> FittedEstimator:
    """A fitted estimator as its checkpoint will give it back, with its validation rank IC."""
    tensors = dict(form.dump(estimator))
    model = FittedEstimator(
        settings=settings,
        scaler=windows.scaler,
        predictor=form.load(tensors),
        tensors=tensors,
        validation_ic=math.nan,
        n_parameters=form.size(estimator),
        facts=facts,
    )
    scores = model.scores(windows, windows.sessions[split.validation]).to_numpy()
    return replace(model, validation_ic=mean_rank_ic(windows, split.validation, scores))


def restored_estimator(settings: ModelSettings, stored: StoredModel, *, form: StoredForm) -> FittedEstimator:
    """The fitted estimator of a checkpoint."""
    return FittedEstimator(
        settings=settings,
        scaler=stored.scaler,
        predictor=form.load(stored.tensors),
        tensors=stored.tensors,
        validation_ic=float(stored.record["validation_ic"]),
        n_parameters=int(stored.record["parameters"]),
        facts=tuple((str(name), str(value)) for name, value in stored.record["facts"]),
    )


def _predicted(predictor: Predictor, samples: np.ndarray) -> np.ndarray:
    """Scores (n_samples,) of the samples of one session.

    Raises
    ------
    ValueError
        If the estimator gives another number of scores, or one that is not finite.
    """
    found = np.asarray(predictor.predict(samples), dtype=np.float64).reshape(-1)
    n_finite = int(np.isfinite(found).sum())
    if not len(found) == n_finite == len(samples):
        raise ValueError(
            f"predict must give one finite score a sample, gave {len(found)} scores, {n_finite} of them finite, "
            f"for {len(samples)} samples"
        )
    return found
