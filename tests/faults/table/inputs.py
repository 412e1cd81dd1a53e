"""Faults of the files that a user gives: bars, what stands beside them, scores, strategies."""

from collections.abc import Iterator
from pathlib import Path

from tests.faults.expectations import REFUSED, TOLD
from tests.faults.fault import Fault
from tests.faults.small_world import SPEC
from tests.faults.spoiled_files import CSV, PARQUET, PLACES, TOML, spoiled

__all__ = ["faults"]

SECTION = "Files that are given"
JUDGED = "evaluate scores.csv --bars bars.parquet --quick --quiet"
DECIDED = "decide 20161006-2302 --bars bars.parquet --quiet"
GIVEN = {
    "bars.csv": "data import bars.csv --name mine --quiet",
    "scores.csv": JUDGED,
    "benchmark.csv": f"{JUDGED} --benchmark benchmark.csv",
    "factors.csv": f"{JUDGED} --factors factors.csv",
    "sectors.csv": f"{JUDGED} --sectors sectors.csv",
    "members.csv": f"{JUDGED} --universe members.csv",
    "hedge.csv": f"{JUDGED} --hedge hedge.csv",
    "held.csv": f"{DECIDED} --holdings held.csv",
    "bars.parquet": "data import bars.parquet --name mine --quiet",
    "mine.toml": "definition mine.toml",
}
KINDS = {"bars.parquet": PARQUET, "mine.toml": TOML}


def faults(world: Path) -> Iterator[Fault]:
    """Every file × every way to be wrong."""
    for name, words in GIVEN.items():
        for way, change in KINDS.get(name, CSV).items():
            yield _fault(f"{name}, {way}", words, spoil=spoiled(name, change), expected=TOLD)
        for way, place in PLACES.items():
            yield _fault(f"{name}, {way}", words, spoil=place(name), expected=REFUSED)
    for way in TOML:
        words = f"run mine.toml --bars bars.parquet --quiet {' '.join(SPEC)}"
        yield _fault(f"mine.toml, {way}: run", words, spoil=spoiled("mine.toml", TOML[way]), expected=TOLD)


def _fault(tried: str, words: str, **facts: object) -> Fault:
    return Fault(section=SECTION, tried=tried, words=tuple(words.split()), **facts)
