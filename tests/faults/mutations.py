"""Mutations: a file changed at random, many times, and read after each; one line or success."""

import contextlib
import io
import json
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.faults.fault import CONTROL
from tests.faults.processes import Seen, Surroundings, called

__all__ = ["mutated_often"]

BATCH = 50  # cases in one process
BITS = (
    b"\0",
    b"\xff",
    b"[" * 200,
    b"{",
    b'"',
    b"1e999",
    b"-1",
    b"9" * 400,
    b"null",
    b"\x1b[2J",
    b"\xe2\x80\xae",
    b"\n",
    b",",
)
VALUES = (None, True, [], {}, "", "x" * 1000, "\x1b[2J", -1, 0, 10**30, 1e308, [[]], {"a": {}}, "../../x", "9999-12-31")


def mutated_often(times: int, names: str) -> Callable[[tuple[str, ...], Path, Surroundings], Seen]:
    """Run a command so often, each time on another mutation of a file; what it gives tells of the first that fails."""

    def run(words: tuple[str, ...], folder: Path, around: Surroundings) -> Seen:
        path = sorted(folder.glob(names))[0]
        content, taken, number = path.read_bytes(), 0, folder / "mutation"
        for first in range(0, times, BATCH):
            batch = range(first, min(first + BATCH, times))
            seen = called(lambda batch=batch: _batch(words, path, content, batch, number), folder, around)
            if seen.code != 0 or not seen.out.strip().isdigit():
                kept = f"mutation {number.read_text()}"
                return Seen(seen.code or 1, "", f"quintile: {kept}: {' '.join((seen.out + seen.err).split())[-300:]}")
            taken += int(seen.out)
        return Seen(0, f"{times} mutations, {taken} of them taken, the others refused in one line\n", "")

    return run


def _batch(words: tuple[str, ...], path: Path, content: bytes, batch: range, number: Path) -> int:
    """How many of the mutations were taken; the first that ends otherwise than in one line is raised."""
    taken = 0
    for case in batch:
        number.write_text(str(case))
        path.write_bytes(mutation(content, random.Random(f"{path.name} {case}")))
        code, printed, told = _carried_out(words)
        lines = [line for line in told.splitlines() if line.strip()]
        if "Traceback" in told or (code not in (0, 2) and len(lines) > 1) or CONTROL.search(printed + told):
            raise AssertionError(told[-200:] if "Traceback" in told else f"{code}: {printed[-80:]!a} {told[-160:]!a}")
        taken += code == 0
    path.write_bytes(content)
    return taken


def _carried_out(words: tuple[str, ...]) -> tuple[int, str, str]:
    from quintile.cli import main

    sys.argv = ["quintile", *words]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
            code: Any = 0
        except SystemExit as left:
            code = left.code or 0
        except Exception:
            code = 70
            err.write("Traceback: " + traceback.format_exc()[-400:])
    return int(code), out.getvalue(), err.getvalue()


def mutation(content: bytes, rng: random.Random) -> bytes:
    """A random change of a file: of its bytes, or, where it is JSON, of a value in it."""
    with contextlib.suppress(ValueError):
        if rng.random() < 0.7:
            return _of_json(json.loads(content), rng)
    for _ in range(rng.choice((1, 1, 2, 8))):
        content = _of_bytes(content, rng)
    return content


def _of_bytes(content: bytes, rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    end = min(end, start + rng.choice((1, 2, 30, len(content))))
    match rng.randrange(5):
        case 0:
            return content[:start] + content[end:]
        case 1:
            return content[:end] + content[start:]
        case 2:
            return content[:start] + rng.choice(BITS) + content[start:]
        case 3:
            return content[:start] + rng.randbytes(end - start) + content[end:]
    return (
        content[:start]
        + bytes(byte ^ (1 << rng.randrange(8)) for byte in content[start : start + 1])
        + content[start + 1 :]
    )


def _of_json(value: Any, rng: random.Random) -> bytes:
    places = list(_places(value))
    if not places:
        return json.dumps(rng.choice(VALUES)).encode()
    parent, key = rng.choice(places)
    match rng.randrange(4):
        case 0 if isinstance(parent, dict):
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[f"{key}\x1b"] = parent.pop(key)
        case 2:
            parent[key] = [parent[key]]
        case _:
            parent[key] = rng.choice(VALUES)
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in list(inner):
        yield value, key
        yield from _places(held)
