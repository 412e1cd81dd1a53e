"""Spoiled files: ways in which a file can be wrong, by its format, as functions of its bytes."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.faults.fault import World

__all__ = [
    "BINARY",
    "CSV",
    "JSON",
    "PARQUET",
    "PLACES",
    "TOML",
    "edited",
    "in_order",
    "put",
    "removed",
    "spoiled",
    "ways",
]

Change = Callable[[bytes], bytes]
Spoil = Callable[[World], object]
ESCAPES = "\x1b]0;pwn\x07\x1b[2J\x9b31m\u202e"
DEEP = 100_000
OTHERS: Mapping[str, object] = {
    "a list": [1],
    "a text": "x",
    "null": None,
    "an object": {"x": 1},
    "-1": -1,
    "true": True,
}


def spoiled(names: str, change: Change) -> Spoil:
    """Change the bytes of every file of that name or pattern."""

    def spoil(world: World) -> None:
        for path in _matching(world, names):
            path.write_bytes(change(path.read_bytes()))

    return spoil


def removed(names: str) -> Spoil:
    """Remove every file or folder of that name or pattern."""

    def spoil(world: World) -> None:
        for path in _matching(world, names):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return spoil


def put(name: str, content: str | bytes) -> Spoil:
    """Write a file, beside what is there."""

    def spoil(world: World) -> None:
        path = world.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode(errors="surrogatepass") if isinstance(content, str) else content)

    return spoil


def in_order(*spoils: Spoil) -> Spoil:
    """Several, one after the other."""

    def spoil(world: World) -> None:
        for each in spoils:
            each(world)

    return spoil


def edited(names: str, edit: Callable[[Any], object]) -> Spoil:
    """Edit the value in JSON files in place, or replace it by what the function gives."""
    return spoiled(names, lambda content: _edited(content, edit))


def ways(content: bytes) -> Iterator[tuple[str, Change]]:
    """Every way in which this very JSON object can lack a key, or hold another type under it."""
    for key in json.loads(content):
        yield f"without {key}", lambda held, key=key: _edited(held, lambda value: value.pop(key) and None)
        for words, other in OTHERS.items():
            yield f"{key} is {words}", lambda held, new={key: other}: _edited(held, lambda value: {**value, **new})


def _matching(world: World, names: str) -> list[Path]:
    found = sorted(world.path.glob(names))
    assert found, f"the world has no {names}"
    return found


def _edited(content: bytes, edit: Callable[[Any], object]) -> bytes:
    value = json.loads(content)
    return json.dumps(edit(value) or value).encode()


def _mapped(value: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    """A JSON value with every leaf or node of one kind changed."""
    if isinstance(value, kind) and not isinstance(value, bool):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(inner, kind, change) for key, inner in value.items()}
    return [_mapped(inner, kind, change) for inner in value] if isinstance(value, list) else value


def _every(kind: type, change: Callable[[Any], Any]) -> Change:
    return lambda content: json.dumps(_mapped(json.loads(content), kind, change)).encode()


def _place(make: Callable[[Path], object]) -> Callable[[str], Spoil]:
    def placed(names: str) -> Spoil:
        def spoil(world: World) -> None:
            for path in _matching(world, names):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                make(path)

        return spoil

    return placed


BINARY: Mapping[str, Change] = {
    "empty": lambda _: b"",
    "cut in the middle": lambda content: content[: len(content) // 2],
    "cut by a byte": lambda content: content[:-1],
    "a bit flipped in the middle": lambda content: _flipped(content, len(content) // 2),
    "a bit flipped at the start": lambda content: _flipped(content, 1),
    "a text": lambda _: b"not what you think\n",
    "zeros": lambda content: bytes(len(content)),
    "twice itself": lambda content: content + content,
}
JSON: Mapping[str, Change] = {
    "empty": lambda _: b"",
    "cut in the middle": BINARY["cut in the middle"],
    "{}": lambda _: b"{}",
    "[]": lambda _: b"[]",
    "[1]": lambda _: b"[1]",
    "null": lambda _: b"null",
    "a text": lambda _: b'"text"',
    "a number": lambda _: b"17",
    "NaN": lambda _: b"NaN",
    "a number of 5,000 digits": lambda _: b"9" * 5000,
    "100,000 brackets": lambda _: b"[" * DEEP,
    "100,000 closed objects": lambda _: b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "not UTF-8": lambda content: content.replace(b'"', b'"\xff\xfe', 3),
    "zeros": BINARY["zeros"],
    "behind 70 MB of blanks": lambda content: b" " * 70_000_000 + content,
    "a key of a newer release": lambda content: _edited(content, lambda value: {**value, "newer": {"x": 1}}),
    "escape codes in every text": _every(str, lambda text: ESCAPES + text),
    "every text a list": _every(str, lambda text: [text]),
    "every number a text": _every(int | float, str),  # type: ignore[arg-type]
    "every number NaN": _every(int | float, lambda _: float("nan")),  # type: ignore[arg-type]
    "every number 10^400": _every(int | float, lambda _: 10**400),  # type: ignore[arg-type]
    "every number negative": _every(int | float, lambda number: -abs(number) - 1),  # type: ignore[arg-type]
    "every list an object": _every(list, lambda _: {}),
}
TOML: Mapping[str, Change] = {
    "empty": lambda _: b"",
    "cut in the middle": BINARY["cut in the middle"],
    "not UTF-8": lambda content: b"\xff\xfe" + content,
    "zeros": BINARY["zeros"],
    "20,000 dotted keys": lambda content: content + b"\n" + b".".join([b"a"] * 20_000) + b" = 1\n",
    "100,000 brackets": lambda content: content + b"\nbomb = " + b"[" * DEEP + b"]" * DEEP + b"\n",
    "a number of 5,000 digits": lambda content: content + b"\nbomb = " + b"9" * 5000 + b"\n",
    "70 MB of comments": lambda content: b"#" * 70_000_000 + b"\n" + content,
    "an unknown key": lambda content: b"unknown = 1\n" + content,
    "tables where values are": lambda content: content.replace(b" = ", b".x = "),
    "every number a text": lambda content: content.replace(b" = 1", b' = "one"').replace(b" = 0", b' = "zero"'),
    "every number nan": lambda content: content.replace(b" = 0.", b" = nan # "),
    "every number inf": lambda content: content.replace(b" = 0.", b" = inf # "),
    "escape codes in its name": lambda content: content.replace(b'name = "', b'name = "\\u001b[2J\\u009b', 1),
    "escape codes in its title": lambda content: content.replace(b'title = "', b'title = "\\u001b[2J\\u202e', 1),
    "a path for a name": lambda content: content.replace(b'name = "', b'name = "../../', 1),
    "a name of 5,000 letters": lambda content: content.replace(b'name = "', b'name = "' + b"a" * 5000, 1),
    "dates where numbers are": lambda content: content.replace(b" = 0.", b" = 2020-01-01 # "),
}
CSV: Mapping[str, Change] = {
    "empty": lambda _: b"",
    "a header alone": lambda content: content.splitlines(keepends=True)[0],
    "cut in the middle of a row": lambda content: content[: content.rindex(b"\n", 0, len(content) // 2) + 6],
    "a row with too many cells": lambda content: _row(content, lambda row: row + b",1,2,3"),
    "a row with too few cells": lambda content: _row(content, lambda row: row.split(b",")[0]),
    "a quote that is never closed": lambda content: _row(content, lambda row: b'"' + row),
    "zeros": BINARY["zeros"],
    "a zero byte in a row": lambda content: _row(content, lambda row: row[:4] + b"\0" + row[4:]),
    "not UTF-8": lambda content: _row(content, lambda row: b"\xff\xfe" + row),
    "UTF-16": lambda content: content.decode().encode("utf-16"),
    "a cell of 2 MB": lambda content: _row(content, lambda row: row + b"9" * 2_000_000),
    "a number of 5,000 digits": lambda content: _last_cell(content, b"9" * 5000),
    "infinity": lambda content: _last_cell(content, b"inf"),
    "NaN": lambda content: _last_cell(content, b"nan"),
    "1e400": lambda content: _last_cell(content, b"1e400"),
    "minus one": lambda content: _last_cell(content, b"-1"),
    "a text": lambda content: _last_cell(content, b"many"),
    "escape codes": lambda content: _last_cell(content, ESCAPES.replace("\x1b", "\x1b").encode()),
    "a date that is none": lambda content: _row(content, lambda row: b"2015-02-31" + row[10:]),
    "a date of the year 1": lambda content: _row(content, lambda row: b"0001-01-01" + row[10:]),
    "a date of the year 9999": lambda content: _row(content, lambda row: b"9999-12-31" + row[10:]),
    "escape codes in a header": lambda content: content.replace(b",", b",\x1b[2J", 1),
    "all its rows twice, other values": lambda content: content + _bodies(content).replace(b"1", b"2"),
    "columns in a row of their own": lambda content: content.replace(b",", b"\n"),
    "a photograph": lambda _: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 64,
}
PLACES: Mapping[str, Callable[[str], Spoil]] = {
    "removed": removed,
    "a folder": _place(Path.mkdir),
    "a FIFO": _place(lambda path: os.mkfifo(path)),
    "a link to itself": _place(lambda path: path.symlink_to(path.name)),
    "a link to nowhere": _place(lambda path: path.symlink_to("nowhere")),
    "a link to /dev/zero": _place(lambda path: path.symlink_to("/dev/zero")),
}


def _framed(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    def changed(content: bytes) -> bytes:
        written = BytesIO()
        change(pd.read_parquet(BytesIO(content))).to_parquet(written)
        return written.getvalue()

    return changed


PARQUET: Mapping[str, Change] = {
    **BINARY,
    "no rows": _framed(lambda frame: frame.iloc[:0]),
    "one row": _framed(lambda frame: frame.iloc[:1]),
    "no columns": _framed(lambda frame: frame.iloc[:, :0]),
    "other columns": _framed(lambda frame: frame.add_suffix("x")),
    "a column twice as text": _framed(lambda frame: frame.astype(str)),
    "numbers as whole numbers": _framed(lambda frame: frame.select_dtypes("number").fillna(0).astype("int64")),
    "every number NaN": _framed(lambda frame: _numbers(frame, np.nan)),
    "every number infinite": _framed(lambda frame: _numbers(frame, np.inf)),
    "rows twice": _framed(lambda frame: pd.concat([frame, frame])),
    "rows reversed": _framed(lambda frame: frame.iloc[::-1]),
    "the index lost": _framed(lambda frame: frame.reset_index(drop=True)),
    "escape codes in its columns": _framed(lambda frame: frame.add_prefix(ESCAPES)),
    "one column alone": _framed(lambda frame: frame.iloc[:, :1]),
}


def _numbers(frame: pd.DataFrame, value: float) -> pd.DataFrame:
    columns = frame.select_dtypes("number").columns
    return frame.assign(**dict.fromkeys(map(str, columns), value))


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :] if content else content


def _row(content: bytes, change: Change) -> bytes:
    lines = content.rstrip(b"\n").split(b"\n")
    return b"\n".join([*lines[:3], change(lines[3]), *lines[4:]]) + b"\n" if len(lines) > 3 else change(content)


def _last_cell(content: bytes, cell: bytes) -> bytes:
    return _row(content, lambda row: b",".join([*row.split(b",")[:-1], cell]))


def _bodies(content: bytes) -> bytes:
    return content.split(b"\n", 1)[1]
