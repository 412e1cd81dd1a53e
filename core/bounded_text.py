"""Bounded text: JSON and TOML as values, whoever wrote them; a text is refused before it costs much time or memory.

Bounds are far beyond what Quintile writes: size, depth, digits of a number. A number must be finite and a string must
have a UTF-8 form, so that whatever is read can be written and printed; of a key that is there twice neither value is
taken.
"""

import json
import math
import re
import tomllib
from collections.abc import Collection
from typing import Any, Final

__all__ = ["MAX_JSON_BYTES", "MAX_TOML_BYTES", "json_value", "toml_value"]

MAX_JSON_BYTES: Final = 64 * 2**20
MAX_TOML_BYTES: Final = 256 * 2**10
MAX_DEPTH: Final = 64  # lists and objects within each other
MAX_DIGITS: Final = 100  # of a number as it is written; a random generator's state has 39
LARGEST: Final = 10**MAX_DIGITS - 1
TOO_DEEP: Final = f"nested more than {MAX_DEPTH} deep"
LONG_NUMBER: Final = f"a number has more than {MAX_DIGITS} digits"
PART: Final = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
LONG_KEY: Final = re.compile(rf"(?<![\w-]){PART}(?:[ \t]*+\.[ \t]*+{PART}){{{MAX_DEPTH}}}")


def json_value(text: str | bytes) -> Any:
    """Parse one JSON value.

    Raises
    ------
    ValueError
        If it is not JSON, or beyond a bound.

    Examples
    --------
    >>> json_value('{"seeds": [1, 2]}')
    {'seeds': [1, 2]}
    """
    written = _decoded(text, MAX_JSON_BYTES)
    try:
        value = json.loads(
            written,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_refuse_constant,
            object_pairs_hook=_one_value_a_key,
        )
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    _shallow_tables(value)
    if re.search(r"\\u[dD][89a-fA-F]", written):
        _require_utf8(value)
    return value


def toml_value(text: str | bytes) -> dict[str, Any]:
    r"""Parse a TOML document.

    Raises
    ------
    ValueError
        If it is not TOML, or beyond a bound.

    Examples
    --------
    >>> toml_value("[model]\nhidden = 64")
    {'model': {'hidden': 64}}
    """
    written = _decoded(text, MAX_TOML_BYTES).replace("\r\n", "\n")
    if LONG_KEY.search(written):
        raise ValueError(f"a key has more than {MAX_DEPTH} parts")
    try:
        value = tomllib.loads(written)
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    except tomllib.TOMLDecodeError:
        raise
    except ValueError as error:  # Python's own bound on digits, or a date that is none
        raise ValueError(f"a value cannot be read: {error}") from error
    if any(isinstance(each, int) and abs(each) > LARGEST for values in _shallow_tables(value) for each in values):
        raise ValueError(LONG_NUMBER)
    return value


def _decoded(text: str | bytes, limit: int) -> str:
    if len(text) > limit:
        raise ValueError(f"{len(text):,} bytes, more than the {limit:,} that are read")
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from error


def _shallow_tables(document: Any) -> list[Collection[Any]]:
    """The values of every list and object of a document, found without recursion; deep nesting is refused."""
    waiting, found = [([document], 0)], list[Collection[Any]]()
    while waiting:
        values, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ValueError(TOO_DEEP)
        found.append(values)
        tables = (each for each in values if isinstance(each, list | dict))
        waiting += [(each if isinstance(each, list) else list(each.values()), depth + 1) for each in tables]
    return found


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(LONG_NUMBER)
    return int(digits)


def _finite(written: str) -> float:
    if len(written) > MAX_DIGITS:
        raise ValueError(LONG_NUMBER)
    if not math.isfinite(value := float(written)):
        raise ValueError(f"{written} is beyond the range of a number")
    return value


def _one_value_a_key(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _require_utf8(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("half a surrogate pair in a string") from error
