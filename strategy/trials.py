"""Trials: every test result that was shown, in a log beside the runs that only grows.

Each entry carries the sha256 of the one before, so that an edit breaks the chain; every run folder and every version
keeps the chain's head and length of its day, so that a cut is found where one of them survives. A log rewritten from
its first entry together with every artefact that knew it cannot be told from a true one.

Kept in SQLite, from the standard library: one file, transactions that a kill leaves whole or absent, and a write lock
that two processes share. A rollback journal, not WAL: the file is complete after every commit, so a copy of it is a
copy of the log. Standard library only.
"""

import hashlib
import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strategy.versions import list_versions

__all__ = [
    "TRIAL",
    "Chain",
    "Entry",
    "TrialKey",
    "TrialLog",
    "check_log",
    "comparable",
    "distinct",
    "trial_kind",
]

LOG_FILE = "trials.sqlite"
TRIAL, CI = "trial", "ci"
PATIENCE = 60.0  # seconds to wait for another process's write
SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (sequence INTEGER PRIMARY KEY, body TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS no_edit BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the trial log only grows'); END;
CREATE TRIGGER IF NOT EXISTS no_cut BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the trial log only grows'); END;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Where a log stood: its identity (the hash of its first entry), its length and the hash of its last entry."""

    log: str
    length: int
    head: str

    def as_dict(self) -> dict[str, Any]:
        """Return the three as JSON values."""
        return {"log": self.log, "length": self.length, "head": self.head}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialKey:
    """What makes a trial distinct.

    Parameters
    ----------
    spec, panel : str
        Fingerprints of strategy and bars.
    first, last : str
        Test span, ISO dates.
    """

    spec: str
    panel: str
    first: str
    last: str

    def is_comparable(self, other: "TrialKey") -> bool:
        """Return whether the other trial saw the same bars on an overlapping test span."""
        return self.panel == other.panel and self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log.

    Parameters
    ----------
    sequence : int
        Place in the log, from 1.
    kind : str
        ``"trial"`` counts; ``"begin"``, ``"ci"``, ``"baseline"``, ``"stress"``, ``"replay"``, ``"freeze"`` and
        ``"opening"`` are kept and not counted.
    body : str
        What was written: kind and facts as JSON.
    sha256 : str
        Hash of the entry, which covers the hash of the one before.
    """

    sequence: int
    kind: str
    body: str
    sha256: str

    @property
    def facts(self) -> dict[str, Any]:
        """What is known about it."""
        facts: dict[str, Any] = json.loads(self.body)["facts"]
        return facts

    @property
    def key(self) -> TrialKey:
        """What makes a trial distinct; only trials have one."""
        return TrialKey(**self.facts["key"])


@dataclass(frozen=True, slots=True)
class TrialLog:
    """The log of a store.

    Parameters
    ----------
    store : Path
        Folder of runs; the log is a file in it, made with the first entry.
    """

    store: Path

    @property
    def path(self) -> Path:
        """The log's file."""
        return self.store / LOG_FILE

    def append(self, kind: str, **facts: Any) -> Chain:
        """Add an entry and return where the log stands with it; a second process waits its turn.

        Parameters
        ----------
        kind : str
            See ``Entry``.
        facts
            JSON values.
        """
        self.store.mkdir(parents=True, exist_ok=True)
        with self._writing() as connection:
            entries = _read(connection)
            if not entries:
                entries = [_add(connection, [], "begin", {"id": secrets.token_hex(16)})]
            entries = [*entries, _add(connection, entries, kind, facts)]
        return _chain(entries)

    def entries(self) -> list[Entry]:
        """Return every entry, oldest first.

        Raises
        ------
        ValueError
            If the file is not a trial log or an entry cannot be read.
        """
        if not self.path.is_file():
            return []
        try:
            uri = f"{self.path.resolve().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as connection:
                return _read(connection)
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{LOG_FILE} cannot be read ({error}): restore it from a backup") from error

    def chain(self) -> Chain | None:
        """Return where the log stands, or None before its first entry."""
        entries = self.entries()
        return _chain(entries) if entries else None

    def problems(self) -> Iterator[str]:
        """Yield every break of the chain."""
        previous = ""
        for place, entry in enumerate(self.entries(), start=1):
            if entry.sequence != place:
                yield f"entry {place} of the trial log is missing"
                return
            if entry.sha256 != _entry_hash(previous, entry.body):
                yield f"entry {place} of the trial log was edited: it does not have the hash that it was written with"
                return
            previous = entry.sha256

    def contradicts(self, claim: object) -> str | None:
        """Return how the log contradicts what an artefact says it once was, or None.

        Parameters
        ----------
        claim : object
            ``Chain.as_dict`` as read back from a run folder or a lock.
        """
        entries = self.entries()
        if not isinstance(claim, dict) or not {"log", "length", "head"} <= claim.keys():
            return "does not say where the trial log stood"
        if not entries or entries[0].sha256 != claim["log"]:
            return "knew another trial log: this one was begun anew, or the artefact comes from elsewhere"
        if not isinstance(claim["length"], int) or claim["length"] > len(entries):
            return f"knew {claim['length']} entries of the trial log, {len(entries)} are left: it was cut"
        if entries[claim["length"] - 1].sha256 != claim["head"]:
            return f"knew another entry {claim['length']} of the trial log: it was rewritten"
        return None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                for statement in _statements(SCHEMA):
                    connection.execute(statement)
                yield connection
                connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise ValueError(f"cannot write {LOG_FILE} ({error}): see `quintile trials --check`") from error


def check_log(log: TrialLog, versions: Path, *, own_versions: bool) -> tuple[list[str], list[str]]:
    """Return what is wrong with a log, and what could not be judged.

    Parameters
    ----------
    log : TrialLog
        Of a store.
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
    problems = [f"run {name} {words}" for name, words in _contradictions(log, _run_claims(log.store))]
    known = {entries[0].sha256} if entries else set()
    notes: list[str] = []
    for folder in list_versions(versions):
        try:
            claim = folder.body["chain"]
        except (ValueError, KeyError):
            problems.append(f"{folder.version} cannot be read: see `quintile verify {folder.version}`")
            continue
        words = log.contradicts(claim)
        foreign = not own_versions and isinstance(claim, dict) and claim.get("log") not in known
        if words:
            (notes if foreign else problems).append(f"{folder.version} {words}")
    return problems, notes


def _contradictions(log: TrialLog, claims: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    for name, claim in claims:
        words = log.contradicts(claim)
        if words:
            yield name, words


def _run_claims(store: Path) -> Iterator[tuple[str, object]]:
    for path in sorted(store.glob("*/*/trials.json")):
        try:
            yield path.parent.name, json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            yield path.parent.name, None


def distinct(entries: Iterable[Entry]) -> dict[TrialKey, Entry]:
    """Return the trials that count, the first entry of each."""
    found: dict[TrialKey, Entry] = {}
    for entry in entries:
        if entry.kind == TRIAL:
            found.setdefault(entry.key, entry)
    return found


def comparable(entries: Iterable[Entry], key: TrialKey) -> dict[TrialKey, Entry]:
    """Return the distinct trials on the same bars and an overlapping test span."""
    return {other: entry for other, entry in distinct(entries).items() if key.is_comparable(other)}


def trial_kind() -> str:
    """Return the kind of a shown test result: ``"trial"``, or ``"ci"`` where the environment sets CI."""
    return CI if os.environ.get("CI", "").lower() in ("1", "true", "yes") else TRIAL


def _add(connection: sqlite3.Connection, before: list[Entry], kind: str, facts: Mapping[str, Any]) -> Entry:
    dated = {**facts, "time": datetime.now(UTC).isoformat(timespec="seconds")}
    body = _body(kind, dated)
    digest = _entry_hash(before[-1].sha256 if before else "", body)
    sequence = len(before) + 1
    connection.execute("INSERT INTO entries VALUES (?, ?, ?)", (sequence, body, digest))
    return Entry(sequence=sequence, kind=kind, body=body, sha256=digest)


def _read(connection: sqlite3.Connection) -> list[Entry]:
    rows = connection.execute("SELECT sequence, body, sha256 FROM entries ORDER BY sequence").fetchall()
    return [_entry(*row) for row in rows]


def _entry(sequence: int, body: str, digest: str) -> Entry:
    try:
        written = json.loads(body)
        dict(written["facts"])
        return Entry(sequence=sequence, kind=str(written["kind"]), body=body, sha256=str(digest))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"entry {sequence} of the trial log was edited: it is no entry any more") from error


def _chain(entries: list[Entry]) -> Chain:
    return Chain(log=entries[0].sha256, length=len(entries), head=entries[-1].sha256)


def _body(kind: str, facts: Mapping[str, Any]) -> str:
    return json.dumps({"kind": kind, "facts": dict(facts)}, sort_keys=True, allow_nan=False)


def _entry_hash(previous: str, body: str) -> str:
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()


def _statements(script: str) -> list[str]:
    """Split a script so that each statement runs inside the open transaction."""
    statements, waiting = [], ""
    for line in script.strip().splitlines():
        waiting = f"{waiting}\n{line}".strip()
        if sqlite3.complete_statement(waiting):
            statements.append(waiting)
            waiting = ""
    return statements
