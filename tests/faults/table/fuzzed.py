"""Faults at random: every file format that is read × thousands of mutations."""

from collections.abc import Iterator
from pathlib import Path

from tests.faults.expectations import WORKS
from tests.faults.fault import Fault
from tests.faults.mutations import mutated_often
from tests.faults.small_world import FOLD, OLD, VERSION, WALK

__all__ = ["faults"]

SHOWN = " --versions versions"
REPLAYED = f"replay filter_negative@1.0.0 --quiet{SHOWN}"
VERIFIED = f"verify filter_negative@1.0.0{SHOWN}"
CHECKED = f"trials --check{SHOWN}"
JUDGED = "evaluate scores.csv --bars bars.parquet --quick --quiet"
DECIDED = "decide 20161006-2301 --bars bars.parquet --quiet"
PAPER = f"paper filter_negative@1.0.0{SHOWN}"
READ: dict[str, tuple[str, int]] = {  # a file, the command that reads it, and its share of the cases
    f"{OLD}/run.json": ("show 20161006-2301", 8),
    f"{OLD}/metrics.json": ("runs", 8),
    f"{OLD}/trials.json": (CHECKED, 4),
    f"{OLD}/spec.toml": ("definition {}", 8),
    f"{OLD}/model.json": (DECIDED, 1),
    f"{OLD}/model.safetensors": (DECIDED, 1),
    f"{OLD}/scores.json": (DECIDED, 1),
    f"{OLD}/returns.parquet": (JUDGED, 1),
    "runs/filter_negative/20161006-2302*/proof.json": ("show 20161006-2302", 4),
    f"{WALK}/walk.json": ("show 20161006-2305", 4),
    f"{FOLD}/fold.json": ("walk --resume 20161006-2305 --quiet", 1),
    f"{VERSION}/lock.json": (VERIFIED, 8),
    f"{VERSION}/expected/scores.parquet": (REPLAYED, 1),
    f"{VERSION}/bars/facts.json": (REPLAYED, 1),
    "data/us/manifest.json": ("data info us", 8),
    "data/us/versions/*.json": ("data info us", 4),
    "data/us/files/*.parquet": ("features us --quiet", 2),
    "mine.toml": ("definition mine.toml", 8),
    "bars.csv": ("features bars.csv --quiet --no-cache", 2),
    "bars.parquet": ("features bars.parquet --quiet --no-cache", 2),
    "scores.csv": (JUDGED, 1),
    "factors.csv": (f"{JUDGED} --factors factors.csv", 1),
    "benchmark.csv": (f"{JUDGED} --benchmark benchmark.csv", 1),
    "sectors.csv": (f"{JUDGED} --sectors sectors.csv", 1),
    "members.csv": ("features bars.parquet --quiet --universe members.csv", 4),
    "held.csv": (f"{DECIDED} --holdings held.csv", 1),
    "runs/trials.sqlite": ("trials", 6),
    "runs/paper/*/paper.sqlite": (PAPER, 4),
}


def faults(world: Path, cases: int) -> Iterator[Fault]:
    """A row for every format."""
    shares = sum(share for _, share in READ.values())
    for names, (words, share) in READ.items():
        path = sorted(world.glob(names))[0].relative_to(world)
        times = -(-cases * share // shares)
        yield Fault(
            section="Random mutations",
            tried=f"{path.name}, {times:,} random mutations: {words.split()[0]}",
            words=tuple(words.format(path).split()),
            expected=WORKS,
            run=mutated_often(times, names),
        )
