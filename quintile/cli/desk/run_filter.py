"""Run filter: which runs are listed, and in which order: ``KEY OP VALUE`` on headline numbers, settings and facts.

Nothing is evaluated: a condition is a key, one of eight operators and a value. A number that a run lacks matches no
condition and sorts last.
"""

import difflib
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from strategy.desk.run_entry import RunEntry

__all__ = ["Condition", "kept_entries", "sorted_entries", "value_of"]

FACTS: Final = ("run", "strategy", "status", "kind", "started", "panel", "origin")
OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "==": operator.eq,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    "~": lambda text, part: str(part).lower() in str(text).lower(),
}
FORM: Final = re.compile(r"\s*([\w.\-]+)\s*(>=|<=|!=|==|=|>|<|~)\s*(.*?)\s*", re.DOTALL)
NAMED: Final = "numbers are named as in a run's metrics.json, settings as in its spec.toml"
SAID: Final = "write KEY OP VALUE, such as 'sharpe_net>0.5', 'portfolio.k=0.1' or 'verdict~weak'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a listed run must meet.

    Parameters
    ----------
    key : str
        A headline number, a dotted key of the spec or its end, or a fact such as ``strategy`` or ``status``.
    sign : str
        One of ``>= <= != == = > < ~``; the last is "contains", whatever the case.
    value : str
        Compared as a number where both sides are numbers, else as text.

    Examples
    --------
    >>> from quintile.cli.desk.run_filter import Condition
    >>> Condition.parse("sharpe_net > 0.5")
    Condition(key='sharpe_net', sign='>', value='0.5')
    """

    key: str
    sign: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``KEY OP VALUE``.

        Raises
        ------
        ValueError
            If the text is anything else.
        """
        match = FORM.fullmatch(text)
        if match is None or not match[3]:
            raise ValueError(f"{text!r} is no condition: {SAID}")
        return cls(key=match[1], sign=match[2], value=match[3])

    def holds(self, entry: RunEntry) -> bool:
        """Whether a run meets it."""
        seen = value_of(entry, self.key)
        if seen is None:
            return False
        number, wanted = _number(seen), _number(self.value)
        if self.sign != "~" and number is not None and wanted is not None:
            return OPERATORS[self.sign](number, wanted)
        if self.sign in (">", "<", ">=", "<=") and (number is None) != (wanted is None):
            return False  # a word and a number have no order
        return OPERATORS[self.sign](str(seen), self.value)


def kept_entries(entries: Sequence[RunEntry], conditions: Sequence[Condition]) -> list[RunEntry]:
    """The runs that meet every condition.

    Raises
    ------
    ValueError
        If no run has the key of a condition; it names the nearest ones.
    """
    for each in conditions:
        _require(entries, each.key)
    return [entry for entry in entries if all(each.holds(entry) for each in conditions)]


def sorted_entries(entries: Sequence[RunEntry], key: str, *, reverse: bool = False) -> list[RunEntry]:
    """Runs by a key, lowest first; numbers before words, and runs without it last either way.

    Raises
    ------
    ValueError
        If no run has the key.
    """
    _require(entries, key)
    seen = [(value_of(entry, key), entry) for entry in entries]
    known = [(value, entry) for value, entry in seen if value is not None]
    known.sort(key=lambda pair: _rank(pair[0]), reverse=reverse)
    return [entry for _, entry in known] + [entry for value, entry in seen if value is None]


def value_of(entry: RunEntry, key: str) -> str | float | None:
    """What a run has under a key, or the end of a dotted key where no other ends so; None where it has nothing."""
    if key in FACTS:
        return str(getattr(entry, key)) or None
    value = entry.headline.get(key)
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple) and value:
        return (" to " if key == "period" else ", ").join(map(str, value))
    if key in entry.settings:
        return entry.settings[key]
    ends = [full for full in entry.settings if full.endswith(f".{key}")]
    return entry.settings[ends[0]] if len(ends) == 1 else None


def _require(entries: Sequence[RunEntry], key: str) -> None:
    """Refuse a key that no run has; without runs every key is as good."""
    finished = [entry for entry in entries if entry.settings or entry.headline]
    known = dict.fromkeys(FACTS)
    for entry in finished:
        known |= dict.fromkeys((*entry.headline, *entry.settings))
    ends = {full.rpartition(".")[2] for full in known}
    full_keys = [full for full in known if full.endswith(f".{key}")]
    if not finished or key in known or len(full_keys) == 1:
        return
    if full_keys:
        raise ValueError(f"{key!r} ends several keys: write one of {', '.join(full_keys)}")
    near = difflib.get_close_matches(key, [*known, *ends], n=3)
    hint = f"did you mean {', '.join(dict.fromkeys(near))}?" if near else NAMED
    raise ValueError(f"no run has the key {key!r}: {hint}")


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if number == number else None


def _rank(value: str | float) -> tuple[int, float, str]:
    number = _number(value)
    return (1, 0.0, str(value)) if number is None else (0, number, "")
