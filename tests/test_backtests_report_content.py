"""What a quant looks for in a report: months, rolling figures, names, sides, regimes, each adding up, said once."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from backtests.breakdown.attribution import name_returns
from backtests.breakdown.name_study import N_MOVERS, name_study
from backtests.breakdown.signal_sides import side_spreads, signal_regimes
from backtests.report.content import Table
from backtests.report.html_page import plotly_source
from backtests.report.report_page import render_report
from backtests.report.sections import all_sections, printed_parts
from backtests.report.sections.book.returns_parts import monthly_table
from backtests.report.sections.regimes_section import regime_section
from backtests.statistics.metrics import sharpe_ratio, volatility
from backtests.statistics.monthly_returns import monthly_returns
from backtests.statistics.rolling_metrics import rolling_sharpe, rolling_volatility
from core.intervals import hac_standard_error
from core.progress import duration
from signals.classification import accuracy_by_session, sign_metrics
from signals.score_metrics import information_coefficient, quantile_returns
from strategy.runs.log.log_lines import LOG_FILE, written_line
from strategy.runs.report_provenance import machine_rows
from tests.oracles.markets import random_panel
from tests.oracles.planted import frame
from tests.test_backtests_attribution import result_of
from tests.test_backtests_report import ParsedPage
from tests.test_backtests_report_pages import studied

ROOT = Path(__file__).resolve().parent.parent
FOOTNOTE = 60  # characters: shorter sentences may be said twice
TRANSLATED = ("told from nothing", "dealt anew", "dealt out", "one unit grew", "share of luck", "decided anew")


@pytest.fixture(scope="module")
def report():
    return studied(300)


@pytest.fixture(scope="module")
def parsed(report):
    return ParsedPage(render_report(report))


@pytest.fixture(scope="module")
def sections(report):
    return all_sections(report)


@pytest.fixture(scope="module")
def held():
    """A book on troubled bars, and the bars."""
    rng = np.random.default_rng(3)
    panel = random_panel(rng, n_sessions=60, n_tickers=8)
    weights = frame(rng.normal(0, 1, panel.close.shape)).set_axis(panel.sessions).set_axis(panel.tickers, axis=1)
    weights = weights.where(panel.close.notna(), 0.0)
    return result_of(panel, weights.div(weights.abs().sum(axis=1), axis=0)), panel


def test_months_compound_their_sessions_and_years_their_months():
    sessions = pd.DatetimeIndex(["2019-12-31", "2020-01-02", "2020-01-31", "2020-03-02"])
    table = monthly_returns(pd.Series([0.5, 0.1, -0.2, 0.25], sessions))
    assert list(table.index) == [2019, 2020]
    np.testing.assert_allclose(table.loc[2020, ["Jan", "Mar", "Year"]].astype(float), [-0.12, 0.25, 0.1], atol=1e-15)
    assert table.loc[2019, "Dec"] == table.loc[2019, "Year"] == 0.5
    assert table.loc[2020].isna().sum() == 10


def test_years_compound_to_the_return_of_the_span():
    rng = np.random.default_rng(0)
    returns = pd.Series(rng.normal(0, 0.01, 700), pd.bdate_range("2017-05-15", periods=700))
    table = monthly_returns(returns)
    whole = (1.0 + returns).prod()
    assert (1.0 + table["Year"]).prod() == pytest.approx(whole, rel=1e-13)
    assert (1.0 + table.drop(columns="Year")).stack().prod() == pytest.approx(whole, rel=1e-13)


def test_a_month_is_shaded_by_its_size():
    sessions = pd.DatetimeIndex(["2020-01-02", "2020-02-03", "2020-03-02"])
    table = monthly_table("a", pd.Series([0.08, -0.04, 0.0], sessions))
    assert table.rows[0][:4] == ("2020", "8.0", "−4.0", "0.0")
    assert [table.shade(0, cell) for cell in range(4)] == ["", "gain4", "loss2", ""]
    with pytest.raises(ValueError, match="a shade for each cell"):
        Table(caption="x", columns=("a", "b"), rows=(("1", "2"),), heat=((1, 1),))


def test_a_rolling_figure_is_that_of_its_window_alone():
    rng = np.random.default_rng(1)
    returns = pd.Series(rng.normal(0.001, 0.01, 90), pd.bdate_range("2020-01-01", periods=90))
    returns.iloc[5] = np.nan
    returns.iloc[30:60] = 0.001
    known = returns.dropna()
    ratio, spread = rolling_sharpe(returns, lookback=25), rolling_volatility(returns, lookback=25)
    for last in (24, 25, 50, 70, 88):
        window = known.iloc[last - 24 : last + 1]
        np.testing.assert_allclose(ratio[known.index[last]], sharpe_ratio(window), rtol=1e-12)
        np.testing.assert_allclose(spread[known.index[last]], volatility(window), rtol=1e-12, atol=1e-15)
    assert ratio.iloc[:24].isna().all()
    assert np.isnan(ratio[known.index[53]])  # a window of one constant
    assert rolling_sharpe(returns.iloc[:20], lookback=25).isna().all()
    with pytest.raises(ValueError, match="at least 20 sessions, was 5"):
        rolling_sharpe(returns, lookback=5)


def test_contributions_of_names_add_up_to_the_gross_return(held):
    result, panel = held
    study = name_study(result, panel, market=result.net_returns)
    by_session = name_returns(result, panel).sum(axis=1)
    np.testing.assert_allclose(by_session, result.gross_returns, rtol=0, atol=1e-12)
    assert study.table["contribution"].sum() == pytest.approx(result.gross_returns.sum(), abs=1e-12)
    assert study.gross == pytest.approx(result.gross_returns.sum(), abs=1e-12)


def test_the_worst_sessions_are_told_by_the_names_that_lost_most(held):
    result, panel = held
    study = name_study(result, panel, market=result.net_returns)
    by_name = name_returns(result, panel)
    assert [worst.session for worst in study.worst] == list(result.net_returns.nsmallest(10).index)
    for worst in study.worst:
        told = sum(mover.contribution for mover in worst.movers)
        assert told + worst.rest == pytest.approx(result.gross_returns[worst.session], abs=1e-15)
        assert [mover.ticker for mover in worst.movers] == list(by_name.loc[worst.session].nsmallest(N_MOVERS).index)
        assert worst.gross - worst.net == pytest.approx(result.cost[worst.session], abs=1e-15)


def test_names_of_judged_sessions_alone_add_up_over_those(held):
    result, panel = held
    judged = pd.DatetimeIndex(result.equity.index[20:40])
    sectors = pd.Series("Energy", index=panel.tickers[:3])
    study = name_study(result, panel, market=result.net_returns, sectors=sectors, sessions=judged)
    assert study.table["contribution"].sum() == pytest.approx(result.gross_returns[judged].sum(), abs=1e-12)
    assert set(study.table["sector"]) == {"Energy", "unknown"}
    assert all(worst.session in judged for worst in study.worst)


def test_both_ends_of_a_ranking_add_up_to_its_spread():
    scores = pd.DataFrame([[1.0, 2, 3, 4, 5, np.nan]], columns=list("abcdef"))
    forward = pd.DataFrame([[0.01, 0.02, 0.03, 0.04, 0.10, 0.90]], columns=list("abcdef"))
    quintiles = quantile_returns(scores, forward)
    sides = side_spreads(quintiles, scores, forward)
    np.testing.assert_allclose(sides.iloc[0], [0.06, 0.03], atol=1e-15)  # the market of scored names earns 4 %
    np.testing.assert_allclose(sides.sum(axis=1), quintiles.spread, atol=1e-15)


def test_a_signal_in_a_regime_is_measured_in_its_sessions_alone():
    rng = np.random.default_rng(4)
    sessions = pd.bdate_range("2020-01-01", periods=150)
    ic, right = (pd.Series(rng.normal(0, 1, 150), sessions) for _ in range(2))
    labels = pd.Series(["up trend"] * 90 + ["down trend"] * 40 + ["unlabelled"] * 20, sessions)
    table = signal_regimes(ic, right, {"Trend": labels})["Trend"]
    assert list(table.index) == ["up trend", "down trend"]
    assert table.loc["up trend", "rank_ic"] == pytest.approx(ic.iloc[:90].mean())
    assert table.loc["up trend", "accuracy"] == pytest.approx(right.iloc[:90].mean())
    assert table.loc["up trend", "accuracy_error"] == pytest.approx(hac_standard_error(right.iloc[:90]))
    assert table.loc["down trend", "sessions"] == 40
    assert np.isnan(table.loc["down trend", "rank_ic"])


def test_the_regime_section_shows_the_signal_beside_the_books(report):
    book = report.books["main"]
    family = next(family for family, table in book.regimes.items() if len(table) and family != "Named periods")
    row = {"sessions": 70, "rank_ic": 0.02, "rank_ic_error": 0.01, "hit_rate": 0.6, "accuracy": 0.51}
    table = pd.DataFrame({"low volatility": row | {"accuracy_error": 0.002}}).T
    shown = regime_section(report.books, {family: table}, is_synthetic=True)
    (part,) = (part for part in shown.parts if part.heading == family)
    assert part.tables[1].rows == (
        ("low volatility", "0.0200\u00a0±\u00a00.0100", "60.0\u00a0%", "51.00\u00a0±\u00a00.20", "70"),
    )


def test_accuracy_by_session_is_what_the_classifier_averages():
    scores = pd.DataFrame([[1.0, -1.0, 1.0], [1.0, np.nan, -1.0], [np.nan] * 3])
    forward = pd.DataFrame([[0.1, 0.1, 0.0], [0.1, 0.1, -0.1], [0.1] * 3])
    found = accuracy_by_session(scores, forward)
    np.testing.assert_array_equal(found, [0.5, 1.0, np.nan])
    assert sign_metrics(scores, forward).accuracy == 0.75


def test_the_page_holds_what_a_quant_looks_for(report, parsed):
    for words in (
        "Monthly returns", "Rolling Sharpe ratio", "Rolling volatility", "Rolling beta",
        "Long side and short side of main", "Top holdings of main", "Best and worst names of main",
        "Worst sessions of main, and what did it", "Pearson IC", "window of one year (252 sessions)",
        "Top quintile less market", "Market less bottom quintile", "Conventions",
    ):  # fmt: skip
        assert words in parsed.text, words
    assert str(report.books["main"].study.names.table.index[0]) in parsed.text


def test_the_pearson_ic_is_that_of_the_scores(report):
    study = report.evaluation.signal.study
    assert report.signal.pearson.mean == pytest.approx(study.pearson.mean())
    assert not study.pearson.equals(information_coefficient(study.spreads, study.spreads))


def test_no_footnote_is_said_twice(sections):
    said = Counter(
        sentence
        for section in sections
        for part in section.parts
        for words in (*part.sentences, *(table.note for table in part.tables))
        for sentence in re.split(r"(?<=[.:;]) ", words)
        if len(sentence) > FOOTNOTE
    )
    assert {sentence: times for sentence, times in said.items() if times > 1 and "main" not in sentence} == {}


def test_page_one_and_the_proof_stand_open_and_everything_else_is_folded(sections, parsed):
    assert [section.slug for section in sections if not section.folded] == ["front", "proof"]
    assert [section.slug for section in sections][:4] == ["front", "performance", "trading", "names"]
    assert all(section.lead for section in sections if section.folded)
    folds = [attrs for tag, attrs in parsed.tags if tag == "details" and attrs.get("class") == "fold"]
    assert len(folds) == len(sections) - 2
    assert not any("open" in attrs for attrs in folds)


def test_the_sheet_of_paper_holds_what_belongs_on_it(report):
    words = " ".join(
        " ".join((part.heading, *part.sentences, *(f"{table.caption} {table.columns}" for table in part.tables)))
        for part in printed_parts(report)
    )
    for wanted in (
        "Test span", "Monthly returns", "The books", "Costs of main", "Rank IC", "Top holdings", "Conventions",
        "Provenance",
    ):  # fmt: skip
        assert wanted in words, wanted


def test_every_figure_is_of_a_kind_that_the_vendored_plotly_draws(parsed):
    library = plotly_source()
    drawn = {trace["type"] for plot in parsed.plots() for trace in plot["data"]} | {"heatmap"}
    assert {"scatter", "bar"} <= drawn
    for kind in drawn:
        assert re.search(rf'moduleType:"trace",name:"{kind}"', library), kind
    assert "Licensed under the MIT license" in library[:400]


def test_headings_of_the_page_descend_in_order(parsed):
    levels = [int(tag[1]) for tag, _ in parsed.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_device_and_runtime_are_those_of_the_last_sitting(tmp_path):
    began = datetime(2020, 1, 1, tzinfo=UTC)
    told = [
        (0, "start", "begins"),
        (9, "training", "done in 9.0 s"),
        (100, "start", "resumes"),
        (101, "machine", "Linux, device cpu"),
        (140, "training", "done in 39.0 s"),
        (225, "report", "begun"),
    ]
    lines = [written_line(began + timedelta(seconds=after), stage, words) for after, stage, words in told]
    (tmp_path / LOG_FILE).write_text("".join(lines))
    folder = SimpleNamespace(path=tmp_path, record={"environment": {"machine": "Linux", "processors": "2"}})
    rows = (("Machine and device", "Linux, device cpu"), ("Training time", "39.0 s"))
    assert machine_rows(folder) == (*rows, ("Runtime up to the report", duration(125)))
    (tmp_path / LOG_FILE).unlink()
    assert machine_rows(folder) == (("Machine", "Linux, 2 processors"),)


def test_no_sentence_of_pages_commands_or_docs_sounds_translated():
    pages = [path for folder in ("backtests/report", "quintile") for path in ROOT.glob(f"{folder}/**/*.py")]
    docs = [path for path in ROOT.glob("docs/**/*.md") if path.parent.name != "decisions" and path.name != "faults.md"]
    words = {path: " ".join(path.read_text(encoding="utf-8").lower().split()) for path in (*pages, *docs)}
    assert len(words) > 100
    assert {(path.name, phrase) for path, text in words.items() for phrase in TRANSLATED if phrase in text} == set()
