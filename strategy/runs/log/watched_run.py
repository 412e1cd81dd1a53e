"""Watched run: how a run stands, from its files alone; whoever makes it is not asked and not disturbed."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from core.errors import SourceError
from core.files import read_json
from models.networks.watched_epoch import WatchedEpoch
from strategy.runs.log.log_lines import EPOCH, LOG_FILE, LogLine, epochs_of, read_log
from strategy.runs.log.run_log import BEGUN, END, ERROR, ESTIMATE, START
from strategy.runs.log.writer_process import writes_still
from strategy.runs.store import RunFolder

__all__ = ["FoldsDone", "RunState", "WatchedRun", "watched_run"]

RunState = Literal["running", "killed", "stopped", "finished", "unknown"]
FOLDS, NOTE_FILE = "folds", "progress.json"  # a walk's: one folder a fold, with a note while it is computed
HOW_FAR = re.compile(rf"(?:{BEGUN}: )?(\d+) of (\d+)")
RECENT = 5  # epochs whose mean time the next ones are taken to need
OPENING = (START, "code", "machine", ESTIMATE, EPOCH, ERROR, END, "warning")  # no stages


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldsDone:
    """How far the folds of a walk are.

    Parameters
    ----------
    done, total : int
        Finished, and in all; 0 in all where the log does not say yet.
    working : tuple of str
        What is said of each that is being computed.
    """

    done: int
    total: int
    working: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedRun:
    """A run as its files tell it.

    Parameters
    ----------
    run, strategy : str
        Its id, and what it runs.
    state : {"running", "killed", "stopped", "finished", "unknown"}
        ``killed`` where nobody writes it any more and nothing says why, ``stopped`` where its log ends with an error,
        ``unknown`` where it is written on another machine, or has no log.
    stage : str
        What it is at, or ended at; empty before the first.
    done, total : int
        How far that stage is, in epochs, folds or sessions; 0 where it is not said.
    seconds_left : float or None
        Of that stage at most, at its pace so far; None where it is not known, or nobody works on it.
    epochs : tuple of WatchedEpoch
        Of the training, or of the last fold that trained.
    fold : str
        That fold; empty for a run that is no walk.
    folds : FoldsDone or None
        Of a walk.
    lines : tuple of LogLine
        Of the whole log.
    estimate : str
        What was said before the training.
    word : str
        Why it stopped, or the verdict and its sentence; empty else.
    report : Path or None
        Where the report is, once there is one.
    """

    run: str
    strategy: str
    state: RunState
    stage: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    epochs: tuple[WatchedEpoch, ...] = ()
    fold: str = ""
    folds: FoldsDone | None = None
    lines: tuple[LogLine, ...] = ()
    estimate: str = ""
    word: str = ""
    report: Path | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be seen of it from here."""
        return self.state in ("finished", "killed", "stopped")

    @property
    def last_time(self) -> datetime | None:
        """When the log was last written."""
        return self.lines[-1].time if self.lines else None

    def as_dict(self) -> dict[str, Any]:
        """Plain values; of the log the last twenty lines. NaN is None."""
        epochs = [{key: _plain(value) for key, value in asdict(seen).items()} for seen in self.epochs]
        return {
            **{name: getattr(self, name) for name in ("run", "strategy", "state", "stage", "done", "total", "fold")},
            "seconds_left": self.seconds_left,
            "folds": None if self.folds is None else asdict(self.folds),
            "epochs": epochs,
            "estimate": self.estimate,
            "word": self.word,
            "report": None if self.report is None else str(self.report),
            "log": [str(line) for line in self.lines[-20:]],
        }


def watched_run(folder: RunFolder) -> WatchedRun:
    """Read how a run stands; reads of its files only, and holds no lock.

    Parameters
    ----------
    folder : RunFolder
        A run of a store, finished or not.

    Raises
    ------
    RunError, SourceError
        If its record or its log cannot be read.
    """
    record, lines = folder.record, read_log(folder.path / LOG_FILE)
    latest = _attempt(lines)
    state = _state(folder, latest)
    fold, epochs = _last_fold(folder.path) if "walk" in record else ("", epochs_of(lines))
    stage, done, total = _stage(latest)
    current = [seen for seen in epochs if seen.part == epochs[-1].part]
    if stage == "training" and current:
        done, total = current[-1].epoch, current[-1].epochs
    return WatchedRun(
        run=folder.run_id,
        strategy=str(record["strategy"]),
        state=state,
        stage=stage,
        done=done,
        total=total,
        seconds_left=_seconds_left(latest, stage, current) if state in ("running", "unknown") else None,
        epochs=epochs,
        fold=fold,
        folds=_folds(folder.path, latest) if "walk" in record else None,
        lines=lines,
        estimate=next((line.message for line in reversed(latest) if line.stage == ESTIMATE), ""),
        word=_word(folder, state, latest),
        report=folder.path / "report.html" if (folder.path / "report.html").is_file() else None,
    )


def _attempt(lines: Sequence[LogLine]) -> Sequence[LogLine]:
    """The lines from the last beginning on: those of one process."""
    begun = [place for place, line in enumerate(lines) if line.stage == START]
    return lines[begun[-1] :] if begun else ()


def _state(folder: RunFolder, latest: Sequence[LogLine]) -> RunState:
    if folder.is_complete:
        return "finished"
    if not latest:
        return "unknown"
    if any(line.stage == ERROR for line in latest):
        return "stopped"
    alive = writes_still(latest[0])
    return "unknown" if alive is None else "running" if alive else "killed"


def _stage(latest: Sequence[LogLine]) -> tuple[str, int, int]:
    """The last stage that was spoken of, and how far it is."""
    told = [line for line in latest if line.stage not in OPENING]
    if not told:
        return "", 0, 0
    stage = told[-1].stage
    for line in reversed(told):
        if line.stage == stage and (found := HOW_FAR.fullmatch(line.message)) is not None:
            return stage, int(found[1]), int(found[2])
    return stage, 0, 0


def _seconds_left(latest: Sequence[LogLine], stage: str, epochs: Sequence[WatchedEpoch]) -> float | None:
    """Seconds that a stage still needs at the pace that it had so far."""
    if stage == "training" and epochs:
        recent = epochs[-RECENT:]
        mean = sum(seen.seconds for seen in recent) / len(recent)
        return mean * max(recent[-1].epochs - recent[-1].epoch, 0)
    marks = [(line.time, HOW_FAR.fullmatch(line.message)) for line in latest if line.stage == stage]
    counted = [(time, int(found[1]), int(found[2])) for time, found in marks if found is not None]
    if not counted:
        return None
    (first, before, _), (last, done, total) = counted[0], counted[-1]
    pace = (last - first).total_seconds() / (done - before) if done > before else 0.0
    return pace * (total - done) if pace else None


def _folds(run: Path, latest: Sequence[LogLine]) -> FoldsDone:
    told = [found for line in latest if line.stage == FOLDS and (found := HOW_FAR.fullmatch(line.message))]
    notes = [note for path in sorted(run.glob(f"{FOLDS}/*/{NOTE_FILE}")) if (note := _note(path)) is not None]
    done, total = (int(told[-1][1]), int(told[-1][2])) if told else (0, 0)
    return FoldsDone(done=done, total=total, working=tuple(notes))


def _note(path: Path) -> str | None:
    """What a fold says of itself; None where it has just ended."""
    try:
        note = read_json(path)
    except (FileNotFoundError, SourceError):
        return None
    if not isinstance(note, dict):
        return None
    return f"fold {path.parent.name}: {note.get('stage')} {note.get('done')} of {note.get('total')} {note.get('note')}"


def _last_fold(run: Path) -> tuple[str, tuple[WatchedEpoch, ...]]:
    """The epochs of the fold whose log was written last, and the fold's number."""
    written = sorted(run.glob(f"{FOLDS}/*/{LOG_FILE}"), key=lambda path: path.stat().st_mtime)
    for path in reversed(written):
        if epochs := epochs_of(read_log(path)):
            return path.parent.name, epochs
    return "", ()


def _word(folder: RunFolder, state: RunState, latest: Sequence[LogLine]) -> str:
    if state == "finished":
        headline = folder.metrics["headline"] if (folder.path / "metrics.json").is_file() else {}
        return str(headline.get("sentence", "") or "")
    if state == "stopped":
        return next(line.message for line in reversed(latest) if line.stage == ERROR)
    return ""


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value
