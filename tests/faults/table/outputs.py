"""Faults of outputs: every option that writes × every file that must not be lost."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

from tests.faults.expectations import kept
from tests.faults.fault import Fault
from tests.faults.small_world import OLD, VERSION

__all__ = ["faults"]

SECTION = "Outputs over what is there"
WRITERS = (
    "data audit bars.parquet --out {}",
    "definition filter_negative --out {}",
    "versions --versions versions --definition {}",
    "features bars.parquet --quiet --catalogue {}",
    "decide 20161006-2302 --bars bars.parquet --quiet --export {}",
)
PRECIOUS = (
    "bars.parquet",
    "bars.csv",
    "mine.toml",
    "held.csv",
    "notes.txt",
    f"{OLD}/run.json",
    f"{OLD}/model.safetensors",
    f"{VERSION}/lock.json",
    "runs/trials.sqlite",
    "data/us/manifest.json",
)


def faults(world: Path) -> Iterator[Fault]:
    """Every writer onto every file, by its own path."""
    for words, pattern in product(WRITERS, PRECIOUS):
        name = next(world.glob(pattern)).relative_to(world).as_posix()
        yield Fault(
            section=SECTION,
            tried=f"{words.split()[0]} {words.split()[-2]} onto {Path(name).name}",
            words=tuple(words.format(name).split()),
            expected=kept(name),
        )
