"""Learn: the model fitted on training data, its calibration, and the scores it gives out of sample."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from core.errors import CheckpointError
from core.progress import ProgressCallback, announcer, silent
from core.settings import Settings
from market.panel import Panel
from market.returns import Execution
from models.calibrate import Calibration, fit_calibration
from models.checkpoint import Checkpoint, Provenance, load_checkpoint, save_checkpoint
from models.estimators.ridge_regression import RidgeFit, fit_ridge, ridge_scores
from models.model import FitContext, FittedModel, ScoreContext, before_refit
from models.model_kinds import make_model
from models.model_settings import ModelSettings
from models.networks.watched_epoch import watcher
from models.uncertainty.checkpoint_spread import spread_of, weighed_scores
from models.uncertainty.fitted_uncertainty import FittedUncertainty, fit_uncertainty
from models.uncertainty.uncertainty_settings import UncertaintySettings
from models.windows import Windows
from strategy.definitions.spec import StrategySpec
from strategy.learning.training_data import TrainingData
from strategy.runs.kept_files import KeptFiles
from strategy.runs.provenance import code_fingerprint, commit

__all__ = [
    "LEARNED",
    "expected_returns",
    "learn",
    "learn_ridge",
    "own_checkpoint",
    "ranges_of",
    "ridge_baseline",
    "scores_of",
    "test_sessions",
]

LEARNED = ("features", "model", "loss", "training", "label")  # sections that decide what is learned, dates aside
MODEL_FILES = ("model.safetensors", "model.json")


def learn(
    spec: StrategySpec,
    training_data: TrainingData,
    *,
    folder: Path,
    identity: Mapping[str, str],
    device: str = "auto",
    progress: ProgressCallback = silent,
) -> Checkpoint:
    """Train and calibrate, or read the checkpoint that an earlier process finished in ``folder``.

    Parameters
    ----------
    spec : StrategySpec
        Model, loss and training sections decide.
    training_data : TrainingData
        What to learn from.
    folder : Path
        Keeps the training state after every epoch, and at the end ``model.safetensors`` with its card.
    identity : mapping of str to str
        Fingerprints of spec, panel and code; a state of another identity is refused.
    device : {"auto", "cpu", "cuda"}
        Where to train.
    progress : callable
        Called after every epoch and while validation is scored.

    Raises
    ------
    MissingExtraError
        If the kind of model needs a library that is not installed.
    RunError
        If the checkpoint is not as that process left it.
    """
    path, kept = folder / "model", KeptFiles(folder)
    if kept.hold(*MODEL_FILES):
        return own_checkpoint(path, spec, panel=identity["panel"])
    settings = ModelSettings(model=spec.model, loss=spec.loss, training=spec.training)
    context = FitContext(
        folder=folder / "training",
        identity=identity,
        device=device,
        start=training_data.start,
        progress=partial(progress, "training"),
        announce=announcer(progress),
        watch=watcher(progress),
    )
    progress("training", 0, spec.training.max_epochs)
    model = make_model(settings).fit(training_data.windows, training_data.split, context=context)
    checkpoint = _calibrated(spec, model, training_data, identity=identity, device=device, progress=progress)
    save_checkpoint(path, checkpoint)
    kept.note(*MODEL_FILES)
    return checkpoint


def own_checkpoint(path: Path, spec: StrategySpec, *, panel: str) -> Checkpoint:
    """The checkpoint under ``path`` if it was trained for ``spec`` on the bars with this fingerprint.

    Raises
    ------
    CheckpointError
        If it cannot be read, or belongs to another strategy or other bars.
    """
    checkpoint = load_checkpoint(path)
    sections = checkpoint.provenance.spec
    trained = spec.model_copy(update={"model": spec.model.scored_as(checkpoint.model.settings.model.scored)})
    foreign = [part for part in LEARNED if not _same(trained, part, sections)]
    if not _has_clock(spec.execution, sections):
        foreign.append("execution")
    if not _has_ranges(spec.uncertainty, sections):
        foreign.append("uncertainty")
    if checkpoint.provenance.data_fingerprint != panel:
        foreign.append("bars")
    if foreign:
        raise CheckpointError(f"{path.name}.json belongs to another run (other {', '.join(foreign)}): restore its own")
    return checkpoint


def _same(spec: StrategySpec, part: str, sections: Mapping[str, Any]) -> bool:
    """Whether a checkpoint's section says what the spec's does; a key or section younger than it is as recorded."""
    section: Settings = getattr(spec, part)
    try:
        return type(section).recorded(sections.get(part, {} if part == "label" else None)) == section
    except ValidationError:
        return False


def _has_clock(execution: Execution, sections: Mapping[str, Any]) -> bool:
    """Whether a model learned returns of fills at this clock; how a bar without volume fills is the book's matter."""
    try:
        return Execution.recorded(sections.get("execution")).has_clock_of(execution)
    except ValidationError:
        return False


def _has_ranges(uncertainty: UncertaintySettings, sections: Mapping[str, Any]) -> bool:
    """Whether a model's ranges are those of a strategy; whether they weigh its scores is the book's matter."""
    try:
        return UncertaintySettings.recorded(sections.get("uncertainty", {})).is_learned_as(uncertainty)
    except ValidationError:
        return False


def scores_of(
    checkpoint: Checkpoint,
    windows: Windows,
    *,
    sessions: pd.DatetimeIndex,
    spec: StrategySpec,
    device: str = "auto",
    progress: ProgressCallback = silent,
) -> pd.DataFrame:
    """What the book of a strategy is built on: expected returns, weighed by their uncertainty where the strategy says.

    Without ``uncertainty.weigh`` they are those of ``expected_returns``.
    """
    expected = expected_returns(checkpoint, windows, sessions=sessions, spec=spec, device=device, progress=progress)
    if not spec.uncertainty.weigh:
        return expected
    context = _score_context(spec, device, progress)
    spread = spread_of(checkpoint, windows, sessions, settings=spec.uncertainty, context=context)
    return weighed_scores(expected, spread)


def expected_returns(
    checkpoint: Checkpoint,
    windows: Windows,
    *,
    sessions: pd.DatetimeIndex,
    spec: StrategySpec,
    device: str = "auto",
    progress: ProgressCallback = silent,
) -> pd.DataFrame:
    """Calibrated expected returns over the label's horizon; NaN where a name has no full window."""
    context = _score_context(spec, device, progress)
    return checkpoint.calibration.apply(checkpoint.model.scores(windows, sessions, context=context))


def _score_context(spec: StrategySpec, device: str, progress: ProgressCallback) -> ScoreContext:
    def show(done: int, total: int) -> None:
        progress("scoring the test", done, total)

    return ScoreContext(scoring=spec.model.scored, device=device, progress=show)


def ridge_baseline(training_data: TrainingData) -> pd.DataFrame:
    """Ridge scores of the test sessions, on the names the model scores."""
    return _ridge_scores(fit_ridge(training_data.windows, training_data.split), training_data).iloc[
        training_data.split.test
    ]


def learn_ridge(training_data: TrainingData) -> tuple[RidgeFit, pd.DataFrame]:
    """Ridge and its expected returns of every session, calibrated on validation as a model's are."""
    model = fit_ridge(training_data.windows, training_data.split)
    scores = _ridge_scores(model, training_data)
    return model, _calibration(training_data, scores.iloc[training_data.split.validation]).apply(scores)


def test_sessions(panel: Panel, checkpoint: Checkpoint) -> pd.DatetimeIndex:
    """Sessions of the panel after the checkpoint's validation span."""
    return panel.sessions[panel.sessions > checkpoint.learned_until]


def _calibrated(
    spec: StrategySpec,
    model: FittedModel,
    training_data: TrainingData,
    *,
    identity: Mapping[str, str],
    device: str,
    progress: ProgressCallback,
) -> Checkpoint:
    """Fit level, slope and ranges on validation, of what validation did not train, and say where all came from."""
    known = training_data.windows.sessions[training_data.split.validation]

    def show(done: int, total: int) -> None:
        progress("calibrating", done, total)

    judged, context = before_refit(model), ScoreContext(device=device, progress=show)
    raw = judged.scores(training_data.windows, known, context=context)
    fitted = Checkpoint(model=judged, calibration=_calibration(training_data, raw))
    return Checkpoint(
        model=model,
        calibration=fitted.calibration,
        provenance=_provenance(spec, training_data, identity),
        uncertainty=ranges_of(spec, fitted, training_data, raw, context=context),
    )


def ranges_of(
    spec: StrategySpec, fitted: Checkpoint, training_data: TrainingData, raw: pd.DataFrame, *, context: ScoreContext
) -> FittedUncertainty | None:
    """What turns spreads into ranges, from a calibrated model's raw scores of validation; None where there are none."""
    settings, sessions = spec.uncertainty, pd.DatetimeIndex(raw.index)
    if not settings.is_on:
        return None
    spread = spread_of(
        fitted, training_data.windows, sessions, settings=settings, context=context, trailing=training_data.trailing
    )
    expected, forward = fitted.calibration.apply(raw), training_data.forward.loc[sessions]
    return fit_uncertainty(settings.method, expected=expected, forward=forward, spread=spread)


def _calibration(training_data: TrainingData, raw: pd.DataFrame) -> Calibration:
    """Fit level and slope of raw scores of the validation sessions."""
    windows, split = training_data.windows, training_data.split
    learned = training_data.forward.iloc[split.train.start : split.validation.stop]
    universe = pd.DataFrame(windows.present.cpu().numpy(), index=windows.sessions, columns=windows.tickers)
    return fit_calibration(
        raw,
        forward=training_data.forward.loc[raw.index],
        universe_returns=learned.where(universe).mean(axis=1),
        horizon=training_data.horizon,
    )


def _ridge_scores(model: RidgeFit, training_data: TrainingData) -> pd.DataFrame:
    """Ridge scores of every session, on the names the model scores."""
    scores = ridge_scores(model, training_data.windows)
    complete = pd.DataFrame(training_data.windows.mask.cpu().numpy(), index=scores.index, columns=scores.columns)
    return scores.where(complete)


def _provenance(spec: StrategySpec, training_data: TrainingData, identity: Mapping[str, str]) -> Provenance:
    """The spec with the dates that its split came to, and the fingerprints."""
    sessions, split = training_data.windows.sessions, training_data.split
    dates = {
        "train_end": f"{sessions[split.validation.start - 1]:%Y-%m-%d}",
        "validation_end": f"{sessions[split.test.start - 1]:%Y-%m-%d}",
    }
    resolved = spec.model_dump(mode="json")
    resolved["split"] |= dates
    return Provenance(
        spec=resolved,
        data_fingerprint=identity["panel"],
        code_fingerprint=code_fingerprint(spec),
        commit=commit() or "",
    )
