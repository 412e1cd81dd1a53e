"""Page: the faults that were tried, what was expected of each, and what was seen."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from core.files import write_text
from tests.faults.trial import Attempt

__all__ = ["write"]

HEAD = """# Faults

What an accident, an adversary or another machine does to Quintile, and what is seen then. Written by
`python -m tests.faults --page`, which tries every row on a copy of a small world: 30 names, 480 sessions, and of
everything that Quintile keeps one. Whatever the row says, no fault may end in a traceback, a warning of Python's, a
signal or a hang; print more than one line of error, or a control character; leave half a file; or print under `--json`
what is not JSON. What is seen is the exit status and the end of what was printed.

{n} faults, {lost} not survived.
"""
SEEN = 72  # characters of what was printed


def write(path: Path, tried: Sequence[Attempt]) -> None:
    """Write the page."""
    lost = sum(attempt.wrong is not None for attempt in tried)
    write_text(path, HEAD.format(n=f"{len(tried):,}", lost=lost or "none") + "\n".join(_sections(tried)) + "\n")


def _sections(tried: Sequence[Attempt]) -> Iterator[str]:
    for section, attempts in groupby(tried, key=lambda attempt: attempt.fault.section):
        yield f"\n## {section}\n\n| tried | expected | seen |\n|---|---|---|"
        for attempt in attempts:
            wrong = f"**{attempt.wrong}** " if attempt.wrong else ""
            cells = (attempt.fault.tried, attempt.fault.expected.words, f"{wrong}{attempt.told[:SEEN]}")
            yield f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return text.replace("|", "¦").replace("<", "&lt;").replace("`", "'").replace("[", "\\[")
