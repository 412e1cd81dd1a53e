"""Bar requests: the words for bars and universe, kept so that a later command finds the same.

Heavy libraries are imported inside the functions, for the command line asks here before it knows whether it needs them.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from market.request import BarsRequest

__all__ = ["absolute_universe", "bars_request", "located", "outside_files", "told_fields"]

TABLE = re.compile(r"[a-z][a-z0-9_]{0,63}")


def located(source: str) -> str:
    """Name bars so that a later command finds the same: a stored data set with its version, a file by absolute path."""
    from market.store import find_version

    stored = find_version(source)
    if stored is not None:
        return f"{stored[1].name}@{stored[1].fingerprint[:12]}"
    return _absolute(source)


def absolute_universe(universe: str) -> str:
    """A universe with the absolute path of its member file, if it has one; its filters unchanged."""
    from market.eligibility import Eligibility

    source = Eligibility.parse(universe).source
    return _absolute(source) + universe[len(source) :]


def outside_files(given: Iterable[str] | Mapping[str, str | Path]) -> dict[str, str]:
    """Files of outside tables by name, with their absolute paths, from texts like ``vix=vix.csv`` or by name.

    Raises
    ------
    ValueError
        If a text has no name or no file, or a name comes twice.

    Examples
    --------
    >>> from quintile.bar_requests import outside_files
    >>> list(outside_files(["vix=vix.csv", "eps=facts.parquet"]))
    ['vix', 'eps']
    """
    pairs = list(given.items()) if isinstance(given, Mapping) else [each.partition("=")[::2] for each in given]
    found: dict[str, str] = {}
    for name, path in pairs:
        if not TABLE.fullmatch(name) or not str(path):
            raise ValueError(
                f"--outside takes NAME=FILE, a lower-case word and a .parquet or .csv file such as vix=vix.csv, was "
                f"{f'{name}={path}' if path else name!r}"
            )
        if name in found:
            raise ValueError(f"--outside names {name} twice: give each table a name of its own")
        found[name] = os.path.realpath(path)
    return found


def bars_request(bars: str, universe: str | None = None, **beside: Any) -> "BarsRequest":
    """The request that these words describe, files by absolute path and the exchange by its code."""
    from market.exchanges import exchange_code
    from market.request import BarsRequest

    others: dict[str, Any] = {k: os.path.realpath(v) if isinstance(v, Path) else v for k, v in beside.items()}
    if others.get("exchange") is not None:
        others["exchange"] = exchange_code(others["exchange"])
    others["outside"] = outside_files(others.get("outside") or ())
    return BarsRequest(bars=located(bars), universe=absolute_universe(universe or "all"), **others)


def told_fields(told: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request among the words that were told, as ``bars_request`` would keep them."""
    from market.request import BarsRequest

    words = {each.name: told[each.name] for each in fields(BarsRequest) if told.get(each.name) is not None}
    made = bars_request(**({"bars": "builtin"} | words))
    return {field: getattr(made, field) for field in words}


def _absolute(source: str) -> str:
    return str(Path(source).resolve()) if Path(source).exists() else source
