"""Look-ahead proofs: another future keeps the past, leaks are caught at the right place, honest pipelines pass."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import numpy as np
import pandas as pd
import pytest

from core.errors import RunError, SourceError
from market.inputs import load_inputs
from market.panel import BAR_FIELDS, Panel
from market.request import BarsRequest
from market.returns import Execution
from market.synthetic import SyntheticSettings
from strategy.definitions.spec import load_spec, override
from strategy.frozen.verify import verify
from strategy.frozen.versions import find_version
from strategy.pipeline import run
from strategy.proofs import PipelineUnderTest, ProveOptions, prove
from strategy.proofs.checks import _questions
from strategy.proofs.clock import check_spans
from strategy.proofs.futures import CORRUPTIONS, corrupted, permuted, rescaled, shuffled
from strategy.proofs.leaks import LEAKS, HonestSetup, leak
from strategy.proofs.pipeline_under_test import CarriedState, SpanPair
from strategy.proofs.run_proof import find_trained, prove_run, prove_version
from strategy.proofs.sampled_sessions import sample_rows
from strategy.proofs.self_test import SELF_TEST_SESSIONS, make_honest_setup, self_test
from strategy.proofs.shared_stages import memoised
from strategy.proofs.shipped_pipeline import pipeline_of
from strategy.proofs.stages import reference_run
from strategy.runs.artefacts import find_report
from strategy.runs.context import RunContext
from strategy.runs.proof_file import (
    ASIDE,
    DEEP_CHECKS,
    EVERY_CHECK,
    PROOF_FILE,
    CheckResult,
    Finding,
    Proof,
    read_proof,
    write_proof,
)
from strategy.runs.proof_status import proof_identity, proof_report
from strategy.runs.store import RunFolder, RunStore
from tests.oracles.small_panels import random_panel

QUICK = ProveOptions(sessions=3)
SMALL = (
    "model.hidden=8",
    "model.layers=1",
    "model.lookback=10",
    "training.burn_in=10",
    "training.max_epochs=1",
    "training.batch_sessions=64",
)


@pytest.fixture(scope="module")
def setup() -> HonestSetup:
    return make_honest_setup(SyntheticSettings(n_tickers=30, n_sessions=320))


def momentum_features(panel: Panel) -> Mapping[str, pd.DataFrame]:
    return {"momentum": panel.close / panel.close.shift(5) - 1.0, "gap": panel.open / panel.close.shift(1) - 1.0}


def momentum_scores(features: Mapping[str, pd.DataFrame], panel: Panel, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    return features["momentum"].where(panel.universe).loc[sessions]


def ranked_weights(scores: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    ranks = scores.rank(axis=1, pct=True).reindex(panel.sessions)
    weights = (ranks.sub(ranks.mean(axis=1), axis=0) / 10).where(ranks.notna(), 0.0)
    return weights.where(ranks.notna().any(axis=1), np.nan)


def own_callables(panel: Panel) -> PipelineUnderTest:
    return PipelineUnderTest(
        name="momentum of mine",
        features=momentum_features,
        scores=momentum_scores,
        weights=ranked_weights,
        first_decision=panel.sessions[40],
        feature_warm_up=6,
        score_warm_up=6,
    )


def found_by(proof: Proof, check: str) -> Finding:
    (finding,) = (each.finding for each in proof.checks if each.check == check)
    assert finding is not None
    return finding


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("row", [60, 200, 318])
def test_another_future_keeps_every_bit_of_the_past(setup: HonestSetup, kind, row: int) -> None:
    panel = setup.panel
    other = corrupted(panel, row, rng=np.random.default_rng(0), kind=kind)
    session = panel.sessions[row]
    assert other.until(session).fingerprint() == panel.until(session).fingerprint()
    assert other.fingerprint() != panel.fingerprint()


@pytest.mark.parametrize("field", BAR_FIELDS)
def test_the_corruption_begins_with_the_very_next_bar(setup: HonestSetup, field: str) -> None:
    other = corrupted(setup.panel, 200, rng=np.random.default_rng(0))
    before, after = (getattr(panel, field).iloc[201].to_numpy() for panel in (setup.panel, other))
    both = ~np.isnan(before) & ~np.isnan(after)
    assert both.sum() > 10
    assert (before[both] != after[both]).all()


def test_somebody_dies_in_the_next_session_of_a_corrupted_future(setup: HonestSetup) -> None:
    other = corrupted(setup.panel, 200, rng=np.random.default_rng(0))
    deaths = other.delistings["session"]
    assert (deaths > setup.panel.sessions[200]).sum() >= 3
    assert deaths[deaths > setup.panel.sessions[200]].min() <= setup.panel.sessions[203]


def test_a_shuffled_future_holds_the_same_sessions(setup: HonestSetup) -> None:
    panel, other = setup.panel, shuffled(setup.panel, 200, rng=np.random.default_rng(1))
    assert other.until(panel.sessions[200]).fingerprint() == panel.until(panel.sessions[200]).fingerprint()
    assert np.nansum(other.close.to_numpy()) == pytest.approx(np.nansum(panel.close.to_numpy()), rel=1e-12)
    assert not np.array_equal(other.close.iloc[201].to_numpy(), panel.close.iloc[201].to_numpy(), equal_nan=True)


def test_a_restated_panel_keeps_returns_and_dollar_volumes(setup: HonestSetup) -> None:
    other = rescaled(setup.panel, rng=np.random.default_rng(0), split=True)
    pd.testing.assert_frame_equal(
        other.close.pct_change(fill_method=None), setup.panel.close.pct_change(fill_method=None)
    )
    pd.testing.assert_frame_equal(other.dollar_volume, setup.panel.dollar_volume)
    assert (other.close.iloc[-1] != setup.panel.close.iloc[-1]).mean() > 0.5


def test_the_sample_meets_what_leaks_hide_behind(setup: HonestSetup) -> None:
    rows = sample_rows(setup.panel, first=20, count=30)
    assert list(rows) == sorted(rows)
    assert max(rows) <= len(setup.panel.sessions) - 2
    assert {"a month end", "before a halt", "before a listing", "an ordinary session"} <= set(rows.values())


def test_the_shipped_strategy_passes_every_check(setup: HonestSetup) -> None:
    proof = prove(setup.pipeline, setup.panel, options=QUICK)
    assert proof.verdict == "PASS", str(proof)
    asked = {check.check for check in proof.checks if check.status != "NOT RUN"}
    assert {"truncation", "future corruption", "future shuffle", "start shift", "training", "clock"} <= asked


def test_one_bar_in_one_feature_of_one_ticker_is_named(setup: HonestSetup) -> None:
    ticker = setup.panel.tickers[7]

    def features(panel: Panel) -> Mapping[str, pd.DataFrame]:
        honest = setup.pipeline.features(panel)
        early = honest["vol_5d"].assign(**{ticker: honest["vol_5d"][ticker].shift(-1)})
        return {**honest, "vol_5d": early}

    proof = prove(replace(setup.pipeline, features=features), setup.panel, options=QUICK)
    finding = found_by(proof, "truncation")
    assert (finding.stage, finding.column, finding.ticker) == ("features", "vol_5d", ticker)
    assert finding.found == "nan"
    assert float(finding.expected) > 0


def test_own_callables_pass_and_say_what_was_not_asked(setup: HonestSetup) -> None:
    proof = prove(own_callables(setup.panel), setup.panel, options=QUICK)
    assert proof.verdict == "PASS", str(proof)
    missing = {check.check for check in proof.checks if check.status == "NOT RUN"}
    assert {"clock", "scaler", "training", "purge and embargo"} <= missing


@pytest.mark.parametrize("tells_more", ["weights", "overlays"])
def test_a_book_that_reads_the_next_scores_is_caught_in_its_own_stage(setup: HonestSetup, tells_more: str) -> None:
    honest = own_callables(setup.panel)

    def peek(weights: pd.DataFrame, panel: Panel) -> pd.DataFrame:
        return weights.shift(-1)

    leaky = (
        replace(honest, overlays=peek)
        if tells_more == "overlays"
        else replace(honest, weights=lambda scores, panel: peek(ranked_weights(scores, panel), panel))
    )
    assert found_by(prove(leaky, setup.panel, options=QUICK), "future corruption").stage == tells_more


def test_a_stage_that_cannot_run_on_shorter_bars_is_a_finding(setup: HonestSetup) -> None:
    last = setup.panel.sessions[-1]

    def features(panel: Panel) -> Mapping[str, pd.DataFrame]:
        return {"relative": panel.close / panel.close.loc[last]} | momentum_features(panel)

    proof = prove(replace(own_callables(setup.panel), features=features), setup.panel, options=QUICK)
    assert found_by(proof, "truncation").column == "KeyError"


def drawdown_switch(weights: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    return _switched(1.0, weights, panel)


def _switched(level: float, weights: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """Halve the book for as long as a slow mean of its size is above a level: state that never forgets."""
    sizes = weights.abs().sum(axis=1).fillna(0.0).to_numpy()
    scale = np.ones(len(sizes))
    for row, size in enumerate(sizes):
        level = 0.99 * level + 0.01 * size
        scale[row] = 0.5 if level > 0.8 else 1.0
    return weights.mul(scale, axis=0)


def _level(weights: pd.DataFrame, panel: Panel) -> float:
    level = 1.0
    for size in weights.abs().sum(axis=1).fillna(0.0):
        level = 0.99 * level + 0.01 * size
    return level


@pytest.mark.parametrize(("forgets", "status"), [(False, "PASS"), (True, "FAIL")])
def test_overlays_that_remember_go_on_from_what_they_remember(setup: HonestSetup, forgets: bool, status: str) -> None:
    def resume(state: float, weights: pd.DataFrame, panel: Panel) -> pd.DataFrame:
        middle = int((40 + len(panel.sessions)) // 2)
        return _switched(5.0 if forgets else state, weights.iloc[middle + 1 :], panel)

    pipeline = replace(
        own_callables(setup.panel), overlays=drawdown_switch, carry=CarriedState(state=_level, resume=resume)
    )
    checks = {check.check: check for check in prove(pipeline, setup.panel, options=QUICK).checks}
    assert checks["carried state"].status == status


@pytest.mark.parametrize(
    ("last_fitted", "first_judged", "status"),
    [(97, 100, "PASS"), (98, 100, "FAIL"), (99, 100, "FAIL"), (100, 100, "FAIL")],
)
def test_a_label_of_two_sessions_needs_a_purge_of_two(
    setup: HonestSetup, last_fitted: int, first_judged: int, status: str
) -> None:
    pair = SpanPair(
        fitted_on="training",
        judged_on="test",
        fitted=np.arange(last_fitted + 1),
        judged=np.arange(first_judged, 200),
    )
    pipeline = replace(own_callables(setup.panel), spans=lambda _: (pair,), execution=Execution())
    reference = reference_run(pipeline, setup.panel, rows={100: "", 150: ""})
    assert check_spans(reference).status == status


@pytest.mark.parametrize(("first_after", "status"), [(157, "PASS"), (156, "FAIL"), (149, "FAIL")])
def test_training_after_a_judged_block_waits_for_purge_and_embargo(
    setup: HonestSetup, first_after: int, status: str
) -> None:
    pair = SpanPair(
        fitted_on="later", judged_on="block", fitted=np.arange(first_after, 300), judged=np.arange(100, 150), embargo=5
    )
    reference = reference_run(
        replace(own_callables(setup.panel), spans=lambda _: (pair,)), setup.panel, rows={100: "", 150: ""}
    )
    assert check_spans(reference).status == status


def test_a_proof_reads_back_as_it_was_written(tmp_path: Path) -> None:
    finding = Finding(
        stage="features", column="ret_1d", session="2020-01-02", ticker="A", expected="0.1", found="nan", because="cut"
    )
    checks = (
        CheckResult(check="clock", status="PASS", note="fills"),
        CheckResult(check="truncation", status="FAIL", finding=finding),
    )
    proof = Proof(subject="mine", checks=checks, identity={"spec": "1"}, seconds=1.5)
    assert read_proof(write_proof(tmp_path, proof).parent) == proof
    assert json.loads((tmp_path / "proof.json").read_text())["verdict"] == "FAIL"
    assert "features · ret_1d · 2020-01-02 A: 0.1 became nan" in str(proof)


@pytest.mark.parametrize(
    ("statuses", "verdict"), [(("PASS", "WARN"), "PASS"), (("WARN",), "FAIL"), (("PASS", "FAIL"), "FAIL")]
)
def test_a_caution_is_no_failure_and_nothing_asked_is_no_pass(statuses: tuple, verdict: str) -> None:
    checks = tuple(CheckResult(check=str(k), status=status) for k, status in enumerate(statuses))
    assert Proof(subject="any", checks=checks).verdict == verdict


def whole_proof(identity: dict[str, str], *, deep: bool = False) -> Proof:
    names = (*EVERY_CHECK, *(["label permutation"] if deep else []))
    checks = tuple(CheckResult(check=name, status="PASS") for name in names)
    return Proof(subject="filter_negative", checks=checks, identity=identity, deep=deep)


def without(proof: Proof, name: str, status: str | None = None) -> Proof:
    """A proof without a check, or with the check at another status."""
    left = [] if status is None else [CheckResult(check=name, status=status)]
    return replace(proof, checks=(*(each for each in proof.checks if each.check != name), *left))


def test_the_checks_that_a_proof_needs_are_those_that_are_asked(setup: HonestSetup) -> None:
    reference = reference_run(own_callables(setup.panel), setup.panel, rows={100: "", 150: ""})
    asked = _questions(reference, ProveOptions(deep=True))
    assert ("record", *asked) == (*EVERY_CHECK, *DEEP_CHECKS)


@pytest.fixture
def proven(tmp_path: Path) -> tuple[RunFolder, Proof]:
    """A run with weights and whatever a proof of it is."""
    folder = RunStore(tmp_path).create(load_spec("filter_negative"), BarsRequest(), panel="p")
    (folder.path / "model.safetensors").write_bytes(b"weights")
    return folder, whole_proof(proof_identity(folder.record["identity"], folder.path / "model"))


def test_a_run_is_proven_by_every_check_alone(proven: tuple[RunFolder, Proof]) -> None:
    folder, proof = proven
    write_proof(folder.path, proof)
    assert proof_report(folder) is not None
    for name in EVERY_CHECK:
        write_proof(folder.path, without(proof, name))
        assert proof_report(folder) is None, name
        write_proof(folder.path, without(proof, name, "NOT RUN"))
        assert (proof_report(folder) is not None) == (name in ASIDE), name
    write_proof(folder.path, replace(proof, deep=True))
    assert proof_report(folder) is None  # it says deep, and has no check of the deep ones
    write_proof(folder.path, replace(proof, checks=(CheckResult(check="clock", status="FAIL"),)))
    failed = proof_report(folder)
    assert failed is not None
    assert failed.verdict == "FAIL"  # an offence counts, whatever else was asked


@pytest.mark.parametrize("part", ["spec", "panel", "code", "weights"])
def test_a_proof_of_another_run_proves_nothing(part: str, proven: tuple[RunFolder, Proof]) -> None:
    folder, proof = proven
    write_proof(folder.path, replace(proof, identity={**proof.identity, part: "other"}))
    assert proof_report(folder) is None


def test_a_proof_beside_counts_for_the_same_weights_alone(proven: tuple[RunFolder, Proof]) -> None:
    folder, proof = proven
    beside = folder.path.parent / "20200101-000000-abcdef"
    beside.mkdir()
    write_proof(beside, proof)
    assert proof_report(folder) is not None
    known = {key: value for key, value in proof.identity.items() if key != "weights"}
    write_proof(beside, replace(proof, identity=known))
    assert proof_report(folder) is None  # of before, when a proof named no weights
    write_proof(folder.path, replace(proof, identity=known))
    assert proof_report(folder) is not None


@pytest.mark.parametrize(
    "content", ["", "{", "{}", "[]", "7", '{"checks": []}', '{"format": "quintile proof 1", "checks": 3}']
)
def test_a_damaged_proof_is_left_out_and_named_by_its_own_report(content: str, proven: tuple[RunFolder, Proof]) -> None:
    folder, proof = proven
    beside = folder.path.parent / "20200101-000000-abcdef"
    beside.mkdir()
    write_proof(folder.path, proof)
    (beside / "proof.json").write_text(content)
    (folder.path / "report.html").write_text("")
    assert proof_report(folder) is not None
    (folder.path / "proof.json").write_text(content)
    assert proof_report(folder) is None
    with pytest.raises((RunError, SourceError), match=r"proof\.json is no"):
        find_report(folder)


def test_permuting_twice_brings_the_panel_back() -> None:
    panel = random_panel(3, n_tickers=5)
    order = np.random.default_rng(0).permutation(5)
    assert permuted(permuted(panel, order), np.argsort(order)).fingerprint() == panel.fingerprint()


@pytest.mark.parametrize("name", ["delisting known early"])
def test_a_few_leak_pairs_are_told_apart(setup: HonestSetup, name: str) -> None:
    table = self_test(setup, [pair for pair in LEAKS if pair.name == name], options=QUICK)
    assert table.is_right, str(table)


def test_the_example_for_strangers_is_told_apart(setup: HonestSetup) -> None:
    source = dedent("\n".join(line for line in leak.__doc__.splitlines() if line.startswith("    ") or not line))
    names: dict = {}
    exec(source.partition("table = ")[0], names)
    table = self_test(setup, [names["pair"]], options=QUICK)
    assert table.is_right, str(table)
    assert "truncation" in table.rows[0].by


def test_a_remembered_stage_gives_the_same_answers_and_keeps_them_from_whoever_changes_them(setup: HonestSetup) -> None:
    fresh = replace(pipeline_of(setup.spec, setup.checkpoint, setup.panel), decide=None)
    twice, cut = memoised(fresh), setup.panel.until(setup.panel.sessions[250])
    for panel in (setup.panel, cut, setup.panel):
        found = twice.features(panel)
        for name, frame in fresh.features(panel).items():
            pd.testing.assert_frame_equal(found[name], frame, check_exact=True)
        found["ret_1d"].iloc[:] = 0.0
    sessions = setup.panel.sessions[[200, 240]]
    told, other = twice.features(setup.panel), twice.features(setup.panel)
    other["ret_1d"].iloc[239] += 0.1
    pd.testing.assert_frame_equal(twice.scores(told, setup.panel, sessions), fresh.scores(told, setup.panel, sessions))
    moved = twice.scores(other, setup.panel, sessions)
    pd.testing.assert_frame_equal(moved, fresh.scores(other, setup.panel, sessions))
    assert not moved.equals(twice.scores(told, setup.panel, sessions))


@pytest.mark.slow
def test_a_proof_takes_unproven_off_the_report(tmp_path: Path) -> None:
    spec = override(load_spec("filter_negative"), SMALL)
    store, request = RunStore(tmp_path), BarsRequest(bars="builtin", start="2015-01-02", end="2016-06-30")
    inputs = load_inputs(request, holdout=None)
    finished = run(spec, inputs, context=RunContext(store=store, request=request)).folder
    page = find_report(finished)
    assert proof_report(finished) is None
    assert "UNPROVEN" in page.read_text()
    assert find_trained(store, spec, request) == finished
    proof = prove_run(finished, options=ProveOptions(sessions=2))
    assert proof.verdict == "PASS", str(proof)
    proven = page.read_text()
    assert "UNPROVEN" not in proven
    assert "<strong>PROVEN</strong>" in proven
    assert all(check.check in proven for check in proof.checks)
    run(spec, inputs, context=RunContext(store=store, resume=finished))
    assert page.read_text() == proven, "a page drawn anew says what the restated one says"
    (finished.path / PROOF_FILE).unlink()
    assert "UNPROVEN" in find_report(finished).read_text()


@pytest.mark.slow
def test_a_frozen_version_is_proven_and_stays_as_it_is(tmp_path: Path) -> None:
    folder = find_version("filter_negative@1.0.0")
    before = verify(folder)
    proof, path = prove_version(folder, out=tmp_path, options=ProveOptions(sessions=2))
    assert proof.verdict == "PASS", str(proof)
    assert path == tmp_path / "filter_negative" / "filter_negative@1.0.0" / PROOF_FILE
    assert read_proof(path.parent) == proof
    assert verify(folder) == before


@pytest.mark.slow
def test_every_leak_is_caught_and_nobody_is_accused() -> None:
    table = self_test(make_honest_setup(), options=ProveOptions(sessions=SELF_TEST_SESSIONS))
    assert len(table.rows) >= 20
    assert table.is_right, str(table)
