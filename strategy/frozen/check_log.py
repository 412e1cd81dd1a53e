"""Check log: the trial log against the runs and versions that recorded its length and hash."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from strategy.frozen.versions import list_versions
from strategy.trials.log import TrialLog

__all__ = ["check_log"]


def check_log(log: TrialLog, versions: Path, *, own_versions: bool) -> tuple[list[str], list[str]]:
    """Problems of a log, and notes on what could not be checked.

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
        broken = list(log.problems())
        entries = log.entries()
    except ValueError as error:
        return [str(error)], []
    if broken:
        return broken, []
    problems = [f"run {name} {contradiction}" for name, contradiction in _contradictions(log, _run_claims(log.store))]
    known = {entries[0].sha256} if entries else set()
    notes: list[str] = []
    for folder in list_versions(versions):
        try:
            claim = folder.body["chain"]
        except (ValueError, KeyError):
            problems.append(f"{folder.version} cannot be read: see `quintile verify {folder.version}`")
            continue
        contradiction = log.contradicts(claim)
        foreign = not own_versions and isinstance(claim, dict) and claim.get("log") not in known
        if contradiction:
            (notes if foreign else problems).append(f"{folder.version} {contradiction}")
    return problems, notes


def _contradictions(log: TrialLog, claims: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    for name, claim in claims:
        contradiction = log.contradicts(claim)
        if contradiction:
            yield name, contradiction


def _run_claims(store: Path) -> Iterator[tuple[str, object]]:
    for path in sorted(store.glob("*/*/trials.json")):
        try:
            yield path.parent.name, json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            yield path.parent.name, None
