"""Unneeded imports: vectorbt comes without quantstats and what that brings, and both work afterwards."""

import importlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.unneeded_imports import without_imports

ROOT = Path(__file__).resolve().parent.parent
BOTH = """
import sys
import pandas as pd
from backtests.engine.vectorbt_engine import vectorbt_equity
from market import Execution
from portfolio.costs import Costs
from tests.oracles.signal_panels import random_panel

panel = random_panel(gaps=False)
due = pd.DataFrame(0.1, index=panel.sessions, columns=panel.tickers)
print(len(vectorbt_equity(panel, due, execution=Execution(), costs=Costs())), len(panel.sessions))
print(*(name for name in ("quantstats", "yfinance", "matplotlib", "seaborn") if name in sys.modules))
import quantstats, yfinance
from vectorbt.returns.qs_adapter import QSAdapter
print(quantstats.stats.sharpe is not None, yfinance.Ticker.__name__, QSAdapter.__name__)
"""


@pytest.fixture
def extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A library that another one does without."""
    (tmp_path / "some_extra.py").write_text("VALUE = 1\n")
    (tmp_path / "some_user.py").write_text("try:\n    import some_extra\nexcept ImportError:\n    some_extra = None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in ("some_extra", "some_user"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return "some_extra"


@pytest.mark.slow
def test_vectorbt_comes_without_quantstats_which_works_afterwards() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BOTH], cwd=ROOT, capture_output=True, text=True, check=True
    )
    sizes, early, late = done.stdout.split("\n")[:3]
    assert sizes.split()[0] == sizes.split()[1]
    assert early == ""
    assert late == "True Ticker QSAdapter"


def test_a_library_is_missed_in_the_block_alone(extra: str) -> None:
    with without_imports(extra):
        assert importlib.import_module("some_user").some_extra is None
    assert importlib.import_module(extra).VALUE == 1


def test_a_library_that_was_imported_before_stays(extra: str) -> None:
    importlib.import_module(extra)
    with without_imports(extra):
        assert importlib.import_module("some_user").some_extra.VALUE == 1


def test_other_threads_and_other_libraries_are_not_concerned(extra: str) -> None:
    found = []
    with without_imports(extra):
        other = threading.Thread(target=lambda: found.append(importlib.import_module(extra).VALUE))
        other.start()
        other.join()
        sys.modules.pop("colorsys", None)
        importlib.import_module("colorsys")
    assert found == [1]


def test_a_block_that_fails_leaves_nothing_behind(extra: str) -> None:
    before = list(sys.meta_path)
    with pytest.raises(KeyError), without_imports(extra):
        raise KeyError
    assert sys.meta_path == before
