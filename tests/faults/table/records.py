"""Faults of what runs, walks, the trial log and the data store keep."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.faults.expectations import REFUSED, SAME, SURVIVED, TOLD
from tests.faults.fault import Expected, Fault, short
from tests.faults.small_world import FOLD, OLD, RUN, WALK
from tests.faults.spoiled_files import BINARY, JSON, PARQUET, PLACES, TOML, Change, spoiled, ways

__all__ = ["faults"]

NEW_RUN = " ".join(RUN)
ITSELF = "20161006-2301"  # the beginning of the old run's id
CHECKED = "trials --check --versions versions"
PAPER = "paper filter_negative@1.0.0 --versions versions"
Row = tuple[str, Mapping[str, Change], tuple[tuple[str, Expected], ...]]

RUNS: tuple[Row, ...] = (
    (f"{OLD}/run.json", JSON, (("runs", SURVIVED), ("show latest", SAME), (f"show {ITSELF}", SURVIVED))),
    (f"{OLD}/run.json", JSON, ((f"decide {ITSELF} --json", SURVIVED), (CHECKED, TOLD))),
    (f"{OLD}/metrics.json", JSON, (("runs", SURVIVED), ("runs --json", SURVIVED), (f"show {ITSELF}", TOLD))),
    (f"{OLD}/metrics.json", JSON, ((f"freeze {ITSELF} --as mine@1.0.0 --versions versions --quiet", TOLD),)),
    (f"{OLD}/trials.json", JSON, ((CHECKED, TOLD), ("runs", SAME))),
    (f"{OLD}/digests.json", JSON, ((f"show {ITSELF}", SURVIVED), ("runs", SAME))),
    (f"{OLD}/scores.json", JSON, (("runs", SAME), (f"decide {ITSELF}", SURVIVED))),
    (f"{OLD}/model.json", JSON, ((f"decide {ITSELF}", SURVIVED), ("runs", SAME))),
    (f"{OLD}/model.safetensors", BINARY, ((f"decide {ITSELF}", REFUSED), (f"run --model {ITSELF} --quiet", REFUSED))),
    (
        f"{OLD}/spec.toml",
        TOML,
        (("runs", SURVIVED), (f"decide {ITSELF}", SURVIVED), (f"prove {ITSELF} --quiet", TOLD)),
    ),
    (f"{OLD}/returns.parquet", PARQUET, ((f"tearsheet {ITSELF}", TOLD),)),
    ("runs/filter_negative/20161006-2302*/proof.json", JSON, (("show 20161006-2302", TOLD), ("runs", SAME))),
    (f"{WALK}/walk.json", JSON, (("runs", SAME), ("show 20161006-2305", TOLD), ("walk --resume 20161006-2305", TOLD))),
    (f"{FOLD}/fold.json", JSON, (("walk --resume 20161006-2305 --quiet", TOLD),)),
)
NEW: tuple[Row, ...] = (
    (f"{OLD}/run.json", JSON, ((NEW_RUN, SURVIVED),)),
    (f"{OLD}/metrics.json", JSON, ((NEW_RUN, SURVIVED),)),
    (f"{OLD}/returns.parquet", PARQUET, ((NEW_RUN, SURVIVED),)),
    ("runs/filter_negative/20161006-2302*/proof.json", JSON, ((NEW_RUN, SURVIVED),)),
)
LOGS: tuple[Row, ...] = (
    ("runs/trials.sqlite", BINARY, (("trials", TOLD), (CHECKED, TOLD), (f"{CHECKED} --json", TOLD))),
    ("runs/trials.sqlite", BINARY, ((PAPER, TOLD), ("freeze latest --as x@1.0.0 --versions versions --quiet", TOLD))),
    (
        "runs/paper/*/paper.sqlite",
        BINARY,
        ((PAPER, TOLD), (f"{PAPER} --json", TOLD), (f"{PAPER} --bars day462.parquet", TOLD)),
    ),
)
STORE: tuple[Row, ...] = (
    (
        "data/us/manifest.json",
        JSON,
        (("data info us", TOLD), ("data audit us", SURVIVED), ("data import day466.parquet --name us", TOLD)),
    ),
    ("data/us/versions/*.json", JSON, (("data info us", TOLD), ("features us --quiet", SURVIVED))),
    ("data/us/files/*.parquet", BINARY, (("data audit us", SURVIVED), ("data import bars.parquet --name us", TOLD))),
    ("data/.features/*.json", JSON, (("features bars.parquet --quiet", SAME),)),
    ("data/.features/*.npy", BINARY, (("features bars.parquet --quiet", SAME),)),
)


def faults(world: Path) -> Iterator[Fault]:
    """Every record × every way to be wrong × the commands that read it."""
    for section, rows in {"Runs": RUNS, "Logs": LOGS, "Data store": STORE, "Old runs beside a new one": NEW}.items():
        for names, changes, readers in rows:
            for way, change in changes.items():
                for words, expected in readers:
                    yield _fault(
                        section, f"{_short(names)}, {way}", words, spoil=spoiled(names, change), expected=expected
                    )
    for name, readers in {"run.json": ("runs", f"show {ITSELF}"), "metrics.json": ("runs", f"show {ITSELF}")}.items():
        for number, (way, change) in enumerate(ways(next(world.glob(f"{OLD}/{name}")).read_bytes())):
            words = readers[number % len(readers)]
            yield _fault("Runs", f"{name} {way}", words, spoil=spoiled(f"{OLD}/{name}", change), expected=TOLD)
    for way, place in PLACES.items():
        for name in ("run.json", "metrics.json", "spec.toml", "returns.parquet", "trials.json"):
            yield _fault("Runs", f"{name}, {way}", "runs", spoil=place(f"{OLD}/{name}"), expected=TOLD)
        for name in ("manifest.json", "versions/*.json", "files/*.parquet"):
            yield _fault(
                "Data store", f"{name}, {way}", "data audit us", spoil=place(f"data/us/{name}"), expected=SURVIVED
            )
        for name in ("runs/trials.sqlite", "runs/paper/*/paper.sqlite"):
            yield _fault("Logs", f"{_short(name)}, {way}", PAPER, spoil=place(name), expected=TOLD)


def _short(names: str) -> str:
    return "/".join(part for part in names.split("/")[-2:] if "*" not in part or part[0] == "*")


def _fault(section: str, tried: str, words: str, **facts: object) -> Fault:
    return Fault(section=section, tried=f"{tried}: {short(words)}", words=tuple(words.split()), **facts)
