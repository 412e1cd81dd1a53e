"""A challenger trained, judged, promoted and frozen on a market whose pattern turned, and every fault on the way."""

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from core.errors import DataError, RunError
from live.retraining import promotion
from live.retraining.challenger_run import refuse_given_start
from live.retraining.challenger_stream import kept_differences, paired_name
from live.retraining.champion import load_newer, retraining_request
from live.retraining.retrain import Retrained, retrain
from market.holdout import HoldoutSettings
from models.checkpoint import load_checkpoint
from quintile.cli import app
from strategy.frozen.freeze import FreezeOptions, freeze
from strategy.frozen.replay import replay
from strategy.frozen.run_version import open_frozen
from strategy.frozen.verify import verify
from strategy.frozen.versions import Version, find_version, list_versions
from strategy.runs.store import RunFolder, RunStore
from strategy.trials.log import TrialLog
from tests.retraining_market import NAME, Field, field, turning_bars, until


@pytest.fixture(scope="module")
def plain_reports() -> Iterator[None]:
    """Leave out what a run shows beside its own book; nothing here reads it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("backtests.evaluation.N_RANDOM", 1)
        patched.setattr("backtests.evaluation.run_what_ifs", lambda *args, **settings: None)
        patched.setattr("backtests.report.report_page.render_report", lambda page: "<!DOCTYPE html>")
        yield


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory, plain_reports: None) -> Field:
    """A champion that learned the pattern before it turned; copy before changing anything in it."""
    return field(tmp_path_factory.mktemp("turned"), turning_bars())


@pytest.fixture(scope="module")
def promoted(turned: Field, tmp_path_factory: pytest.TempPathFactory) -> tuple[Field, Retrained]:
    """A copy in which a challenger took the champion's place."""
    own = copied(turned, tmp_path_factory.mktemp("promoted"))
    return own, retrain(NAME, own.told(), options=own.options())


def copied(ready: Field, folder: Path) -> Field:
    shutil.copytree(ready.store.root, folder / "runs")
    shutil.copytree(ready.versions, folder / "versions")
    champion = find_version(str(ready.champion.version), folder / "versions")
    return replace(ready, store=RunStore(folder / "runs"), versions=folder / "versions", champion=champion)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def judgements(ready: Field) -> list[dict[str, Any]]:
    return [entry.facts for entry in TrialLog(ready.store.root).entries() if entry.kind == "retrain"]


def test_a_better_challenger_takes_the_champions_place(turned: Field, promoted: tuple[Field, Retrained]) -> None:
    own, made = promoted
    assert made.promoted == "mine@1.1.0"
    assert made.facts["notes"] == []  # its past on these bars is the one that it was frozen with
    assert made.facts["rank_ic"]["champion"] < 0.0 < made.facts["rank_ic"]["challenger"]
    newest = list_versions(own.versions, NAME)[-1]
    assert (str(newest.version), newest.body["run"]) == ("mine@1.1.0", made.run.name)
    assert newest.body["previous"] == {"version": "1.0.0", "sha256": turned.champion.sha256}
    found = verify(newest)
    assert (found.is_intact, found.exit_code) == (True, 0)
    assert replay(newest, panel=_bars(made)).same
    assert "The challenger takes its place" in (newest.path / "notes.md").read_text()
    assert content(own.champion.path) == content(turned.champion.path)  # the champion is kept as it was


def _bars(made: Retrained) -> Any:
    from market.inputs import load_inputs

    return load_inputs(RunFolder(made.run).request).panel


def paired(made: Retrained) -> pd.DataFrame:
    return RunFolder(made.run).read_frame(paired_name(made.facts["judgement"]["champion"]))


def test_neither_model_learned_from_a_judged_session(promoted: tuple[Field, Retrained]) -> None:
    own, made = promoted
    first = pd.Timestamp(made.facts["judgement"]["first"])
    assert load_checkpoint(made.run / "model").learned_until < first
    assert load_checkpoint(own.champion.path / "model").learned_until < first
    assert pd.Timestamp(own.champion.body["test_span"][1]) < first
    frame = paired(made)
    assert frame.index[0] >= first
    assert frame["ic_challenger"].notna().sum() == made.facts["sessions"] == 60


def test_the_challengers_numbers_are_those_of_its_own_run(promoted: tuple[Field, Retrained]) -> None:
    _, made = promoted
    run, frame = RunFolder(made.run), paired(made)
    own = run.read_column("returns", "filter_negative net")
    pd.testing.assert_series_equal(frame["net_challenger"].dropna(), own.dropna(), check_names=False, check_freq=False)
    assert run.metrics["headline"]["rank_ic"] == pytest.approx(made.facts["rank_ic"]["challenger"])


def test_a_retraining_is_one_trial_and_one_judgement(turned: Field, promoted: tuple[Field, Retrained]) -> None:
    own, made = promoted
    before, after = (TrialLog(each.store.root).entries() for each in (turned, own))
    new = [entry.kind for entry in after[len(before) :]]
    assert (new.count("trial"), new.count("retrain"), new.count("freeze")) == (1, 1, 1)
    assert new.index("retrain") < new.index("freeze")  # what was decided is logged before it is done
    assert next(e for e in after if e.kind == "retrain").facts["run"] == made.run.name


def test_after_a_promotion_the_new_champion_waits_for_sessions_of_its_own(promoted: tuple[Field, Retrained]) -> None:
    own, _ = promoted
    with pytest.raises(DataError, match="0 sessions that the champion has not seen, and 62 are needed"):
        retrain(NAME, own.told(), options=own.options())


@pytest.mark.slow
def test_bars_that_score_the_test_span_otherwise_are_noted(turned: Field, tmp_path: Path) -> None:
    own, bars = copied(turned, tmp_path), pd.read_parquet(turned.newer)
    wider, beside = tmp_path / "wider.parquet", bars[bars["ticker"] < "N03"]
    pd.concat([bars, beside.assign(ticker="X" + beside["ticker"])]).to_parquet(wider)
    (note,) = retrain(NAME, own.told(wider), options=own.options()).facts["notes"]
    assert "sessions of the test span are scored otherwise on these bars" in note


def test_the_same_judgement_is_not_made_twice(promoted: tuple[Field, Retrained]) -> None:
    own, made = promoted
    again = retrain(f"{NAME}@1.0.0", own.told(), options=own.options())
    assert again == made
    assert len(judgements(own)) == 1


def test_a_promotion_that_was_decided_is_finished(
    turned: Field, promoted: tuple[Field, Retrained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, made = promoted
    killed = copied(own, tmp_path)
    shutil.rmtree(killed.versions / NAME / "1.1.0")  # as a kill or a full disk before the freeze leaves it

    def full(*args: Any, **settings: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("strategy.frozen.freeze.publish", full)
        with pytest.raises(OSError, match="No space left"):
            promotion.finish_promotion(killed.champion, store=killed.store)
    assert [str(each.version) for each in list_versions(killed.versions, NAME)] == ["mine@1.0.0"]
    assert retrain(NAME, killed.told(), options=killed.options()).promoted == made.promoted
    assert len(judgements(killed)) == 1


def test_a_promotion_that_cannot_be_finished_says_how_it_ends(
    promoted: tuple[Field, Retrained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, made = promoted
    lost = copied(own, tmp_path)
    shutil.rmtree(lost.versions / NAME / "1.1.0")
    with monkeypatch.context() as patched:
        patched.setattr("strategy.frozen.freeze.code_fingerprint", lambda spec: "other code")
        with pytest.raises(
            RunError, match=r"code changed since.*; or freeze another version of mine, and retrain that"
        ):
            promotion.finish_promotion(lost.champion, store=lost.store)
    shutil.rmtree(lost.store.root / "filter_negative" / made.run.name)
    with pytest.raises(RunError, match=r"its run is gone: restore it, or freeze another as mine@1.1.0"):
        promotion.finish_promotion(lost.champion, store=lost.store)


def test_a_version_frozen_meanwhile_stops_the_promotion(promoted: tuple[Field, Retrained], tmp_path: Path) -> None:
    own, _ = promoted
    taken = copied(own, tmp_path)
    shutil.rmtree(taken.versions / NAME / "1.1.0")
    first = RunFolder(own.store.root / "filter_negative" / own.champion.body["run"])
    other = freeze(
        RunFolder(taken.store.root / "filter_negative" / first.run_id),
        Version.parse("mine@1.0.1"),
        store=taken.store,
        options=FreezeOptions(versions=taken.versions),
    )
    told = {"store": taken.store}
    with pytest.raises(RunError, match=r"mine@1.1.0 is not frozen: mine@1.0.1 was frozen after .* retrain again"):
        promotion.finish_promotion(taken.champion, **told)
    assert promotion.finish_promotion(other, **told) is None
    assert len(list_versions(taken.versions, NAME)) == 2
    (before,) = judgements(taken)
    kept = taken.store.root / "filter_negative" / before["run"] / f"{paired_name(own.champion.sha256)}.parquet"
    kept.write_bytes(b"what the other champion was beside it")
    again = retrain(
        NAME, taken.told(), options=taken.options()
    )  # finds the challenger's run: one training, two champions
    assert (again.run.name, again.facts["number"], again.facts["stream"]["missing"]) == (before["run"], 2, 0)
    assert again.facts["version"] == "mine@1.0.1"
    assert kept.read_bytes() == b"what the other champion was beside it"
    assert kept_differences(taken.store.root, again.facts) is not None


def test_what_cannot_be_retrained_is_refused_before_a_training(
    turned: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, bars = copied(turned, tmp_path), pd.read_parquet(turned.newer)
    short, strange = tmp_path / "short.parquet", tmp_path / "strange.parquet"
    until(bars, 230).to_parquet(short)
    bars.assign(ticker="X" + bars["ticker"]).to_parquet(strange)
    runs = len(own.store.folders())
    cases: dict[str, dict[str, Any]] = {
        "50 sessions that the champion has not seen, and 62 are needed.* 12 are missing": {"bars": short},
        "hold 0 of the 12 names that mine@1.0.0 was frozen on": {"bars": strange},
        "was frozen on universe all, not top5": {"bars": turned.newer, "universe": "top5"},
    }
    for words, told in cases.items():
        with pytest.raises((DataError, RunError), match=words):
            retrain(NAME, {name: str(value) for name, value in told.items()}, options=own.options())
    with monkeypatch.context() as patched:
        patched.setattr("tempfile.TemporaryFile", _read_only)
        with pytest.raises(RunError, match=r"could not be frozen .*\(read-only"):
            retrain(NAME, own.told(), options=own.options())
    with pytest.raises(ValueError, match=r"no version of yours in versions .there: mine."):
        retrain("yours", own.told(), options=own.options())
    (own.champion.path / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(RunError, match=r"mine@1.0.0 is NOT INTACT .* take a clean copy"):
        retrain(NAME, own.told(), options=own.options())
    assert len(own.store.folders()) == runs
    assert not judgements(own)


def _read_only(*args: Any, **settings: Any) -> None:
    raise OSError(30, "Read-only file system")


def test_a_champion_whose_code_drifted_is_not_challenged(turned: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    from strategy.frozen import run_version

    real = run_version.verify
    monkeypatch.setattr(run_version, "verify", lambda folder: replace(real(folder), modules=("models/windows.py",)))
    with pytest.raises(RunError, match=r"other code .*: models/windows.py\..* `quintile replay mine@1.0.0`") as told:
        retrain(NAME, turned.told(), options=turned.options())
    assert "--allow-drift" not in str(told.value)  # the command has no such option


def test_a_sealed_hold_out_and_borrowed_weights_are_refused(turned: Field) -> None:
    frozen = open_frozen(turned.champion, TrialLog(turned.store.root))
    sealed = frozen.spec.model_copy(update={"holdout": HoldoutSettings(start=dt.date(2015, 10, 1))})
    request = retraining_request(turned.champion, turned.told())
    with pytest.raises(RunError, match=r"sealed from 2015-10-01.*quintile holdout open mine@1.0.0"):
        load_newer(request, replace(frozen, spec=sealed))
    borrowed = frozen.spec.training.model_copy(update={"start": "ab" * 32})
    with pytest.raises(RunError, match=r"mine@1.0.0 began with the weights abababababab of another model"):
        refuse_given_start(frozen.spec.model_copy(update={"training": borrowed}), "mine@1.0.0")


def shown(*words: object) -> Any:
    return CliRunner().invoke(app, ["retrain", *map(str, words), "--quiet"])


def test_a_dry_run_prints_spans_and_cost_and_leaves_nothing(turned: Field) -> None:
    before = content(turned.store.root)
    beside = ("--versions", turned.versions, "--out", turned.store.root, "--judge", 60, "--dry-run")
    told = shown(NAME, "--bars", turned.newer, *beside)
    assert told.exit_code == 0, told.output
    assert "1 training of 108 sessions and 12 names" in told.output
    assert "judgement 1 of mine here is allowed p 0.011" in told.output
    months = json.loads(shown(NAME, "--bars", turned.newer, *beside, "--every", "month", "--json").output)
    ends = [plan["judged"][14:24] for plan in months["plans"]]
    assert ends == ["2015-12-31", "2016-01-29", "2016-02-29", "2016-03-31", "2016-04-29", "2016-05-31", "2016-06-30"]
    assert content(turned.store.root) == before


def test_a_word_that_the_command_does_not_know_is_one_line(turned: Field) -> None:
    for words, message in ((("--every", "week"), "--every must be month"), (("--bars", "builtin+250"), "write it to")):
        found = shown(NAME, *words)
        assert found.exit_code == 1
        assert message in str(found.exception)
