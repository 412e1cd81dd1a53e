"""Living report: its numbers come back, its book is the run's, and its ledger in the browser is the Python one."""

import zlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr, ndtri

from backtests.engine.backtest import run_backtest
from backtests.engine.overlay_loop import decide_book
from backtests.evaluation import Evaluation
from backtests.judged_span import until_judged
from backtests.report.content import LivingPart
from backtests.report.living.carried_run import FINENESS, order_choices, run_told
from backtests.report.living.living_part import MAX_COARSE, MAX_DIFFERENCE, living_part
from backtests.report.living.number_code import Table, coded, packed, unpacked, written
from backtests.report.living.number_grid import NumberGrid, grid_of
from backtests.report.living.setting_steps import sliders_of
from backtests.report.living.setting_twin import Carried, Setting, carried_in, decided_weights, kept_books, open_carried
from backtests.statistics.deflation import deflated_sharpe_ratio
from backtests.statistics.inference import probabilistic_sharpe_ratio
from backtests.statistics.metrics import max_drawdown, sharpe_ratio, sharpe_standard_error
from market import Execution
from market.panel import Panel
from portfolio.book_settings import BookSettings, RiskSettings
from portfolio.costs import Costs
from portfolio.rules import TradingRules
from tests.living_evaluation import SHARPES, node_says, random_scores, random_settings, traded_evaluation
from tests.oracles.markets import panel_of, random_panel

BOOKS = {
    "filter": TradingRules(portfolio=BookSettings(builder="filter_negative", long=0.65, short=0.35)),
    "filled leg": TradingRules(
        portfolio=BookSettings(builder="filter_negative", k=6, short_sizing="fill_leg", short_filter="below_market"),
        costs=Costs(trade_bps=8, borrow_bps=40, cash_bps=200, rebate_bps=100),
        execution=Execution(fill="next_close", extra_delay=1),
    ),
    "levered": TradingRules(
        portfolio=BookSettings(long=1.3, short=0.7),
        costs=Costs(
            borrowing_bps=500, impact="square_root", impact_bps=50, maintenance_margin=0.45, initial_margin=0.5
        ),
    ),
    "long": TradingRules(portfolio=BookSettings(builder="long_only", long=0.9, short=0.0)),
    "at the close": TradingRules(portfolio=BookSettings(smoothing=1.0), execution=Execution(fill="close")),
    "scaled": TradingRules(
        portfolio=BookSettings(builder="confidence", long=0.4), risk=RiskSettings(volatility_target=0.1)
    ),
}


def troubled(*, in_ticks: bool, n_sessions: int = 200) -> Panel:
    panel = random_panel(np.random.default_rng(3), n_sessions=n_sessions, n_tickers=40)
    if not in_ticks:
        return panel
    return panel_of(*(np.round(each.to_numpy(), 2) for each in (panel.open, panel.close)), delistings=panel.delistings)


@pytest.fixture(scope="module")
def runs() -> dict[str, Evaluation]:
    """Every book traded on the same bars in ticks, where names halt, leave and are paid out."""
    panel = troubled(in_ticks=True)
    scores = random_scores(np.random.default_rng(5), panel, first=30)
    return {name: traded_evaluation(rules, panel, scores) for name, rules in BOOKS.items()}


def blobs_of(run: Evaluation) -> list[bytes]:
    return [packed(*run_told(run, SHARPES, fineness=FINENESS[-1], reach=reach)) for reach in order_choices(run)]


def page_of(run: Evaluation, *, command: str = "quintile run filter_negative") -> Any:
    """What ``living_part`` reads of a page."""
    standing = SimpleNamespace(standing=SimpleNamespace(sharpes=SHARPES))
    return SimpleNamespace(evaluation=run, verdict=standing, provenance=SimpleNamespace(command=command))


def document_with(part: LivingPart) -> str:
    return f'<p>before</p><script type="application/octet-stream" id="living-data">{part.data}</script><p>after</p>'


# ---- numbers ----


def test_differences_of_either_sign_become_small_numbers_by_hand() -> None:
    told = coded(Table(np.array([[300], [299], [301], [301], [44]]), "chained"))
    assert told.base == (300,)
    planes = [zlib.decompress(plane, 31) for plane in told.planes]
    assert planes == [bytes([0, 1, 4, 0, 513 - 512]), bytes([0, 0, 0, 0, 2])]  # −257 is 513


def test_tables_come_back_whole() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.integers(-(2**40), 2**40, (7, 5))
    flags, small = rng.random((7, 5)) < 0.3, rng.integers(0, 300, (7, 5))
    tables = {"n": Table(numbers, "chained"), "f": Table(flags, "bits"), "s": Table(small, "shortest")}
    header, back = unpacked(packed({"word": "α"}, tables))
    assert header["word"] == "α"
    for name, told in {"n": numbers, "f": flags, "s": small}.items():
        np.testing.assert_array_equal(back[name], told)
    assert packed({}, tables) == packed({}, tables)


def test_a_blob_is_written_without_a_character_that_html_reads() -> None:
    every = bytes(range(256)) * 64
    assert not set(written(every)) & set("<>&\"' \n")
    assert written(bytes([0, 0, 0, 86, 1])) == "00011" + written(bytes([1, 0, 0, 0]))


def test_a_number_that_six_bytes_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="six bytes"):
        coded(Table(np.array([[0], [2**50]]), "chained"))


def test_prices_in_ticks_come_back_bit_for_bit_and_others_nearly() -> None:
    rng = np.random.default_rng(1)
    ticks = np.round(rng.uniform(1, 900, (50, 1)), 2)
    smooth = rng.uniform(1e-3, 1e5, (50, 1))
    prices = np.hstack([ticks, smooth])
    grid = grid_of((prices, np.full((1, 2), np.nan)), 20)
    assert grid.per_unit.tolist() == [100, 0]
    back = grid.values(grid.whole(prices))
    np.testing.assert_array_equal(back[:, 0], prices[:, 0])
    assert np.abs(back[:, 1] / prices[:, 1] - 1.0).max() <= 2.0**-21
    dear = NumberGrid(per_unit=np.array([10_000]), bits=12)  # more ticks than a float has exponents, times 2¹²
    assert dear.values(dear.whole(np.array([[1_234.5678]]))).item() == 1_234.5678
    three = NumberGrid(per_unit=np.array([0]), bits=2).whole(np.array([[3.0], [np.nan]]))  # 3 = 3/4 × 2²
    assert three.tolist() == [[2 * 4 + 2], [0]]


# ---- the book and the account, in Python ----


@pytest.mark.parametrize("name", BOOKS)
def test_the_carried_book_is_the_run_s(runs: dict[str, Evaluation], name: str) -> None:
    run = runs[name]
    for blob in blobs_of(run):
        carried = open_carried(blob)
        weights, book = decided_weights(carried, carried.own), run.books[run.rules.name].weights
        own = book.to_numpy()[-len(weights) :]
        np.testing.assert_allclose(
            weights, own, rtol=0, atol=0 if carried.header["book"]["reach"] is not None else 1e-9
        )
        record, start, _ = kept_books(carried, carried.own)
        result = run.result
        assert carried.sessions[carried.own.first + start] == result.equity.index[0]
        difference = record.equity[start:] - result.equity.to_numpy()
        assert np.abs(difference).max() <= 1e-6 * result.capital


@pytest.mark.parametrize("place", [0, 1, 2], ids=["whole order", "part of it", "steps of k"])
def test_a_setting_is_the_run_that_it_stands_for(runs: dict[str, Evaluation], place: int) -> None:
    run = runs["filter"]
    carried = open_carried(blobs_of(run)[place])
    left_out, first, last = (3, 11) if carried.header["book"]["reach"] else (), 40, 150
    setting = carried.own.moved(
        trade_bps=20.0,
        borrow_bps=200.0,
        delay=3,
        k=0.1,
        long=0.5,
        short=0.45,
        left_out=left_out,
        first=first,
        last=last,
    )
    rules = replace(
        run.rules,
        portfolio=BookSettings(builder="filter_negative", k=0.1, long=0.5, short=0.45),
        costs=Costs(trade_bps=20, borrow_bps=200),
        execution=Execution(extra_delay=2),
    )
    seen = until_judged(run.inputs, cast(Any, run.span)).panel
    scores = run.scores.mask(np.isin(np.arange(len(seen.tickers)), left_out)[None, :] & run.scores.notna())
    weights = decide_book(rules, seen, scores).weights.loc[carried.sessions[first] : carried.sessions[last]]
    until = seen.until(carried.sessions[last])
    result = run_backtest(until, weights, execution=rules.execution, costs=rules.costs)
    record, start, _ = kept_books(carried, setting)
    np.testing.assert_allclose(record.equity[start:], result.equity.to_numpy(), rtol=1e-12)


# ---- the page's ledger ----


def compared(carried: Carried, settings: list[Setting], answers: list[dict[str, Any]]) -> list[float]:
    """Largest difference of capital of each setting that neither ledger refuses."""
    found = []
    for setting, said in zip(settings, answers, strict=True):
        weights = decided_weights(carried, setting)[setting.first : setting.last + 1]
        record, start, stop = kept_books(carried, setting)
        end = len(record.equity) if stop < 0 else stop + 1
        if "refused" in said:
            borrows = (record.cash[:end] < -1e-12 * record.equity[:end]).any()
            above = np.nansum(weights, axis=1).max() > 1 + 1e-9
            assert {"cash": borrows, "net": above}[said["refused"]], (setting, said)
            assert carried.header["costs"]["borrowing_bps"] is None
            continue
        assert (said["start"], said["stop"]) == (setting.first + start, -1 if stop < 0 else setting.first + stop)
        equity = np.array(said["equity"], dtype=float)[setting.first : setting.first + end]
        found.append(float(np.abs(equity - record.equity[:end]).max() / carried.header["capital"]))
    return found


def test_the_page_s_ledger_is_the_python_ledger_on_50_random_settings(
    runs: dict[str, Evaluation], tmp_path: Path
) -> None:
    blob = blobs_of(runs["filter"])[0]
    carried = open_carried(blob)
    settings = [carried.own, *random_settings(np.random.default_rng(2), carried, 50)]
    said = node_says(blob, settings, tmp_path)
    differences = compared(carried, settings, said["answers"])
    assert len(differences) >= 45
    assert max(differences) <= 1e-9
    ends = {round(answer["equity"][carried.own.last] or 0) for answer in said["answers"] if "refused" not in answer}
    assert len(ends) > 20  # they are settings that differ


@pytest.mark.slow
@pytest.mark.parametrize("name", BOOKS)
def test_the_page_s_ledger_is_the_python_ledger_for_every_book(
    runs: dict[str, Evaluation], name: str, tmp_path: Path
) -> None:
    for blob in blobs_of(runs[name]):
        carried = open_carried(blob)
        settings = [carried.own, *random_settings(np.random.default_rng(4), carried, 50)]
        differences = compared(carried, settings, node_says(blob, settings, tmp_path)["answers"])
        assert len(differences) >= 25
        assert max(differences) <= 1e-9


def test_the_page_s_figures_are_those_of_the_report(runs: dict[str, Evaluation], tmp_path: Path) -> None:
    run = runs["levered"]
    points, shares = np.linspace(-9, 9, 101), np.array([1e-12, 0.01, 0.3, 0.5, 0.61, 0.95, 1 - 1e-9])
    blob = blobs_of(run)[0]
    told = node_says(blob, [open_carried(blob).own], tmp_path, points=list(points), shares=list(shares))
    said, result, net = told["answers"][0], run.result, run.result.net_returns
    expected = {
        "sharpe": sharpe_ratio(net),
        "error": sharpe_standard_error(net),
        "drawdown": max_drawdown(net),
        "turnover": result.turnover.mean() * 252,
        "cost": result.cost.mean() * 252,
    }
    for name, value in expected.items():
        assert said["figures"][name] == pytest.approx(value, rel=1e-6), name
    standing = said["standing"]
    assert standing["count"] == len(SHARPES)
    assert standing["probabilistic"] == pytest.approx(probabilistic_sharpe_ratio(net), rel=1e-6)
    assert standing["deflated"] == pytest.approx(deflated_sharpe_ratio(net, np.array(SHARPES)), rel=1e-6)
    np.testing.assert_allclose(told["normal"], ndtr(points), rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(told["quantile"], ndtri(shares), rtol=1e-12, atol=1e-15)


# ---- the part ----


def without_a_tick() -> Evaluation:
    panel = troubled(in_ticks=False)
    return traded_evaluation(BOOKS["at the close"], panel, random_scores(np.random.default_rng(5), panel, first=30))


def gap_said(part: LivingPart | None) -> float:
    assert part is not None
    return float(part.html.partition("differs from the run&#39;s by ")[2].partition(" of capital")[0].replace("−", "-"))


def test_prices_without_a_tick_are_rounded_until_the_curve_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = living_part(page_of(without_a_tick()))
    assert 0 < gap_said(fine) <= MAX_DIFFERENCE
    assert "binary digits" in fine.html
    monkeypatch.setattr("backtests.report.living.living_part.MAX_DATA", int(0.7 * len(fine.data)))
    coarse = living_part(page_of(run := without_a_tick()))
    carried = carried_in(document_with(coarse))
    record, start, _ = kept_books(carried, carried.own)
    found = np.abs(record.equity[start:] - run.result.equity.to_numpy()).max() / run.result.capital
    assert MAX_DIFFERENCE < gap_said(coarse) == pytest.approx(found, rel=0.1)
    assert found <= MAX_COARSE


def test_a_part_has_the_same_bytes_twice_and_runs_no_word_of_a_file(runs: dict[str, Evaluation]) -> None:
    evil = "<script>alert(1)</script>"
    run = runs["filter"]
    sectors = pd.Series(evil, run.inputs.panel.tickers)
    page = page_of(replace(run, inputs=replace(run.inputs, sectors=sectors)), command=f"quintile run {evil}")
    part, again = living_part(page), living_part(page)
    assert part == again
    assert part is not None
    assert evil not in part.html
    assert part.html.count("&lt;script&gt;alert") == 3  # the sector's value and word, and the command


def test_what_cannot_be_redone_has_no_slider(runs: dict[str, Evaluation]) -> None:
    moved = {name: {slider.name for slider in sliders_of(open_carried(blobs_of(run)[0]))} for name, run in runs.items()}
    assert moved["filter"] == {"trade_bps", "delay", "borrow_bps", "long", "short", "k"}
    assert moved["scaled"] == {"trade_bps", "delay", "borrow_bps", "long", "short"}
    assert moved["long"] == {"trade_bps", "delay", "borrow_bps", "long", "k"}
    part = living_part(page_of(runs["scaled"]))
    assert part is not None
    assert "cannot redo the builder confidence" in part.html


def test_a_report_is_read_back_in_python(runs: dict[str, Evaluation]) -> None:
    part = living_part(page_of(runs["filter"]))
    assert part is not None
    carried = carried_in(document_with(part))
    record, start, _ = kept_books(carried, carried.own)
    np.testing.assert_allclose(record.equity[start:], runs["filter"].result.equity.to_numpy(), rtol=1e-12)
    with pytest.raises(ValueError, match="carries no prices"):
        carried_in("<p>a report</p>")


def test_a_run_that_is_too_large_says_so_in_one_line(
    runs: dict[str, Evaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backtests.report.living.living_part.MAX_DATA", 10_000)
    part = living_part(page_of(runs["filter"]))
    assert part is not None
    assert "too many to carry along" in part.html
    assert (part.script, part.data, part.style) == ("", "", "")


def test_an_evaluation_without_weights_has_no_part(runs: dict[str, Evaluation]) -> None:
    bare = replace(runs["filter"], books={})
    assert living_part(page_of(bare)) is None


def test_a_frozen_version_is_not_told_other_settings(runs: dict[str, Evaluation]) -> None:
    for command, told in (
        ("quintile run filter_negative --bars x", True),
        ("quintile run filter_negative@1.0.0", False),
    ):
        part = living_part(page_of(runs["filter"], command=command))
        assert part is not None
        assert (f'data-command="{command}"' in part.html) is told


def test_sessions_come_back(runs: dict[str, Evaluation]) -> None:
    carried = open_carried(blobs_of(runs["filter"])[0])
    panel = until_judged(runs["filter"].inputs, cast(Any, runs["filter"].span)).panel
    pd.testing.assert_index_equal(carried.sessions, panel.sessions[-len(carried.sessions) :], check_freq=False)
