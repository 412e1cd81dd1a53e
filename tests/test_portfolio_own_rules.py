"""A user's own book rule: registered, held to its word, and carried through every command; a leaky one is caught."""

import hashlib
import shutil
import sys
from dataclasses import replace
from textwrap import dedent

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from backtests.engine.overlay_loop import decide_book
from core.errors import DataError, RunError
from market.inputs import Inputs
from market.synthetic import SyntheticSettings, synthetic_market
from portfolio import own_rules
from portfolio.book import build_book, finish_book, plan_book
from portfolio.book_settings import BookSettings
from portfolio.own_rules import book_rule, own_sources, own_targets
from strategy.definitions.render import render_definition, rule_words
from strategy.definitions.spec import load_spec, override
from strategy.evaluate import evaluate
from strategy.frozen.freeze import FreezeOptions, freeze
from strategy.frozen.versions import Version
from strategy.learning.user_files import load_models
from strategy.proofs import ProveOptions, prove
from strategy.proofs.self_test import make_honest_setup
from strategy.runs.context import RunContext
from strategy.runs.provenance import code_fingerprint
from strategy.runs.store import RunFolder, RunStore
from strategy.studies.book_comparison import compare_books
from strategy.studies.book_lineup import book_lineup
from strategy.trading.decision import refuse_held
from tests.oracles.small_runs import long_bars, quintile, refusal
from tests.test_portfolio_book import random_case, scores_on
from tests.test_portfolio_builders import random_scores

SEEDS = st.integers(0, 10_000)
WIDE = {"max_position": 1.0, "smoothing": 1.0, "cash_buffer": 0.0}
FILE = """
import quintile as qt

@qt.book_rule("by_rank")
def by_rank(scores, settings):
    '''Long the upper half and short the lower, in proportion to the rank.'''
    place = scores.rank(axis=1, pct=True)
    place = place.sub(place.mean(axis=1), axis=0)
    return place.div(place.abs().sum(axis=1), axis=0) * (settings.long + settings.short)
"""


@pytest.fixture(autouse=True)
def clean_process():
    """No module of an own rule stays after a test."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if "pytest" in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def by_rank(scores, settings):
    """In proportion to the rank."""
    place = scores.rank(axis=1, pct=True)
    place = place.sub(place.mean(axis=1), axis=0)
    return place.div(place.abs().sum(axis=1), axis=0) * (settings.long + settings.short)


def long_short(scores, settings):
    """The quintile rule in a user's words."""
    place = scores.rank(axis=1, method="first")
    count = scores.notna().sum(axis=1)
    k = np.minimum(np.floor(settings.k * count + 0.5).clip(lower=1), count // 2)
    top, bottom = place.gt(count - k, axis=0), place.le(k, axis=0)
    legs = top.astype(float) * settings.long - bottom.astype(float) * settings.short
    return legs.div(k.where(k > 0), axis=0).where(scores.notna())


def tomorrow(scores, settings):
    """Read the session after."""
    return by_rank(scores.shift(-1).where(scores.notna()).fillna(scores), settings)


def whole_span(scores, settings):
    """Rank against each name's mean over all sessions."""
    return by_rank(scores - scores.mean(), settings)


def yesterday(scores, settings):
    """Remember the session before, which is no look-ahead and not the rule's to do."""
    return by_rank(scores.shift(1).where(scores.notna()).fillna(scores), settings)


@settings(max_examples=20)
@given(seed=SEEDS)
def test_an_own_rule_that_says_what_a_shipped_one_says_is_that_book(seed):
    book_rule("mine")(long_short)
    panel, scores = random_case(seed)
    shipped = build_book(scores, panel, BookSettings(builder="quintile_long_short"))
    mine = build_book(scores, panel, BookSettings(builder="mine"))
    pd.testing.assert_frame_equal(mine.weights, shipped.weights, rtol=0, atol=1e-12)
    pd.testing.assert_frame_equal(mine.diagnostics, shipped.diagnostics, rtol=0, atol=1e-12)


@settings(max_examples=20)
@given(seed=SEEDS, horizon=st.sampled_from([1, 3]))
def test_cutting_the_future_changes_no_decision_of_an_own_rule(seed, horizon):
    book_rule("mine")(by_rank)
    panel, scores = random_case(seed)
    rule, session = BookSettings(builder="mine", rank_gate=0.1), panel.sessions[40]
    whole = finish_book(plan_book(scores, panel, rule, horizon=horizon)).weights.loc[:session]
    cut = finish_book(plan_book(scores.loc[:session], panel.until(session), rule, horizon=horizon)).weights
    pd.testing.assert_frame_equal(cut, whole, check_exact=True)


@pytest.mark.parametrize("rule", [tomorrow, whole_span, yesterday])
def test_a_rule_that_reads_other_sessions_is_refused(rule):
    book_rule("mine")(rule)
    with pytest.raises(ValueError, match="otherwise when other sessions are left out: a row must come from its own"):
        own_targets("mine", random_scores(0), BookSettings(builder="mine"))


def test_a_rule_sees_the_names_that_may_be_held_and_cannot_change_them():
    seen = []

    @book_rule("mine")
    def mine(scores, settings):
        seen.append(scores.copy())
        scores.iloc[:] = 0.0
        return scores * 0.0

    panel, scores = random_case(3)
    book = build_book(scores, panel, BookSettings(builder="mine", rank_gate=0.2))
    given_scores = scores.where(panel.universe)
    assert seen[0].notna().sum().sum() > 100
    known = seen[0].notna()
    pd.testing.assert_frame_equal(seen[0], given_scores.where(known), check_exact=True)
    assert book.diagnostics["n_scored"].max() == known.sum(axis=1).max()


def test_a_row_of_nan_is_no_rebalance():
    @book_rule("fridays")
    def fridays(scores, settings):
        weights = scores.notna() * 0.05
        weights[scores.index.day_of_week != 4] = np.nan
        return weights

    panel, scores = random_case(5)
    weights = build_book(scores, panel, BookSettings(builder="fridays", **WIDE)).weights
    decided = weights.dropna(how="all").index
    assert set(decided.day_of_week) == {4}
    assert len(decided) > 5
    assert weights.loc[decided].notna().all(axis=None)


def test_a_decision_where_the_rule_does_not_rebalance_says_to_keep_what_is_held():
    book_rule("mine")(by_rank)
    spec, held = override(load_spec(), ["portfolio.builder=mine"]), pd.Series(np.nan, index=["A", "B"])
    with pytest.raises(DataError, match=r"the book rule mine does not rebalance then, .*keep what is held"):
        refuse_held(spec, held, pd.Timestamp("2020-01-06"))
    refuse_held(spec, held.fillna(0.0), pd.Timestamp("2020-01-06"))
    refuse_held(load_spec(), held, pd.Timestamp("2020-01-06"))


def constant(value):
    def rule(scores, settings):
        return value(scores)

    return rule


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda scores: scores.iloc[1:], "changed the axes"),
        (lambda scores: scores.rename(columns={"T000": "X"}), "changed the axes"),
        (lambda scores: None, "failed: AttributeError"),
        (lambda scores: scores["nothing"], "failed: KeyError"),
        (lambda scores: scores.astype(str) + "x", "failed: ValueError"),
        (lambda scores: scores * 0.0 + 0.1 / (scores == scores.iloc[0, 0]).mul(1.0), "an infinite weight: "),
        (lambda scores: scores.fillna(0.0) * 0.0 + 0.1, "a weight to a name that has no score: T"),
        (lambda scores: (scores * 0.0).mask(scores.gt(0.004)), "a row that is neither complete nor all NaN: T"),
    ],
)
def test_weights_that_are_none_are_refused_in_one_line(value, words):
    book_rule("mine")(constant(value))
    scores = random_scores(1)
    scores.iloc[2, 1] = np.nan
    with pytest.raises(ValueError, match=f"book rule mine .*{words}") as caught:
        own_targets("mine", scores, BookSettings(builder="mine"))
    assert "\n" not in str(caught.value)


def test_an_unknown_builder_names_the_shipped_ones_and_the_remedy():
    with pytest.raises(ValidationError, match=r"must be one of quintile_long_short, .*hrp, was 'mine'.*--models FILE"):
        BookSettings(builder="mine")
    with pytest.raises(ValueError, match=r"portfolio.builder: must be one of quintile_long_short, .*was 'mine'"):
        override(load_spec(), ["portfolio.builder=mine"])
    book_rule("mine")(by_rank)
    assert override(load_spec(), ["portfolio.builder=mine"]).rules.portfolio.builder == "mine"


@pytest.mark.parametrize("name", ["filter_negative", "hrp", "Two words", "", "9th"])
def test_a_name_that_is_taken_or_no_word_is_refused(name):
    with pytest.raises(ValueError, match="cannot name your book rule"):
        book_rule(name)


def test_shipped_strategies_say_and_weigh_what_they_did():
    spec = load_spec("filter_negative")
    assert "Long the top k; short those of the bottom k" in rule_words(spec.portfolio.builder)
    assert own_sources() == {}
    companions = spec.rules.companions
    book_rule("mine")(by_rank)
    assert spec.rules.companions == companions
    assert set(override(spec, ["portfolio.builder=mine"]).rules.companions) == {"quintile_long_short"}


def written(folder, text=FILE, name="own_rule.py"):
    path = folder / name
    path.write_text(dedent(text), encoding="utf-8")
    return path


def test_the_source_of_a_rule_is_part_of_the_code(tmp_path):
    before = code_fingerprint()
    load_models(written(tmp_path))
    with_rule = code_fingerprint()
    assert own_sources() == {"book_rule/by_rank": hashlib.sha256((tmp_path / "own_rule.py").read_bytes()).hexdigest()}
    load_models(written(tmp_path, FILE.replace("pct=True", "pct=True, method='first'")))
    assert len({before, with_rule, code_fingerprint()}) == 3
    assert rule_words("by_rank").startswith("Long the upper half and short the lower, in proportion to the rank.")
    assert "by_rank" in render_definition(override(load_spec(), ["portfolio.builder=by_rank"]))


@pytest.fixture(scope="module")
def market():
    return synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=330, planted_ic=0.05))


@pytest.mark.slow
@pytest.mark.usefixtures("few_random_books")
def test_an_own_rule_goes_through_evaluate_and_compare_books(market, tmp_path):
    load_models(written(tmp_path))
    store = RunStore(tmp_path / "runs")
    spec = override(load_spec("filter_negative"), ["portfolio.builder=by_rank", "portfolio.max_position=0.2"])
    scores = 1e-3 * market.oracle.iloc[-150:]
    judged = evaluate(scores, market.panel, spec=spec, context=RunContext(store=store))
    page = judged.report.read_text(encoding="utf-8")
    assert "Long the upper half and short the lower, in proportion to the rank." in page
    rules = judged.folder.spec.rules
    assert set(rules.books) == {"given_scores", "quintile_long_short", "filter_negative"}
    held = decide_book(rules, market.panel, scores).weights.loc[scores.index]
    np.testing.assert_allclose(judged.weights.to_numpy(), held.to_numpy(), rtol=0, atol=1e-12)
    what_ifs = judged.metrics["what_if"]
    assert what_ifs["capacity"]["rows"]
    assert len(what_ifs["stress"]) == 15  # five by three legs: of 30 names, "top 100" is "base"
    assert "own rule by_rank" in book_lineup(judged.folder.spec)
    compared = compare_books(judged.folder, store=store, inputs=Inputs(panel=market.panel))
    assert compared.table.index[-1] == "own rule by_rank"
    assert compared.returns["own rule by_rank"].equals(judged.returns["given_scores net"])


@pytest.mark.usefixtures("few_random_books")
def test_a_run_with_an_own_rule_is_not_frozen(tmp_path, bench, monkeypatch):
    load_models(written(tmp_path))
    shutil.copytree(bench.store.root, tmp_path / "runs")
    folder = RunStore(tmp_path / "runs").find("latest")
    spec = override(folder.spec, ["portfolio.builder=by_rank"])
    (folder.path / "spec.toml").write_text(spec.to_toml(), encoding="utf-8")
    record = folder.record
    record["identity"]["code"] = code_fingerprint()
    monkeypatch.setattr(RunFolder, "record", property(lambda self: record))
    with pytest.raises(RunError, match="its book rule is your own, and a version holds Quintile's sources only"):
        freeze(
            folder,
            Version.parse("mine@1.0.0"),
            store=RunStore(tmp_path / "runs"),
            options=FreezeOptions(versions=tmp_path / "versions"),
        )


@pytest.mark.usefixtures("few_random_books")
@pytest.mark.slow
def test_the_command_line_takes_a_file_of_book_rules(market, tmp_path, monkeypatch, capsys):
    call = {"monkeypatch": monkeypatch, "capsys": capsys}
    long_bars(market.panel).to_parquet(tmp_path / "bars.parquet")
    (1e-3 * market.oracle.iloc[-80:]).to_parquet(tmp_path / "scores.parquet")
    bars = ("--bars", tmp_path / "bars.parquet", "--out", tmp_path / "runs")
    words = ("evaluate", tmp_path / "scores.parquet", *bars, "--set", "portfolio.builder=by_rank")
    told = refusal(*words, **call)
    assert "portfolio.builder: must be one of quintile_long_short" in told
    assert "quintile --models FILE" in told
    assert "Sharpe, net" in quintile("--models", written(tmp_path), *words, **call)
    own_rules._own.clear()
    assert "given_scores" in quintile("runs", "--out", tmp_path / "runs", **call)
    assert "Sharpe" in quintile("show", "latest", "--out", tmp_path / "runs", **call)
    assert "report.html" in quintile("report", "latest", "--out", tmp_path / "runs", **call)
    told = refusal("compare-books", "filter_negative", "latest", "--out", tmp_path / "runs", **call)
    assert "--models FILE" in told


@pytest.fixture(scope="module")
def setup():
    return make_honest_setup(SyntheticSettings(n_tickers=30, n_sessions=320))


@pytest.mark.parametrize(("rule", "honest"), [(by_rank, True), (tomorrow, False), (whole_span, False)])
def test_the_proof_catches_a_rule_that_looks_ahead_by_itself(setup, rule, honest, monkeypatch):
    """With the rule's own check off, so that what is tested is the proof."""
    monkeypatch.setattr(own_rules, "SAMPLED", ())
    book_rule("mine")(rule)
    rules = setup.spec.rules.with_book(BookSettings(builder="mine", max_position=0.2))
    pipeline = replace(
        setup.pipeline, weights=lambda scores, panel: decide_book(rules, panel, scores).weights, decide=None, fit=None
    )
    proof = prove(replace(pipeline, relearn=None), setup.panel, options=ProveOptions(sessions=3))
    failed = {check.check: check.finding for check in proof.checks if check.status == "FAIL"}
    assert bool(failed) != honest, failed
    if not honest:
        assert failed["truncation"].stage == "weights"


def test_own_rules_and_sleeves_go_together():
    book_rule("mine")(by_rank)
    panel, scores = random_case(8)
    rule = BookSettings(builder="mine", **WIDE)
    stages = finish_book(plan_book(scores, panel, rule, horizon=2)).stages
    decided = stages["target"].dropna(how="all")
    mean = (decided + decided.shift(1).fillna(0.0)) / 2.0
    alive = stages["sleeves"].loc[decided.index] != 0.0
    pd.testing.assert_frame_equal(stages["sleeves"].loc[decided.index], mean.where(alive, 0.0), rtol=0, atol=1e-15)


def test_a_session_without_a_score_is_no_rebalance_whatever_the_rule_says():
    book_rule("mine")(constant(lambda scores: scores.fillna(0.0) * 0.0))
    scores = random_scores(2)
    scores.iloc[3] = np.nan
    before = scores.copy()
    weights = own_targets("mine", scores, BookSettings(builder="mine"))
    scored = scores.notna().any(axis=1)
    assert not scored.iloc[3]
    assert weights[~scored].isna().all(axis=None)
    assert weights[scored].eq(0.0).all(axis=None)
    pd.testing.assert_frame_equal(scores, before, check_exact=True)


def test_a_rule_that_writes_into_its_scores_writes_into_a_copy():
    @book_rule("mine")
    def mine(scores, settings):
        scores.iloc[:] = 0.0
        return scores

    scores = random_scores(2)
    before = scores.copy()
    own_targets("mine", scores, BookSettings(builder="mine"))
    pd.testing.assert_frame_equal(scores, before, check_exact=True)


def test_flat_scores_give_a_flat_row():
    book_rule("mine")(constant(lambda scores: scores * 0.0))
    panel, _ = random_case(8)
    weights = build_book(scores_on(panel, np.full(15, 0.01)), panel, BookSettings(builder="mine")).weights
    assert weights.fillna(0.0).eq(0.0).all(axis=None)
