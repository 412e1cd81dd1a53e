"""Page: the faults that were tried, what was expected of each, and what was seen.

A row that is not tried again stays as it is, so that a part of the table can be tried alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from core.files import write_text
from tests.faults.fault import Fault
from tests.faults.trial import Attempt

__all__ = ["key", "lost", "write"]

HEAD = """# Faults

What an accident, an adversary or another machine does to Quintile, and what is seen then. Written by
`python -m tests.faults --page`, which tries every row on a copy of a small world: 30 names, 480 sessions, and of
everything that Quintile keeps one. Whatever the row says, no fault may end in a traceback, a warning of Python's, a
signal or a hang; print more than one line of error, or a control character; leave half a file; or print under `--json`
what is not JSON. What is seen is the exit status and the end of what was printed.

{n} of the {total} faults of the table stand here, each as it was seen when it was last tried; {lost} not survived.
"""
SEEN = 72  # characters of what was printed
LOST = "**"  # before what is wrong
TITLES = ("| tried | expected | seen |", "|---|---|---|")


def write(path: Path, table: Sequence[Fault], tried: Sequence[Attempt]) -> None:
    """Write the page of the table, with the rows that were tried in place of what it had of them."""
    rows = _rows(path) | {key(attempt.fault): _row(attempt) for attempt in tried}
    shown = [fault for fault in table if key(fault) in rows]
    n_lost = sum(LOST in rows[key(fault)] for fault in shown)
    head = HEAD.format(n=f"{len(shown):,}", total=f"{len(table):,}", lost=n_lost or "none")
    write_text(path, head + "\n".join(_sections(shown, rows)) + "\n")


def lost(path: Path) -> set[tuple[str, str]]:
    """Section and words of the rows that were not survived."""
    return {key for key, row in _rows(path).items() if LOST in row}


def _rows(path: Path) -> dict[tuple[str, str], str]:
    rows, section = {}, ""
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        section = line[3:] if line.startswith("## ") else section
        if section and line.startswith("| ") and line != TITLES[0]:
            rows[section, line.split(" | ")[0][2:]] = line
    return rows


def _sections(shown: Sequence[Fault], rows: Mapping[tuple[str, str], str]) -> Iterator[str]:
    for section, faults in groupby(shown, key=lambda fault: fault.section):
        yield "\n".join((f"\n## {section}\n", *TITLES))
        yield from (rows[key(fault)] for fault in faults)


def key(fault: Fault) -> tuple[str, str]:
    """Section and words, as the page writes them."""
    return fault.section, _cell(fault.tried)


def _row(attempt: Attempt) -> str:
    wrong = f"{LOST}{attempt.wrong}** " if attempt.wrong else ""
    seen = f"{wrong}{_cell(attempt.told[:SEEN])}"
    return f"| {_cell(attempt.fault.tried)} | {_cell(attempt.fault.expected.words)} | {seen} |"


def _cell(text: str) -> str:
    return text.replace("|", "¦").replace("*", "\\*").replace("<", "&lt;").replace("`", "'").replace("[", "\\[")
