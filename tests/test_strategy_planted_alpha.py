"""Planted alpha: cells are measured once, a torn one again, and the tables are the arithmetic they say."""

import json
import math
import shutil
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from core.errors import RunError
from core.parallel import Workers
from market.request import BarsRequest
from quintile.cli import app
from strategy.studies.planted_alpha.cell_workers import measure_cells
from strategy.studies.planted_alpha.cells import CellCache, Numbers
from strategy.studies.planted_alpha.market_calibration import Calibration, calibrate_market
from strategy.studies.planted_alpha.null_markets import null_table
from strategy.studies.planted_alpha.planted_markets import planted_cells, planted_table
from strategy.studies.planted_alpha.planted_page import render_page, write_page
from strategy.studies.planted_alpha.seed_intervals import ratio_interval, seed_interval
from strategy.studies.planted_alpha.study_settings import LEARNERS, PlantedAlphaSettings
from strategy.studies.planted_alpha.temperature import count_trials, temperature_cells, temperature_table
from strategy.trials.log import TrialLog, distinct
from tests.oracles.small_panels import random_panel

TINY_NETWORK = (
    "model.hidden=4",
    "model.layers=1",
    "model.lookback=5",
    "training.burn_in=5",
    "training.max_epochs=1",
    "split.train=0.6",
    "split.validation=0.2",
)
TINY = PlantedAlphaSettings(
    n_tickers=30,
    n_sessions=300,
    levels=(0.0, 0.1),
    seeds=(1, 2),
    oracle_seeds=(1, 2),
    null_seeds=(1, 2),
    temperatures=(0.05,),
    assignments=TINY_NETWORK,
)
CHEAP = TINY.model_copy(update={"learners": ("ridge", "oracle"), "levels": (0.1,)})


@pytest.fixture(scope="module")
def cheap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of measured cells; copy before changing anything in it."""
    folder = tmp_path_factory.mktemp("cells")
    measure_cells(list(planted_cells(CHEAP).values()), cache=CellCache(folder), stage="cells")
    return folder


@pytest.fixture
def own(cheap: Path, tmp_path: Path) -> CellCache:
    return CellCache(shutil.copytree(cheap, tmp_path / "cells"))


def stamps(cache: CellCache) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in cache.root.iterdir()}


def again(cache: CellCache) -> list[Numbers]:
    return measure_cells(list(planted_cells(CHEAP).values()), cache=cache, stage="cells")


def test_a_finished_cell_is_read_and_not_measured_again(own: CellCache) -> None:
    before = stamps(own)
    again(own)
    assert len(before) == 4
    assert stamps(own) == before


def test_a_stopped_call_goes_on_with_the_missing_cells_only(own: CellCache) -> None:
    cells = list(planted_cells(CHEAP).values())
    wanted, gone = own.read(cells[1]), own.path(cells[1])
    gone.unlink()
    before = stamps(own)
    found = again(own)
    after = stamps(own)
    assert after.keys() - before.keys() == {gone.name}
    assert {name: after[name] for name in before} == before
    assert {**found[1], "seconds": 0.0} == {**wanted, "seconds": 0.0}


@pytest.mark.parametrize("damage", ["torn", "edited", "foreign", "empty"])
def test_a_corrupted_cell_is_measured_again(own: CellCache, damage: str) -> None:
    cells = list(planted_cells(CHEAP).values())
    wanted, path = own.read(cells[0]), own.path(cells[0])
    text = path.read_text()
    edited = json.loads(text)
    edited["numbers"]["ic"] = 0.5
    path.write_text(
        {"torn": text[:80], "edited": json.dumps(edited), "foreign": own.path(cells[1]).read_text(), "empty": "[]"}[
            damage
        ]
    )
    assert own.read(cells[0]) is None
    assert {**again(own)[0], "seconds": 0.0} == {**wanted, "seconds": 0.0}


def test_another_number_in_the_settings_is_another_cell() -> None:
    cell = planted_cells(CHEAP)[0.1, "ridge", 1]
    others = [
        planted_cells(CHEAP.model_copy(update={"n_tickers": 31}))[0.1, "ridge", 1],
        planted_cells(CHEAP.model_copy(update={"assignments": (*TINY_NETWORK, "costs.trade_bps=6.0")}))[
            0.1, "ridge", 1
        ],
        planted_cells(CHEAP)[0.1, "oracle", 1],
        planted_cells(CHEAP)[0.1, "ridge", 2],
    ]
    assert len({cell.fingerprint(), *(other.fingerprint() for other in others)}) == 5


def test_what_a_notebook_added_for_something_else_leaves_a_cell_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = planted_cells(CHEAP)[0.1, "ridge", 1]
    before = cell.fingerprint()
    monkeypatch.setattr("portfolio.own_rules.own_sources", lambda: {"book_rule/other": "0" * 64})
    assert cell.fingerprint() == before


def test_every_network_has_its_own_loss_and_seed() -> None:
    cells = planted_cells(TINY)
    rank, huber, pearson = (cells[0.1, name, 2].spec for name in LEARNERS[:3])
    assert (rank.loss.rank_weight, rank.loss.correlation) == (0.7, "soft_rank")
    assert (huber.loss.rank_weight, huber.loss.correlation) == (0.0, "soft_rank")
    assert (pearson.loss.rank_weight, pearson.loss.correlation) == (0.7, "pearson")
    assert rank.training.seed == huber.training.seed == pearson.training.seed == 2


def test_the_t_interval_of_three_seeds_by_hand() -> None:
    found = seed_interval([1.0, 2.0, 3.0])
    assert found.estimate == 2.0
    assert found.high - 2.0 == pytest.approx(4.302652729911275 / math.sqrt(3))
    assert 2.0 - found.low == pytest.approx(found.high - 2.0)


def test_a_fixed_denominator_makes_fiellers_interval_a_t_interval() -> None:
    ratio, mean = ratio_interval([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]), seed_interval([0.5, 1.0, 1.5])
    assert ratio == pytest.approx(mean)


def test_a_learner_that_always_finds_half_has_a_recovery_of_one_half_without_doubt() -> None:
    found = ratio_interval([0.02, 0.025, 0.03], [0.04, 0.05, 0.06])
    assert found == pytest.approx((0.5, 0.5, 0.5), abs=1e-7)


def test_fiellers_interval_holds_exactly_the_ratios_that_a_paired_t_test_accepts() -> None:
    above, below = [0.010, 0.022, 0.019], [0.048, 0.052, 0.047]
    low, high = ratio_interval(above, below)[1:]
    for ratio, inside in ((low + 1e-6, True), (high - 1e-6, True), (low - 1e-6, False), (high + 1e-6, False)):
        gap = seed_interval([a - ratio * b for a, b in zip(above, below, strict=True)])
        assert (gap.low <= 0.0 <= gap.high) == inside


def test_a_ratio_to_what_may_be_zero_has_no_bounds() -> None:
    found = ratio_interval([0.01, 0.02, 0.03], [-0.01, 0.001, 0.012])
    assert found.estimate == pytest.approx(20.0)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def numbers_of(ic: float, **others: float) -> Numbers:
    return {"ic": ic, "oracle_correlation": 0.4, "sharpe": 1.0, **others}


def test_the_planted_table_by_hand() -> None:
    settings = CHEAP.model_copy(update={"levels": (0.0, 0.1)})
    numbers = {(level, "oracle", seed): numbers_of(level) for level in (0.0, 0.1) for seed in (1, 2)}
    numbers |= {(level, "ridge", 1): numbers_of(0.03, sharpe=0.5) for level in (0.0, 0.1)}
    numbers |= {(level, "ridge", 2): numbers_of(0.05, sharpe=1.5) for level in (0.0, 0.1)}
    table = planted_table(settings, numbers)
    rows = {(row.level, row.learner): row for row in table.rows}
    ridge = rows[0.1, "ridge"]
    assert ridge.ic.estimate == pytest.approx(0.04)
    assert ridge.ic.high == pytest.approx(0.04 + 12.706204736 * 0.01)
    assert ridge.recovery.estimate == pytest.approx(0.4)
    assert ridge.sharpe.estimate == pytest.approx(1.0)
    assert math.isnan(rows[0.0, "ridge"].recovery.estimate)
    assert rows[0.1, "oracle"].recovery == pytest.approx((1.0, 1.0, 1.0))
    assert table.uncovered == ()
    assert table.beyond_oracle == ()


def test_the_table_tells_an_oracle_that_misses_and_a_learner_that_knows_too_much() -> None:
    numbers = {(0.1, "oracle", 1): numbers_of(0.08), (0.1, "oracle", 2): numbers_of(0.0801)}
    numbers |= {(0.1, "ridge", 1): numbers_of(0.16), (0.1, "ridge", 2): numbers_of(0.1602)}
    table = planted_table(CHEAP, numbers)
    assert table.uncovered == (0.1,)
    assert [row.learner for row in table.beyond_oracle] == ["ridge"]


def test_the_market_is_held_to_its_word_on_more_markets_than_a_learner_trains_on() -> None:
    settings = CHEAP.model_copy(update={"oracle_seeds": (2, 3)})
    numbers = {(0.1, "oracle", seed): numbers_of(ic) for seed, ic in ((1, 0.05), (2, 0.09), (3, 0.11))}
    numbers |= {(0.1, "ridge", seed): numbers_of(0.05) for seed in (1, 2)}
    assert set(planted_cells(settings)) == set(numbers)
    table = planted_table(settings, numbers)
    assert table.oracle[0.1].estimate == pytest.approx(0.10)
    assert next(row.ic.estimate for row in table.rows if row.learner == "oracle") == pytest.approx(0.07)


def null_numbers(ic: float, psr: float) -> Numbers:
    return {"ic": ic, "ic_error": 0.01, "ic_low": ic - 0.0196, "psr": psr, "sharpe": 0.2, "sessions": 250.0}


def test_the_null_table_counts_and_weighs_by_the_written_rule() -> None:
    found = null_table(
        {
            1: null_numbers(0.0, 0.5),
            2: null_numbers(0.0197, 0.96),  # told at 1.96 errors, within two: both rules read the same market
            3: null_numbers(-0.03, 0.99),
            4: null_numbers(0.03, 0.94),
        }
    )
    assert (found.seeds, found.within) == (4, 2)
    assert found.verdicts == {"EVIDENCE": 1, "WEAK": 0, "NOT EVIDENCE": 3}
    assert found.evidence == 0
    assert found.mean_ic == pytest.approx(0.004925)


def test_the_temperature_table_by_hand() -> None:
    settings = TINY.model_copy(update={"rank_scales": ("raw",)})
    first = {"ic": 0.01, "ic_error": 0.002, "validation_ic": 0.03, "validation_error": 0.004}
    second = {"ic": 0.03, "ic_error": 0.004, "validation_ic": 0.05, "validation_error": 0.002}
    pulls = {"rank_gradient": 1.0, "huber_gradient": 0.5}
    table = temperature_table(
        settings, {("raw", 0.05, 1): first | pulls, ("raw", 0.05, 2): second | pulls}, market="a market"
    )
    (row,) = table.rows
    assert row.test_ic.estimate == pytest.approx(0.02)
    assert row.validation_ic.estimate == pytest.approx(0.04)
    assert (row.test_error, row.validation_error) == (pytest.approx(0.003), pytest.approx(0.003))
    assert (row.rank_gradient, row.huber_gradient) == (1.0, 0.5)


def test_every_scale_and_temperature_is_a_cell() -> None:
    cells = temperature_cells(TINY)
    assert {(cell.spec.loss.rank_scale, cell.spec.loss.temperature) for cell in cells.values()} == {
        ("raw", 0.05),
        ("zscore", 0.05),
    }


def test_every_setting_tried_on_real_bars_is_a_trial_and_logged_once(tmp_path: Path) -> None:
    cells = temperature_cells(TINY, request=BarsRequest(bars="bars.parquet"), bars="f" * 64)
    found = [(cell, {"sharpe": 0.5, "sessions": 60.0}) for cell in cells.values()]
    panel, log = random_panel(seed=1, n_sessions=300), TrialLog(tmp_path)
    count_trials(found, panel, log)
    count_trials(found, panel, log)
    assert len(distinct(log.entries())) == len(cells) == 4
    assert sum(entry.kind == "trial" for entry in log.entries()) == 4
    assert {key.panel for key in distinct(log.entries())} == {"f" * 64}
    assert list(log.problems()) == []


@pytest.mark.slow
def test_all_studies_run_on_a_tiny_market_and_make_a_page(tmp_path: Path) -> None:
    settings = TINY.model_copy(update={"levels": (0.1,)})
    found: Calibration = calibrate_market(settings, out=tmp_path)
    assert [row.learner for row in found.planted.rows] == list(LEARNERS)
    oracle = found.planted.rows[-1]
    assert oracle.recovery.estimate == pytest.approx(1.0)
    assert oracle.oracle_correlation.estimate == pytest.approx(1.0)
    assert sum(found.null.verdicts.values()) == 2
    paths = write_page(found, tmp_path / "docs")
    assert {path.name for path in paths} == {"planted_alpha.md", "planted_alpha.svg", "temperature_1.svg"}
    assert all(path.stat().st_size < 200_000 for path in paths)
    assert "SYNTHETIC" in render_page(found)
    assert not list(tmp_path.rglob("trials.sqlite"))


@pytest.mark.slow
@pytest.mark.parametrize("on", ["processes", "ray"])
def test_two_workers_give_the_numbers_of_one(on: str, own: CellCache, tmp_path: Path, monkeypatch) -> None:
    if on == "ray":
        pytest.importorskip("ray", reason="Ray is not installed: pip install 'quintile[ray]'")
    monkeypatch.chdir(tmp_path)
    cells = list(planted_cells(CHEAP).values())
    found = measure_cells(cells, cache=CellCache(Path("two")), workers=Workers(count=2, on=on), stage="cells")
    assert [{**one, "seconds": 0.0} for one in found] == [{**own.read(cell), "seconds": 0.0} for cell in cells]


@pytest.mark.slow
@pytest.mark.parametrize("on", ["processes", "ray"])
def test_cells_that_were_finished_before_a_worker_was_killed_are_kept(on: str, tmp_path: Path) -> None:
    if on == "ray":
        pytest.importorskip("ray", reason="Ray is not installed: pip install 'quintile[ray]'")
    cells, cache = list(planted_cells(CHEAP).values()), CellCache(tmp_path)

    def kill_once_something_is_kept(stage: str, done: int, total: int, note: str = "") -> None:
        if 0 < done < total:
            for process in psutil.Process().children(recursive=True):
                if any("ray::_called" in word or "spawn_main" in word for word in process.cmdline()):
                    process.kill()

    with pytest.raises(RunError, match="a worker was killed"):
        measure_cells(
            cells, cache=cache, workers=Workers(count=2, on=on), progress=kill_once_something_is_kept, stage="cells"
        )
    kept = stamps(cache)
    assert 0 < len(kept) < len(cells)
    measure_cells(cells, cache=cache, stage="cells")
    assert kept.items() <= stamps(cache).items()


def test_a_sweep_is_not_done_in_threads() -> None:
    with pytest.raises(ValueError, match="on must be one of processes, ray, was 'threads'"):
        Workers(on="threads")


@pytest.mark.parametrize("words", [["--seeds", "1"], ["--seeds", "1,1"], ["--seeds", "a,b"], ["--study", "all of it"]])
def test_a_wrong_word_on_the_command_line_is_told(words: list[str]) -> None:
    result = CliRunner().invoke(app, ["calibrate-market", *words])
    assert isinstance(result.exception, ValueError)
    assert "takes" in str(result.exception)
