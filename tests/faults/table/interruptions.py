"""Faults of time: commands that are killed, interrupted or out of disk at each of their renames, and killed often."""

from collections.abc import Iterator
from pathlib import Path

from tests.faults.expectations import SURVIVED, WORKS, says
from tests.faults.fault import Expected, Fault, short
from tests.faults.small_world import PAPER, RUN
from tests.faults.strikes import STRIKES, at_rename, killed_often, struck

__all__ = ["faults", "kills"]

VERSIONED = "--versions versions"
FREEZE = f"freeze latest --as sealed@1.1.0 --quiet {VERSIONED}"
CONTINUED = {  # a command, how often it renames, what goes on from it, and - where its result is another
    " ".join(RUN): (23, "run --resume latest --quiet", ""),
    "run --model 20161006-2302 --bars bars.parquet --quiet": (21, "run --resume latest --quiet", ""),
    f"run filter_negative@1.0.0 --quiet {VERSIONED}": (20, "run --resume latest --quiet", ""),
    FREEZE: (1, FREEZE, ""),
    "data import day467.parquet --name us": (14, "data import day467.parquet --name us", ""),
    "data update us --from day467.parquet": (8, "data update us --from day467.parquet", ""),
    "data audit us --fix": (1, "data audit us --fix", ""),
    "evaluate scores.csv --bars bars.parquet --quick --quiet": (8, "runs", "-"),
    "decide 20161006-2302 --bars bars.parquet --quiet": (3, "decide 20161006-2302 --bars bars.parquet --quiet", ""),
    f"replay filter_negative@1.0.0 --quiet {VERSIONED}": (1, f"verify filter_negative@1.0.0 {VERSIONED}", "-"),
    "runs prune --keep 1 --yes --versions versions": (3, "runs", "-"),
    "new other": (1, "new other", ""),
}
OFTEN = {  # what is killed, what goes on beside it, what must read after each kill
    "the trial log's writer": (
        "evaluate scores.csv --bars bars.parquet --quick --quiet",
        "evaluate scores.csv --bars bars.parquet --quick --quiet --set portfolio.k=0.2",
        ("trials", f"trials --check {VERSIONED}", "runs"),
    ),
    "an import": (
        "data import day466.parquet --name us",
        "data import bars.parquet --name us",
        ("data info us", "data audit us --quiet", "data import day467.parquet --name us"),
    ),
    "an update": (
        "data update us --from day467.parquet",
        "data update us --from day466.parquet",
        ("data info us", "data audit us --quiet", "data import bars.parquet --name us"),
    ),
    "a fix": (
        "data audit us --fix",
        "data import day467.parquet --name us",
        ("data info us", "features us --quiet", "data import bars.parquet --name us"),
    ),
    "a training": (" ".join(RUN), "runs", ("runs", "show 20161006-2301", f"trials --check {VERSIONED}")),
    "a freeze": (FREEZE, f"versions {VERSIONED}", (f"versions {VERSIONED}", f"trials --check {VERSIONED}")),
    "a paper commit": (
        f"{' '.join(PAPER)} --bars day462.parquet --quiet",
        f"{' '.join(PAPER)} --bars day462.parquet --quiet",
        (" ".join(PAPER), f"{' '.join(PAPER)} --bars day467.parquet --replay --quiet"),
    ),
    "a sweep of the store": (
        "data import bars.parquet --name us",
        "data import day467.parquet --name us",
        ("data info us", "data audit us --quiet"),
    ),
}


NO_SPACE = Expected(
    "says that the disk is full, or kept less",  # features need not be kept
    lambda met: None if met.seen.code == 0 or "disk is full" in met.seen.err else "does not say so",
)


def faults(world: Path) -> Iterator[Fault]:
    """Every command × every rename × every strike, then the same commands killed at random."""
    for command, (renames, after, like) in CONTINUED.items():
        words = tuple(command.split())
        for n in range(1, renames + 1, 3 if renames > 10 else 1):
            for how in STRIKES:
                yield Fault(
                    section="Interruptions",
                    tried=f"{short(words)} {how} at rename {n}, then {short(after)}",
                    words=tuple(after.split()),
                    spoil=struck(words, n, how),
                    expected=WORKS if like else SURVIVED,
                    like=() if like else words,
                )
            yield _told(words, n, "out of disk", NO_SPACE)
            yield _told(words, n, "interrupted", says("", code=130))


def kills(times: int) -> Iterator[Fault]:
    """What is killed at random beside another process, so many times each."""
    for what, (work, beside, readers) in OFTEN.items():
        commands = tuple(tuple(each.split()) for each in readers)
        yield Fault(
            section="Kills",
            tried=f"{what}, killed {times} times at random beside another process",
            words=("runs",),
            expected=WORKS,
            run=killed_often(times, tuple(work.split()), tuple(beside.split()), commands),
        )


def _told(words: tuple[str, ...], n: int, how: str, expected: Expected) -> Fault:
    return Fault(
        section="Interruptions",
        tried=f"{short(words)} {how} at rename {n}",
        words=words,
        around=at_rename(n, how),
        expected=expected,
    )
