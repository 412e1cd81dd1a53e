"""Best log: which forecaster each symbol uses, in a chained log that only grows.

Nothing is overwritten: the state before every change is in the log, so that any day's can be looked at and restored.
``best.json`` beside it is a copy of the newest state for people, rewritten with every change.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from core.files import write_json
from strategy.trials.chained_log import ChainedLog, Entry

__all__ = ["BestLog", "Change", "Configuration", "changes"]

APPLIED, RESTORED = "applied", "restored"
JSON_FILE = "best.json"


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
    """

    forecaster: str
    error: float
    study: str
    bars: str
    code: str

    @property
    def sha256(self) -> str:
        """Hash of its content."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, facts: Any) -> Self:
        """What ``as_dict`` described, with its hash checked where it has one.

        Raises
        ------
        ValueError
            If it is nothing of the kind, or its hash is another's.
        """
        match facts:
            case {"forecaster": str(word), "error": float() | int() as error, "study": str(study), "bars": str(bars),
                  "code": str(code), **rest}:  # fmt: skip
                found = cls(forecaster=word, error=float(error), study=study, bars=bars, code=code)
                if rest.get("sha256", found.sha256) == found.sha256:
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

    def state(self, at: dt.datetime | None = None) -> dict[str, Configuration]:
        """The configuration of every symbol, now or as it stood at a moment.

        Raises
        ------
        ValueError
            If the log cannot be read.
        """
        return _state(self.entries(), at)

    def apply(self, found: Mapping[str, Configuration]) -> list[Change]:
        """Put configurations in force beside those of other symbols; what they replace stays in the log."""
        return self._enter(APPLIED, lambda state: {**state, **found})

    def restore(self, at: dt.datetime) -> list[Change]:
        """Put the state of a moment in force again; what it replaces stays in the log.

        Raises
        ------
        ValueError
            If nothing had been applied by then.
        """
        earlier = self.state(at)
        if not earlier:
            raise ValueError(f"nothing was applied by {at:%Y-%m-%d %H:%M}: see the days of `quintile forecast best`")
        return self._enter(RESTORED, lambda _state: earlier)

    def _enter(self, kind: str, after: Any) -> list[Change]:
        with self.transaction() as held:
            before = _state(held.entries, None)
            now = dict(sorted(after(before).items()))
            found = list(changes(before, now))
            if found:
                state = {symbol: {**each.as_dict(), "sha256": each.sha256} for symbol, each in now.items()}
                held.append(kind, state=state)
        if found:
            write_json(self.store / JSON_FILE, state)
        return found


def changes(before: Mapping[str, Configuration], after: Mapping[str, Configuration]) -> Iterator[Change]:
    """Symbols whose configuration differs, in their order."""
    for symbol in sorted(before.keys() | after.keys()):
        old, new = before.get(symbol), after.get(symbol)
        if old != new:
            yield Change(symbol=symbol, before=old, after=new)


def _state(entries: Sequence[Entry], at: dt.datetime | None) -> dict[str, Configuration]:
    kept = [entry for entry in entries if entry.kind in (APPLIED, RESTORED) and (at is None or entry.time <= at)]
    if not kept:
        return {}
    return {symbol: Configuration.of(facts) for symbol, facts in kept[-1].facts["state"].items()}
