"""Check log: the trial log against everything that remembers it: runs, versions, paper logs, and its own clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import SourceError
from core.files import read_json
from strategy.frozen.logged_lock import FREEZE, frozen_to
from strategy.frozen.versions import VersionFolder, find_version, list_versions
from strategy.runs.store import CHAIN_FILE
from strategy.trials.chained_log import Chain, Entry, broken_links, contradiction, turned_back
from strategy.trials.log import TrialLog
from strategy.trials.paper_log import DECISION, PaperLog, paper_logs

__all__ = ["check_log"]


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
        # what remembers the log is read before the log, which only grows: it holds whatever they may know
        runs, kept = _runs(log.store), [(folder, _lock(folder)) for folder in list_versions(versions)]
        papers = [(paper, _paper_entries(paper)) for paper in paper_logs(log)]
        entries = log.entries()
        broken = list(broken_links(entries, log.NOUN))
        if broken:
            return broken, []
        found = _Findings()
        _check_runs(runs, entries, found)
        _check_versions(kept, entries, own_versions, found)
        _check_frozen(log, entries, (versions, own_versions), found)
        for paper, own in papers:
            _check_paper(paper, own, entries, found)
        found.notes.extend(turned_back(entries, log.NOUN, now=log.clock()))
    except ValueError as error:
        return [str(error)], []
    return found.problems, found.notes


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunState:
    """What a run's folder says of itself: its record, and its place in the log, which may be of any shape."""

    name: str
    record: dict[str, Any] | None
    claimed: bool
    claim: object


def _runs(store: Path) -> list[_RunState]:
    """The runs of a store; the record before the place, which is there before the record says finished."""
    found = []
    for folder in sorted({path.parent for name in (CHAIN_FILE, "run.json") for path in store.glob(f"*/*/{name}")}):
        record, noted = _record(folder), folder / CHAIN_FILE
        found.append(_RunState(name=folder.name, record=record, claimed=noted.exists(), claim=_json(noted)))
    return found


def _check_runs(runs: Iterable[_RunState], entries: Sequence[Entry], found: _Findings) -> None:
    """Hold every run's place in the log against the log, and ask finished runs for theirs."""
    logged = {str(entry.facts.get("run")) for entry in entries if entry.kind != FREEZE}
    holders: dict[Chain, str] = {}
    for run in runs:
        if run.claimed:
            against = contradiction(entries, run.claim, TrialLog.NOUN)
            chain = None if against else Chain.claimed(run.claim)
            if chain is not None and chain in holders:
                against = f"has the place of run {holders[chain]} in the trial log: one of the two is a copy"
            if chain is not None:
                holders.setdefault(chain, run.name)
            found.problems.extend([f"run {run.name} {against}"] if against else [])
        elif run.record is None:
            found.notes.append(f"run {run.name} cannot be read: restore its run.json, or remove its folder")
        elif run.record.get("finished"):
            _check_unclaimed(run.name, run.record, logged, found)


def _check_unclaimed(name: str, record: dict[str, Any], logged: set[str], found: _Findings) -> None:
    """A finished run without its place in the log."""
    if logged.isdisjoint({name, str(record.get("run"))}):
        found.notes.append(f"run {name} is finished, and neither its folder nor the trial log says that it was counted")
    else:
        found.problems.append(f"run {name} is finished, and its {CHAIN_FILE} is gone: restore it")


def _lock(folder: VersionFolder) -> tuple[object, str] | None:
    """Where the log stood when a version was frozen, and the hash of its lock; None where it cannot be read."""
    try:
        return folder.body["chain"], folder.sha256
    except (ValueError, KeyError, OSError):
        return None


def _check_versions(
    kept: Iterable[tuple[VersionFolder, tuple[object, str] | None]],
    entries: Sequence[Entry],
    own: bool,
    found: _Findings,
) -> None:
    """Hold what the lock of every version remembers against the log."""
    frozen = {
        str(entry.facts.get("lock")): str(entry.facts.get("version")) for entry in entries if entry.kind == FREEZE
    }
    for folder, lock in kept:
        if lock is None:
            found.problems.append(f"{folder.version} cannot be read: see `quintile verify {folder.version}`")
            continue
        against, chain = contradiction(entries, lock[0], TrialLog.NOUN), Chain.claimed(lock[0])
        ours = chain is not None and bool(entries) and chain.log == entries[0].sha256
        if against:
            (found.problems if own or ours else found.notes).append(f"{folder.version} {against}")
        elif (named := frozen.get(lock[1], str(folder.version))) != str(folder.version):
            found.problems.append(f"{folder.version} has the lock of {named}: one of the two is a copy")
        elif ours and lock[1] not in frozen:
            found.notes.append(f"{folder.version} was frozen from these runs, and no entry of the trial log says so")


def _check_frozen(log: TrialLog, entries: Sequence[Entry], given: tuple[Path, bool], found: _Findings) -> None:
    """Look for every version that the log says was frozen, under its lock: where it was frozen to, if that is there."""
    frozen = [entry for entry in entries if entry.kind == FREEZE and {"version", "lock"} <= entry.facts.keys()]
    for entry in frozen:
        name, home = str(entry.facts["version"]), frozen_to(entry, log)
        stayed = home is not None and home.is_dir()
        versions = home if home is not None and stayed else given[0]
        lock = _sha256(name, versions)
        if lock == entry.facts["lock"]:
            continue
        told = f"entry {entry.sequence} of the trial log"
        same = [each for each in frozen if (each.facts["version"], frozen_to(each, log)) == (name, home)]
        again = next((each.sequence for each in same if each.facts["lock"] == lock), None)
        if lock is None:
            known = stayed or (given[1] and home is None)
            gone = f"{name}, frozen by {told}, is not in {home or versions}: it was removed or renamed, restore it"
            (found.problems if known else found.notes).append(gone)
        elif again is not None:
            found.notes.append(f"{name} was frozen again by entry {again}: {told} gave it another lock")
        elif stayed or given[1] or _is_from(entries, name, versions):
            found.problems.append(f"{name} does not have the lock that {told} gave it: it was rewritten")


def _sha256(name: str, versions: Path) -> str | None:
    """The hash of a version's lock; None where it is not there or cannot be read."""
    try:
        return find_version(name, versions).sha256
    except (ValueError, OSError):
        return None


def _is_from(entries: Sequence[Entry], name: str, folder: Path) -> bool:
    """Whether a version says that it was frozen with this log."""
    chain = Chain.claimed(find_version(name, folder).body.get("chain"))
    return chain is not None and chain.log == entries[0].sha256


def _paper_entries(paper: PaperLog) -> list[Entry] | str:
    """The entries of a paper log, or why they cannot be read."""
    try:
        return paper.entries()
    except ValueError as error:
        return str(error)


def _check_paper(paper: PaperLog, own: list[Entry] | str, entries: Sequence[Entry], found: _Findings) -> None:
    """Hold a paper log against what the trial log remembers of it, and the trial log against what it remembers."""
    whose = f"paper log of {paper.version}"
    if isinstance(own, str):
        found.problems.append(f"{whose}: {own}")
        return
    faults = list(paper.faults())
    found.problems.extend(f"{whose}: {fault}" for fault in faults)
    if faults:
        return
    if not paper.is_remembered():
        found.notes.append(
            f"{whose}: it is longer than the trial log knows: its writer was killed before it told, or the trial log "
            "was cut since"
        )
    found.notes.extend(f"{whose}: {note}" for note in turned_back(own, paper.NOUN, now=paper.clock()))
    for entry in own:
        witness = entry.facts.get("trials") if entry.kind == DECISION else None
        against = None if witness is None else contradiction(entries, witness, TrialLog.NOUN)
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
