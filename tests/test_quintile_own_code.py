"""A user's own file on the command line: one line that names it, and JSON that stays JSON."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quintile.cli import _tell_fault, _warning_line
from tests.oracles.small_runs import left_with

FEATURE = """\
from signals import feature

@feature(group="own", warm_up=0)
def mine(panel):
    '''Mine.'''
    return panel.close
"""


@pytest.fixture(autouse=True)
def _nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("own_file", None)


def told(text: str, *words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple:
    Path("own_file.py").write_text(text, encoding="utf-8")
    return left_with("--features", "own_file.py", "runs", *words, monkeypatch=monkeypatch, capsys=capsys)


def test_what_a_file_prints_does_not_spoil_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = told(f"print('hello')\n{FEATURE}", "--json", monkeypatch=monkeypatch, capsys=capsys)
    assert (code, json.loads(out), err) == (0, [], "hello\n")


@pytest.mark.parametrize(
    "fault", ["import sys\nsys.exit(0)", "import os\nos._exit(0)", "raise GeneratorExit", "raise StopIteration"]
)
def test_a_file_that_leaves_is_no_success(
    fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = told(f"import sys\nsys.stdout.write('there')\n{fault}\n", monkeypatch=monkeypatch, capsys=capsys)
    assert (code, out) == (1, "")
    assert err.startswith("there\nquintile: own_file.py failed in line ")
    assert err.count("\n") == 2


def test_a_message_of_escape_codes_or_of_a_million_letters_is_one_short_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = told("raise ValueError('\\x1b[2J\\n' + 'x' * 10**6)", monkeypatch=monkeypatch, capsys=capsys)
    assert (code, err.count("\n"), "\x1b" in err) == (1, 1, False)
    assert len(err) < 3000


def test_ctrl_c_ends_with_130_and_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told("raise KeyboardInterrupt", monkeypatch=monkeypatch, capsys=capsys)
    assert (code, out, err) == (130, "", "quintile: interrupted; nothing half-written was left\n")


def test_out_of_memory_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError("malloc of size 40 failed")

    monkeypatch.setattr("quintile.cli.desk.run_list.run_entries", exhausted)
    code, out, err = left_with("runs", monkeypatch=monkeypatch, capsys=capsys)
    assert (code, out) == (1, "")
    assert err == (
        "quintile: out of memory (malloc of size 40 failed): give fewer names or sessions, or use a machine with more\n"
    )


def test_a_fault_of_ours_is_one_line_that_says_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        {}["\x1b[2J"]
    except KeyError as error:
        for words, lines in ((["quintile", "runs"], 1), (["quintile", "runs", "--verbose"], 5)):
            monkeypatch.setattr(sys, "argv", words)
            _tell_fault(KeyError, error, error.__traceback__)
            err = capsys.readouterr().err
            assert err.count("\n") >= lines
            assert ("Traceback" in err) is (lines > 1)
            assert "\x1b" not in err
            if lines == 1:
                assert err.startswith("quintile: a fault of Quintile itself (KeyError: ")
                assert "test_quintile_own_code.py line " in err


def test_a_warning_is_one_line() -> None:
    told = _warning_line(UserWarning("two\nlines"), UserWarning, "/a/own.py", 8)
    assert told == "quintile: own.py line 8 warns: UserWarning: two lines\n"


def test_a_name_that_cannot_be_used_is_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unusable(*_: object) -> None:
        "b\udcc3rs".encode()

    monkeypatch.setattr("quintile.cli.desk.run_list.run_entries", unusable)
    code, out, err = left_with("runs", monkeypatch=monkeypatch, capsys=capsys)
    assert (code, out) == (1, "")
    assert err.startswith("quintile: 'b\\udcc3rs' holds a character that cannot be used here: set PYTHONUTF8=1")
