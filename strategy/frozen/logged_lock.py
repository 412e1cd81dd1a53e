"""Logged lock: what the trial log of a store says of a version that was frozen from it. Standard library only."""

from pathlib import Path
from typing import Any

from strategy.frozen.versions import VersionFolder
from strategy.trials.chained_log import Chain, Entry
from strategy.trials.log import TrialLog

__all__ = ["FREEZE", "another_lock"]

FREEZE = "freeze"


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
    place = folder.path.absolute().parents[1]
    logged = [entry for entry in entries if _speaks_of(entry, name, place, from_here=from_here)]
    lock = folder.sha256
    if not logged or any(entry.facts.get("lock") == lock for entry in logged):
        return None
    last = logged[-1]
    return (
        f"entry {last.sequence} of the trial log froze {name} with lock {str(last.facts.get('lock'))[:12]}, and it has "
        f"{lock[:12]}: it was rewritten, restore the one that was frozen"
    )


def _speaks_of(entry: Entry, name: str, place: Path, *, from_here: bool) -> bool:
    facts: dict[str, Any] = entry.facts
    if entry.kind != FREEZE or facts.get("version") != name:
        return False
    kept = facts.get("versions")
    return from_here or (isinstance(kept, str) and Path(kept).resolve() == place.resolve())
