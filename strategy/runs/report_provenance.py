"""Report provenance: what a run's folder and checkpoint know of where its numbers came from, for the report."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from backtests.evaluation import Evaluation
from backtests.report.run_provenance import Fingerprints, Provenance, Span, Spans, TrainingReport
from strategy.definitions.render import rule_words
from strategy.runs.provenance import commit
from strategy.runs.store import RunFolder

if TYPE_CHECKING:
    from models.checkpoint import Checkpoint
    from models.model import ModelCard

__all__ = ["provenance_of", "training_report"]

EPOCH_COLUMNS = {
    "train_loss": "train_loss",
    "validation_loss": "validation_loss",
    "validation_rank_ic": "validation_ic",
    "train_accuracy": "train_accuracy",
    "validation_accuracy": "validation_accuracy",
    "learning_rate": "learning_rate",
}


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
    )


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


def training_report(card: "ModelCard", *, notes: tuple[str, ...] = ()) -> TrainingReport:
    """How a model was fitted, as its card says."""
    columns = {shown: [epoch.get(name, math.nan) for epoch in card.history] for shown, name in EPOCH_COLUMNS.items()}
    size = ("Parameters", f"{card.n_parameters:,}") if card.n_parameters else ("State", f"{card.n_bytes:,} bytes")
    by_epochs = bool(card.history) or math.isnan(card.validation_ic)
    ic = () if by_epochs else (("Validation rank IC", f"{card.validation_ic:.4f}"),)
    return TrainingReport(
        history=pd.DataFrame(columns, index=pd.RangeIndex(1, len(card.history) + 1, name="epoch")),
        best_epoch=card.best_epoch,
        facts=(("Kind", card.kind), size, ("Seed", str(card.seed)), *ic, *card.facts),
        notes=notes,
    )


def _calibration_notes(checkpoint: "Checkpoint") -> tuple[str, ...]:
    found = checkpoint.calibration
    level = (
        f"Calibration: expected return = {1e4 * found.level:.2f} ± {1e4 * found.level_se:.2f} bp + "
        f"{1e4 * found.slope:.2f} ± {1e4 * found.slope_se:.2f} bp × z, on {found.n_sessions} validation sessions."
    )
    if not found.slope_was_negative:
        return (level,)
    return (level, "The validation slope was not positive: the scores keep their order and claim next to no spread.")
