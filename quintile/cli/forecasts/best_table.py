"""Best table: what is in force, what applying would change and what was applied when, printed."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from quintile.cli.console import table as drawn

if TYPE_CHECKING:
    from backtests.forecasts.compared_forecasts import Compared
    from strategy.forecasts.best_log import Change, Configuration, State
    from strategy.trials.chained_log import Entry

__all__ = ["show_best", "show_changes", "show_history"]

BEST = ("symbol", "forecaster", "on validation", "persistence", "sessions ahead", "study", "since")
CHANGES = ("symbol", "in force", "instead", "on validation", "before", "study")
HISTORY = ("when (UTC)", "what", "why", "symbols changed")
NAMED = 4  # symbols of a row
SAID = 10  # warnings


def show_best(entries: "Sequence[Entry]", state: "State", *, as_json: bool) -> None:
    """Print what is in force."""
    from backtests.report.formats import percent

    since = _since(entries)
    if as_json:
        told = {symbol: {**each.as_record(), "since": since[symbol]} for symbol, each in state.items()}
        print(json.dumps({"best": told}, indent=2))
        return
    rows = [
        [
            symbol,
            each.forecaster,
            percent(each.error, 3),
            percent(each.persistence_error, 3),
            ",".join(map(str, each.horizons)),
            each.study,
            since[symbol],
        ]
        for symbol, each in state.items()
    ]
    drawn("In force", list(BEST), rows, in_parts=True)


def show_changes(
    changes: "Sequence[Change]", n_after: int, *, compared: "Compared | None", applied: bool, as_json: bool
) -> None:
    """Print what changed, or would, and what that rests on."""
    from backtests.report.forecasts.compare_words import applied_words, compare_findings, compare_record

    warnings = [] if compared is None else applied_words(compared)
    if as_json:
        told: dict[str, Any] = {"applied": applied, "changes": [_record(change) for change in changes]}
        if compared is not None:
            told |= {"warnings": warnings, "against_in_force": compare_record(compared)}
        print(json.dumps(told, indent=2))
        return
    if changes:
        drawn("", list(CHANGES), [_row(change) for change in changes], in_parts=True)
    if compared is not None and changes:
        print("\n".join(compare_findings(compared)[1:]))
        print("\n".join(warnings[:SAID]))
        if len(warnings) > SAID:
            print(f"and {len(warnings) - SAID} more such warnings: `quintile forecast compare best STUDY` shows all")
    verb, then = ("changed", "") if applied else ("to change", " then")
    count = f"{len(changes)} symbol{'' if len(changes) == 1 else 's'} {verb}, {n_after} in force{then}."
    print(count if changes else "Nothing changes.")


def show_history(past: "Sequence[tuple[Entry, list[Change]]]", *, as_json: bool) -> None:
    """Print what was applied and restored when, the oldest first."""
    if as_json:
        rows = [{**_entry(entry), "changes": [_record(change) for change in found]} for entry, found in past]
        print(json.dumps(rows, indent=2))
        return
    drawn("", list(HISTORY), [[*_entry(entry).values(), _named(found)] for entry, found in past])


def _since(entries: "Sequence[Entry]") -> dict[str, str]:
    """When each symbol's configuration was put in force."""
    from strategy.forecasts.best_log import history

    return {change.symbol: f"{entry.time:%Y-%m-%d}" for entry, found in history(entries) for change in found}


def _entry(entry: "Entry") -> dict[str, str]:
    return {"time": f"{entry.time:%Y-%m-%d %H:%M:%S}", "kind": entry.kind, "why": str(entry.facts.get("why", ""))}


def _named(found: "Sequence[Change]") -> str:
    names = [change.symbol for change in found]
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _record(change: "Change") -> dict[str, Any]:
    def told(each: "Configuration | None") -> dict[str, Any] | None:
        return None if each is None else each.as_record()

    return {"symbol": change.symbol, "before": told(change.before), "after": told(change.after)}


def _row(change: "Change") -> list[str]:
    from backtests.report.formats import percent

    old, new = change.before, change.after
    errors = [percent(None if each is None else each.error, 3) for each in (new, old)]
    words = ["–" if old is None else old.forecaster, "none" if new is None else new.forecaster]
    return [change.symbol, *words, *errors, "–" if new is None else new.study]
