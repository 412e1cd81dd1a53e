"""Months of retraining: nothing of the future, any kill, the same skill, other kinds of model; minutes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.interval_coverage import clustered_shocks
from benchmarks.retrain_promotions import Months, Skill, promotions
from live.retraining.retrain import Retrained, RetrainOptions, retrain
from live.retraining.retrained_months import DueMonth, retrain_months
from market.inputs import load_inputs
from market.request import BarsRequest
from strategy.definitions.spec import load_spec, override
from strategy.frozen.check_log import check_log
from strategy.frozen.freeze import FreezeOptions, freeze
from strategy.frozen.replay import replay, version_bars
from strategy.frozen.verify import verify
from strategy.frozen.versions import Version, find_version, list_versions
from strategy.pipeline import run
from strategy.runs.context import RunContext
from strategy.runs.store import RunFolder, RunStore
from strategy.trials.log import TrialLog
from tests.retraining_market import NAME, Field, field, turning_bars, until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
N_KILLS = int(os.environ.get("QUINTILE_KILLS", "40"))
DECIDED = ("version", "judgement", "sessions", "rank_ic", "net", "p_value", "allowed", "number", "stream", "promote")
LSTM = (
    "model.hidden=8",
    "model.layers=1",
    "model.lookback=5",
    "training.burn_in=5",
    "training.max_epochs=6",
    "training.batch_sessions=32",
)
TREES = ("model.kind=lightgbm", "model.lookback=5")
TURN = 230  # after the first months
ENSEMBLE = (
    "model.kind=ensemble",
    "model.lookback=5",
    'model.members.first.model={kind="ridge"}',
    'model.members.second.model={kind="lightgbm"}',
)


@pytest.fixture(scope="module", autouse=True)
def few_books() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("backtests.evaluation.N_RANDOM", 1)
        yield


def records(ready: Field) -> list[dict[str, Any]]:
    """What the log says of each judgement, but for run, clock and the version's hash, which holds its clock."""
    entries = [entry.facts for entry in TrialLog(ready.store.root).entries() if entry.kind == "retrain"]
    kept = [{name: facts[name] for name in (*DECIDED, "sentence", "verdicts")} for facts in entries]
    return [each | {"judgement": {k: v for k, v in each["judgement"].items() if k != "champion"}} for each in kept]


def weights(ready: Field) -> dict[str, bytes]:
    return {str(each.version): (each.path / "model.safetensors").read_bytes() for each in _versions(ready)}


def _versions(ready: Field) -> list[Any]:
    return list_versions(ready.versions, NAME)


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> tuple[Field, list[Retrained | DueMonth]]:
    """All months of the turned market, and what they gave."""
    ready = field(tmp_path_factory.mktemp("through"), turning_bars(turn=TURN))
    return ready, list(retrain_months(NAME, ready.told(), options=ready.options()))


def test_the_champion_stays_while_the_challenger_learned_the_old_pattern_too(
    through: tuple[Field, list[Retrained | DueMonth]],
) -> None:
    ready, made = through
    judged = [each for each in made if isinstance(each, Retrained)]
    promoted = [each.promoted is not None for each in judged]
    assert not promoted[0]
    assert any(promoted)
    assert [str(each.version) for each in _versions(ready)] == ["mine@1.0.0", "mine@1.1.0"]
    ends = [each.as_of for each in judged]
    assert ends == sorted(set(ends))
    for version in _versions(ready):
        assert verify(version).exit_code == 0
    problems, _ = check_log(TrialLog(ready.store.root), ready.versions, own_versions=True)
    assert not problems


def test_a_month_that_is_done_is_not_done_again(through: tuple[Field, list[Retrained | DueMonth]]) -> None:
    ready, _ = through
    before = records(ready)
    again = list(retrain_months(NAME, ready.told(), options=ready.options()))
    assert not [each for each in again if isinstance(each, Retrained)]
    assert records(ready) == before


def test_cutting_the_future_changes_no_months_record(
    through: tuple[Field, list[Retrained | DueMonth]], tmp_path: Path
) -> None:
    ready, made = through
    whole = records(ready)
    judged = [each for each in made if isinstance(each, Retrained)]
    for known in (2, len(judged)):
        all_bars = turning_bars(turn=TURN)
        own, bars = field(_made(tmp_path / str(known)), all_bars), tmp_path / f"{known}.parquet"
        last = pd.Timestamp(judged[known - 1].as_of)
        days = all_bars["date"].drop_duplicates()
        until(all_bars, int((days <= last).sum()) + 1).to_parquet(bars)  # one session of the month after
        list(retrain_months(NAME, own.told(bars), options=own.options()))
        assert records(own) == whole[:known]


def test_a_month_says_what_one_retraining_would_have_said_that_day(
    through: tuple[Field, list[Retrained | DueMonth]], tmp_path: Path
) -> None:
    ready, made = through
    first = next(each for each in made if isinstance(each, Retrained))
    all_bars, bars = turning_bars(turn=TURN), tmp_path / "then.parquet"
    own = field(tmp_path, all_bars)
    all_bars[all_bars["date"] <= pd.Timestamp(first.as_of)].to_parquet(bars)
    retrain(NAME, own.told(bars), options=own.options())
    assert records(own) == records(ready)[:1]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_no_kill_costs_more_than_a_training_and_the_bits_are_the_same(tmp_path: Path) -> None:
    whole = field(_made(tmp_path / "whole"), turning_bars(turn=TURN), *LSTM)
    killed = _copied(whole, tmp_path / "killed")
    _finish(whole)
    rng = np.random.default_rng(5)
    kills = sum(_killed(killed, files=int(rng.integers(1, 60))) for _ in range(N_KILLS))
    _finish(killed)
    assert kills > N_KILLS / 4
    assert records(killed) == records(whole)
    assert weights(killed) == weights(whole)
    assert not check_log(TrialLog(killed.store.root), killed.versions, own_versions=True)[0]


def _killed(ready: Field, *, files: int) -> bool:
    """Kill a retraining once it has written so many files, whole or half; False where it ended before."""
    places = (ready.store.root, ready.versions)
    before = {path for place in places for path in place.rglob("*")}
    seen = set[Path]()
    with (ready.versions.parent / "said.txt").open("ab") as said:
        process = _started(ready, said)
        while process.poll() is None and len(seen) < files:
            seen |= {path for place in places for path in place.rglob("*")} - before
            time.sleep(0.02)
        if process.poll() is not None:
            assert process.returncode == 0, (ready.versions.parent / "said.txt").read_text()
            return False
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return True


def _copied(ready: Field, folder: Path) -> Field:
    shutil.copytree(ready.store.root, folder / "runs")
    shutil.copytree(ready.versions, folder / "versions")
    champion = find_version("mine@1.0.0", folder / "versions")
    return replace(ready, store=RunStore(folder / "runs"), versions=folder / "versions", champion=champion)


def _started(ready: Field, said: IO[bytes]) -> "subprocess.Popen[bytes]":
    words = ["retrain", NAME, "--bars", ready.newer, "--every", "month", "--judge", 60, "--quiet"]
    words += ["--versions", ready.versions, "--out", ready.store.root]
    command = [sys.executable, "-m", "quintile", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said, start_new_session=True)


def _finish(ready: Field) -> None:
    told = ready.versions.parent / "told.txt"
    with told.open("wb") as said:
        assert _started(ready, said).wait(timeout=2400) == 0, told.read_text()


def test_two_at_once_make_one_judgement(tmp_path: Path) -> None:
    ready = field(tmp_path, turning_bars(n_sessions=280))
    words = ["retrain", NAME, "--bars", ready.newer, "--judge", 60, "--json", "--quiet"]
    words += ["--versions", ready.versions, "--out", ready.store.root]
    command = [sys.executable, "-m", "quintile", *map(str, words)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate(timeout=600) for process in both]
    for process, (out, err) in zip(both, said, strict=True):
        assert process.returncode == 0 or err.count(b"\n") == 1, err.decode()
        if process.returncode == 0:
            assert json.loads(out)[0]["number"] == 1
    assert len(records(ready)) == 1


@pytest.mark.parametrize("assignments", [TREES, ENSEMBLE, LSTM], ids=["lightgbm", "ensemble", "lstm"])
def test_every_kind_passes_through_the_seam_alone(tmp_path: Path, assignments: tuple[str, ...]) -> None:
    ready = field(tmp_path, turning_bars(), *assignments, with_bars=True)
    made = retrain(NAME, ready.told(), options=ready.options())
    assert made.facts["sessions"] == 60
    if made.promoted is not None:
        newest = _versions(ready)[-1]
        assert newest.body["bars"] == "embedded"
        assert replay(newest, panel=version_bars(newest, newest.body)).same


@pytest.mark.parametrize("skill", [Skill(), Skill(shocks=clustered_shocks)], ids=["normal", "clustered"])
def test_challengers_of_the_same_skill_are_promoted_at_most_at_the_stated_rate(skill: Skill) -> None:
    found = promotions(skill, Months(), 120, seed=7)
    assert found.share <= 0.05 + 2.0 * max(found.error, 0.02)


def test_better_challengers_are_found() -> None:
    assert promotions(Skill(better=0.02), Months(), 20, seed=7).share > 0.9


def test_waiting_is_said_once_a_month_is_over(tmp_path: Path) -> None:
    bars = turning_bars(n_sessions=230)
    ready = field(tmp_path, bars)
    (only,) = retrain_months(NAME, ready.told(), options=ready.options())
    assert isinstance(only, DueMonth)
    assert 0 < only.missing < 62
    assert not records(ready)


def test_interrupted_training_goes_on_from_its_last_epoch(tmp_path: Path) -> None:
    ready = field(tmp_path, turning_bars(), *LSTM)
    options = ready.options()

    def stops(stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "training" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        retrain(NAME, ready.told(), options=replace(options, progress=stops))
    unfinished = [each for each in ready.store.folders() if not each.is_complete]
    assert len(unfinished) == 1
    assert retrain(NAME, ready.told(), options=options).run.name == unfinished[0].run_id


def test_a_champion_of_real_bars_is_challenged(shared_data: Path, tmp_path: Path) -> None:
    bars, store = str(shared_data / "sp500_5y_2013_2018.parquet"), RunStore(tmp_path / "runs")
    spec = override(load_spec("filter_negative"), ["model.kind=ridge", "model.lookback=20"])
    request = BarsRequest(bars=bars, universe="top100", end="2017-06-30")
    made = run(spec, load_inputs(request), context=RunContext(store=store, request=request))
    where = FreezeOptions(versions=tmp_path / "versions")
    champion = freeze(made.folder, Version.parse(f"{NAME}@1.0.0"), store=store, options=where)
    options = RetrainOptions(versions=tmp_path / "versions", store=store)
    found = retrain(NAME, {"bars": bars}, options=options)
    print(found.facts)
    assert found.facts["sessions"] == 126
    assert found.facts["judgement"]["first"] > champion.body["test_span"][1]
    assert RunFolder(found.run).request.universe == "top100"
    assert abs(found.facts["rank_ic"]["gap"]) < 0.05
