import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.errors import RunError
from core.user_file import is_in_user_code, loaded_files, named_failures, run_user_file
from signals.features.feature import feature
from strategy.runs.closure import ROOT
from tests.oracles.signal_panels import random_panel

FAULTS = {
    "raise RuntimeError('boom')": "RuntimeError: boom",
    "import sys; sys.exit(0)": r"sys\.exit\(0\)",
    "import sys; sys.exit()": r"sys\.exit\(None\)",
    "import os; os._exit(0)": r"exit\(0\)",
    "exit(3)": r"sys\.exit\(3\)",
    "assert False, 'no'": "AssertionError: no",
    "raise StopIteration": "StopIteration",
    "x = [0] * 10**12 if False else bytearray(2**62)": "MemoryError",
    "class E(BaseException): pass\nraise E('x')": "E: x",
    "raise EOFError": "EOFError",
    "raise GeneratorExit": "GeneratorExit",
    "class E(Exception):\n    def __str__(self): 1 / 0\nraise E": "E: what it says cannot be told",
    "open('/nowhere/at/all')": "FileNotFoundError",
    "raise OSError('plain')": "OSError: plain",
    "def f(): f()\nf()": "RecursionError",
    "raise ExceptionGroup('both', [ValueError('a')])": "ExceptionGroup: both",
    "b = '\\ud800'.encode()": "UnicodeEncodeError",
    "import no_such_library": "ModuleNotFoundError",
    "1 +": "SyntaxError",
    "x = '\x00'": "SyntaxError",
}


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    kept = set(sys.modules)
    yield
    for name in set(sys.modules) - kept:
        del sys.modules[name]


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_a_file_does_is_told_with_its_name_and_line(fault: str, tmp_path: Path) -> None:
    (tmp_path / "my_faulty.py").write_text(f"import os\n\n{fault}\n", encoding="utf-8")
    leave = os._exit
    with pytest.raises(ValueError, match=FAULTS[fault]) as told:
        run_user_file(tmp_path / "my_faulty.py", holds="features")
    assert str(told.value).startswith("my_faulty.py failed")
    assert (
        "SyntaxError" in str(told.value) or f"in line {3 + fault.count(chr(10))}" in str(told.value) or "f()" in fault
    )
    assert (os._exit, is_in_user_code(), loaded_files()) == (leave, False, ())
    assert "my_faulty" not in sys.modules


def test_ctrl_c_a_full_disk_and_our_own_refusals_pass_as_they_are() -> None:
    for error in (KeyboardInterrupt(), OSError(errno.ENOSPC, "full"), RunError("give it a method step")):
        with pytest.raises(type(error)) as passed, named_failures("model mine"):
            raise error
        assert passed.value is error
    assert not is_in_user_code()


def test_a_link_to_itself_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "my_loop.py").symlink_to(tmp_path / "my_loop.py")
    with pytest.raises(ValueError, match=r"there is no Python file .*my_loop\.py"):
        run_user_file(tmp_path / "my_loop.py", holds="features")


def test_a_child_that_a_file_forks_may_leave(tmp_path: Path) -> None:
    (tmp_path / "my_forking.py").write_text(
        "import os\nchild = os.fork()\nif not child:\n    os._exit(7)\n"
        "LEFT = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
    )
    assert run_user_file(tmp_path / "my_forking.py", holds="features").LEFT == 7


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("raise RuntimeError('inside')", r"feature gap failed in line 6 of my_gap\.py: RuntimeError: inside"),
        ("return panel.nosuch", r"feature gap failed in line 6 of my_gap\.py: AttributeError"),
        ("raise SystemExit(0)", r"feature gap failed in line 6 of my_gap\.py: it calls sys\.exit\(0\)"),
        ("return 'abc'", r"feature gap must compute numbers of shape \(30, 4\).*was 'abc'"),
        ("return None", r"feature gap must compute numbers of shape \(30, 4\).*was None"),
        ("return panel.close.iloc[1:]", r"feature gap must compute numbers .* was float64 of shape \(29, 4\)"),
        ("return panel.close.T", r"feature gap must compute numbers .* was float64 of shape \(4, 30\)"),
        ("return panel.close.astype(str)", r"feature gap must compute numbers"),
        ("return panel.close.astype(complex)", r"feature gap must compute numbers .* complex128"),
        ("return [[1.0], [2.0, 3.0]]", r"feature gap failed: ValueError"),
    ],
)
def test_a_features_fault_names_it_its_file_and_line(formula: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "my_gap.py").write_text(
        "from signals import feature\n\n@feature(group='own', warm_up=0)\ndef gap(panel):\n"
        f"    '''Gap.'''\n    {formula}\n",
        encoding="utf-8",
    )
    gap = run_user_file(tmp_path / "my_gap.py", holds="features").gap
    with pytest.raises(ValueError, match=told):
        gap(random_panel(n_sessions=30, n_tickers=4))


def test_a_feature_of_whole_numbers_or_truths_counts_as_numbers() -> None:
    panel = random_panel(n_sessions=30, n_tickers=4)

    @feature(group="own", warm_up=0)
    def rises(panel):  # type: ignore[no-untyped-def]
        """Whether the close is above the open."""
        return panel.close > panel.open

    np.testing.assert_array_equal(rises(panel), (panel.close > panel.open).astype(float))


@pytest.mark.slow
def test_a_docstring_is_known_where_python_drops_docstrings(tmp_path: Path) -> None:
    (tmp_path / "my_gap.py").write_text("class A:\n    def gap(self):\n        '''Gap.\n\n        More.\n        '''\n")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from core.user_file import docstring_of\nfrom my_gap import A\n"
        "print(docstring_of(A.gap).splitlines()[0], A.gap.__doc__ is None)"
    )
    for level in ("-O", "-OO"):
        words = [sys.executable, level, "-c", code, str(tmp_path)]
        told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
        assert told.stdout == f"Gap. {level == '-OO'}\n"
