"""A walk of a 1×8 network on a small built-in market: workers, kills, resumes and the future change no number."""

import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import psutil
import pytest

from backtests.engine.overlay_loop import decide_book
from core.errors import DataError, RunError
from core.files import write_json
from core.parallel import Workers
from market.inputs import Inputs
from market.panel import BAR_FIELDS, Panel
from market.synthetic import SyntheticSettings, synthetic_market
from models.fold_splits import RetrainingSettings
from strategy.definitions.spec import StrategySpec, load_spec, override
from strategy.runs.context import RunContext
from strategy.runs.shared_folder import Shared
from strategy.runs.store import RunFolder, RunStore
from strategy.trials.log import TrialLog
from strategy.walk_forward import fold_workers
from strategy.walk_forward.fold import run_fold
from strategy.walk_forward.fold_files import FoldFiles
from strategy.walk_forward.walk import BARS, walk
from strategy.walk_forward.walk_result import WalkForward
from strategy.walk_forward.walk_settings import CombinatorialSettings, WalkSettings
from tests.oracles.small_runs import assignments, quintile, refusal

SMALL = ("model.hidden=8", "model.layers=1", "model.lookback=10", "training.burn_in=10", "training.max_epochs=2")
SPANS = RetrainingSettings(train=150, test=60)


@pytest.fixture(scope="module")
def market():
    return synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=260))


@pytest.fixture(scope="module")
def spec() -> StrategySpec:
    return override(load_spec("filter_negative"), SMALL)


@pytest.fixture(scope="module")
def walked(market, spec, tmp_path_factory) -> WalkForward:
    """Two folds, two seeds, two workers."""
    context = RunContext(store=RunStore(tmp_path_factory.mktemp("two")))
    settings = WalkSettings(retraining=SPANS, seeds=(1, 2))
    return walk(spec, Inputs(panel=market.panel, oracle=market.oracle), settings=settings, context=context)


def one_seed(
    spec: StrategySpec, panel: Panel, store: Path, *, workers: int = 1, on: str = "processes", **choices: object
) -> WalkForward:
    settings = WalkSettings(retraining=SPANS, **choices)
    asked = Workers(count=workers, on=on)
    return walk(spec, panel, settings=settings, context=RunContext(store=RunStore(store)), workers=asked)


@pytest.mark.slow
def test_one_worker_gives_the_bits_of_two(market, spec, walked, tmp_path) -> None:
    alone = one_seed(spec, market.panel, tmp_path)
    pd.testing.assert_frame_equal(alone.runs[0].scores, walked.runs[0].scores, check_exact=True)
    pd.testing.assert_frame_equal(alone.study.folds, walked.study.folds.iloc[:2], check_exact=True)


@pytest.mark.slow
def test_a_local_ray_gives_the_bits_of_two_processes(market, spec, walked, tmp_path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'quintile[ray]'")
    far = one_seed(spec, market.panel, tmp_path, workers=2, on="ray")
    pd.testing.assert_frame_equal(far.runs[0].scores, walked.runs[0].scores, check_exact=True)
    pd.testing.assert_frame_equal(far.study.folds, walked.study.folds.iloc[:2], check_exact=True)


@pytest.mark.slow
def test_a_killed_worker_of_ray_ends_the_walk_which_then_goes_on(market, spec, walked, tmp_path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'quintile[ray]'")
    killer = Thread(target=kill_the_worker_of_fold_2, args=(tmp_path,), daemon=True)
    killer.start()
    with pytest.raises(RunError, match=r"\Aa worker was killed, most likely for memory[^\n]*\Z"):
        one_seed(spec, market.panel, tmp_path, on="ray")
    killer.join()
    (done,) = tmp_path.rglob("fold.json")
    assert not list(tmp_path.rglob(f"{BARS}*"))
    stamp = done.stat().st_mtime_ns
    store = RunStore(tmp_path)
    again = walk(spec, market.panel, context=RunContext(store=store, resume=store.find("latest")))
    assert done.stat().st_mtime_ns == stamp
    pd.testing.assert_frame_equal(again.runs[0].scores, walked.runs[0].scores, check_exact=True)


def kill_the_worker_of_fold_2(store: Path) -> None:
    """Kill who watches over the second fold's process, once that has kept an epoch."""
    while not list(store.rglob("folds/002/training/training.safetensors")):
        time.sleep(0.01)
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "strategy.walk_forward.fold_worker" in words and any(word.startswith(str(store)) for word in words):
            process.parent().kill()


@pytest.mark.slow
def test_the_headline_is_a_median_and_each_seed_is_one_trial(walked) -> None:
    seeds = walked.study.seeds
    assert f"{np.median(seeds['sharpe']):.2f} ({seeds['sharpe'].min():.2f} to {seeds['sharpe'].max():.2f})" in str(
        walked
    )
    log = TrialLog(walked.folders[0].path.parent.parent)
    assert [entry.kind for entry in log.entries()].count("trial") == 2
    page = walked.runs[0].report.read_text(encoding="utf-8")
    assert "WALK-FORWARD" in page
    assert "Test IC ± SE" in page


@pytest.mark.slow
def test_the_folds_tile_the_sessions_that_are_judged(market, walked) -> None:
    judged = walked.runs[0].scores.index
    assert list(judged) == list(market.panel.sessions[150:])
    assert list(walked.study.folds["test_first"].iloc[:2]) == [str(judged[0].date()), str(judged[60].date())]


@pytest.mark.slow
def test_nothing_after_a_folds_test_span_changes_its_scores(market, spec, walked) -> None:
    panel, folder = market.panel, walked.folders[0]
    noise = np.random.default_rng(0).uniform(0.5, 2.0, panel.close.shape)
    noise[: 150 + 60] = 1.0
    changed = {name: getattr(panel, name) * noise for name in BAR_FIELDS}
    files = FoldFiles(folder.path, 1)
    before = files.read_scores("scores")
    for path in files.path.glob("model.*"):
        path.unlink()
    (files.path / "training" / "training.safetensors").unlink()
    run_fold(folder, 1, replace(panel, **changed), progress=lambda *_: None)
    pd.testing.assert_frame_equal(files.read_scores("scores"), before, check_exact=True)


@pytest.mark.slow
def test_the_stitched_book_is_scaled_and_switched_as_any_other(market, spec, tmp_path) -> None:
    overlaid = override(spec, ["risk.volatility_target=0.05", "risk.loss_sigmas=1.5"])
    walked = one_seed(overlaid, market.panel, tmp_path, learner="ridge")
    folder, scores = walked.folders[0], walked.runs[0].scores
    weights, events = folder.read_frame("weights"), folder.read_frame("events")
    assert len(events)
    book = decide_book(overlaid.rules, market.panel, scores).weights.loc[weights.index]
    np.testing.assert_allclose(weights, book, rtol=0, atol=1e-12)
    assert (weights.loc[events.loc[events["action"] == "flat", "session"]] == 0).all(axis=None)


def kill_workers(monkeypatch, *, after: str, times: int) -> list[int]:
    """Kill so many workers once they have left a file of this name; return the list that their numbers go to."""
    start, killed = fold_workers._start, list[int]()

    def start_and_kill(task, bars, user_files):
        worker = start(task, bars, user_files)
        while len(killed) < times and worker.process.poll() is None:
            if any(task.files.path.rglob(after)):
                worker.process.kill()
                killed.append(worker.process.pid)
                break
            time.sleep(0.01)
        return worker

    monkeypatch.setattr(fold_workers, "_start", start_and_kill)
    return killed


@pytest.mark.slow
def test_a_killed_worker_is_started_again_and_the_numbers_stay(market, spec, walked, tmp_path, monkeypatch) -> None:
    killed = kill_workers(monkeypatch, after="training.safetensors", times=1)
    again = one_seed(spec, market.panel, tmp_path)
    assert len(killed) == 1
    pd.testing.assert_frame_equal(again.runs[0].scores, walked.runs[0].scores, check_exact=True)


@pytest.mark.slow
def test_a_fold_that_is_killed_four_times_is_given_up_and_the_others_are_kept(
    market, spec, tmp_path, monkeypatch
) -> None:
    killed = kill_workers(monkeypatch, after="worker.log", times=5)
    with pytest.raises(RunError, match=r"fold . of 2, seed 1, was killed 4 times.*quintile walk --resume"):
        one_seed(spec, market.panel, tmp_path, learner="ridge")
    assert len(killed) == 5
    assert len(list(tmp_path.rglob("fold.json"))) == 1


@pytest.mark.slow
def test_a_resumed_walk_skips_what_is_done_and_refuses_other_bars(market, spec, tmp_path) -> None:
    first = one_seed(spec, market.panel, tmp_path, learner="ridge")
    folder = first.folders[0]
    done, undone = (FoldFiles(folder.path, number).path / "fold.json" for number in (1, 2))
    undone.unlink()
    stamp = done.stat().st_mtime_ns
    context = RunContext(store=RunStore(tmp_path), resume=folder)
    again = walk(spec, market.panel, context=context)
    assert done.stat().st_mtime_ns == stamp
    pd.testing.assert_frame_equal(again.study.folds, first.study.folds, check_exact=True)
    assert [entry.kind for entry in TrialLog(tmp_path).entries()].count("trial") == 1
    scores = FoldFiles(folder.path, 1).path / "scores.parquet"
    (pd.read_parquet(scores) * -1).to_parquet(scores)
    with pytest.raises(RunError, match=r"001/scores\.parquet is not as it was written"):
        walk(spec, market.panel, context=context)
    scores.unlink()  # what the message says
    walk(spec, market.panel, context=context)
    with pytest.raises(RunError, match="its panel changed"):
        walk(spec, market.panel.until(market.panel.sessions[-2]), context=context)


@pytest.mark.slow
def test_a_walk_killed_while_its_seeds_begin_goes_on_with_all_of_them(market, spec, walked, tmp_path) -> None:
    for folder in walked.folders:
        shutil.copytree(folder.path, tmp_path / folder.home.name / folder.run_id)
    first, second = (tmp_path / folder.home.name / folder.run_id for folder in walked.folders)
    shutil.rmtree(second)
    (first / "trials.json").unlink()  # the log is another
    begun = RunFolder(first)
    inputs = Inputs(panel=market.panel, oracle=market.oracle)
    again = walk(spec, inputs, context=RunContext(store=RunStore(tmp_path), resume=begun))
    assert [folder.path for folder in again.folders] == [first, second]
    for run, whole in zip(again.runs, walked.runs, strict=True):
        pd.testing.assert_frame_equal(run.scores, whole.scores, check_exact=True)
    write_json(first / "run.json", begun.record | {"walk": begun.record["walk"] | {"runs": ["../x", "y"]}})
    with pytest.raises(RunError, match=r"names 2 runs of 2 seeds: restore it"):
        walk(spec, inputs, context=RunContext(store=RunStore(tmp_path), resume=begun))


@pytest.mark.slow
def test_combinatorial_paths_are_counted_as_one_trial_and_shown_as_a_distribution(market, spec, tmp_path) -> None:
    found = one_seed(spec, market.panel, tmp_path, learner="ridge", combinatorial=CombinatorialSettings(n_groups=4))
    assert len(found.study.folds) == 6
    assert found.study.paths is not None
    assert len(found.study.paths) == 3
    assert found.study.seeds["sharpe"].iloc[0] == found.study.paths.sort_values().iloc[1]
    assert [entry.kind for entry in TrialLog(tmp_path).entries()].count("trial") == 1
    assert "COMBINATORIAL" in found.runs[0].report.read_text(encoding="utf-8")


def test_bars_that_cannot_carry_a_fold_leave_no_folder(market, spec, tmp_path) -> None:
    longer = override(spec, ["model.lookback=140"])
    with pytest.raises(DataError, match="no training session has 5 names with 140 complete sessions"):
        one_seed(longer, market.panel, tmp_path)
    assert not list(tmp_path.rglob("*"))


@pytest.mark.slow
def test_a_fold_that_cannot_be_computed_names_itself(market, spec, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("strategy.walk_forward.walk.check_folds", lambda *given: None)
    longer = override(spec, ["model.lookback=140"])
    with pytest.raises(RunError, match="fold 1 of 2, seed 1, failed: no training session has"):
        one_seed(longer, market.panel, tmp_path)


@pytest.mark.slow
def test_the_command_walks_prints_json_and_says_how_to_go_on(tmp_path, monkeypatch, capsys) -> None:
    words = ("--train", 900, "--test", 200, "--learner", "ridge", "--out", tmp_path, "--json", *assignments(SMALL))
    told = json.loads(quintile("walk", *words, monkeypatch=monkeypatch, capsys=capsys))
    assert len(told["folds"]) == len(list(Path(told["folders"][0]).glob("folds/*/fold.json")))
    line = refusal("run", "--resume", "latest", "--out", tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert "quintile walk --resume" in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--seeds", "1,x"), "--seeds takes whole numbers"),
        (("--seeds", "1,1"), "seeds must be different"),
        (("--learner", "ridge", "--seeds", "1,2"), "ridge has no seed"),
        (("--combinatorial", "6"), "combinatorial takes two numbers"),
        (("--train", 1), "train: Input should be greater"),
        (("--workers", 0), "workers must be at least 1"),
        (("--on", "threads"), "on must be one of processes, ray, was 'threads'"),
        (("--learner", "oracle"), "learner: "),
        (("--set", f"training.start={'a' * 64}"), "a walk fits every fold from the seed: unset the key, or use"),
    ],
)
def test_words_that_make_no_walk_are_refused_in_one_line(words, said, tmp_path, monkeypatch, capsys) -> None:
    assert said in refusal("walk", *words, "--out", tmp_path, monkeypatch=monkeypatch, capsys=capsys)


def test_a_walk_on_ray_without_ray_says_what_to_install(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    said = refusal("walk", "--on", "ray", "--out", tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert "pip install 'quintile[ray]'" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("folder", "code", "said"), [("gone", "", "every machine sees"), (".", "", "other code")])
def test_a_worker_that_shares_too_little_refuses(folder: str, code: str, said: str, tmp_path) -> None:
    with pytest.raises(RunError, match=said):
        Shared(folder=tmp_path / folder, code=code).check()


def test_the_caller_shares_its_own_folder_and_code(tmp_path) -> None:
    Shared.of(tmp_path).check()
