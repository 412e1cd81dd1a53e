"""Learn: features and labels of a panel, the model fitted on them, and the scores it gives out of sample."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from core.errors import CheckpointError, DataError
from core.progress import ProgressCallback, silent
from core.settings import Settings
from market.delistings import listed
from market.holdout import refuse_sealed
from market.panel import Panel
from market.returns import Execution, forward_returns
from models.calibrate import Calibration, fit_calibration
from models.checkpoint import Checkpoint, Provenance, load_checkpoint, save_checkpoint
from models.estimators.ridge_regression import RidgeFit, fit_ridge, ridge_scores
from models.labels import learned_labels
from models.losses.rank_loss import MIN_NAMES
from models.model import FitContext, FittedModel, ScoreContext
from models.model_kinds import make_model
from models.model_settings import ModelSettings, Scoring
from models.sample_splits import Split, resolve_split
from models.scratch import Scratch
from models.spans import usable_rows
from models.windows import Windows, build_windows, fit_scaler
from signals.features import Computing, compute_features, fill_gaps, kept_features
from strategy.definitions.spec import StrategySpec
from strategy.learning.training_checks import check_volume
from strategy.runs.kept_files import KeptFiles
from strategy.runs.provenance import code_fingerprint, commit

__all__ = [
    "LEARNED",
    "TrainingData",
    "kept_model_features",
    "learn",
    "learn_ridge",
    "model_features",
    "own_checkpoint",
    "prepare_training_data",
    "ridge_baseline",
    "scores_of",
    "test_sessions",
    "tradable",
]

LEARNED = ("features", "model", "loss", "training", "label")  # sections that decide what is learned, dates aside
MODEL_FILES = ("model.safetensors", "model.json")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingData:
    """Training data of a model: forward returns, rows of each span, scaled windows with their labels.

    Parameters
    ----------
    forward : DataFrame of float
        Forward returns of the spec's execution over its label's horizon, which calibration reads.
    split : Split
        Purged rows of training, validation and test.
    windows : Windows
        Scaled on training rows; their targets are what is learned, see ``models.labels``.
    horizon : int
        Sessions that each forward return spans.
    """

    forward: pd.DataFrame
    split: Split
    windows: Windows
    horizon: int = 1


def model_features(spec: StrategySpec, panel: Panel) -> Mapping[str, pd.DataFrame]:
    """The features the model sees, short gaps carried forward; row *t* is known at the close of *t*.

    Raises
    ------
    RunError
        If the bars reach into the spec's sealed hold-out.
    """
    refuse_sealed(panel, spec.holdout)
    features = compute_features(panel, spec.features.set, computing=Computing(gap_limit=spec.features.skipped))
    return fill_gaps(features, panel, limit=spec.features.gap_limit)


def kept_model_features(
    spec: StrategySpec, panel: Panel, *, until: pd.Timestamp | None = None
) -> Mapping[str, pd.DataFrame]:
    """The features of ``model_features``, bit for bit, read from the cache beside the data or left there.

    For the bars of runs, walks and decisions, which are met again; not for made-up ones.

    Parameters
    ----------
    spec : StrategySpec
        Its feature set and gaps decide.
    panel : Panel
        Bars.
    until : Timestamp, optional
        The features of ``panel.until(until)``, as ``signals.features.kept_features`` has them.

    Raises
    ------
    RunError
        If the bars reach into the spec's sealed hold-out.
    """
    refuse_sealed(panel, spec.holdout)
    features = kept_features(panel, spec.features.set, until=until, gap_limit=spec.features.skipped)
    return fill_gaps(features, panel if until is None else panel.until(until), limit=spec.features.gap_limit)


def prepare_training_data(
    spec: StrategySpec,
    panel: Panel,
    *,
    features: Mapping[str, pd.DataFrame] | None = None,
    split: Split | None = None,
    barred: tuple[slice, ...] = (),
    scratch: Scratch | None = None,
) -> TrainingData:
    """Labels, spans and windows; scaler and target scale are fitted on training rows only.

    Parameters
    ----------
    spec : StrategySpec
        Features, execution and lookback decide; the split does where none is given.
    panel : Panel
        Bars with their universe.
    features : mapping of str to DataFrame, optional
        Those of ``model_features``, where they are at hand.
    split : Split, optional
        Purged rows of another split than the spec's.
    barred : tuple of slice
        Rows that are judged, or too close to one: their labels are left out, and the scaler does not see them.
    scratch : Scratch, optional
        Where scaled features go that are too large for memory; the same bits.

    Raises
    ------
    DataError
        If the bars hold too few names or sessions, or a span has no session that can be used.
    """
    _check_size(spec, panel)
    features = model_features(spec, panel) if features is None else features
    horizon, eligible = spec.label.horizon, tradable(panel)
    forward = _without(forward_returns(panel, spec.execution, horizon=horizon), barred, np.nan)
    labels = _without(learned_labels(panel, spec.execution, spec.label, eligible=eligible), barred, np.nan)
    if split is None:
        split = resolve_split(panel.sessions, spec.split, delay=spec.execution.delay, horizon=horizon)
    check_volume(spec, panel, features, split=split)
    scaler = fit_scaler(features, targets=labels, universe=_without(eligible, barred, False), rows=split.train)
    windows = build_windows(
        features, targets=labels, universe=eligible, scaler=scaler, lookback=spec.model.lookback, scratch=scratch
    )
    for name, rows in (("training", split.train), ("validation", split.validation)):
        usable_rows(windows, rows, span=name)  # fails here, before a run has a folder
    return TrainingData(forward=forward, split=split, windows=windows, horizon=horizon)


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
        folder=folder / "training", identity=identity, device=device, progress=partial(progress, "training")
    )
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


def scores_of(
    checkpoint: Checkpoint,
    windows: Windows,
    *,
    sessions: pd.DatetimeIndex,
    scoring: Scoring,
    device: str = "auto",
    progress: ProgressCallback = silent,
) -> pd.DataFrame:
    """Calibrated expected returns over the label's horizon; NaN where a name has no full window."""

    def show(done: int, total: int) -> None:
        progress("scoring the test", done, total)

    context = ScoreContext(scoring=scoring, device=device, progress=show)
    return checkpoint.calibration.apply(checkpoint.model.scores(windows, sessions, context=context))


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


def _check_size(spec: StrategySpec, panel: Panel) -> None:
    if len(panel.tickers) < MIN_NAMES:
        raise DataError(
            f"the bars hold {len(panel.tickers)} tickers, a cross-section needs at least {MIN_NAMES}: add names"
        )
    if len(panel.sessions) <= spec.model.lookback:
        raise DataError(
            f"the bars hold {len(panel.sessions)} sessions, the model's lookback is {spec.model.lookback}: give more "
            "history, or lower model.lookback"
        )


def tradable(panel: Panel) -> pd.DataFrame:
    """The names of the universe that are listed."""
    return panel.universe & listed(panel)


def _calibrated(
    spec: StrategySpec,
    model: FittedModel,
    training_data: TrainingData,
    *,
    identity: Mapping[str, str],
    device: str,
    progress: ProgressCallback,
) -> Checkpoint:
    """Fit level and slope on validation, and say where everything came from."""
    known = training_data.windows.sessions[training_data.split.validation]

    def show(done: int, total: int) -> None:
        progress("calibrating", done, total)

    raw = model.scores(training_data.windows, known, context=ScoreContext(device=device, progress=show))
    return Checkpoint(
        model=model, calibration=_calibration(training_data, raw), provenance=_provenance(spec, training_data, identity)
    )


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


def _without(frame: pd.DataFrame, rows: tuple[slice, ...], missing: float | bool) -> pd.DataFrame:
    """The frame with some rows emptied."""
    if not rows:
        return frame
    emptied = frame.copy()
    for span in rows:
        emptied.iloc[span] = missing
    return emptied


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
