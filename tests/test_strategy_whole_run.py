"""Whole runs: a run that is made in one go is there complete, or is not there."""

import os
from pathlib import Path

import pytest

from core.errors import RunError
from market.panel import Panel
from strategy.definitions.spec import load_spec
from strategy.runs.context import RunContext
from strategy.runs.store import RunFolder, RunOrigin, RunStore
from strategy.runs.whole_run import STAGING, kept_run, whole_run
from tests.oracles.small_panels import random_panel


@pytest.fixture(scope="module")
def panel() -> Panel:
    return random_panel(3, n_tickers=5)


def test_a_run_appears_when_it_is_complete(panel: Panel, tmp_path: Path) -> None:
    context = RunContext(store=RunStore(tmp_path))
    before = context.store.create(load_spec(), context.request, panel="p")
    with whole_run(load_spec(), panel, context=context, origin=RunOrigin(suffix="-DRIFTED")) as folder:
        assert context.store.find("latest") == before
        assert folder.home == before.home
        with pytest.raises(RunError, match="another process"), RunFolder(folder.path).locked():
            pass
        folder.finish()
    assert kept_run(folder).is_complete
    assert context.store.find("latest") == kept_run(folder)  # numbered among the store's runs
    assert folder.run_id.endswith("-DRIFTED")
    assert not (tmp_path / STAGING).exists()


@pytest.mark.parametrize("end", [OSError(28, "full"), KeyboardInterrupt(), RunError("no")])
def test_one_that_ends_early_leaves_nothing(end: BaseException, panel: Panel, tmp_path: Path) -> None:
    context = RunContext(store=RunStore(tmp_path / "runs"))
    with pytest.raises(type(end)), whole_run(load_spec(), panel, context=context, origin=RunOrigin()):
        raise end
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_swept_later_and_what_one_works_on_is_not(panel: Panel, tmp_path: Path) -> None:
    context = RunContext(store=RunStore(tmp_path))
    left, held, young = (RunStore(tmp_path / STAGING).reserve(load_spec()) for _ in range(3))
    for folder in (left, held, young):
        with folder.locked():
            (folder.path / "scores.parquet").write_bytes(b"half")
    with held.locked():
        for folder in (left, held):
            os.utime(folder.path / ".lock", (0, 0))
        with whole_run(load_spec(), panel, context=context, origin=RunOrigin()):
            pass
    assert not left.path.exists()
    assert held.path.exists()
    assert young.path.exists()
