"""Every builder on the same scores: the line-up, what is counted, the table, the page and the command."""

import dataclasses
import json
import shutil
from functools import partial

import numpy as np
import pandas as pd
import pytest

from backtests.engine.many_books import net_returns_of
from backtests.engine.overlay_loop import decide_book
from backtests.statistics.bootstrap_intervals import sharpe_gap_interval
from backtests.statistics.metrics import sharpe_ratio
from backtests.statistics.online_error import OnlineTest
from backtests.verdict import COLLAPSED, Confidence, gather_grounds, weigh
from core.errors import MissingExtraError, RunError
from core.files import write_json
from market.inputs import Inputs, load_inputs
from market.request import BarsRequest
from market.synthetic import SyntheticSettings, synthetic_market
from portfolio.book_settings import OPTIMIZED, BookSettings
from signals.score_metrics import summarize_ic
from strategy.definitions.spec import load_spec, override
from strategy.evaluate import evaluate
from strategy.runs.context import RunContext
from strategy.runs.store import RunFolder, RunStore
from strategy.studies.book_comparison import _stamped, compare_books, score_books, write_comparison
from strategy.studies.book_lineup import LINEUP, OPTIMIZED_LINEUP, book_lineup
from strategy.trials.log import TrialLog, distinct
from tests.oracles.small_runs import long_bars, quintile, refusal

pytestmark = pytest.mark.usefixtures("few_random_books")


@pytest.fixture(scope="module")
def market():
    return synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=330, planted_ic=0.05))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return RunStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def folder(market, store):
    scores = 1e-3 * market.oracle.iloc[-200:]
    return evaluate(scores, market.panel, spec=load_spec("filter_negative"), context=RunContext(store=store)).folder


@pytest.fixture(scope="module")
def compared(folder, store, market):
    return compare_books(folder, store=store, inputs=Inputs(panel=market.panel))


def test_the_line_up_holds_every_rule_of_the_reference():
    lineup = book_lineup(load_spec("filter_negative"))
    for words in ("quintile", "S1", "S2", "S3", "S4", "S5", "65/35", "130/70", "fill leg", "hedged", "volatility"):
        assert any(words in name for name in lineup), words
    assert lineup["S2 filter-negative, fixed"] == load_spec("filter_negative").portfolio
    assert len({json.dumps(book.model_dump()) for book in lineup.values()}) == len(lineup)


def test_what_a_rule_does_not_say_stays_as_in_the_strategy():
    spec = override(load_spec("filter_negative"), ["portfolio.k=0.1", "portfolio.neutral=sector"])
    lineup = book_lineup(spec)
    assert {book.k for book in lineup.values()} == {0.1}
    assert {name for name, book in lineup.items() if book.neutral == "none"} == {"S5 long-only"}


def test_every_book_can_be_held_without_borrowing(compared):
    assert dict(compared.refused) == {}
    assert compared.table.loc["S1 bottom-k 130/70", "net"] == pytest.approx(0.6, abs=0.05)
    assert compared.table.loc["S1 bottom-k 130/70", "gross"] == pytest.approx(2.0, abs=0.1)
    assert compared.table.loc["S5 long-only", "net"] == pytest.approx(0.99, abs=0.02)


def test_a_row_is_what_the_ledger_alone_says_of_the_book(compared, folder, market):
    scores = folder.read_frame("scores")
    spec = folder.spec.rules.with_book(book_lineup(folder.spec)["S4 confidence"])
    weights = decide_book(spec, market.panel, scores).weights
    net = net_returns_of(market.panel, {"a": weights}, execution=spec.execution, costs=spec.costs)["a"]
    assert compared.table.loc["S4 confidence", "sharpe"] == pytest.approx(sharpe_ratio(net), rel=1e-6)


def test_every_sharpe_ratio_has_bounds_and_a_paired_lead_over_the_first_book(compared):
    table, returns = compared.table, compared.returns
    assert (table["sharpe_low"] < table["sharpe"]).all()
    assert (table["sharpe"] < table["sharpe_high"]).all()
    first, *others = table.index
    assert table.loc[first, ["gap", "gap_low", "gap_high"]].isna().all()
    for name in others:
        assert table.loc[name, "gap"] == pytest.approx(table.loc[name, "sharpe"] - table.loc[first, "sharpe"])
        assert table.loc[name, "gap_low"] <= table.loc[name, "gap"] <= table.loc[name, "gap_high"]
    twin = sharpe_gap_interval(returns["S5 long-only"], returns[first])
    assert table.loc["S5 long-only", "gap_high"] == twin.high


ABOVE_ZERO = summarize_ic(pd.Series(0.05 + 0.01 * np.sin(np.arange(200.0))))


def test_each_book_is_one_trial_and_the_runs_own_is_not_counted_twice(compared, folder, store, market):
    names = set(compared.table.index)
    assert compared.n_trials == len(distinct(TrialLog(store.root).entries())) == len(names)
    again = compare_books(folder, store=store, inputs=Inputs(panel=market.panel))
    assert again.n_trials == compared.n_trials
    pd.testing.assert_frame_equal(again.table, compared.table)
    facts = [entry.facts for entry in TrialLog(store.root).entries() if entry.kind == "trial"][-1]
    assert facts["synthetic"] is True
    assert facts["kurtosis"] > 1.0
    assert np.isfinite(facts["skew"])


def test_the_same_books_on_another_model_are_other_trials(folder, market, tmp_path, monkeypatch):
    monkeypatch.setattr("strategy.studies.book_lineup.LINEUP", {"S5 long-only": LINEUP["S5 long-only"]})
    store, plain = RunStore(tmp_path), folder.record
    for n_models, weights in enumerate(("a" * 64, "b" * 64), start=1):
        given = RunFolder(shutil.copytree(folder.path, store.root / "given" / weights))
        write_json(given.path / "run.json", plain | {"identity": plain["identity"] | {"model": weights}})
        compared = compare_books(given, store=store, inputs=Inputs(panel=market.panel))
        assert compared.n_trials == len(distinct(TrialLog(store.root).entries())) == n_models


def test_no_verdict_of_a_synthetic_market_is_evidence(compared):
    assert set(compared.table["verdict"]) == {"NOT EVIDENCE"}
    assert compared.table["deflated"].between(0, 1).all()


def test_it_prints_what_must_stand_beside_a_sharpe_ratio(compared):
    printed = str(compared)
    for words in ("±", "trials", "out of sample", "bps one way", "built-in synthetic market", "S5 long-only"):
        assert words in printed


def test_the_page_has_curves_table_and_stamps_and_escapes_names(compared, folder):
    path = write_comparison(compared, folder, command="quintile compare-books <b>")
    html = path.read_text(encoding="utf-8")
    for words in (
        "SYNTHETIC",
        "S3 below threshold",
        "Deflated Sharpe",
        "95 % bounds",
        "Lead",
        "data-plot",
        "compare-books &lt;b&gt;",
    ):
        assert words in html
    assert 'http-equiv="Content-Security-Policy"' in html


def test_a_book_that_would_borrow_is_refused_by_name_and_the_others_stand(market, folder):
    lineup = book_lineup(folder.spec)
    borrowed = {"borrowed": lineup["S1 bottom-k 65/35"].model_copy(update={"long": 1.6, "short": 0.1})}
    scores = folder.read_frame("scores").iloc[-30:]
    held, refused = score_books(folder.spec, Inputs(panel=market.panel), scores, books=borrowed)
    assert held == {}
    assert "net exposure" in refused["borrowed"]


def test_other_bars_than_the_runs_are_refused(folder, store, market):
    other = market.panel.until(market.panel.sessions[-2])
    with pytest.raises(RunError, match=r"bars of run .* have changed"):
        compare_books(folder, store=store, inputs=Inputs(panel=other))


def test_scores_of_a_later_day_change_no_return_before_it(market, folder):
    scores = folder.read_frame("scores")
    lineup = {name: book for name, book in book_lineup(folder.spec).items() if name.startswith(("S3", "S4"))}
    cut = Inputs(panel=market.panel.until(scores.index[60]))
    whole, _ = score_books(folder.spec, Inputs(panel=market.panel), scores, books=lineup)
    early, _ = score_books(folder.spec, cut, scores.iloc[:61], books=lineup)
    for name, (_, result) in early.items():
        later = whole[name][1].net_returns.loc[result.net_returns.index]
        np.testing.assert_allclose(result.net_returns.to_numpy(), later.to_numpy(), atol=1e-12)


@pytest.mark.slow
def test_the_command_reads_a_run_prints_the_table_and_says_where_the_page_is(market, tmp_path, monkeypatch, capsys):
    bars = tmp_path / "bars.parquet"
    long_bars(market.panel).to_parquet(bars)
    request, store = BarsRequest(bars=str(bars)), RunStore(tmp_path / "runs")
    monkeypatch.setattr(
        "strategy.studies.book_lineup.LINEUP", {name: LINEUP[name] for name in ("quintile 50/50", "S5 long-only")}
    )
    scores = 1e-3 * market.oracle.iloc[-200:]
    spec, inputs = load_spec("filter_negative"), load_inputs(request)
    run = evaluate(scores, inputs, spec=spec, context=RunContext(store=store, request=request)).folder.run_id
    words = partial(quintile, monkeypatch=monkeypatch, capsys=capsys)
    printed = words("compare-books", "given_scores", run, "--out", store.root, "--quiet")
    for part in ("2 books on the same scores", "S5 long-only", "out of sample", "books.html"):
        assert part in printed
    told = json.loads(words("compare-books", "given_scores", run, "--out", store.root, "--json"))
    assert set(told["books"]) == {"quintile 50/50", "S5 long-only"}
    assert "is one of given_scores" in refusal(
        "compare-books", "filter_negative", run, "--out", store.root, monkeypatch=monkeypatch, capsys=capsys
    )
    assert "do not go with a run" in refusal(
        "compare-books",
        "given_scores",
        run,
        "--set",
        "portfolio.k=0.1",
        "--out",
        store.root,
        monkeypatch=monkeypatch,
        capsys=capsys,
    )


def test_optimised_books_join_on_request_and_are_timed_apart(folder, store, market, monkeypatch):
    pytest.importorskip("skfolio", reason="skfolio, the extra `optimise`, is not installed")
    spec = folder.spec.model_copy(update={"portfolio": BookSettings(k=5, optimizer={"rebalance": 60, "window": 60})})
    monkeypatch.setattr("strategy.studies.book_lineup.LINEUP", {"S5 long-only": LINEUP["S5 long-only"]})
    assert {book.builder for book in book_lineup(spec, optimised=True).values()} == {"long_only", *OPTIMIZED}
    small = {name: OPTIMIZED_LINEUP[name] for name in ("optimised: hierarchical risk parity",)}
    monkeypatch.setattr("strategy.studies.book_lineup.OPTIMIZED_LINEUP", small)
    compared = compare_books(folder, store=store, inputs=Inputs(panel=market.panel), optimised=True)
    assert list(compared.table.index) == ["S5 long-only", *small]
    assert set(compared.seconds) == {"plain", "optimised"}
    assert "optimised books" in str(compared)


def test_without_the_extra_the_comparison_names_the_remedy(folder, store, market, monkeypatch):
    monkeypatch.setattr("portfolio.optimizer.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'quintile\[optimise\]'"):
        compare_books(folder, store=store, inputs=Inputs(panel=market.panel), optimised=True)


def test_what_capped_the_runs_own_verdict_caps_that_of_every_book(folder, market, tmp_path):
    facts = dataclasses.replace(market.panel.facts, synthetic=False)
    panel = dataclasses.replace(market.panel, facts=facts)
    sure = Confidence(n_trials=1, probabilistic=0.99, deflated=np.nan, sessions=500, sessions_needed=100.0)
    found = {}
    for label in ("", "DRIFTED", COLLAPSED):
        run = RunFolder(shutil.copytree(folder.path, tmp_path / f"run {label}"))
        headline = run.metrics["headline"] | {"stamps": [label] if label else []}
        write_json(run.path / "metrics.json", run.metrics | {"headline": headline})
        grounds = gather_grounds(panel, run.spec.execution, ic=ABOVE_ZERO, confidence=sure, standing=_stamped(run))
        found[label] = weigh(dataclasses.replace(grounds, survivor_biased=False))
    assert found == {"": "EVIDENCE", "DRIFTED": "WEAK", COLLAPSED: "NOT EVIDENCE"}


def test_a_book_that_is_no_discovery_of_its_log_is_weak_at_best(folder, market):
    sure = Confidence(n_trials=1, probabilistic=0.99, deflated=np.nan, sessions=500, sessions_needed=100.0)
    panel = dataclasses.replace(market.panel, facts=dataclasses.replace(market.panel.facts, synthetic=False))
    found = []
    for p_value in (0.001, 0.002):
        standing = _stamped(folder, OnlineTest(number=4, p_value=p_value, allowed=0.001, invested=0.0))
        grounds = gather_grounds(panel, folder.spec.execution, ic=ABOVE_ZERO, confidence=sure, standing=standing)
        found.append(weigh(dataclasses.replace(grounds, survivor_biased=False)))
    assert found == ["EVIDENCE", "WEAK"]
