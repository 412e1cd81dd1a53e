"""Difference: two versions side by side: spec, code, data, dependencies, metrics; standard library only."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from core.files import read_toml
from strategy.frozen.versions import VersionFolder, plain

__all__ = ["DifferenceRow", "difference"]


class DifferenceRow(NamedTuple):
    """One number or hash that two versions do not share; the empty string where one lacks it."""

    section: str
    key: str
    left: str
    right: str


def difference(left: VersionFolder, right: VersionFolder) -> list[DifferenceRow]:
    """Differences between two versions, in reading order; metrics are always listed.

    Raises
    ------
    ValueError
        If a lock cannot be read.
    """
    a, b = left.body, right.body
    return [
        *_rows("spec", _spec(left), _spec(right)),
        *_rows("code", _code(a, b), _code(b, a)),
        *_rows("data", _data(a), _data(b)),
        *_rows("dependencies", a["dependencies"], b["dependencies"]),
        *_rows("metrics", a["figures"], b["figures"], everything=True),
    ]


def _rows(
    section: str, left: Mapping[str, Any], right: Mapping[str, Any], *, everything: bool = False
) -> Iterator[DifferenceRow]:
    for key in [*left, *(key for key in right if key not in left)]:
        if everything or left.get(key) != right.get(key):
            yield DifferenceRow(section, plain(key), _shown(left.get(key)), _shown(right.get(key)))


def _spec(folder: VersionFolder) -> dict[str, Any]:
    numbers = read_toml(folder.path / "spec.toml")
    flat: dict[str, Any] = {}
    for key, value in numbers.items():
        flat |= {f"{key}.{inner}": each for inner, each in value.items()} if isinstance(value, dict) else {key: value}
    return flat


def _code(body: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The deciding sources; of two locks that hash them differently only that they do."""
    same = body["format"] == other["format"]
    return body["closure"] if same else {"form of the lock": body["format"], "all modules": body["closure_sha256"]}


def _data(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "panel": body["panel"],
        "bars": body["bars"],
        **body["request"],
        "test_span": " to ".join(body["test_span"]),
    }


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else plain(value)
