"""Flat settings: a recorded spec as words by dotted key, and the keys in which runs differ.

Specs of a store share nearly every section, so that each section is parsed once however many runs have it.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from core.bounded_text import toml_value

__all__ = ["UNSET", "FlatSpecs", "deviations", "flat", "shown_setting", "unlike"]

UNSET = "unset"  # what is shown for a key that a spec lacks
NAMES = ("name", "title", "summary")  # say who a strategy is, not what it does


class FlatSpecs:
    """Reads specs as flat settings, and keeps the sections that it has seen."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, str]] = {}

    def read(self, text: str) -> dict[str, str]:
        """Settings of a spec's TOML by dotted key, without its name and title.

        Raises
        ------
        ValueError
            If it is not TOML, or beyond a bound.
        """
        if '"""' in text or "'''" in text or "[[" in text:  # a line that looks like a heading need not be one
            return _named(flat(toml_value(text)))
        found: dict[str, str] = {}
        for section in text.replace("\n[", "\n\0[").split("\0"):
            if section not in self._seen:
                self._seen[section] = flat(toml_value(section))
            found |= self._seen[section]
        return _named(found)


def flat(document: Mapping[str, Any], within: str = "") -> dict[str, str]:
    """Values of nested tables by dotted key, as words.

    Examples
    --------
    >>> from backtests.report.boards.flat_settings import flat
    >>> flat({"model": {"hidden": 64, "heads": ["score"]}})
    {'model.hidden': '64', 'model.heads': '["score"]'}
    """
    found: dict[str, str] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{within}{key}.")
        else:
            found[f"{within}{key}"] = value if isinstance(value, str) else _words(value)
    return found


def unlike(settings: Sequence[Mapping[str, str]]) -> list[str]:
    """The keys whose value is not the same in all, in the order in which they are met; a missing key is a value."""
    keys = dict.fromkeys(key for each in settings for key in each)
    return [key for key in keys if len({each.get(key) for each in settings}) > 1]


def deviations(settings: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """What each has unlike the most common value of the key; of values as common, the first one met stands.

    A key that one lacks and most have is not named: it may be younger than its run.
    """
    usual: dict[str, str | None] = {}
    for key in unlike(settings):
        usual[key] = Counter(each.get(key) for each in settings).most_common(1)[0][0]
    return [{key: each[key] for key, value in usual.items() if key in each and each[key] != value} for each in settings]


def shown_setting(settings: Mapping[str, str], key: str) -> str:
    """The value of a key, or that it is unset."""
    return settings.get(key, UNSET)


def _named(found: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in found.items() if key not in NAMES}


def _words(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
