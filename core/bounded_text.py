"""Bounded text: JSON and TOML as values, whoever wrote them; a text is refused before it costs much time or memory.

Bounds are far beyond what Quintile writes: size, depth, digits of a number. A number must be finite and a string must
have a UTF-8 form, so that whatever is read can be written and printed.
"""

import json
import math
import re
import tomllib
from typing import Any, Final

__all__ = ["MAX_JSON_BYTES", "MAX_TOML_BYTES", "json_value", "toml_value"]

MAX_JSON_BYTES: Final = 64 * 2**20
MAX_TOML_BYTES: Final = 256 * 2**10
MAX_DEPTH: Final = 64  # lists and objects within each other
MAX_DIGITS: Final = 100  # of a number as it is written; a random generator's state has 39
STRUCTURE: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', re.DOTALL)
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
    _require_shallow(written)
    try:
        value = json.loads(written, parse_int=_whole, parse_float=_finite, parse_constant=_refuse_constant)
    except RecursionError as error:  # where the caller's own stack is deep
        raise ValueError("nested too deeply") from error
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
        raise ValueError("nested too deeply") from error
    except tomllib.TOMLDecodeError:
        raise
    except ValueError as error:  # Python's own bound on digits, or a date that is none
        raise ValueError(f"a value cannot be read: {error}") from error
    _require_bounded(value)
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


def _require_shallow(text: str) -> None:
    """Refuse deep nesting before a parser meets it; most texts have too few brackets to be deep."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for found in STRUCTURE.finditer(text):
        mark = text[found.start()]
        depth += 1 if mark in "[{" else -1 if mark in "]}" else 0
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} deep")


def _require_bounded(document: dict[str, Any]) -> None:
    """Refuse deep nesting and long numbers in a parsed document, without recursion."""
    waiting: list[tuple[Any, int]] = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH + 1:
            raise ValueError(f"nested more than {MAX_DEPTH} deep")
        if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
            raise ValueError(f"a number has more than {MAX_DIGITS} digits")
        if isinstance(value, dict | list):
            waiting += [(each, depth + 1) for each in (value.values() if isinstance(value, dict) else value)]


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return int(digits)


def _finite(written: str) -> float:
    if len(written) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    if not math.isfinite(value := float(written)):
        raise ValueError(f"{written} is beyond the range of a number")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _require_utf8(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("half a surrogate pair in a string") from error
