"""``python -m tests.faults``: try every fault, and write what was seen to ``docs/faults.md``."""

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before anything is imported that reads it: a fork is taken of one thread

from tests.faults import page, small_world
from tests.faults.fault import Fault
from tests.faults.processes import ROOT
from tests.faults.table import table
from tests.faults.trial import Attempt, try_all

PAGE = ROOT / "docs" / "faults.md"


def main() -> int:
    """Try the faults that are asked for; exit 1 if one was not survived."""
    asked = _asked()
    begun = time.monotonic()
    tried: list[Attempt] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        world = Path(folder) / "world"
        world.mkdir()
        small_world.build(world)
        print(f"the world is built: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        whole = table(world, kills=asked.kills, mutations=asked.mutations)
        for section, faults in groupby(_wanted(whole, asked), key=lambda fault: fault.section):
            print(f"{section}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
            tried += try_all(list(faults), world, jobs=asked.jobs)
            if asked.page:
                page.write(PAGE, whole, tried)
    lost = sum(attempt.wrong is not None for attempt in tried)
    print(f"{len(tried)} faults, {len(tried) - lost} survived, {time.monotonic() - begun:.0f} s")
    return int(bool(lost))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", default="", help='try only faults whose "section: tried" this expression finds')
    parser.add_argument("--lost", action="store_true", help="try only what the page says was not survived")
    parser.add_argument("--kills", type=int, default=200, help="kills of each command that is killed at random")
    parser.add_argument("--mutations", type=int, default=20_000, help="random mutations, of all files together")
    parser.add_argument("--jobs", type=int, default=2, help="faults that are tried at once")
    parser.add_argument("--page", action="store_true", help="write what was seen to docs/faults.md")
    return parser.parse_args()


def _wanted(whole: Sequence[Fault], asked: argparse.Namespace) -> list[Fault]:
    found = [fault for fault in whole if re.search(asked.only, f"{fault.section}: {fault.tried}")]
    lost = page.lost(PAGE) if asked.lost else {page.key(fault) for fault in found}
    return [fault for fault in found if page.key(fault) in lost]


sys.exit(main())
