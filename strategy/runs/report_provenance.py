"""Report provenance: what a run's folder and checkpoint know of where its numbers came from, for the report."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from backtests.evaluation import Evaluation
from backtests.report.run_provenance import Fingerprints, Provenance, Span, Spans, training_report
from core.progress import duration
from strategy.definitions.render import rule_words
from strategy.runs.log.log_lines import LOG_FILE, read_log
from strategy.runs.provenance import commit
from strategy.runs.store import RunFolder

if TYPE_CHECKING:
    from models.checkpoint import Checkpoint

__all__ = ["machine_rows", "provenance_of"]

START, MACHINE, TRAINING, DONE = "start", "machine", "training", "done in "  # stages and a word of a run's log


def provenance_of(
    folder: RunFolder, evaluation: Evaluation, *, checkpoint: "Checkpoint | None" = None, notes: tuple[str, ...] = ()
) -> Provenance:
    """Gather spans, fingerprints, settings, training and notes of a run.

    Parameters
    ----------
    folder : RunFolder
        Its record has the identity of spec, bars and code.
    evaluation : Evaluation
        Of the run's scores.
    checkpoint : Checkpoint, optional
        The model behind the scores.
    notes : tuple of str
        Further notes of the run.
    """
    spec, identity = folder.spec, folder.record["identity"]
    split = None if checkpoint is None else checkpoint.provenance.spec["split"]
    return Provenance(
        title=spec.title,
        spec=tuple(
            (section, key, str(value)) for section, part in spec.sections().items() for key, value in part.items()
        ),
        spans=_scored_span(evaluation) if split is None else _spans(evaluation, split),
        fingerprints=Fingerprints(
            spec=identity["spec"], panel=identity["panel"], code=identity["code"], commit=commit() or ""
        ),
        command=folder.record["command"],
        rules={name: rule_words(book.builder) for name, book in evaluation.rules.books.items()},
        training=None
        if checkpoint is None
        else training_report(checkpoint.model.card, notes=_calibration_notes(checkpoint)),
        gates=spec.gates,
        notes=notes,
        machine=machine_rows(folder),
    )


def machine_rows(folder: RunFolder) -> tuple[tuple[str, str], ...]:
    """Device and runtime of a run by its log, the last sitting of one that was resumed; by its record without a log."""
    lines = read_log(folder.path / LOG_FILE)
    starts = [place for place, line in enumerate(lines) if line.stage == START]
    if not starts:
        found = folder.record.get("environment", {})
        return (("Machine", f"{found['machine']}, {found['processors']} processors"),) if "machine" in found else ()
    sitting = lines[starts[-1] :]
    said = {line.stage: line.message for line in sitting if line.stage == MACHINE or line.message.startswith(DONE)}
    took = (sitting[-1].time - sitting[0].time).total_seconds()
    rows = (
        ("Machine and device", said.get(MACHINE, "")),
        ("Training time", said.get(TRAINING, "").removeprefix(DONE)),
        ("Runtime up to the report", duration(took)),
    )
    return tuple((name, words) for name, words in rows if words)


def _scored_span(evaluation: Evaluation) -> Spans:
    """Nothing was fitted here: every scored session is tested."""
    return Spans(test=_span(pd.DatetimeIndex(evaluation.scores.index)))


def _spans(evaluation: Evaluation, split: Mapping[str, str]) -> Spans:
    sessions = evaluation.inputs.panel.sessions
    train_end, validation_end = pd.Timestamp(split["train_end"]), pd.Timestamp(split["validation_end"])
    return Spans(
        train=_span(sessions[sessions <= train_end]),
        validation=_span(sessions[(sessions > train_end) & (sessions <= validation_end)]),
        test=_span(sessions[sessions > validation_end]),
    )


def _span(sessions: pd.DatetimeIndex) -> Span:
    return Span(first=sessions[0], last=sessions[-1], sessions=len(sessions))


def _calibration_notes(checkpoint: "Checkpoint") -> tuple[str, ...]:
    found = checkpoint.calibration
    level = (
        f"Calibration: expected return = {1e4 * found.level:.2f} ± {1e4 * found.level_se:.2f} bp + "
        f"{1e4 * found.slope:.2f} ± {1e4 * found.slope_se:.2f} bp × z, on {found.n_sessions} validation sessions."
    )
    if not found.slope_was_negative:
        return (level,)
    return (level, "The validation slope was not positive: the scores keep their order and claim next to no spread.")
