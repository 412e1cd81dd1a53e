"""Faults of forged versions: a file of a version edited, and the lock made to agree with it again."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from strategy.frozen.versions import lock_text
from tests.faults.expectations import REFUSED, SURVIVED, TOLD, says
from tests.faults.fault import Fault, World, short
from tests.faults.small_world import VERSION
from tests.faults.spoiled_files import ESCAPES, JSON, OTHERS, TOML, Change, in_order, put, removed, spoiled

__all__ = ["faults"]

SECTION = "Forged versions"
SHOWN = " --versions versions"
LISTED, CHECKED = "versions" + SHOWN, "trials --check" + SHOWN
NAMED = ("verify", "replay", "run", "paper")
COMMANDS = tuple(f"{verb} filter_negative@1.0.0{SHOWN}" for verb in NAMED)
DIFFERED = f"diff filter_negative@1.0.0 filter_negative@1.1.0{SHOWN}"
READERS = (LISTED, *COMMANDS, DIFFERED, CHECKED, f"holdout open filter_negative@1.0.0{SHOWN}")
REPLAYED = COMMANDS[1]
CAUGHT = says("other", "not", "differ", "forged", "does", code=1)
WRONG: dict[str, tuple[str, Any]] = {
    "threads 100,000": ("machine.threads", "100000"),
    "threads a word": ("machine.threads", "many"),
    "threads 0": ("machine.threads", "0"),
    "bars of this machine": ("request.bars", "bars.parquet"),
    "bars of /etc/passwd": ("request.bars", "/etc/passwd"),
    "bars of the network": ("request.bars", "yfinance:AAPL,MSFT"),
    "bars of a share": ("request.bars", "//host/share/bars.parquet"),
    "a sector file of this machine": ("request.sectors", "sectors.csv"),
    "a universe file of this machine": ("request.universe", "members.csv"),
    "a benchmark of this machine": ("request.benchmark", "benchmark.csv"),
    "a request's newer key": ("request.evil", 1),
    "previous of 5,000 digits": ("previous", {"version": "9" * 5000, "sha256": "0" * 64}),
    "previous out of the folder": ("previous", {"version": "../../../etc", "sha256": "0" * 64}),
    "name of another": ("name", "quintile_long_short"),
    "name out of the folder": ("name", "../../etc"),
    "version of 5,000 digits": ("version", "9" * 5000),
    "a Sharpe ratio of 10^300": ("figures.sharpe_net", 1e300),
    "a Sharpe ratio of text": ("figures.sharpe_net", "3.2"),
    "a better Sharpe ratio": ("figures.sharpe_net", 3.2),
    "a better headline": ("headline.sharpe_net", 3.2),
    "a better verdict": ("headline.verdict", "EVIDENCE"),
    "a better sentence": ("headline.sentence", "EVIDENCE: trust me"),
    "escape codes in the verdict": ("headline.verdict", ESCAPES + "EVIDENCE"),
    "escape codes in the date": ("frozen", ESCAPES + "2020-01-01"),
    "escape codes in the bars": ("request.bars", ESCAPES),
    "escape codes in the run": ("run", ESCAPES),
    "escape codes in the machine": ("machine.system", ESCAPES),
    "escape codes in the commit": ("commit", ESCAPES),
    "escape codes in a dependency": ("dependencies.numpy", ESCAPES),
    "frozen in the year 9999": ("frozen", "9999-12-31T00:00:00+00:00"),
    "frozen on no date": ("frozen", "yesterday"),
    "another chain length": ("chain.length", -(10**9)),
    "a test span turned round": ("test_span", ["2020-01-01", "2010-01-01"]),
    "a file out of the folder": ("files", {"../../../bars.parquet": {"bytes": 1, "sha256": "0" * 64}}),
    "a file of the root": ("files", {"/etc/passwd": {"bytes": 1, "sha256": "0" * 64}}),
    "no files": ("files", {}),
    "a closure out of the tree": ("closure", {"../../etc/passwd": "0" * 64}),
    "a format of a newer release": ("format", "quintile version 99"),
}
FILES: dict[str, tuple[str, Change]] = {
    "a better verdict in STRATEGY_DEFINITION.md": ("STRATEGY_DEFINITION.md", lambda text: text + b"\nEVIDENCE: 3.2\n"),
    "a script in STRATEGY_DEFINITION.md": ("STRATEGY_DEFINITION.md", lambda text: b"<script>x</script>\n" + text),
    "another book in spec.toml": ("spec.toml", lambda text: text.replace(b"k = ", b"k = 0.3 # ", 1)),
    "another seed in spec.toml": ("spec.toml", lambda text: text.replace(b"seed = 2", b"seed = 3")),
}


def faults(world: Path) -> Iterator[Fault]:
    """Every key of a lock lacking and of other types, forged values, and forged files."""
    body = json.loads((world / VERSION / "lock.json").read_bytes())["body"]
    kinds = {key: OTHERS if key in body else {"a list": [1], "an object": {}} for key in _keys(body)}
    shapes = [(f"{key} is {words}", key, other) for key in kinds for words, other in kinds[key].items()]
    shapes += [(f"without {key}", key, LACKING) for key in _keys(body)]
    for number, (tried, key, other) in enumerate(shapes):
        words = READERS[number % len(READERS)]
        yield _fault(f"{tried}, resealed", words, spoil=forged(key, other), expected=SURVIVED)
    for number, (tried, (key, value)) in enumerate(WRONG.items()):
        for words in READERS[number % 2 :: 2]:
            yield _fault(f"{tried}, resealed", words, spoil=forged(key, value), expected=TOLD)
    for tried in ("a better Sharpe ratio", "a better headline", "a better verdict", "a better sentence"):
        yield _fault(f"{tried}, resealed, must be caught", REPLAYED, spoil=forged(*WRONG[tried]), expected=CAUGHT)
        yield _fault(
            f"{tried}, resealed, known to the log",
            CHECKED,
            spoil=forged(*WRONG[tried]),
            expected=says("filter_negative@1.0.0", code=1),
        )
    changes = {f"{name}, {way}": (name, change) for name, ways in _bombs() for way, change in ways.items()}
    for tried, (name, change) in {**FILES, **changes}.items():
        spoil = in_order(spoiled(f"{VERSION}/{name}", change), _rehashed)
        yield _fault(f"{tried}, rehashed", REPLAYED, spoil=spoil, expected=REFUSED)
        yield _fault(f"{tried}, rehashed", COMMANDS[2], spoil=spoil, expected=TOLD)
    yield _fault("a version deleted", CHECKED, spoil=removed(VERSION), expected=says("filter_negative@1.0.0", code=1))
    yield _fault("a version under another number", CHECKED, spoil=_copied("1.0.9"), expected=says("1.0.9", code=1))
    yield _fault("a file beside the version's own", COMMANDS[0], spoil=put(f"{VERSION}/run.sh", "#!"), expected=REFUSED)


LACKING = object()


def forged(key: str, value: object) -> Callable[[World], None]:
    """Another value under a dotted key of the lock, sealed again as Quintile would."""

    def forge(world: World) -> None:
        path = world.path / VERSION / "lock.json"
        body = json.loads(path.read_bytes())["body"]
        *parents, last = key.split(".")
        inner = body
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
        if value is LACKING:
            del inner[last]
        path.write_text(lock_text(body))

    return forge


def _keys(body: dict[str, Any]) -> list[str]:
    inner = [f"{key}.{each}" for key in ("request", "machine", "chain", "headline") for each in body[key]]
    return [*body, *inner]


def _bombs() -> tuple[tuple[str, dict[str, Change]], ...]:
    return ("spec.toml", dict(TOML)), ("model.json", dict(JSON)), ("bars/facts.json", dict(JSON))


def _rehashed(world: World) -> None:
    """Make the lock agree with the files that are there."""
    folder = world.path / VERSION
    body = json.loads((folder / "lock.json").read_bytes())["body"]
    for name in body["files"]:
        content = (folder / name).read_bytes()
        body["files"][name] |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "lock.json").write_text(lock_text(body))


def _copied(number: str) -> Callable[[World], object]:
    return lambda world: shutil.copytree(world.path / VERSION, world.path / Path(VERSION).parent / number)


def _fault(tried: str, words: str, **facts: object) -> Fault:
    given = (*words.split(), *(("--quiet",) if "--check" not in words else ()))
    return Fault(section=SECTION, tried=f"{tried}: {short(given)}", words=given, **facts)
