"""Fitted scores: the validation scores of what a strategy learns, trained once however many points share it.

What is learned follows from features, model, loss, training, label, split, clock and uncertainty: points that differ in
their book alone share one training. A training that was killed goes on from its last epoch; once it is through, its
scores are kept and its weights are not.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from core.errors import MissingExtraError, QuintileError, RunError
from core.files import atomic_path, file_sha256, read_json, write_json
from market.panel import aligned_frame
from market.returns import forward_returns
from models.checkpoint import Checkpoint
from models.networks.training_time import epoch_ics
from signals.score_metrics import information_coefficient
from strategy.definitions.spec import StrategySpec
from strategy.learning.learn import learn, scores_of
from strategy.learning.training_data import TrainingData, kept_model_features, prepare_training_data
from strategy.runs.kept_files import KeptFiles
from strategy.runs.provenance import code_fingerprint
from strategy.sweeps.median_rule import stopping_epoch
from strategy.sweeps.validation_bars import ValidationBars

__all__ = ["FitRecord", "fitted_scores", "learned_part", "scores_sha256"]

LEARNED_BY = ("features", "model", "loss", "training", "split", "execution", "label", "uncertainty")
FIT_FILE, SCORES_FILE, WORK = "fit.json", "scores.parquet", "work"


class _Stop(Exception):  # noqa: N818  no error: the median rule ends a training
    """The training is no better than the median of those before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRecord:
    """What is known of a training that is through.

    Parameters
    ----------
    epochs : tuple of float or None
        Validation rank IC by epoch; empty for a kind without epochs.
    stopped : int
        Epoch after which the median rule ended it; 0 where it ran to its end.
    training_ic : float or None
        Mean rank IC on the training sessions, where it was asked for.
    scores, weights : str
        sha256 of the validation scores and of the weights, in hexadecimal.
    failure : str
        Why there are none.
    """

    epochs: tuple[float | None, ...] = ()
    stopped: int = 0
    training_ic: float | None = None
    scores: str = ""
    weights: str = ""
    failure: str = ""


def learned_part(spec: StrategySpec) -> str:
    """The sha256 of all that decides what a strategy learns on given bars, in hexadecimal."""
    deciding = spec.deciding()
    learned = {section: deciding.get(section, {}) for section in LEARNED_BY}
    return hashlib.sha256(json.dumps(learned, sort_keys=True).encode()).hexdigest()


def scores_sha256(scores: pd.DataFrame) -> str:
    """The sha256 of scores, all NaN being one, in hexadecimal."""
    digest = hashlib.sha256(json.dumps([f"{session:%Y-%m-%d}" for session in scores.index]).encode())
    digest.update(json.dumps(list(map(str, scores.columns))).encode())
    numbers = scores.to_numpy(dtype=float, copy=True)
    numbers[pd.isna(numbers)] = math.nan
    digest.update(numbers.tobytes(order="C"))
    return digest.hexdigest()


def fitted_scores(
    spec: StrategySpec,
    bars: ValidationBars,
    *,
    folder: Path,
    bounds: Sequence[float | None] = (),
    with_training: bool = False,
    say: Callable[[str], None] | None = None,
) -> tuple[FitRecord, pd.DataFrame | None]:
    """Train, or read what was trained, and give the scores of the validation sessions.

    Parameters
    ----------
    spec : StrategySpec
        Its learned part decides.
    bars : ValidationBars
        Bars that end with validation.
    folder : Path
        Of this training.
    bounds : sequence of float or None
        By epoch, of the median rule; none stops nothing.
    with_training : bool
        Measure the rank IC on the training sessions too.
    say : callable, optional
        Called with what a long training will take; without it nothing is measured for that.

    Returns
    -------
    record : FitRecord
        What is known of it.
    scores : DataFrame of float or None
        Validation sessions × tickers, calibrated; None where the training was stopped or failed.

    Raises
    ------
    RunError
        If a file is not as it was written.
    MissingExtraError
        If the kind of model needs a library that is not installed.
    """
    kept = KeptFiles(folder)
    if not kept.hold(FIT_FILE):
        record = _trained(spec, bars, folder, bounds, with_training=with_training, say=say)
        write_json(folder / FIT_FILE, _as_json(record))
        kept.note(*([SCORES_FILE] if record.scores else []), FIT_FILE)
        shutil.rmtree(folder / WORK, ignore_errors=True)
    record = read_json(folder / FIT_FILE, FitRecord)
    if not record.scores:
        return record, None
    kept.hold(SCORES_FILE)
    scores = pd.read_parquet(folder / SCORES_FILE)
    scores = aligned_frame(scores.to_numpy(), pd.DatetimeIndex(scores.index), bars.inputs.panel.tickers)
    return record, scores


def _trained(
    spec: StrategySpec,
    bars: ValidationBars,
    folder: Path,
    bounds: Sequence[float | None],
    *,
    with_training: bool,
    say: Callable[[str], None] | None,
) -> FitRecord:
    """Train and score; a training that cannot be done says why."""
    watch, panel = _Watch(folder / WORK / "training", bounds, say), bars.inputs.panel
    try:
        features = kept_model_features(spec, panel)
        training_data = prepare_training_data(spec, panel, features=features, split=bars.split(spec))
        identity = {"spec": learned_part(spec), "panel": panel.fingerprint(), "code": code_fingerprint(spec)}
        watch("training", 0, 0)  # what was learned before a kill may say enough
        checkpoint = learn(spec, training_data, folder=folder / WORK, identity=identity, device="cpu", progress=watch)
        scores = _scored(spec, checkpoint, training_data, training_data.split.validation)
        training_ic = _training_ic(spec, checkpoint, training_data, bars) if with_training else None
    except _Stop:
        epochs = watch.epochs()
        stopped = stopping_epoch(epochs, bounds)
        return FitRecord(epochs=epochs[:stopped], stopped=stopped)
    except MissingExtraError:
        raise
    except (QuintileError, ValueError, ArithmeticError) as error:
        return FitRecord(epochs=watch.epochs(), failure=" ".join(str(error).split()))
    with atomic_path(folder / SCORES_FILE) as temporary:
        scores.to_parquet(temporary, compression="zstd")
    weights = file_sha256(folder / WORK / "model.safetensors")
    return FitRecord(epochs=watch.epochs(), training_ic=training_ic, scores=scores_sha256(scores), weights=weights)


@dataclass(slots=True)
class _Watch:
    """Progress of a training that ends it once the median rule says so."""

    folder: Path
    bounds: Sequence[float | None] = field(default=())
    say: Callable[[str], None] | None = None

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:  # noqa: ARG002  the protocol's
        """Look at the epochs so far."""
        if stage == "training" and self.bounds and stopping_epoch(self.epochs(), self.bounds):
            raise _Stop

    def epochs(self) -> tuple[float | None, ...]:
        """Validation rank IC of the epochs so far; those of an ensemble's members are not told."""
        try:
            return epoch_ics(self.folder)
        except RunError:
            return ()


def _scored(spec: StrategySpec, checkpoint: Checkpoint, training_data: TrainingData, rows: slice) -> pd.DataFrame:
    return scores_of(
        checkpoint,
        training_data.windows,
        sessions=training_data.windows.sessions[rows],
        spec=spec,
        device="cpu",
    )


def _training_ic(
    spec: StrategySpec, checkpoint: Checkpoint, training_data: TrainingData, bars: ValidationBars
) -> float | None:
    """Mean rank IC of the training sessions."""
    rows = training_data.split.train
    scores = _scored(spec, checkpoint, training_data, rows)
    forward = forward_returns(bars.inputs.panel, spec.execution, horizon=spec.label.horizon).iloc[rows]
    mean = float(information_coefficient(scores, forward).mean())
    return mean if math.isfinite(mean) else None


def _as_json(record: FitRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in FitRecord.__dataclass_fields__}
