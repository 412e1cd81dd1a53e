"""Faults: the laws that judge them see what they must, and no fault of the table gets through."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.expectations import NOTED, REFUSED, SAME, SURVIVED, TOLD, kept
from tests.faults.fault import Expected, Fault, Meeting, complaint
from tests.faults.processes import Seen

ROOT = Path(__file__).resolve().parent.parent
CLEAN = Seen(0, "three runs\n", "")
LINE = "quintile: lock.json is not JSON: take a clean copy\n"


def _wrong(expected: Expected, seen: Seen, *, words: tuple[str, ...] = ("runs",), **facts: object) -> str | None:
    fault = Fault(section="", tried="", words=words, expected=expected)
    held: dict[str, object] = {"made": {}, "whole": {}, "before": {}, "after": {}, "spoiled": ("old/run.json",)}
    return complaint(fault, Meeting(seen=seen, clean=CLEAN, **(held | facts)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "wrong"),
    [
        (Seen(1, "", "Traceback (most recent call last):\n  File\nKeyError: 'x'\n"), "TRACEBACK"),
        (Seen(-14, "", ""), "HANGS"),
        (Seen(-6, "", "LLVM ERROR"), "DIED of signal 6"),
        (Seen(0, "\x1b[2Jthree runs", ""), "CONTROL CHARACTER"),
        (Seen(0, "three \u202eruns", ""), "CONTROL CHARACTER"),
        (Seen(1, "", LINE + LINE), "2 lines of error"),
        (Seen(1, "", ""), "fails and says nothing"),
        (Seen(0, "", "x.py:3: RuntimeWarning: overflow\n"), "a Python warning"),
        (Seen(1, "", LINE), None),
        (CLEAN, None),
    ],
)
def test_a_broken_law_is_seen_whatever_is_expected(seen: Seen, wrong: str | None) -> None:
    assert _wrong(TOLD, seen) == wrong


def test_json_that_is_none_is_seen() -> None:
    assert _wrong(TOLD, Seen(0, "hello\n[]", ""), words=("runs", "--json")) == "NOT JSON"
    assert _wrong(TOLD, Seen(0, "[]", ""), words=("runs", "--json")) is None


def test_a_refusal_changes_nothing() -> None:
    assert _wrong(REFUSED, CLEAN) == "taken"
    assert _wrong(REFUSED, Seen(1, "", LINE), before={"a": "1"}, after={"a": "2"}) == "refused, yet a changed"
    assert _wrong(REFUSED, Seen(1, "", LINE), before={"a": "1"}, after={"a": "1"}) is None


def test_another_result_is_only_right_where_the_file_is_named() -> None:
    two = Seen(0, "two runs\n", "")
    assert _wrong(SURVIVED, two) == "ANOTHER RESULT, and nothing said"
    assert _wrong(SURVIVED, Seen(0, "two runs\n", "quintile: left out run.json: not JSON\n")) is None
    assert _wrong(NOTED, two) == "no note of it"
    assert (
        _wrong(SAME, CLEAN, whole={"scores.parquet": "1"}, made={"scores.parquet": "2"}) == "OTHER BITS: scores.parquet"
    )


def test_a_file_that_is_lost_is_seen() -> None:
    assert _wrong(kept("bars.csv"), CLEAN, before={"bars.csv": "1"}, after={"bars.csv": "2"}) == "LOST bars.csv"
    assert _wrong(kept("bars.csv"), CLEAN, before={"bars.csv": "1"}, after={"bars.csv": "1"}) is None


@pytest.mark.slow
def test_no_fault_gets_through() -> None:
    """The whole table, with fewer kills; ``python -m tests.faults --page`` takes 200 of each."""
    command = [sys.executable, "-m", "tests.faults", "--kills", "20", "--mutations", "2000"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
