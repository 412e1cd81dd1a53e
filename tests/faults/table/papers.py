"""Faults of paper trading: clocks that are wrong, days that are missing, logs that are cut, two at once."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from tests.faults.expectations import REFUSED, TOLD, says
from tests.faults.fault import Expected, Fault, Meeting, World, short
from tests.faults.processes import Surroundings, begun
from tests.faults.small_world import PAPER
from tests.faults.spoiled_files import Spoil, removed

__all__ = ["faults"]

SECTION = "Paper trading"
LOG = "runs/paper/filter_negative-1.0.0/paper.sqlite"
NEXT = f"{' '.join(PAPER)} --bars day462.parquet --quiet"
SHOWN = " ".join(PAPER)
CHECKED = "trials --check --versions versions"
CLOCKS = {
    "behind the last entry": "2016-10-10T12:00",
    "behind the first entry": "2016-10-01T12:00",
    "of 1970": "1970-01-01T00:00",
    "before the close": "2016-10-10T20:00",
    "a month behind": "2016-09-11T22:00",
}


def faults(_world: Path) -> Iterator[Fault]:
    """Clocks, days, logs."""
    for tried, now in CLOCKS.items():
        yield _fault(f"a clock {tried}", NEXT, REFUSED, around=Surroundings(now=now))
    yield _fault("bars of the future", NEXT, REFUSED, spoil=_moved(30), around=Surroundings(now="2016-10-12T23:00"))
    yield _fault("bars of a Sunday", NEXT, REFUSED, spoil=_moved(5), around=Surroundings(now="2016-10-17T23:00"))
    yield _fault("bars that end before the last decision", NEXT.replace("462", "460"), REFUSED)
    yield _fault("bars that were restated", NEXT, says("restated", code=0), spoil=_restated)
    yield _fault("a session missed", NEXT.replace("462", "464"), says("missed", code=0))
    yield _fault("a session missed, and the record", SHOWN, says("missed", code=0), spoil=_committed(464))
    yield _fault("a decision after its open", NEXT, says("late", code=0), around=Surroundings(now="2016-10-20T23:00"))
    for n in (2, 3, 5):
        yield _fault(f"{n} first commands at once", _of("1.1.0"), _decisions(1), spoil=_at_once(n, "1.1.0"))
        yield _fault(f"{n} commands at once for one close", SHOWN, _decisions(3), spoil=_at_once(n))
    yield _fault("the log deleted", CHECKED, says("paper", code=1), spoil=removed("runs/paper"))
    yield _fault("the log deleted and begun anew", NEXT, says("paper", code=1), spoil=removed("runs/paper"))
    yield _fault("the log of another day put back", CHECKED, says("paper", code=1), spoil=_put_back)
    yield _fault("the log of another day put back, and a commit", NEXT, says("paper", code=1), spoil=_put_back)
    for cut in (1, 2, 3):
        yield _fault(f"the last {cut} entries cut", CHECKED, says("paper", code=1), spoil=_cut(cut))
        yield _fault(f"the last {cut} entries cut, then a commit", NEXT, says("paper", code=1), spoil=_cut(cut))
        yield _fault(f"the last {cut} entries cut: show", SHOWN, TOLD, spoil=_cut(cut))
    for column in _COLUMNS:
        for words in (SHOWN, NEXT, CHECKED):
            yield _fault(f"{column} of an entry edited", words, says("edit", "paper", code=1), spoil=_edited(column))


_COLUMNS = ("body",)


def _decisions(most: int) -> Expected:
    """At most so many decisions in the log."""

    def wrong(met: Meeting) -> str | None:
        if met.seen.code != 0:
            return f"exit {met.seen.code}"
        return None if f"{most} decisions" in met.seen.out else f"not {most} decisions"

    return Expected(f"{most} decisions in the record", wrong)


def _moved(days: int) -> Spoil:
    """The bars of the next day under a later date."""

    def spoil(world: World) -> None:
        path = world.path / "day462.parquet"
        bars = pd.read_parquet(path)
        last = bars["date"] == bars["date"].max()
        bars.assign(date=bars["date"].where(~last, bars["date"] + pd.Timedelta(days=days))).to_parquet(path)

    return spoil


def _restated(world: World) -> None:
    path = world.path / "day462.parquet"
    bars = pd.read_parquet(path)
    decided = (bars["date"] == "2016-10-10") & (bars["ticker"] < "SYN015")
    bars.loc[decided, ["high", "close"]] *= 1.1
    bars.to_parquet(path)


def _committed(row: int) -> Callable[[World], object]:
    return lambda world: world.quintile(*PAPER, "--bars", f"day{row}.parquet", "--quiet")


def _of(version: str) -> str:
    return SHOWN.replace("1.0.0", version)


def _at_once(n: int, version: str = "1.0.0") -> Spoil:
    words = (*_of(version).split(), "--bars", "day462.parquet", "--quiet")

    def spoil(world: World) -> None:
        for child in [begun(words, world.path) for _ in range(n)]:
            os.waitpid(child, 0)

    return spoil


def _put_back(world: World) -> None:
    kept = (world.path / LOG).read_bytes()
    _committed(462)(world)
    (world.path / LOG).write_bytes(kept)


def _cut(n: int) -> Spoil:
    return _statement(f"DELETE FROM entries WHERE sequence > (SELECT max(sequence) - {n} FROM entries)")


def _edited(column: str) -> Spoil:
    return _statement(f"UPDATE entries SET {column} = replace({column}, '2016', '2015') WHERE sequence = 3")


def _statement(text: str) -> Spoil:
    def spoil(world: World) -> None:
        connection = sqlite3.connect(world.path / LOG)
        with connection:
            for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {trigger}")
            connection.execute(text)
        connection.close()

    return spoil


def _fault(tried: str, words: str, expected: Expected, **facts: object) -> Fault:
    return Fault(
        section=SECTION, tried=f"{tried}: {short(words)}", words=tuple(words.split()), expected=expected, **facts
    )
