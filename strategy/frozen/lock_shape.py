"""Lock shape: what the body of a lock must hold, asked before anything else reads it.

A lock may come from anyone: a key that is missing or holds something else is named here, in one sentence, and nowhere
behind. Standard library only.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["FORMAT", "FORMATS", "MAX_THREADS", "TEXT_FORMAT", "shape_problem"]

TEXT_FORMAT = "quintile version 1"  # hashed the text of every deciding source
FORMAT = "quintile version 2"  # hashes what the reached definitions of each source say
FORMATS = (TEXT_FORMAT, FORMAT)
MAX_THREADS = 1024
MAX_NUMBER = 1e18  # nothing that is measured comes near
SHOWN = 60  # characters of a value that is not what it should be
KINDS_OF_BARS = ("builtin", "embedded", "given")
VERDICTS = ("EVIDENCE", "WEAK", "NOT EVIDENCE")
HASH = re.compile(r"[0-9a-f]{64}")
THREADS = re.compile(r"[1-9][0-9]{0,3}")
REQUIRED = object()
Test = Callable[[Any], bool]


def shape_problem(body: Mapping[str, Any]) -> str | None:
    """What keeps a body from being that of a lock which this release reads; None where nothing does."""
    if body.get("format") not in FORMATS:
        return f"is of another form ({_seen(body.get('format'))}): this Quintile reads {' and '.join(FORMATS)}"
    for path, (wanted, holds, default) in SHAPE.items():
        value = _at(body, path, default)
        if value is REQUIRED:
            return f"has no {path}"
        if not holds(value):
            return f"has {path} {_seen(value)}, must be {wanted}"
    if body["bars"] == "builtin" and body["request"]["bars"].partition(":")[0] != "builtin":
        return f"is of the built-in market and names bars {_seen(body['request']['bars'])}"
    return None


def _at(body: Mapping[str, Any], path: str, default: object) -> Any:
    """The value under a dotted path; the default where a key on the way is missing."""
    value: Any = body
    for key in path.split("."):
        if key not in value:
            return default
        value = value[key]
    return value


def _seen(value: object) -> str:
    """A value in characters that no terminal obeys, shortened."""
    if isinstance(value, dict | list):
        return f"a {'table' if isinstance(value, dict) else 'list'} of {len(value)}"
    text = ascii(value)[1:-1] or "empty" if isinstance(value, str) else ascii(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and HASH.fullmatch(value) is not None


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_NUMBER


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_NUMBER


def _is_number_or_none(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_day(value: Any) -> bool:
    try:
        return bool(f"{dt.date.fromisoformat(value)}" == value)
    except (TypeError, ValueError):
        return False


def _is_moment(value: Any) -> bool:
    try:
        return dt.datetime.fromisoformat(value).tzinfo is not None and _is_day(value[:10])
    except (TypeError, ValueError):
        return False


def _is_span(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_day, value)) and sorted(value) == value


def _is_threads(value: Any) -> bool:
    return isinstance(value, str) and THREADS.fullmatch(value) is not None and int(value) <= MAX_THREADS


def _each(holds: Test) -> Test:
    return lambda value: isinstance(value, dict) and all(map(holds, value.values()))


def _list_of(holds: Test) -> Test:
    return lambda value: isinstance(value, list) and all(map(holds, value))


def _one_of(words: tuple[str, ...]) -> Test:
    return lambda value: isinstance(value, str) and value in words


TEXT: tuple[str, Test] = ("text", _is_text)
TEXTS: tuple[str, Test] = ("a table of texts", _each(_is_text))
TABLE: tuple[str, Test] = ("a table", _is_table)
HASHED: tuple[str, Test] = ("a sha256", _is_hash)
NUMBER: tuple[str, Test] = ("a number or null", _is_number_or_none)
COUNT: tuple[str, Test] = ("a count", _is_count)
SHAPE: Mapping[str, tuple[str, Test, object]] = {
    "name": (*TEXT, REQUIRED),
    "version": (*TEXT, REQUIRED),
    "previous": ("a table or null", lambda value: value is None or isinstance(value, dict), REQUIRED),
    "bars": (" or ".join(KINDS_OF_BARS), _one_of(KINDS_OF_BARS), REQUIRED),
    "request": (*TABLE, REQUIRED),
    "request.bars": (*TEXT, REQUIRED),
    "request.universe": (*TEXT, REQUIRED),
    "spec": (*TABLE, REQUIRED),
    "spec.resolved": (*HASHED, REQUIRED),
    "spec.run": (*HASHED, REQUIRED),
    "panel": (*HASHED, REQUIRED),
    "sessions_per_year": ("a number from 1 to 366", lambda value: _is_number(value) and 1 <= value <= 366, 252),
    "kind": (*TEXT, ""),
    "closure": (*TEXTS, REQUIRED),
    "closure_sha256": (*HASHED, REQUIRED),
    "definitions": ("a table of tables of texts", _each(_each(_is_text)), {}),
    "dependencies": (*TEXTS, REQUIRED),
    "conventions": ("a list of texts", _list_of(_is_text), REQUIRED),
    "seeds": ("a table of counts", _each(_is_count), REQUIRED),
    "machine": (*TEXTS, REQUIRED),
    "machine.threads": (f"a number from 1 to {MAX_THREADS}, as text", _is_threads, REQUIRED),
    "commit": (*TEXT, REQUIRED),
    "run": (*TEXT, REQUIRED),
    "chain": (*TABLE, REQUIRED),
    "test_span": ("its first and last day", _is_span, REQUIRED),
    "frozen": ("a moment, with its zone", _is_moment, REQUIRED),
    "figures": ("a table of numbers", _each(_is_number_or_none), REQUIRED),
    "figures.sharpe_net": (*NUMBER, REQUIRED),
    "figures.rank_ic": (*NUMBER, REQUIRED),
    "figures.max_drawdown": (*NUMBER, REQUIRED),
    "features": (*TEXTS, REQUIRED),
    "files": (*TABLE, REQUIRED),
    "headline": (*TABLE, REQUIRED),
    "headline.verdict": (" or ".join(VERDICTS), _one_of(VERDICTS), REQUIRED),
    "headline.sentence": (*TEXT, ""),
    "headline.source": (*TEXT, REQUIRED),
    "headline.universe": (*TEXT, REQUIRED),
    "headline.survivorship": (*TEXT, ""),
    "headline.execution": (*TEXT, REQUIRED),
    "headline.costs": (*TEXT, ""),
    "headline.trade_bps": ("a number", _is_number, REQUIRED),
    "headline.stamps": ("a list of texts", _list_of(_is_text), []),
    "headline.sessions": (*COUNT, REQUIRED),
    "headline.trials": (*COUNT, REQUIRED),
    "headline.comparable_trials": ("a count from 1", lambda value: _is_count(value) and value > 0, 1),
    **{
        f"headline.{name}": (*NUMBER, None)
        for name in (
            "annual_return",
            "volatility",
            "max_drawdown",
            "turnover",
            "sharpe_net",
            "sharpe_gross",
            "rank_ic",
            "probabilistic_sharpe",
            "deflated_sharpe",
            "overfitting_probability",
            "log_test_p_value",
            "log_test_allowed",
            "log_test_invested",
        )
    },
    "headline.sharpe_standard_error": (*NUMBER, REQUIRED),
    "headline.rank_ic_standard_error": (*NUMBER, REQUIRED),
}
