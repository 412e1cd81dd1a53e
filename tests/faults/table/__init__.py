"""Table: every fault, section by section, each a value."""

from collections import Counter
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


def table(world: Path, *, kills: int, mutations: int) -> list[Fault]:
    """All faults, section by section; some are made of what the world's files hold."""
    faults = [fault for section in SECTIONS for fault in section.faults(world)]
    faults += [*interruptions.kills(kills), *fuzzed.faults(world, mutations)]
    places: dict[str, int] = {}
    for fault in faults:
        places.setdefault(fault.section, len(places))
    keys = Counter((fault.section, fault.tried) for fault in faults)
    assert max(keys.values()) == 1, [key for key, n in keys.items() if n > 1]
    return sorted(faults, key=lambda fault: places[fault.section])
