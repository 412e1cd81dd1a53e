"""Table: every fault, section by section, each a value."""

from collections.abc import Iterator
from pathlib import Path

from tests.faults.fault import Fault
from tests.faults.table import (
    chains,
    environments,
    forgeries,
    fuzzed,
    inputs,
    interruptions,
    outputs,
    own_code,
    papers,
    records,
    versions,
)

__all__ = ["table"]

SECTIONS = (versions, forgeries, papers, records, inputs, outputs, own_code, environments, chains, interruptions)


def table(world: Path, *, kills: int, mutations: int) -> Iterator[Fault]:
    """All faults; some are made of what the world's files hold."""
    for section in SECTIONS:
        yield from section.faults(world)
    yield from interruptions.kills(kills)
    yield from fuzzed.faults(world, mutations)
