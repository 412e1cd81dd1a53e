"""Search journal: the file in which Optuna keeps a search, held by one process at a time and whole after a kill.

Where a search looks next depends on what was finished and on a seed of how much that is, so that a search that was
killed and goes on ends where an uninterrupted one does.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from core.errors import SourceError
from models.forecasters.forecast_extra import forecast_library

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

__all__ = ["finished_trials", "held_alone", "journal_study", "seeded_sampler"]

GRACE_SECONDS = 3  # after which a journal's lock is taken for that of a killed process
LOCK_SECONDS = 120.0  # to wait for another process's search to end: one that lost its command ends after its trial
DAMAGED = (ValueError, KeyError, TypeError, AttributeError, UnicodeDecodeError)


@contextmanager
def held_alone(journal: Path, *, seconds: float | None = None, name: str = "") -> Iterator[None]:
    """Hold a search alone: its lock is that of a database, which the system gives back when a process is killed.

    A last line of the journal that a kill left without its end is cut: what is appended to it could not be read.

    Raises
    ------
    SourceError
        If another process is still at the same search after so many seconds.
    """
    journal.parent.mkdir(parents=True, exist_ok=True)
    wait = LOCK_SECONDS if seconds is None else seconds
    with closing(sqlite3.connect(journal.with_suffix(".lock"), timeout=wait, isolation_level=None)) as held:
        try:
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            whose = name or journal.stem
            raise SourceError(f"{whose} is searched by another process: wait for it, or stop it") from error
        _cut_unfinished(journal)
        yield


def _cut_unfinished(journal: Path) -> None:
    content = journal.read_bytes() if journal.is_file() else b""
    if content.startswith(b"{") and not content.endswith(b"\n"):
        os.truncate(journal, content.rfind(b"\n") + 1)


def journal_study(
    journal: Path,
    *,
    direction: Literal["minimize", "maximize"],
    extra: str,
    check: "Callable[[FrozenTrial], object]" = lambda _trial: None,
) -> "Study":
    """The study of a journal; a trial that a killed process left running is given up.

    Parameters
    ----------
    journal : Path
        The file, which is made if it is not there.
    direction : {"minimize", "maximize"}
        Of the trials' values.
    extra : str
        The extra of Quintile that installs Optuna.
    check : callable
        Called with every finished trial; what it raises says that the journal is damaged.

    Raises
    ------
    SourceError
        If the journal cannot be read.
    MissingExtraError
        If Optuna is not installed.
    """
    optuna, storages = forecast_library("optuna", extra=extra), forecast_library("optuna.storages", extra=extra)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        lock = storages.journal.JournalFileOpenLock(str(journal), grace_period=GRACE_SECONDS)
        storage = storages.JournalStorage(storages.journal.JournalFileBackend(str(journal), lock_obj=lock))
        study = optuna.create_study(storage=storage, study_name=journal.stem, direction=direction, load_if_exists=True)
        for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        for trial in finished_trials(study):
            check(trial)
    except DAMAGED as error:
        why = " ".join(str(error).split())[:80]
        raise SourceError(f"{journal} is no journal of a search ({why}): delete it to search anew") from error
    return study


def finished_trials(study: "Study") -> "list[FrozenTrial]":
    """The trials of a study that have a value, in their order."""
    from optuna.trial import TrialState

    return list(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def seeded_sampler(*words: object) -> Any:
    """A TPE sampler whose every draw follows from these words."""
    from optuna.samplers import TPESampler

    digest = hashlib.sha256(" ".join(map(str, words)).encode()).digest()
    return TPESampler(seed=int.from_bytes(digest[:4], "big"), constant_liar=False)
