"""Best log: which forecaster each symbol uses, in a chained log that only grows.

Nothing is overwritten: the state before every change is in the log, so that any moment's can be looked at and restored.
``best.json`` beside it is a copy of the newest state for people, and ``backups/`` holds the states that were replaced;
both are written by whoever changes the log, and what they say is held against it.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from core.errors import SourceError
from core.files import read_json, write_json
from strategy.trials.chained_log import Chain, ChainedLog, Entry, broken_links, contradiction

__all__ = ["APPLIED", "RESTORED", "BestLog", "Change", "Configuration", "State", "changes", "history", "state_at"]

APPLIED, RESTORED = "applied", "restored"
JSON_FILE, BACKUPS = "best.json", "backups"

State = dict[str, "Configuration"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What forecasts one symbol, and what it rests on.

    Parameters
    ----------
    forecaster : str
        The word that names it, keys included.
    error : float
        Validation percentage-return MAE that it was selected by.
    study : str
        Id of the study.
    bars, code : str
        Fingerprints.
    persistence_error : float, optional
        Persistence's on the same validation rows.
    horizons : tuple of int
        Sessions ahead.
    clock : {"close", "next_open"}
        Where returns start.
    seed : int
        Of everything random.
    """

    forecaster: str
    error: float
    study: str
    bars: str
    code: str
    persistence_error: float | None = None
    horizons: tuple[int, ...] = (1,)
    clock: str = "close"
    seed: int = 0

    @property
    def sha256(self) -> str:
        """Hash of its content."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {name: getattr(self, name) for name in self.__slots__} | {"horizons": list(self.horizons)}

    def as_record(self) -> dict[str, Any]:
        """``as_dict`` with its hash."""
        return {**self.as_dict(), "sha256": self.sha256}

    @classmethod
    def of(cls, facts: Any) -> Self:
        """What ``as_record`` described, with its hash checked.

        Raises
        ------
        ValueError
            If it is nothing of the kind, or its hash is another's.
        """
        match facts:
            case {"forecaster": str(), "error": float() | int(), "study": str(), "bars": str(), "code": str(),
                  "persistence_error": float() | int() | None, "horizons": [int(), *_] as horizons,
                  "clock": "close" | "next_open", "seed": int(), "sha256": str(told)}:  # fmt: skip
                found = cls(**{name: facts[name] for name in cls.__slots__} | {"horizons": tuple(horizons)})
                if found.sha256 == told:
                    return found
        raise ValueError("a configuration was changed after it was written, or is none: restore an earlier state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One symbol whose configuration differs between two states; None where it has none."""

    symbol: str
    before: Configuration | None
    after: Configuration | None


class BestLog(ChainedLog):
    """The log of applied configurations, in a folder of forecasts.

    Entries are of kind ``"begin"``, ``"applied"`` and ``"restored"``; each holds the whole state after it, by symbol.
    """

    __slots__ = ()

    FILE: ClassVar[str] = "best.sqlite"
    NOUN: ClassVar[str] = "log of best forecasters"

    def state(self, at: dt.datetime | None = None) -> State:
        """The configuration of every symbol, now or as it stood at a moment.

        Raises
        ------
        ValueError
            If the log or its copy was edited, cut or cannot be read.
        """
        return state_at(self.verified(), at)

    def verified(self) -> list[Entry]:
        """Every entry, held against its chain and against ``best.json``.

        Raises
        ------
        ValueError
            If the log or its copy was edited, cut or cannot be read.
        """
        copied = self._copied()  # read first: the log only grows, so that it holds what was copied before
        return self._checked(self.entries(), copied)

    def apply(self, found: Mapping[str, Configuration], *, why: str = "") -> list[Change]:
        """Put configurations in force beside those of other symbols; what they replace stays in the log.

        Parameters
        ----------
        found : mapping of str to Configuration
            By symbol.
        why : str
            Where they come from.
        """
        return self._enter(APPLIED, lambda state: {**state, **found}, why)

    def restore(self, at: dt.datetime) -> list[Change]:
        """Put the state of a moment in force again; what it replaces stays in the log.

        Raises
        ------
        ValueError
            If nothing had been applied by then.
        """
        earlier = self.state(at)
        if not earlier:
            raise ValueError(
                f"nothing was applied by {at:%Y-%m-%d %H:%M} UTC: `quintile forecast best --history` lists what was"
            )
        return self._enter(RESTORED, lambda _state: earlier, f"as of {at:%Y-%m-%d %H:%M:%S}")

    def restore_backup(self, path: Path) -> list[Change]:
        """Put the state of a backup in force again.

        Raises
        ------
        SourceError
            If the file is no backup, or was changed.
        """
        _, state = _copy_of(path)
        return self._enter(RESTORED, lambda _state: state, f"from {path.name}")

    def _enter(self, kind: str, after: Callable[[State], Mapping[str, Configuration]], why: str) -> list[Change]:
        with self.transaction() as held:
            self._checked(held.entries, self._copied())
            before = state_at(held.entries, None)
            now = dict(sorted(after(before).items()))
            found = list(changes(before, now))
            if found:
                if before:
                    last = held.entries[-1]
                    name = f"best-{held.now:%Y%m%dT%H%M%SZ}-{last.sequence}.json"
                    write_json(self.store / BACKUPS / name, _copy(held.chain_at(last), before))
                held.append(kind, state=_records(now), why=why)
        self._publish()
        return found

    def _publish(self) -> None:
        """Write the copy of the newest state, unless it is one already; alone, so that no older one comes after it."""
        with self.transaction() as held:
            state, path = state_at(held.entries, None), self.store / JSON_FILE
            if not state:
                return
            now = _copy(held.chain_at(held.entries[-1]), state)
            if not path.is_file() or read_json(path) != now:
                write_json(path, now)

    def _copied(self) -> tuple[Chain, State] | None:
        path = self.store / JSON_FILE
        return _copy_of(path) if path.exists() else None

    def _checked(self, entries: list[Entry], copied: tuple[Chain, State] | None) -> list[Entry]:
        broken = next(broken_links(entries, self.NOUN), None)
        if broken:
            raise ValueError(
                f"{self.path}: {broken}: move it and {JSON_FILE} away, then `quintile forecast best --restore` a file "
                f"of {self.store / BACKUPS}"
            )
        strange = next((each for each in entries if each.kind not in ("begin", APPLIED, RESTORED)), None)
        if strange is not None:
            raise ValueError(
                f"{self.path}: entry {strange.sequence} of the {self.NOUN} is of kind {strange.kind[:40]!r}: it is "
                "another log, choose another folder with --out"
            )
        if copied is None:
            return entries
        chain, state = copied
        against = contradiction(entries, chain.as_dict(), self.NOUN)
        if against is None and state != state_at(entries[: chain.length], None):
            against = "was changed after it was written"
        if against:
            raise ValueError(
                f"{self.store / JSON_FILE} {against}: the log counts, remove that copy of it if the log is yours"
            )
        return entries


def changes(before: Mapping[str, Configuration], after: Mapping[str, Configuration]) -> Iterator[Change]:
    """Symbols whose configuration differs, in their order."""
    for symbol in sorted(before.keys() | after.keys()):
        old, new = before.get(symbol), after.get(symbol)
        if old != new:
            yield Change(symbol=symbol, before=old, after=new)


def state_at(entries: Sequence[Entry], at: dt.datetime | None) -> State:
    """The state after the last entry that was written by a moment; empty before the first."""
    kept = [entry for entry in entries if entry.kind in (APPLIED, RESTORED) and (at is None or entry.time <= at)]
    return {symbol: Configuration.of(facts) for symbol, facts in kept[-1].facts["state"].items()} if kept else {}


def history(entries: Sequence[Entry]) -> Iterator[tuple[Entry, list[Change]]]:
    """Every entry that changed the state, oldest first, with what it changed."""
    before: State = {}
    for entry in entries:
        if entry.kind in (APPLIED, RESTORED):
            after = state_at([entry], None)
            yield entry, list(changes(before, after))
            before = after


def _records(state: Mapping[str, Configuration]) -> dict[str, Any]:
    return {symbol: each.as_record() for symbol, each in state.items()}


def _copy(chain: Chain, state: Mapping[str, Configuration]) -> dict[str, Any]:
    """What a copy of a state holds: where the log stood with it, and the state."""
    return {"chain": chain.as_dict(), "best": _records(state)}


def _copy_of(path: Path) -> tuple[Chain, State]:
    """What a copy says; one of something else is one line."""
    match read_json(path):
        case {"chain": dict() as claim, "best": dict() as best} if (chain := Chain.claimed(claim)) is not None:
            try:
                return chain, {symbol: Configuration.of(facts) for symbol, facts in best.items()}
            except ValueError as error:
                raise SourceError(f"{path}: {error}") from error
    raise SourceError(
        f"{path} is no state of best forecasters: move it away, choose another folder with --out, or, where it holds "
        "the errors of an older system, look at it with `quintile forecast rerank`"
    )
