"""Run list: what ``quintile runs`` prints: a line a run, with the settings in which it differs."""

import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quintile.cli.desk.plain_lines import lines_of
from quintile.cli.desk.run_filter import Condition, kept_entries, sorted_entries, value_of
from quintile.cli.options import print_rows
from strategy.desk.run_entry import RunEntry
from strategy.desk.run_index import differing_settings, run_entries

__all__ = ["RunChoice", "print_runs", "short_keys"]

SHOWN_SETTINGS = 4  # of a run on the terminal; --verbose and --json show all


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChoice:
    """Which runs are listed, and how; the options of ``quintile runs``."""

    strategy: str | None = None
    where: tuple[str, ...] = ()
    sort: str | None = None
    reverse: bool = False
    limit: int | None = None

    def of(self, entries: Sequence[RunEntry]) -> list[RunEntry]:
        """The runs that are listed, in their order.

        Raises
        ------
        ValueError
            If a condition is none, or no run has its key.
        """
        conditions = [Condition.parse(text) for text in self.where]
        own = [entry for entry in entries if self.strategy in (None, entry.strategy)]
        if self.strategy is not None and entries and not own:
            known = ", ".join(dict.fromkeys(entry.strategy for entry in entries))
            raise ValueError(f"no run of {self.strategy!r}: there are runs of {known}")
        found = kept_entries(own, conditions)
        if self.sort is not None:
            return sorted_entries(found, self.sort, reverse=self.reverse)[: self.limit]
        found = found[-self.limit :] if self.limit else found
        return found[::-1] if self.reverse else found


def print_runs(root: Path, choice: RunChoice, *, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Print the runs of a store, as a table or as JSON; what cannot be read is said on standard error."""
    entries = [entry for entry in run_entries(root) if entry.status != "pruned"]
    listed, apart = choice.of(entries), differing_settings(entries)
    for entry in listed:
        if entry.problem:
            print(f"quintile: {entry.problem}", file=sys.stderr)
    rows = [_row(entry, apart.get((entry.home, entry.run), {})) for entry in listed]
    if as_json or verbose or not rows:
        empty = "no run meets the conditions" if entries else f"no runs in {root}: start one with `quintile run`"
        shown = rows if as_json else [row | {"differs": _words(row["differs"])} for row in rows]
        print_rows(shown, empty=empty, without=(), as_json=as_json, quiet=quiet)
    else:
        _print_short(rows, choice.sort, listed)


def _row(entry: RunEntry, differs: dict[str, str]) -> dict[str, Any]:
    """A run's line; quick runs are complete here, as ever."""
    numbers = {key: entry.number_of(key) for key in ("sharpe_net", "sharpe_standard_error", "rank_ic")}
    return {
        "run": entry.run,
        "strategy": entry.strategy,
        "status": "complete" if entry.status == "quick" else entry.status,
        **numbers,
        "verdict": entry.words_of("verdict") or None,
        "panel": entry.panel[:12] or None,
        "differs": differs,
    }


def _print_short(rows: list[dict[str, Any]], sort: str | None, listed: Sequence[RunEntry]) -> None:
    """Print the columns that fit a terminal of 80; a run's id is never broken, for it is copied."""
    known = {"run", "strategy", "sharpe_net", "rank_ic", "verdict"}
    by = [] if sort is None or sort in known else [sort]
    cells = [
        [
            row["run"],
            row["strategy"],
            _plus_minus(row["sharpe_net"], row["sharpe_standard_error"]),
            _number(row["rank_ic"], 4),
            row["verdict"] or row["status"],
            *[_shown(value_of(entry, key)) for key in by],
        ]
        for row, entry in zip(rows, listed, strict=True)
    ]
    short, columns = short_keys(listed), ["run", "strategy", "Sharpe ± SE", "rank IC", "verdict", *by]
    notes = [_words({short[key]: value for key, value in row["differs"].items()}, SHOWN_SETTINGS) for row in rows]
    print("\n".join(lines_of(columns, cells, notes, shutil.get_terminal_size().columns)))


def short_keys(entries: Sequence[RunEntry]) -> dict[str, str]:
    """The end of each dotted key where no other key ends so, which a condition takes too; else the key."""
    keys = dict.fromkeys(key for entry in entries for key in entry.settings)
    ends = Counter(key.rpartition(".")[2] for key in keys)
    return {key: end if ends[end := key.rpartition(".")[2]] == 1 else key for key in keys}


def _words(differs: dict[str, str], at_most: int | None = None) -> str:
    shown = [f"{key}={value}" for key, value in differs.items()]
    more = len(shown) - at_most if at_most is not None else 0
    return ", ".join([*shown[:at_most], *([f"and {more} more"] if more > 0 else [])])


def _plus_minus(value: float | None, error: float | None) -> str:
    return _number(value, 2) if error is None else f"{_number(value, 2)} ± {_number(error, 2)}"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _shown(value: str | float | None) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
