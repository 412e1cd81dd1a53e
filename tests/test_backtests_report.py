"""The report: what is on the page, that nothing on it runs or calls out, and that pictures show what they got."""

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.breakdown.trading_summary import trading_summary
from backtests.report import report_page
from backtests.report.book_report import book_report
from backtests.report.content import Stamp, Table
from backtests.report.figures.books_figures import (
    drawdown_figure,
    exposure_figure,
    largest_weight_figure,
    names_figure,
    paid_costs_figure,
    regime_figure,
    turnover_figure,
    wealth_figure,
)
from backtests.report.figures.signal_figures import cumulative_ic_figure, ic_figure, quarter_figure
from backtests.report.figures.training_figures import loss_figure
from backtests.report.formats import bps, count, date, percent, plus_minus, ratio, scientific
from backtests.report.html_page import plotly_source
from backtests.report.report_page import render_report, restate_proof, write_report
from backtests.report.run_provenance import ProofReport, Span
from backtests.report.sections import all_sections, front_cards
from backtests.report.sections.common_rows import compared
from backtests.report.sections.regimes_section import regime_section
from backtests.report.sections.training_section import training_section
from backtests.report.stamps import front_stamps, survivorship_stamp
from backtests.report.theme import plain, thinned
from backtests.statistics.metrics import drawdown_table, drawdowns, performance_summary
from backtests.verdict import TrialStanding
from market import Execution, PanelFacts
from market.universe import Survivorship
from signals.score_metrics import ic_by_quarter, summarize_ic
from tests.random_evaluation import (
    EVIL,
    FACTS,
    random_book,
    random_page,
    random_result,
    with_evaluation,
    with_facts,
    with_provenance,
)


class ParsedPage(HTMLParser):
    """Start tags with their attributes, executable scripts, and the words outside scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.words, self.open = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open = (tag, dict(attrs)) if tag in ("script", "style") else None

    def handle_endtag(self, _):
        self.open = None

    def handle_data(self, data):
        if self.open is None:
            self.words.append(data)
        elif self.open[0] == "script":
            self.scripts.append((self.open[1], data))

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def plots(self):
        return [json.loads(data) for attrs, data in self.scripts if "data-plot" in attrs]

    def runs(self):
        return [data for attrs, data in self.scripts if "data-plot" not in attrs]


@pytest.fixture(scope="module")
def report():
    return random_page()


@pytest.fixture(scope="module")
def html(report):
    return render_report(report)


@pytest.fixture(scope="module")
def parsed(html):
    return ParsedPage(html)


def test_the_same_input_gives_the_same_bytes(html):
    assert render_report(random_page()) == html


def test_the_page_asks_the_network_for_nothing(html, parsed):
    assert not [attrs for _, attrs in parsed.tags if "src" in attrs or "srcset" in attrs]
    links = [attrs["href"] for _, attrs in parsed.tags if "href" in attrs]
    assert links
    assert all(link.startswith("#") for link in links)
    own = html.replace(plotly_source(), "")
    assert not re.search(r"https?://|@import|url\(", own)
    assert "default-src 'none'" in own


def test_the_policy_lets_exactly_the_pages_own_scripts_run(parsed):
    (policy,) = [attrs["content"] for tag, attrs in parsed.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    allowed = re.search(r"script-src ([^;]*);", policy)[1].split()
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in parsed.runs()]
    assert allowed == [f"'sha256-{digest}'" for digest in digests]
    assert len(digests) == 2


def test_plotly_is_inlined_once_and_cannot_close_its_script(html):
    library = plotly_source()
    assert html.count(library[:2000]) == 1
    assert "</script" not in library.lower()


def test_markup_in_names_and_notes_stays_text(html):
    facts = PanelFacts(source=EVIL, adjustment=EVIL, volume_basis=EVIL, universe=EVIL, notes=(EVIL,), synthetic=True)
    hostile = with_facts(random_page(books=(EVIL, "<b>bold</b>")), facts)
    hostile = with_provenance(hostile, title=EVIL, command=EVIL, notes=(EVIL,), spec=((EVIL, EVIL, EVIL),))
    standing = TrialStanding(stamps=((EVIL, EVIL),))
    hostile = replace(hostile, verdict=replace(hostile.verdict, sentence=EVIL, standing=standing))
    shown = render_report(hostile)
    assert shown.lower().count("<script") == html.lower().count("<script")
    assert "<script>alert" not in shown
    assert "<b>bold" not in shown
    parsed = ParsedPage(shown)
    assert EVIL in parsed.text
    assert not [data for attrs, data in parsed.scripts if "data-plot" in attrs and set("<>&") & set(data)]
    for plot in parsed.plots():
        assert "<script" not in json.dumps(plot)
        assert "<b>bold" not in json.dumps(plot)


def test_figure_json_holds_no_character_that_markup_is_made_of(parsed):
    for attrs, data in parsed.scripts:
        if "data-plot" in attrs:
            assert not set("<>&") & set(data)
            json.loads(data)


def test_a_figure_reads_markup_in_names_letter_by_letter():
    returns = pd.DataFrame({EVIL: [0.01, 0.02]}, pd.bdate_range("2020-01-01", periods=2))
    figure = wealth_figure(returns, returns, returns)
    assert all(trace.name.startswith("&lt;script&gt;") for trace in figure.data)
    assert plain("x" * 60) == "x" * 39 + "…"


def test_landmarks_headings_and_labels_are_in_place(parsed):
    tags = Counter(tag for tag, _ in parsed.tags)
    assert tags["h1"] == tags["main"] == tags["header"] == tags["nav"] == tags["footer"] == tags["title"] == 1
    assert ("html", {"lang": "en"}) in parsed.tags
    anchors = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(anchors) == len(set(anchors))
    levels = [int(tag[1]) for tag, _ in parsed.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    linked = {attrs["href"][1:] for tag, attrs in parsed.tags if tag == "a"}
    assert linked <= set(anchors)


def test_every_figure_has_a_sentence_for_who_cannot_see_it(parsed):
    drawn = [attrs for _, attrs in parsed.tags if attrs.get("role") == "img"]
    assert len(drawn) == len(parsed.plots()) > 10
    assert all(len(attrs["aria-label"]) > 30 for attrs in drawn)
    assert Counter(tag for tag, _ in parsed.tags)["figcaption"] == len(drawn)


def test_every_table_scrolls_in_a_box_that_keys_can_reach(parsed):
    boxes = [attrs for _, attrs in parsed.tags if attrs.get("class") == "scroll"]
    tables = [attrs for tag, attrs in parsed.tags if tag == "table"]
    assert len(boxes) == len(tables) > 8
    assert all(box["tabindex"] == "0" and box["role"] == "region" and box["aria-label"] for box in boxes)


def test_no_type_on_the_page_is_smaller_than_14_pixels(html, parsed):
    style = html[html.index("<style>") : html.index("</style>")]
    assert min(float(size) for size in re.findall(r"(?:font-size|font): *(?:\d+ )?(\d+)px", style)) >= 14
    for plot in parsed.plots():
        assert plot["layout"]["font"]["size"] >= 14


def test_no_number_prints_as_nan_or_infinity(parsed):
    assert not re.search(r"\b(nan|inf|None|NaT)\b", parsed.text)


@pytest.mark.slow
def test_ten_years_fit_into_three_megabytes():
    shown = render_report(random_page(2500))
    assert len(shown.encode()) - len(plotly_source().encode()) < 3_000_000


def test_a_synthetic_market_is_told_in_the_title_and_in_the_first_stamp(report, parsed):
    assert "SYNTHETIC: A book" in parsed.text
    assert [stamp.label for stamp in front_stamps(report)] == ["SYNTHETIC", "NOT EVIDENCE", "SURVIVOR-BIASED"]
    told = with_provenance(report, title="SYNTHETIC market, a book")
    assert "SYNTHETIC: " not in ParsedPage(render_report(told)).text


FAILED = ProofReport(
    verdict="FAIL", checks=(("truncation", "FAIL", f"features: {EVIL}"), ("clock", "PASS", "")), offence=EVIL
)
PROVEN = ProofReport(verdict="PASS", checks=(("truncation", "PASS", "24 sessions"), ("scaler", "NOT RUN", "")))
PROOFS = {"UNPROVEN": None, "PROVEN": PROVEN, "PROOF FAILED": FAILED}


@pytest.fixture(scope="module")
def pages(report):
    return {label: render_report(replace(report, proof=proof)) for label, proof in PROOFS.items()}


@pytest.mark.parametrize("after", PROOFS)
@pytest.mark.parametrize("before", PROOFS)
def test_a_restated_proof_is_the_page_drawn_with_it(tmp_path, pages, before, after):
    path = tmp_path / "report.html"
    path.write_text(pages[before], encoding="utf-8")
    restate_proof(path, PROOFS[after])
    assert path.read_text(encoding="utf-8") == pages[after]


@pytest.mark.parametrize(
    ("label", "lead"),
    [("UNPROVEN", "UNPROVEN: no look-ahead"), ("PROVEN", "PROVEN: 1 PASS"), ("PROOF FAILED", "FAILED:")],
)
def test_page_one_and_the_section_say_what_the_proof_found(pages, label, lead):
    page = pages[label]
    parsed = ParsedPage(page)
    severities = [attrs["class"] for tag, attrs in parsed.tags if tag == "li" and "class" in attrs]
    assert severities == sorted(severities, key=["alarm", "caution", "note"].index)
    assert parsed.words.count(label) == 1
    assert lead in parsed.text
    assert "#proof" in [attrs.get("href") for _, attrs in parsed.tags]
    assert "<script>alert" not in page


def test_a_report_without_a_place_for_a_proof_says_so(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("<html></html>")
    with pytest.raises(ValueError, match="draw it again"):
        restate_proof(path, PROVEN)


def test_fills_that_nobody_can_trade_are_stamped_optimistic(report):
    flattered = with_evaluation(report, rules=replace(report.rules, execution=Execution(fill="close")))
    stamped = replace(report.verdict, word="EVIDENCE", standing=TrialStanding(stamps=(("DRIFTED", "It drifted."),)))
    flattered = replace(flattered, verdict=stamped)
    wanted = ["SYNTHETIC", "OPTIMISTIC", "DRIFTED", "SURVIVOR-BIASED", "EVIDENCE"]
    assert [stamp.label for stamp in front_stamps(flattered)] == wanted
    assert "OPTIMISTIC" not in [stamp.label for stamp in front_stamps(report)]
    real = with_facts(report, replace(FACTS, synthetic=False))
    assert [stamp.label for stamp in front_stamps(real)] == ["NOT EVIDENCE", "SURVIVOR-BIASED"]


@pytest.mark.parametrize(
    ("stamp", "label", "severity"),
    [
        ("SURVIVOR-BIASED", "SURVIVOR-BIASED", "caution"),
        ("UNKNOWN", "SURVIVORSHIP UNKNOWN", "caution"),
        ("DECLARED POINT-IN-TIME", "DECLARED POINT-IN-TIME", "note"),
    ],
)
def test_only_a_plausible_declaration_of_point_in_time_is_no_caution(stamp, label, severity):
    shown = survivorship_stamp(Survivorship(stamp=stamp, evidence="3 of 9 names stop trading."))
    assert shown == Stamp(label=label, severity=severity, sentence="3 of 9 names stop trading.")


def test_notes_run_from_the_verdict_over_training_and_books_to_the_run(report):
    training = replace(report.provenance.training, notes=("Calibrated.",))
    noted = with_provenance(report, training=training, notes=("Resumed.",))
    book = report.evaluation.books["main"]
    without = replace(book, diagnostics=book.diagnostics.assign(n_short=0))
    verdict, calibrated, shorts, resumed = with_evaluation(noted, books={"main": without}).notes
    assert (verdict, calibrated, resumed) == (report.verdict.trials_note, "Calibrated.", "Resumed.")
    assert shorts.startswith("main picked no short name in 100 of 100 sessions")


def test_page_one_holds_what_must_stand_beside_a_sharpe_ratio(report, parsed):
    front = all_sections(report)[0]
    words = " ".join(sentence for part in front.parts for sentence in part.sentences)
    for told in ("100 sessions", "5 bps one way", "all names with a print", "Trials: 1.", "1 session later"):
        assert told in words
    table = front.parts[2].tables[0]
    rows = {row[0]: row[1:] for row in table.rows}
    net = report.books["main"].net
    assert rows["Sharpe, net ± SE"][0] == f"{net.sharpe:.2f}\u00a0±\u00a0{net.sharpe_standard_error:.2f}".replace(
        "-", "−"
    )
    assert rows["Sharpe, gross"][1] == f"{report.books['other'].gross.sharpe:.2f}".replace("-", "−")
    assert rows["Engine parity"] == ("2.5e−13", "2.5e−13")
    assert rows["Orders filled, carried"] == ("10, 3", "10, 3")
    assert front_cards(report)[0].error == f"{net.sharpe_standard_error:.2f}"
    seven = replace(report, verdict=replace(report.verdict, standing=TrialStanding(recorded=7)))
    assert "Trials: 7." in ParsedPage(render_report(seven)).text


@pytest.mark.parametrize(
    ("mean", "error", "words"),
    [
        (0.02, 0.0094, "LSTM beats ridge: "),
        (-0.02, 0.0094, "LSTM is worse than ridge: "),
        (0.02, 0.0096, "LSTM does not beat ridge: "),
        (-0.02, 0.0096, "LSTM does not beat ridge: "),
        (0.02, np.nan, "Whether LSTM beats ridge cannot be said"),
    ],
)
def test_a_baseline_is_beaten_only_beyond_a_95_percent_interval(report, mean, error, words):
    gap = replace(report.signal.differences["ridge"], mean=mean, standard_error=error)
    assert compared(gap, "LSTM", "ridge").startswith(words)


def test_a_book_is_summarised_net_and_gross_on_the_sessions_that_decided(report):
    rng, result, market = np.random.default_rng(2), report.books["main"].result, report.evaluation.market
    before = pd.bdate_range(end=result.equity.index[0], periods=6)[:-1]
    book = random_book(before.append(result.equity.index), rng)
    book.diagnostics.loc[before, "n_scored"] = 0
    found = book_report(book, result, market=market, rule="Top against bottom.")
    assert found.net == performance_summary(result.net_returns, market=market)
    assert found.gross == performance_summary(result.gross_returns, market=market)
    assert found.trading == trading_summary(result)
    pd.testing.assert_index_equal(found.diagnostics.index, result.equity.index, check_names=False)
    assert "Top against bottom." in ParsedPage(render_report(replace(report, books={"b": found}))).text


def test_sections_draw_and_count_what_the_book_did(report):
    parts = {section.slug: section.parts for section in all_sections(report)}
    book = report.books["other"]
    (deep,) = (part for part in parts["performance"] if part.heading == "Drawdowns")
    drawn = np.asarray(deep.pictures[0].figure.data[1].y)
    np.testing.assert_allclose(drawn, drawdowns(book.result.net_returns), rtol=1e-6)
    anatomy = deep.tables[1].rows
    deepest = drawdown_table(book.result.net_returns, n_deepest=5)
    assert [row[0] for row in anatomy] == [percent(depth) for depth in deepest["depth"]]
    assert anatomy[0][2] == date(deepest["trough"][0])
    names = parts["exposures"][1].pictures[1].summary
    thin, empty = int(book.diagnostics["thin_leg"].sum()), int(book.diagnostics["empty_leg"].sum())
    assert 0 < empty < thin
    assert f"with an empty leg: {empty}, with fewer than five names in a leg: {thin}." in names


def test_differences_are_paired_by_session(report):
    signal = report.signal
    gap, ic = signal.differences["ridge"], report.evaluation.signal.ic
    assert gap == summarize_ic(ic["LSTM"] - ic["ridge"])
    assert gap.mean == pytest.approx(signal.summaries["LSTM"].mean - signal.summaries["ridge"].mean)
    assert list(signal.differences) == ["ridge"]
    pd.testing.assert_frame_equal(signal.by_quarter, ic_by_quarter(ic["LSTM"]))


def test_a_short_regime_gets_words_instead_of_a_number(report):
    section = next(section for section in all_sections(report) if section.slug == "regimes")
    rows = [row for part in section.parts for row in part.tables[0].rows]
    regimes = report.books["main"].regimes["Trend"]
    short = [row for row in rows if row[0] in regimes.index[regimes["too_few_sessions"]]]
    assert short
    assert all(row[2:] == ("too few sessions", row[3], "", "", "") for row in short)
    assert "n/a" not in {cell for row in rows for cell in row}


def test_an_invented_date_is_in_no_period_of_history_and_no_labels_are_no_regimes(report):
    books = report.books
    assert [part.heading for part in regime_section(books).parts] == ["Named periods", "Trailing volatility", "Trend"]
    invented = regime_section(books, is_synthetic=True)
    assert [part.heading for part in invented.parts] == ["Trailing volatility", "Trend"]
    young = {name: replace(book, regimes={"Trend": book.regimes["Trend"].loc[[]]}) for name, book in books.items()}
    assert regime_section(young) is None
    unlabelled = book_report(books["main"].book, books["main"].result, market=report.evaluation.market.iloc[-60:])
    assert [part.heading for part in regime_section({"main": unlabelled}).parts] == ["Named periods"]


def test_a_quarter_without_an_error_gets_words_and_no_bar(report):
    section = next(section for section in all_sections(report) if section.slug == "signal")
    quarters = report.signal.by_quarter.copy()
    quarters.loc[quarters.index[0], "standard_error"] = np.nan
    thin = replace(report, signal=replace(report.signal, by_quarter=quarters))
    section = next(section for section in all_sections(thin) if section.slug == "signal")
    assert section.parts[2].tables[1].rows[0][1:4] == ("too few sessions", "", "")
    assert len(section.parts[1].pictures[0].figure.data[0].x) == len(quarters) - 1


def test_a_book_that_never_moved_still_has_a_report(report):
    sessions, rng = report.books["main"].result.equity.index, np.random.default_rng(1)
    flat = random_result(sessions, rng, returns=pd.Series(0.0, sessions))
    book = book_report(random_book(sessions, rng), flat, market=report.evaluation.market)
    shown = ParsedPage(render_report(replace(report, books={"flat": book})))
    assert "n/a" in shown.text
    assert not re.search(r"\b(nan|inf)\b", shown.text)


def test_scores_without_a_model_and_markets_without_an_oracle_leave_no_empty_section(report):
    inputs = replace(report.evaluation.inputs, benchmark=report.evaluation.market)
    signal = replace(report.evaluation.signal, recovery={})
    bare = with_evaluation(with_provenance(report, training=None), inputs=inputs)
    bare = replace(bare, signal=replace(report.signal, evaluation=signal))
    slugs = [section.slug for section in all_sections(bare)]
    assert "training" not in slugs
    assert slugs[0] == "front"
    shown = ParsedPage(render_report(bare)).text
    assert "oracle" not in shown
    assert "Training" not in shown
    assert [trace.name for trace in all_sections(bare)[0].parts[0].pictures[0].figure.data][1] == "benchmark"


def test_wealth_compounds_simple_returns_from_one():
    sessions = pd.bdate_range("2020-01-01", periods=3)
    net, gross = pd.DataFrame({"a": [0.1, -0.5, 0.2]}, sessions), pd.DataFrame({"a": [0.2, -0.5, 0.2]}, sessions)
    market = pd.DataFrame({"market": [0.0, 0.0, 1.0]}, sessions)
    figure = wealth_figure(net, gross, market)
    drawn = {trace.name: np.asarray(trace.y) for trace in figure.data}
    np.testing.assert_allclose(drawn["a, net"], [1.1, 0.55, 0.66], rtol=1e-6)
    np.testing.assert_allclose(drawn["a, gross"], [1.2, 0.6, 0.72], rtol=1e-6)
    np.testing.assert_allclose(drawn["market"], [1.0, 1.0, 2.0], rtol=1e-6)
    assert figure.layout.yaxis.type == "log"  # 0.55 to 2 is a factor above three
    assert wealth_figure(net, gross, net).layout.yaxis.type == "linear"


def test_running_sums_and_means_are_drawn_as_such():
    sessions = pd.bdate_range("2020-01-01", periods=70)
    ones = pd.Series(1.0, sessions)
    assert np.asarray(cumulative_ic_figure(ones.to_frame("a")).data[0].y)[-1] == 70
    assert np.asarray(paid_costs_figure(ones.to_frame("a")).data[0].y)[-1] == 70
    smooth = np.asarray(ic_figure(ones).data[1].y)
    assert np.isnan(smooth[61])
    assert smooth[62] == 1
    month = np.asarray(turnover_figure(ones.to_frame("a")).data[0].y)
    assert np.isnan(month[19])
    assert month[20] == 1


def test_books_stand_side_by_side_within_their_regime():
    sharpe = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}, ["calm", "wild"])
    figure = regime_figure(sharpe, sharpe / 10)
    np.testing.assert_allclose([np.asarray(trace.y) for trace in figure.data], [[-0.15, 0.85], [0.15, 1.15]], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(figure.data[1].error_x.array), [0.3, 0.4], rtol=1e-6)
    assert list(figure.layout.yaxis.ticktext) == ["calm", "wild"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first regime on top


def test_every_picture_leaves_its_frames_untouched():
    sessions = pd.bdate_range("2020-01-01", periods=30)
    frame = pd.DataFrame({"long": 0.1, "short": -0.1}, sessions)
    before = frame.copy()
    lines = (
        drawdown_figure,
        exposure_figure,
        names_figure,
        largest_weight_figure,
        turnover_figure,
        paid_costs_figure,
        cumulative_ic_figure,
    )
    for draw in lines:
        assert isinstance(draw(frame), go.Figure)
    assert isinstance(loss_figure(frame["long"].set_axis(range(1, 31)), frame["short"], 3), go.Figure)
    pd.testing.assert_frame_equal(frame, before)


def test_long_runs_of_quarters_are_labelled_by_year_only():
    quarters = pd.period_range("2014Q3", periods=14, freq="Q")
    few, many = quarters[:4], quarters
    numbers = [pd.DataFrame(0.1, index, ["estimate", "low", "high"]) for index in (few, many)]
    labels = [quarter_figure(means).layout.xaxis.ticktext for means in numbers]
    assert labels[0] == ("Q3<br>2014", "Q4", "Q1<br>2015", "Q2")
    assert labels[1][:3] == ("", "", "2015")


@given(st.lists(st.floats(-1, 1) | st.just(np.nan), min_size=1, max_size=300), st.integers(10, 40))
def test_thinning_keeps_ends_and_extremes(values, most):
    series = pd.Series(values, pd.bdate_range("2000-01-03", periods=len(values)))
    kept = thinned(series, most)
    assert len(kept) <= max(most, 2)
    pd.testing.assert_series_equal(kept, series.loc[kept.index])
    assert {series.index[0], series.index[-1]} <= set(kept.index)
    if series.notna().any():
        assert (kept.min(), kept.max()) == (series.min(), series.max())


@pytest.mark.parametrize("length", [10, 11, 60, 61, 1000])
def test_thinning_never_keeps_more_than_it_may(length):
    waves = pd.Series(np.sin(np.arange(length) * 2.0), pd.bdate_range("2000-01-03", periods=length))
    kept = thinned(waves, 10)
    assert len(kept) <= 10
    assert len(kept) == 10 if length == 10 else len(kept) >= 6


def test_numbers_have_one_spelling():
    assert [ratio(None), percent(np.nan), bps(np.inf), scientific(np.nan), count(-np.inf)] == ["n/a"] * 5
    assert [ratio(-1.234), ratio(-0.001), percent(-0.0721), count(52100)] == [
        "−1.23",
        "0.00",
        "−7.2\u00a0%",
        "52\u00a0100",
    ]
    assert [bps(0.00022), scientific(3.14e-12), scientific(0.0)] == ["2.2\u00a0bps", "3.1e−12", "0"]
    assert plus_minus(-0.5, 0.25) == "−0.50\u00a0±\u00a00.25"
    assert [plus_minus(0.5, np.nan), plus_minus(np.nan, 0.1)] == ["0.50", "n/a"]
    assert [date(pd.Timestamp("2018-02-07")), date(pd.NaT)] == ["2018-02-07", "open"]


def test_writing_replaces_a_report_whole_or_not_at_all(tmp_path, report, html, monkeypatch):
    target = tmp_path / "report.html"
    target.write_text("older")
    monkeypatch.setattr(report_page, "render_report", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(report, target)
    assert target.read_text() == "older"
    monkeypatch.undo()
    assert write_report(report, target) == target
    assert target.read_text(encoding="utf-8") == html
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_impossible_reports_are_refused(report):
    with pytest.raises(ValueError, match="at least one book"):
        replace(report, books={})
    with pytest.raises(ValueError, match="must not end before it starts, was 2020-01-02 to 2020-01-01"):
        Span(first=pd.Timestamp("2020-01-02"), last=pd.Timestamp("2020-01-01"), sessions=1)
    with pytest.raises(ValueError, match="2 columns, a row has 1 cells"):
        Table(caption="x", columns=("a", "b"), rows=(("1",),))


def test_accuracies_are_shown_by_epoch_where_they_were_recorded(report):
    bare = training_section(report).parts[0]
    measured = {"train_accuracy": [0.5, 0.51, 0.56], "validation_accuracy": [0.5, 0.523, 0.51]}
    history = report.provenance.training.history.assign(**measured)
    training = replace(report.provenance.training, history=history)
    shown = training_section(with_provenance(report, training=training)).parts[0]
    assert "Validation accuracy" not in bare.tables[1].columns
    assert shown.tables[1].columns[4:6] == ("Train accuracy", "Validation accuracy")
    assert shown.tables[1].rows[1][4:6] == (percent(0.51, 1), percent(0.523, 1))
    assert [each.title for each in shown.pictures][2:] == ["Accuracy by epoch"]
    assert shown.pictures[2].summary.startswith(f"Validation {percent(0.523, 1)} at the epoch kept")
