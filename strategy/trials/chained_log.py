"""Chained log: entries in one file that only grows, each carrying the sha256 of the one before.

An edit breaks the chain; a cut is found where an artefact survives that remembers the chain's length and head. A log
rewritten from its first entry together with every artefact that knew it cannot be distinguished from a true one.

Kept in SQLite, which Python brings: one file, transactions that a kill leaves whole or absent, and a write lock
that two processes share. A rollback journal, not WAL: the file is complete after every commit, so a copy of it is a
copy of the log. What a killed writer left half done is rolled back by whoever opens the log next, be it to read; where
the file may not be written, in a copy of it.
"""

import datetime as dt
import hashlib
import json
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Self

from core.bounded_text import json_value

__all__ = ["Chain", "ChainedLog", "Entry", "Transaction", "broken_links", "contradiction", "turned_back"]

LOCK_TIMEOUT = 60.0  # seconds to wait for another process's write
MAX_BODY = 4_000_000  # characters; the weights of 50,000 names are fewer
FIRST = -(2**63)  # the least number that an entry of an edited file may have
CLOCK_ROOM = dt.timedelta(minutes=1)  # by which clocks that are set by the network may disagree
NOT_WRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR)
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

    @classmethod
    def claimed(cls, claim: object) -> Self | None:
        """What an artefact recorded with ``as_dict``; None where it is nothing of the kind."""
        match claim:
            case {"log": str(log), "length": int(length), "head": str(head)} if length > 0 and length is not True:
                return cls(log=log, length=length, head=head)
        return None

    def as_dict(self) -> dict[str, Any]:
        """The three as JSON values."""
        return {"log": self.log, "length": self.length, "head": self.head}


class Facts(dict[str, Any]):
    """Facts of an entry; one that is not there is named with the entry."""

    def __init__(self, sequence: int, facts: Mapping[str, Any]) -> None:
        super().__init__(facts)
        self.sequence = sequence

    def __missing__(self, name: str) -> Any:
        raise ValueError(f"entry {self.sequence} of the log has no {name}: it was not written as others of its kind")


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
        return Facts(self.sequence, json.loads(self.body)["facts"])

    @property
    def time(self) -> dt.datetime:
        """When the entry was written, by the clock of its machine."""
        return dt.datetime.fromisoformat(self.facts["time"])


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(slots=True, kw_only=True)
class Transaction:
    """A log that this process holds alone; what it appends is there for others at the end, all of it or nothing.

    Parameters
    ----------
    connection : Connection
        In an open transaction.
    entries : list of Entry
        Every entry, oldest first, its own among them.
    now : datetime
        The time, in UTC, that dates its entries.
    """

    connection: sqlite3.Connection
    entries: list[Entry] = field(default_factory=list)
    now: dt.datetime

    def append(self, kind: str, **facts: Any) -> Entry:
        """Add an entry.

        Parameters
        ----------
        kind : str
            See ``Entry``.
        facts
            JSON values.
        """
        if not self.entries:
            self._add("begin", {"id": secrets.token_hex(16)})
        return self._add(kind, facts)

    def chain_at(self, entry: Entry) -> Chain:
        """Where the log stood with one of its entries."""
        return Chain(log=self.entries[0].sha256, length=entry.sequence, head=entry.sha256)

    def _add(self, kind: str, facts: Mapping[str, Any]) -> Entry:
        body = _body(kind, {**facts, "time": self.now.isoformat(timespec="seconds")})
        if len(body) > MAX_BODY:
            raise ValueError(f"an entry of kind {kind} has {len(body):,} characters, at most {MAX_BODY:,} are kept")
        digest = _entry_hash(self.entries[-1].sha256 if self.entries else "", body)
        entry = Entry(sequence=len(self.entries) + 1, kind=kind, body=body, sha256=digest)
        self.connection.execute("INSERT INTO entries VALUES (?, ?, ?)", (entry.sequence, body, digest))
        self.entries.append(entry)
        return entry


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
    clock: Callable[[], dt.datetime] = _now

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
        with self.transaction() as held:
            return held.chain_at(held.append(kind, **facts))

    @contextmanager
    def transaction(self, known: Sequence[Entry] = ()) -> Iterator[Transaction]:
        """Hold the log alone, to read it and append what follows from it; a second process waits its turn.

        Parameters
        ----------
        known : sequence of Entry
            The log as it was read before: only what came since is read, where it still ends as that did.

        Raises
        ------
        ValueError
            If the log cannot be written, or an entry cannot be read; nothing is appended then.
        """
        self.store.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self.path, timeout=LOCK_TIMEOUT, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                for statement in _statements(SCHEMA):
                    connection.execute(statement)
                yield Transaction(connection=connection, entries=_read(connection, self.NOUN, known), now=self.clock())
                connection.execute("COMMIT")
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise ValueError(f"cannot write {self.path} ({_reason(error)}): {_remedy(error)}") from error

    def entries(self) -> list[Entry]:
        """Every entry, oldest first.

        Raises
        ------
        ValueError
            If the file is no such log or an entry cannot be read.
        """
        if not self.path.exists():
            return []
        if not self.path.is_file():
            raise ValueError(f"{self.path} is no file: move it away, or choose another folder with --out")
        try:
            return _read_file(self.path, self.NOUN)
        except sqlite3.DatabaseError as error:
            if _is_half_written(self.path) and _code(error) in NOT_WRITABLE:
                return _read_copy(self.path, self.NOUN)
            raise ValueError(f"{self.path} cannot be read ({_reason(error)}): {_remedy(error)}") from error

    def chain(self) -> Chain | None:
        """Where the log stands, or None before its first entry."""
        return _chain(self.entries())

    def problems(self) -> Iterator[str]:
        """Yield every break of the chain."""
        yield from broken_links(self.entries(), self.NOUN)

    def contradicts(self, claim: object) -> str | None:
        """How the log contradicts the state that an artefact recorded, or itself; None if it does not.

        Parameters
        ----------
        claim : object
            ``Chain.as_dict`` as read back from a run folder or a lock.
        """
        entries = self.entries()
        broken = next(broken_links(entries, self.NOUN), None)
        return f"cannot be looked up: {broken}" if broken else contradiction(entries, claim, self.NOUN)


def broken_links(entries: Sequence[Entry], noun: str) -> Iterator[str]:
    """Yield where the chain of a log's entries is broken."""
    previous = ""
    for place, entry in enumerate(entries, start=1):
        if entry.sequence != place:
            yield f"entry {place} of the {noun} is missing"
            return
        if entry.sha256 != _entry_hash(previous, entry.body):
            yield f"entry {place} of the {noun} was edited: it does not have the hash that it was written with"
            return
        previous = entry.sha256


def turned_back(entries: Sequence[Entry], noun: str, *, now: dt.datetime) -> Iterator[str]:
    """Yield where time runs backwards between a log's entries, or has run ahead of the clock."""
    for before, entry in pairwise(entries):
        if entry.time < before.time - CLOCK_ROOM:
            yield (
                f"entry {entry.sequence} of the {noun} is dated {entry.time:%Y-%m-%d %H:%M}, the one before it "
                f"{before.time:%Y-%m-%d %H:%M}: time runs backwards, a clock was wrong"
            )
    if entries and entries[-1].time > now + CLOCK_ROOM:
        yield (
            f"entry {entries[-1].sequence} of the {noun} is dated {entries[-1].time:%Y-%m-%d %H:%M}, and it is "
            f"{now:%Y-%m-%d %H:%M}: a clock was wrong"
        )


def contradiction(entries: Sequence[Entry], claim: object, noun: str) -> str | None:
    """How a log's entries contradict the state that an artefact recorded; None if they do not."""
    claimed = Chain.claimed(claim)
    if claimed is None:
        return f"does not say where the {noun} stood"
    if not entries or entries[0].sha256 != claimed.log:
        return f"knew another {noun}: this one was begun anew, or the artefact comes from elsewhere"
    if claimed.length > len(entries):
        return f"knew {claimed.length} entries of the {noun}, {len(entries)} are left: it was cut"
    if entries[claimed.length - 1].sha256 != claimed.head:
        return f"knew another entry {claimed.length} of the {noun}: it was rewritten"
    return None


def _read_file(path: Path, noun: str) -> list[Entry]:
    """Read a log; opened for writing, so that what a killed writer left half done is rolled back."""
    uri = f"{path.resolve().as_uri()}?mode=rw"  # a file that may not be written is opened for reading all the same
    with closing(sqlite3.connect(uri, uri=True, timeout=LOCK_TIMEOUT)) as connection:
        return _read(connection, noun)


def _read_copy(path: Path, noun: str) -> list[Entry]:
    """Read a log that a killed writer left half done and that may not be written here."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        shutil.copyfile(_journal(path), _journal(copy))
        try:
            return _read_file(copy, noun)
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{path} cannot be read ({_reason(error)}): {_remedy(error)}") from error


def _journal(path: Path) -> Path:
    return path.with_name(f"{path.name}-journal")


def _is_half_written(path: Path) -> bool:
    return _journal(path).is_file() and _journal(path).stat().st_size > 0


def _read(connection: sqlite3.Connection, noun: str, known: Sequence[Entry] = ()) -> list[Entry]:
    columns = "SELECT sequence, substr(body, 1, ?), substr(sha256, 1, 64) FROM entries"
    query, first = f"{columns} WHERE sequence >= ? ORDER BY sequence", known[-1].sequence if known else FIRST
    try:
        kinds = dict(connection.execute("SELECT name, type FROM sqlite_master").fetchall())
        if not kinds:
            return []  # the first writer was killed before its first entry
        if kinds.get("entries") != "table":
            raise sqlite3.DatabaseError(f"it holds no {noun}")
        later = [_entry(noun, *row) for row in connection.execute(query, (MAX_BODY + 1, first))]
        if not known:
            return later
        return [*known[:-1], *later] if later[:1] == [known[-1]] else _read(connection, noun)
    except UnicodeDecodeError as error:  # out of a damaged page, or of the database's own complaint about one
        raise sqlite3.DatabaseError("it holds bytes that are no text") from error


def _entry(noun: str, sequence: int, body: str, digest: str) -> Entry:
    try:
        written = json_value(body)
        if dt.datetime.fromisoformat(dict(written["facts"])["time"]).tzinfo is None:
            raise ValueError("its time has no zone")
        return Entry(sequence=sequence, kind=str(written["kind"]), body=body, sha256=str(digest))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"entry {sequence} of the {noun} was edited: it is no entry any more") from error


def _chain(entries: Sequence[Entry]) -> Chain | None:
    return Chain(log=entries[0].sha256, length=len(entries), head=entries[-1].sha256) if entries else None


def _body(kind: str, facts: Mapping[str, Any]) -> str:
    return json.dumps({"kind": kind, "facts": dict(facts)}, sort_keys=True, allow_nan=False)


def _entry_hash(previous: str, body: str) -> str:
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()


def _remedy(error: Exception) -> str:
    """What to do about an error of the database."""
    return {
        sqlite3.SQLITE_FULL: "free some space on the disk, then try again",
        sqlite3.SQLITE_BUSY: "another process holds it, try again when that has ended",
        sqlite3.SQLITE_READONLY: "it may not be written here, choose another folder with --out",
        sqlite3.SQLITE_CANTOPEN: "it may not be written here, choose another folder with --out",
    }.get(_code(error), "restore it from a backup")


def _reason(error: Exception) -> str:
    """The database's complaint, without more of a damaged file than a line holds."""
    return (str(error).splitlines() or [""])[0][:100]


def _code(error: Exception) -> int:
    """The primary result code of the database; that of a damaged file where the error has none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF


def _statements(script: str) -> list[str]:
    """Split a script so that each statement runs inside the open transaction."""
    statements, waiting = [], ""
    for line in script.strip().splitlines():
        waiting = f"{waiting}\n{line}".strip()
        if sqlite3.complete_statement(waiting):
            statements.append(waiting)
            waiting = ""
    return statements
