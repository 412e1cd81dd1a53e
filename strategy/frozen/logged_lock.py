"""Logged lock: what the trial log of a store says of a version that was frozen from it. Standard library only."""

import os
from pathlib import Path

from strategy.frozen.versions import VersionFolder
from strategy.trials.chained_log import Chain, Entry
from strategy.trials.log import TrialLog

__all__ = ["FREEZE", "another_lock", "frozen_to", "told_folder"]

FREEZE = "freeze"


def told_folder(versions: Path, log: TrialLog) -> str:
    """How a log names a folder of versions: from its store, so that both may be moved together."""
    versions, store = versions.resolve(), log.store.resolve()
    return str(versions) if versions.anchor != store.anchor else Path(os.path.relpath(versions, store)).as_posix()


def frozen_to(entry: Entry, log: TrialLog) -> Path | None:
    """The folder of versions that an entry names; None where it names none."""
    kept = entry.facts.get("versions")
    return (log.store / kept).resolve() if isinstance(kept, str) else None


def another_lock(folder: VersionFolder, log: TrialLog) -> str | None:
    """How a version contradicts the entry of its freeze; None where the log knows it so, or not at all.

    An entry speaks of a version where both say so: it names the folder of versions, or the lock names the log. Another
    version of the same name and number, from elsewhere, is none of its business.

    Parameters
    ----------
    folder : VersionFolder
        The version; its lock is read.
    log : TrialLog
        Of a store of runs.
    """
    entries = log.entries()
    body, name = folder.body, str(folder.version)
    claimed = Chain.claimed(body["chain"])
    from_here = claimed is not None and bool(entries) and claimed.log == entries[0].sha256
    place = folder.path.resolve().parents[1]
    told = [entry for entry in entries if entry.kind == FREEZE and entry.facts.get("version") == name]
    logged = [entry for entry in told if from_here or frozen_to(entry, log) == place]
    lock = folder.sha256
    if not logged or any(entry.facts.get("lock") == lock for entry in logged):
        return None
    last = logged[-1]
    return (
        f"entry {last.sequence} of the trial log froze {name} with lock {str(last.facts.get('lock'))[:12]}, and it has "
        f"{lock[:12]}: it was rewritten, restore the one that was frozen"
    )
