"""Check log: the trial log against everything that remembers it: runs, versions, paper logs, and its own clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import SourceError
from core.files import read_json
from strategy.frozen.versions import VersionFolder, find_version, list_versions
from strategy.runs.store import CHAIN_FILE
from strategy.trials.chained_log import Chain, Entry, broken_links, contradiction, turned_back
from strategy.trials.log import TrialLog
from strategy.trials.paper_log import DECISION, PaperLog, paper_logs

__all__ = ["FREEZE", "check_log"]

FREEZE = "freeze"


@dataclass(frozen=True, slots=True)
class _Findings:
    """What a check found, in order."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_log(log: TrialLog, versions: Path, *, own_versions: bool) -> tuple[list[str], list[str]]:
    """Problems of a log, and notes on what could not be checked or may be a mistake.

    A problem is an entry that was edited, one that an artefact remembers and the log lacks, a run that shows a result
    without its place in the log or with that of another, a version whose lock is not the one that was logged when it
    was frozen, and a paper log that is not the one that the trial log remembers.

    Parameters
    ----------
    log : TrialLog
        Trial log of a store.
    versions : Path
        Folder of versions whose locks remember where the log stood.
    own_versions : bool
        Every version there was frozen from this store; else one that knew another log is only noted.
    """
    try:
        entries = log.entries()
        broken = list(broken_links(entries, log.NOUN))
        if broken:
            return broken, []
        found = _Findings()
        _check_runs(log, entries, found)
        _check_versions(log, entries, list_versions(versions), own_versions, found)
        _check_frozen(entries, versions, own_versions, found)
        for paper in paper_logs(log):
            _check_paper(paper, entries, found)
        found.notes.extend(turned_back(entries, log.NOUN, now=log.clock()))
    except ValueError as error:
        return [str(error)], []
    return found.problems, found.notes


def _check_runs(log: TrialLog, entries: Sequence[Entry], found: _Findings) -> None:
    """Hold every run's place in the log against the log, and ask finished runs for theirs."""
    logged = {str(entry.facts.get("run")) for entry in entries if entry.kind != FREEZE}
    holders: dict[Chain, str] = {}
    for folder in sorted({path.parent for name in (CHAIN_FILE, "run.json") for path in log.store.glob(f"*/*/{name}")}):
        record = _record(folder)
        if (folder / CHAIN_FILE).exists():
            claim = _json(folder / CHAIN_FILE)
            against = contradiction(entries, claim, log.NOUN)
            chain = None if against else Chain.claimed(claim)
            if chain is not None and chain in holders:
                against = f"has the place of run {holders[chain]} in the {log.NOUN}: one of the two is a copy"
            if chain is not None:
                holders.setdefault(chain, folder.name)
            found.problems.extend([f"run {folder.name} {against}"] if against else [])
        elif record is None:
            found.notes.append(f"run {folder.name} cannot be read: restore its run.json, or remove its folder")
        elif record.get("finished"):
            _check_unclaimed(folder.name, record, logged, found)


def _check_unclaimed(name: str, record: dict[str, Any], logged: set[str], found: _Findings) -> None:
    """A finished run without its place in the log."""
    if logged.isdisjoint({name, str(record.get("run"))}):
        found.notes.append(f"run {name} is finished, and neither its folder nor the trial log says that it was counted")
    else:
        found.problems.append(f"run {name} is finished, and its {CHAIN_FILE} is gone: restore it")


def _check_versions(
    log: TrialLog, entries: Sequence[Entry], folders: Iterable[VersionFolder], own: bool, found: _Findings
) -> None:
    """Hold what the lock of every version remembers against the log."""
    frozen = {entry.facts.get("lock") for entry in entries if entry.kind == FREEZE}
    for folder in folders:
        try:
            claim, lock = folder.body["chain"], folder.sha256
        except (ValueError, KeyError, OSError):
            found.problems.append(f"{folder.version} cannot be read: see `quintile verify {folder.version}`")
            continue
        against, chain = contradiction(entries, claim, log.NOUN), Chain.claimed(claim)
        ours = chain is not None and bool(entries) and chain.log == entries[0].sha256
        if against:
            (found.problems if own or ours else found.notes).append(f"{folder.version} {against}")
        elif ours and lock not in frozen:
            found.notes.append(f"{folder.version} was frozen from these runs, and no entry of the {log.NOUN} says so")


def _check_frozen(entries: Sequence[Entry], versions: Path, own: bool, found: _Findings) -> None:
    """Look for every version that the log says was frozen, under the lock that it was given."""
    for entry in entries:
        if entry.kind != FREEZE or not {"version", "lock"} <= entry.facts.keys():
            continue
        kept = entry.facts.get("versions")
        folder = Path(kept) if isinstance(kept, str) else versions
        name = str(entry.facts["version"])
        try:
            lock = find_version(name, folder).sha256
        except (ValueError, OSError):
            lock = None
        if lock == entry.facts["lock"]:
            continue
        if lock is not None and (own or kept is not None or _is_from(entries, name, folder)):
            found.problems.append(
                f"{name} does not have the lock that entry {entry.sequence} of the trial log gave it: it was rewritten"
            )
        elif lock is None:
            gone = f"{name}, frozen by entry {entry.sequence} of the trial log, is not in {folder}"
            known = folder.is_dir() if kept is not None else own
            (found.problems if known else found.notes).append(f"{gone}: it was removed or renamed, restore it")


def _is_from(entries: Sequence[Entry], name: str, folder: Path) -> bool:
    """Whether a version says that it was frozen with this log."""
    chain = Chain.claimed(find_version(name, folder).body.get("chain"))
    return chain is not None and chain.log == entries[0].sha256


def _check_paper(paper: PaperLog, entries: Sequence[Entry], found: _Findings) -> None:
    """Hold a paper log against what the trial log remembers of it, and the trial log against what it remembers."""
    whose = f"paper log of {paper.version}"
    try:
        faults, own = list(paper.faults()), paper.entries()
    except ValueError as error:
        found.problems.append(f"{whose}: {error}")
        return
    found.problems.extend(f"{whose}: {fault}" for fault in faults)
    if faults:
        return
    found.notes.extend(f"{whose}: {note}" for note in turned_back(own, paper.NOUN, now=paper.clock()))
    for entry in own:
        witness = entry.facts.get("trials") if entry.kind == DECISION else None
        against = None if witness is None else contradiction(entries, witness, "trial log")
        if against:
            found.problems.append(f"{whose}: its entry {entry.sequence} {against}")
            return


def _record(folder: Path) -> dict[str, Any] | None:
    """What ``run.json`` says, or what pruning left of it; None where neither can be read."""
    values = (_json(folder / name) for name in ("run.json", "pruned.json"))
    return next((value for value in values if isinstance(value, dict)), None)


def _json(path: Path) -> object:
    try:
        return read_json(path)
    except (OSError, SourceError):
        return None
