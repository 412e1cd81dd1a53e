"""Faults of a stranger's version: its lock, spec, weights, bars and expected frames."""

from collections.abc import Iterator
from pathlib import Path

from tests.faults.expectations import REFUSED, SURVIVED, TOLD
from tests.faults.fault import Fault, short
from tests.faults.small_world import VERSION
from tests.faults.spoiled_files import BINARY, JSON, PARQUET, PLACES, TOML, spoiled, ways

__all__ = ["faults"]

SECTION = "Versions"
SHOWN = " --versions versions"
LISTED = "versions" + SHOWN
VERIFIED = "verify filter_negative@1.0.0" + SHOWN
REPLAYED = "replay filter_negative@1.0.0 --quiet" + SHOWN
RUN = "run filter_negative@1.0.0 --quiet" + SHOWN
DIFFERED = "diff filter_negative@1.0.0 filter_negative@1.1.0" + SHOWN
PAPER = "paper filter_negative@1.0.0" + SHOWN
CHECKED = "trials --check" + SHOWN
READERS = (LISTED, VERIFIED, REPLAYED, DIFFERED, PAPER)


def faults(world: Path) -> Iterator[Fault]:
    """Locks of every shape, then the version's other files."""
    lock = f"{VERSION}/lock.json"
    for way, change in JSON.items():
        for words in READERS:
            yield _fault(f"lock.json, {way}", words, spoil=spoiled(lock, change), expected=SURVIVED)
    for number, (way, change) in enumerate(ways((world / lock).read_bytes())):
        words = READERS[number % len(READERS)]
        yield _fault(f"lock.json {way}", words, spoil=spoiled(lock, change), expected=SURVIVED)
    for way, place in PLACES.items():
        for name in ("lock.json", "spec.toml", "model.safetensors"):
            yield _fault(f"{name}, {way}", VERIFIED, spoil=place(f"{VERSION}/{name}"), expected=REFUSED)
        yield _fault(f"lock.json, {way}", LISTED, spoil=place(lock), expected=TOLD)
    kinds = {"spec.toml": TOML, "model.json": JSON, "model.safetensors": BINARY, "expected/scores.parquet": PARQUET}
    for name, changes in {**kinds, "bars/close.parquet": PARQUET, "bars/facts.json": JSON}.items():
        for way, change in changes.items():
            for words in (VERIFIED, REPLAYED):
                yield _fault(f"{name}, {way}", words, spoil=spoiled(f"{VERSION}/{name}", change), expected=REFUSED)


def _fault(tried: str, words: str, **facts: object) -> Fault:
    return Fault(section=SECTION, tried=f"{tried}: {short(words)}", words=tuple(words.split()), **facts)
