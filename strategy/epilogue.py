"""Epilogue: the one end of every run, whatever it was made of: trial, verdict, artefacts, finished."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backtests.evaluation import Evaluation
from backtests.verdict import TrialStanding, judge
from backtests.walk_study import WalkStudy
from strategy.runs.artefacts import save_evaluation, save_numbers
from strategy.runs.result import Run
from strategy.runs.score_record import ScoreRecord
from strategy.runs.store import RunFolder, RunStore
from strategy.trials.trial_record import record_trial

if TYPE_CHECKING:
    from models.checkpoint import Checkpoint

__all__ = ["Remarks", "conclude", "conclude_quickly"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remarks:
    """What a report must say beside its numbers.

    Parameters
    ----------
    stamps : tuple of (label, sentence)
        On page one, and weighed by the verdict.
    notes : tuple of str
        After the report's own.
    """

    stamps: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def conclude(
    store: RunStore,
    folder: RunFolder,
    evaluation: Evaluation,
    *,
    checkpoint: "Checkpoint | None" = None,
    remarks: Remarks | None = None,
    walk: WalkStudy | None = None,
) -> Run:
    """Log the trial before its result is shown, judge it among all trials, write every artefact, mark the run finished.

    Parameters
    ----------
    store : RunStore
        Its trial log counts.
    folder : RunFolder
        The run, held by this process.
    evaluation : Evaluation
        What its scores came to.
    checkpoint : Checkpoint, optional
        The model behind the scores.
    remarks : Remarks, optional
        Stamps and notes of the report.
    walk : WalkStudy, optional
        The folds of scores that were stitched.
    """
    remarks = remarks or Remarks()
    standing = record_trial(store, folder, evaluation, stamps=remarks.stamps, walk=walk)
    verdict, notes = judge(evaluation, standing), (*remarks.notes, *_damaged_trials(standing))
    save_evaluation(folder, evaluation, verdict, checkpoint=checkpoint, notes=notes, walk=walk)
    if checkpoint is not None and "version" not in folder.record:  # a version's scores have threads of their own
        scores = ScoreRecord(path=folder.path / "scores.parquet", spec=folder.spec, model=folder.path / "model")
        scores.vouch(folder.record["identity"]["panel"])
    folder.finish()
    return Run(folder)


def conclude_quickly(store: RunStore, folder: RunFolder, evaluation: Evaluation, *, remarks: Remarks) -> Run:
    """Log the trial of a quick evaluation before its result is shown, judge it, and write its numbers alone."""
    standing = record_trial(store, folder, evaluation, stamps=remarks.stamps)
    notes = (*remarks.notes, *_damaged_trials(standing))
    save_numbers(folder, evaluation, judge(evaluation, standing), notes=notes)
    folder.finish()
    return Run(folder)


def _damaged_trials(standing: TrialStanding) -> tuple[str, ...]:
    if not standing.left_out:
        return ()
    named, more = ", ".join(standing.left_out[:3]), len(standing.left_out) - 3
    beyond = f" and {more} more" if more > 0 else ""
    return (f"The returns of other trials cannot be read, and overfitting was measured without: {named}{beyond}.",)
