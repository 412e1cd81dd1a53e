"""Baseline, signal, model, book and gate pages: all there, nothing that runs, no nan in print, small for ten years."""

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from backtests.breakdown.book_study import BookStudy, book_study
from backtests.breakdown.signal_study import ModelStudy, signal_study
from backtests.comparison.baseline_comparison import compare_returns
from backtests.comparison.luck import Luck, Pace
from backtests.reference_gates import GateSettings
from backtests.report.book_report import BookReport
from backtests.report.figures.dots_figures import dots_figure
from backtests.report.figures.histogram_figures import marked_histogram_figure
from backtests.report.figures.study_figures import spread_figure
from backtests.report.html_page import plotly_source
from backtests.report.page import page_of
from backtests.report.report_page import render_report
from backtests.report.sections import all_sections
from backtests.report.sections.common_rows import by_book
from backtests.sensitivity.capacity import CapacityCurve
from backtests.sensitivity.case_metrics import CASE_COLUMNS
from backtests.sensitivity.what_ifs import WhatIfs
from market.inputs import Inputs
from portfolio.costs import Costs
from tests.oracles.markets import random_panel
from tests.oracles.planted import frame
from tests.random_evaluation import EVIL, provenance_of, random_book, random_evaluation, verdict_of, with_evaluation
from tests.test_backtests_attribution import result_of
from tests.test_backtests_report import ParsedPage

NEW = {"baselines", "gates", "attribution", "model", "shorts", "what-if"}
BLOCKS = ["0–30", "30–60", "60–90"]


def random_model(rng):
    features = pd.Index([EVIL, "f1 = f2", "f3"], name="feature")
    columns = ["ic_lost", "standard_error", "order_lost"]
    shares = pd.DataFrame(rng.uniform(size=(3, 3)), features, BLOCKS)
    return ModelStudy(
        permutation=pd.DataFrame(rng.uniform(size=(3, 3)), features, columns).assign(n_sessions=40),
        shares=shares / shares.to_numpy().sum(),
        completeness_error=1e-4,
        n_windows=160,
        feature_stability=pd.DataFrame([[0.9, 0.5, np.nan]] * 3, features, [1, 5, 20]),
        level_error=3e-4,
    )


def random_shorts():
    row = dict.fromkeys(("short_names", "short_share", "sharpe", "standard_error", "annual_return"), 0.3)
    names = ["below zero at a − 1 SE", "below zero at a", "below zero at a + 1 SE", "below market at a"]
    return pd.DataFrame({name: row | {"empty": 1, "thin": 2, "short_share": 0.1 * k} for k, name in enumerate(names)}).T


def random_what_ifs(rng):
    def scored(index):
        return pd.DataFrame(rng.normal(0, 1, (len(index), len(CASE_COLUMNS))), index, list(CASE_COLUMNS))

    legs, stresses = ["50/50", "60/40", "70/30"], ["base", "one-session delay", EVIL]
    stress = scored(pd.MultiIndex.from_product([legs, stresses], names=["legs", "stress"])).assign(refused="")
    stress.iloc[-1] = [np.nan] * len(CASE_COLUMNS) + [f"no eligible name {EVIL}"]
    capital = scored(pd.Index([1e6, 1e9, 1e10], name="capital")).assign(participation=1e-4, participation_95=0.01)
    costs = Costs(impact="square_root", impact_bps=100.0)
    return WhatIfs(
        cost=scored(pd.Index([0.0, 5.0, 50.0], name="trade_bps")),
        delay=scored(pd.Index([1, 2, 5], name="delay")),
        borrow=scored(pd.Index([0.0, 100.0], name="borrow_bps")),
        break_even=31.4,
        capacity=CapacityCurve(table=capital, costs=costs, assumed=True, half=2e9),
        smoothing=scored(pd.Index([0.15, 1.0], name="smoothing")).assign(sharpe_gross=1.0, turnover=[0.05, 0.2]),
        stress=stress,
        trade_bps=5.0,
        smoothed=0.15,
        delayed=1,
    )


PACE = Pace(autocorrelation=0.9785, turnover=0.0712)


def studied(n_sessions):
    """A report with every page filled from a random market."""
    rng = np.random.default_rng(0)
    panel = random_panel(rng, n_sessions=n_sessions, n_tickers=24, troubled=False)
    noise = frame(rng.normal(0, 0.01, panel.close.shape)).set_axis(panel.sessions).set_axis(panel.tickers, axis=1)
    target = noise.where(noise.abs().rank(axis=1) > 12, 0.0)
    weights = target.div(target.abs().sum(axis=1), axis=0)
    sectors = pd.Series([EVIL] * 12 + ["Energy"] * 12, index=panel.tickers)
    result, market = result_of(panel, weights), panel.close.pct_change(fill_method=None).mean(axis=1)
    study = book_study(
        result, panel, target=target, market=market, sectors=sectors, factors=market.rename(EVIL).to_frame()
    )
    forward, base = noise.shift(-1) + 0.1 * noise, random_evaluation(n_sessions, books=("main",))
    random = pd.DataFrame(rng.normal(0, 0.01, (len(result.net_returns), 30)), result.net_returns.index)
    luck = Luck(returns=random, own=Pace(autocorrelation=0.98, turnover=0.07), drawn=PACE)
    evaluation = replace(
        base,
        inputs=Inputs(panel=base.inputs.panel, vix=20 + 1e3 * market),
        market=market,
        books={"main": random_book(panel.sessions, rng)},
        results={"main": result},
        studies={"main": study},
        signal=replace(base.signal, study=signal_study(noise, forward, panel, sectors=sectors)),
        model=random_model(rng),
        baseline_comparison=compare_returns(
            "main", result.net_returns, baselines={EVIL: market, "ridge": random[0]}, random=luck
        ),
        shorts=random_shorts(),
        what_ifs=random_what_ifs(rng),
    )
    return page_of(evaluation, verdict_of(evaluation), replace(provenance_of(evaluation), gates=GateSettings()))


@pytest.fixture(scope="module")
def report():
    return studied(300)


@pytest.fixture(scope="module")
def parsed(report):
    return ParsedPage(render_report(report))


def section(report, slug):
    return next(section for section in all_sections(report) if section.slug == slug)


def test_every_page_is_there_and_leaves_with_its_numbers(report):
    assert {section.slug for section in all_sections(report)} >= NEW
    nothing = dict.fromkeys(("baseline_comparison", "model", "shorts", "what_ifs"))
    bare = with_evaluation(report, **nothing, signal=replace(report.evaluation.signal, study=None))
    bare = replace(bare, gates=(), books={"main": replace(report.books["main"], study=None)})
    assert not {section.slug for section in all_sections(bare)} & NEW
    render_report(bare)


def test_the_pages_hold_what_was_asked_for(parsed):
    for words in (
        "Baseline comparison", "books on random ranks", "Distribution of the rank IC", "Rank IC by sector",
        "Rank IC by size", "Hit rates, long against short side", "Calibration by decile", "Rank stability",
        "60–90", "Duplicates", "f1 = f2", "below market at a", "Holding periods", "Herfindahl", "Effective number",
        "Beta to the equal-weighted universe, last 63 sessions", "The scores as a classifier", "NOT MEASURED",
        "Net performance by VIX", "Attribution of main", "Sectors of main", "Factor regression of main",
        "Stress matrix", "The book breaks even at 31.4 bps", "halves the Sharpe ratio at about 2 bn",
        "Smoothing and turnover", "not counted as trials", "Impact is assumed",
    ):  # fmt: skip
        assert words in parsed.text, words


def test_no_number_prints_as_nan_and_no_name_becomes_markup(report, parsed):
    assert not re.search(r"\b(nan|inf|None|NaT)\b", parsed.text)
    shown = render_report(report)
    assert "<script>alert" not in shown
    assert EVIL in parsed.text
    for attrs, content in parsed.scripts:
        if "data-plot" in attrs:
            assert not set("<>&") & set(content)


def test_every_picture_has_words_and_every_type_is_large_enough(parsed):
    drawn = [attrs for _, attrs in parsed.tags if attrs.get("role") == "img"]
    assert len(drawn) == len(parsed.plots()) > 25
    assert all(len(attrs["aria-label"]) > 30 for attrs in drawn)
    assert all(plot["layout"]["font"]["size"] >= 14 for plot in parsed.plots())


@pytest.mark.slow
def test_ten_years_of_every_page_stay_under_three_megabytes():
    shown = render_report(studied(2500))
    assert len(shown.encode()) - len(plotly_source().encode()) < 3_000_000


def test_the_baseline_comparison_says_its_sentence_in_front_and_at_home(report):
    home = section(report, "baselines")
    assert home.lead.startswith("By net Sharpe ratio at 95 %, main ")
    assert home.lead in " ".join(sentence for part in section(report, "front").parts for sentence in part.sentences)


def test_a_what_if_says_what_it_may_not_be_used_for(report):
    found = section(report, "what-if")
    assert "what-ifs on the very sessions that the verdict is about" in found.parts[0].sentences[0]
    assert found.lead.startswith(f"{int((report.evaluation.what_ifs.stress['sharpe'] > 0).sum())} of 8 stressed books")
    refused = found.parts[0].tables[0].rows[-1]
    assert refused[1].startswith("no eligible name")


def test_the_gates_are_counted(report):
    lead = section(report, "gates").lead
    statuses = [gate.status for gate in report.gates]
    assert f"{statuses.count('PASS')} pass, {statuses.count('FAIL')} fail and 3 are not measured" in lead


def test_unknown_sectors_are_said_to_be_unknown(report):
    signal = report.evaluation.signal
    unknown = with_evaluation(report, signal=replace(signal, study=replace(signal.study, by_sector=None)))
    assert "Sectors are not known for these bars" in ParsedPage(render_report(unknown)).text


def test_the_page_says_what_luck_was_drawn_and_how_it_moves_beside_the_book(report):
    picture = section(report, "baselines").parts[0].pictures[2]
    assert "random ranks as persistent as its own have a median Sharpe ratio" in picture.summary
    assert "of the random books do at least as well" in picture.summary
    assert "0.978 drawn, 0.980 its own" in picture.summary or "0.979 drawn, 0.980 its own" in picture.summary
    assert "7.1 % drawn, 7.0 % its own" in picture.summary.replace("\u00a0", " ").replace("%", " %").replace("  ", " ")


def test_luck_without_a_number_is_no_claim(report):
    compared = report.evaluation.baseline_comparison
    blind = replace(compared, random=replace(compared.random, p_value=np.nan))
    summary = section(with_evaluation(report, baseline_comparison=blind), "baselines").parts[0].pictures[2].summary
    assert summary.startswith("This book or the random ones have no Sharpe ratio to compare.")


def test_a_histogram_of_random_ranks_holds_every_book():
    sharpes = np.array([0.1, 0.2, 0.3, np.nan])
    figure = marked_histogram_figure(sharpes, 1.0, names=("random ranks", "this book"), title="", x_format=".1f")
    assert sum(figure.data[0].y) == 3
    assert list(figure.data[1].x) == [1.0, 1.0]


def test_a_dot_carries_both_bounds():
    gaps = pd.DataFrame({"estimate": [1.0, -2.0], "low": [0.5, -4.0], "high": [2.0, -1.0]}, index=["a", "b"])
    (dots,) = dots_figure(gaps, x_format=".1f").data
    assert list(dots.error_x.array) == [1.0, 1.0]
    assert list(dots.error_x.arrayminus) == [0.5, 2.0]
    assert dots.marker.color[0] != dots.marker.color[1]


def test_predictions_are_drawn_in_basis_points():
    spreads = pd.DataFrame({"predicted": [0.001] * 70, "realised": [0.002] * 70}, pd.bdate_range("2020", periods=70))
    found = spread_figure(spreads)
    assert found.data[0].y[-1] == pytest.approx(10)
    assert found.layout.yaxis.title.text == "bps"


def test_a_study_of_a_book_adds_up(report):
    study = report.books["main"].study
    assert isinstance(study, BookStudy)
    net = report.books["main"].result.net_returns
    np.testing.assert_allclose(study.legs.sum(axis=1), net, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rule", ["B", "W-FRI", "ME"])
def test_a_line_is_broken_where_sessions_were_left_out_and_nowhere_else(rule: str) -> None:
    sessions = pd.date_range("2015-01-02", periods=200, freq=rule)
    kept = sessions[:80].append(sessions[140:])
    book = SimpleNamespace(result=SimpleNamespace(net_returns=pd.Series(0.001, index=kept)))
    drawn = by_book({"mine": cast("BookReport", book)}, "net_returns")["mine"]
    assert int(drawn.isna().sum()) == 1
    assert drawn.index[drawn.isna()][0] == sessions[79] + pd.Timedelta(days=1)
