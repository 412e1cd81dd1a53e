"""Chained log: entries in one file that only grows, each carrying the sha256 of the one before.

An edit breaks the chain; a cut is found where an artefact survives that remembers the chain's length and head. A log
rewritten from its first entry together with every artefact that knew it cannot be distinguished from a true one.

Kept in SQLite, from the standard library: one file, transactions that a kill leaves whole or absent, and a write lock
that two processes share. A rollback journal, not WAL: the file is complete after every commit, so a copy of it is a
copy of the log. Standard library only.
"""

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

__all__ = ["Chain", "ChainedLog", "Entry"]

LOCK_TIMEOUT = 60.0  # seconds to wait for another process's write
SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (sequence INTEGER PRIMARY KEY, body TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS no_edit BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
CREATE TRIGGER IF NOT EXISTS no_cut BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Where a log stood: its identity (the hash of its first entry), its length and the hash of its last entry."""

    log: str
    length: int
    head: str

    def as_dict(self) -> dict[str, Any]:
        """The three as JSON values."""
        return {"log": self.log, "length": self.length, "head": self.head}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log.

    Parameters
    ----------
    sequence : int
        Place in the log, from 1.
    kind : str
        What it tells; the first entry of every log is ``"begin"``.
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
        """Facts of the entry, as written."""
        facts: dict[str, Any] = json.loads(self.body)["facts"]
        return facts


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ChainedLog:
    """A log that only grows; a subclass names its file and what people call it.

    Parameters
    ----------
    store : Path
        Folder of the log, which is a file in it, made with the first entry.
    clock : callable
        The time, in UTC; every entry is dated by it.
    """

    FILE: ClassVar[str]
    NOUN: ClassVar[str]

    store: Path
    clock: Callable[[], datetime] = _now

    @property
    def path(self) -> Path:
        """The log's file."""
        return self.store / self.FILE

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
            entries = _read(connection, self.NOUN)
            dated = {"time": self.clock().isoformat(timespec="seconds")}
            if not entries:
                entries = [_add(connection, [], "begin", {"id": secrets.token_hex(16)} | dated)]
            entries = [*entries, _add(connection, entries, kind, facts | dated)]
        return _chain(entries)

    def entries(self) -> list[Entry]:
        """Every entry, oldest first.

        Raises
        ------
        ValueError
            If the file is no such log or an entry cannot be read.
        """
        if not self.path.is_file():
            return []
        try:
            uri = f"{self.path.resolve().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=LOCK_TIMEOUT)) as connection:
                return _read(connection, self.NOUN)
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{self.FILE} cannot be read ({error}): restore it from a backup") from error

    def chain(self) -> Chain | None:
        """Where the log stands, or None before its first entry."""
        entries = self.entries()
        return _chain(entries) if entries else None

    def problems(self) -> Iterator[str]:
        """Yield every break of the chain."""
        previous = ""
        for place, entry in enumerate(self.entries(), start=1):
            if entry.sequence != place:
                yield f"entry {place} of the {self.NOUN} is missing"
                return
            if entry.sha256 != _entry_hash(previous, entry.body):
                yield f"entry {place} of the {self.NOUN} was edited: it does not have the hash that it was written with"
                return
            previous = entry.sha256

    def contradicts(self, claim: object) -> str | None:
        """How the log contradicts the state that an artefact recorded; None if it does not.

        Parameters
        ----------
        claim : object
            ``Chain.as_dict`` as read back from a run folder or a lock.
        """
        entries = self.entries()
        if not isinstance(claim, dict) or not {"log", "length", "head"} <= claim.keys():
            return f"does not say where the {self.NOUN} stood"
        if not entries or entries[0].sha256 != claim["log"]:
            return f"knew another {self.NOUN}: this one was begun anew, or the artefact comes from elsewhere"
        if not isinstance(claim["length"], int) or claim["length"] > len(entries):
            return f"knew {claim['length']} entries of the {self.NOUN}, {len(entries)} are left: it was cut"
        if entries[claim["length"] - 1].sha256 != claim["head"]:
            return f"knew another entry {claim['length']} of the {self.NOUN}: it was rewritten"
        return None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=LOCK_TIMEOUT, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                for statement in _statements(SCHEMA):
                    connection.execute(statement)
                yield connection
                connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise ValueError(
                f"cannot write {self.FILE} ({error}): restore it from a backup if it was damaged"
            ) from error


def _add(connection: sqlite3.Connection, before: list[Entry], kind: str, facts: Mapping[str, Any]) -> Entry:
    body = _body(kind, facts)
    digest = _entry_hash(before[-1].sha256 if before else "", body)
    sequence = len(before) + 1
    connection.execute("INSERT INTO entries VALUES (?, ?, ?)", (sequence, body, digest))
    return Entry(sequence=sequence, kind=kind, body=body, sha256=digest)


def _read(connection: sqlite3.Connection, noun: str) -> list[Entry]:
    rows = connection.execute("SELECT sequence, body, sha256 FROM entries ORDER BY sequence").fetchall()
    return [_entry(noun, *row) for row in rows]


def _entry(noun: str, sequence: int, body: str, digest: str) -> Entry:
    try:
        written = json.loads(body)
        dict(written["facts"])
        return Entry(sequence=sequence, kind=str(written["kind"]), body=body, sha256=str(digest))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"entry {sequence} of the {noun} was edited: it is no entry any more") from error


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
