"""Weights page: the report of weights that came without scores, from the sections that need none."""

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from backtests.breakdown.book_study import book_study
from backtests.comparison.baseline_comparison import compare_returns, comparison_sentence
from backtests.engine.backtest_result import BacktestResult
from backtests.engine.many_books import Case
from backtests.report.book_report import BookReport, book_report
from backtests.report.content import SEVERITIES, Card, Part, Picture, Section, Stamp, Table
from backtests.report.figures.books_figures import wealth_figure
from backtests.report.figures.dots_figures import dots_figure
from backtests.report.figures.what_if_figures import Dial, dial_figure
from backtests.report.formats import a_year, count, percent, plus_minus, ranged, ratio
from backtests.report.html_page import HtmlPage, render_page
from backtests.report.run_provenance import Span
from backtests.report.sections import folded
from backtests.report.sections.attribution_section import attribution_section
from backtests.report.sections.book.convention_words import PARITY_CONVENTION
from backtests.report.sections.book.names_section import names_section
from backtests.report.sections.books_section import exposure_section, performance_section, trading_section
from backtests.report.sections.common_rows import (
    RANGE_CONVENTION,
    fill_words,
    range_frame,
    return_conventions,
    span_words,
)
from backtests.report.sections.front_section import METRICS
from backtests.report.sections.regimes_section import regime_section
from backtests.report.stamps import OPTIMISTIC, SYNTHETIC, frequency_stamps, survivorship_stamp
from backtests.sensitivity.capacity import capacity_curve
from backtests.sensitivity.curves import borrow_curve, break_even_bps, cost_curve, delay_curve
from backtests.sensitivity.stress import TRADE_BPS
from backtests.statistics.inference import probabilistic_sharpe_ratio
from market.equal_weight import equal_weight_market
from market.input_remarks import input_remarks
from market.inputs import Inputs
from market.universe import survivorship
from portfolio.book import THIN_LEG, Book
from strategy.runs.provenance import code_fingerprint, commit

__all__ = ["weights_page"]

NAME = "own book"
RULE = "The weights are traded as they were given."
UNPROVEN = Stamp(
    label="UNPROVEN",
    severity="caution",
    sentence="Row t is taken as known at the close of t; nothing here can prove it without what decided the weights.",
)
NOT_COUNTED = Stamp(
    label="NOT COUNTED",
    severity="caution",
    sentence="This result is in no trial log, so that nothing deflates it by what else was tried.",
)
NO_SIGNAL = Section(
    slug="signal",
    title="Signal",
    lead="n/a: weights came without scores, and a rank of weights is not a forecast; there is no information "
    "coefficient, decay, quantile return or stress of scores to show.",
)


def weights_page(inputs: Inputs, weights: pd.DataFrame, result: BacktestResult, *, title: str) -> str:
    """One HTML page, which works offline.

    Parameters
    ----------
    inputs : Inputs
        The bars that were traded on; benchmark, sectors, VIX and factors where they are known.
    weights : DataFrame of float, shape (n_sessions, n_tickers)
        As they were decided.
    result : BacktestResult
        What they came to.
    title : str
        Headline.
    """
    market = equal_weight_market(inputs.panel)
    study = book_study(
        result, inputs.panel, target=weights, market=market, sectors=inputs.sectors, factors=inputs.factors
    )
    book = Book(weights=weights, diagnostics=_diagnostics(weights), stages={"target": weights})
    report = book_report(book, result, market=market, vix=inputs.vix, rule=RULE, study=study)
    books = {NAME: report}
    synthetic = inputs.panel.facts.synthetic
    sections = (
        _front(report, inputs, market),
        _comparison(report, inputs, market),
        performance_section(books, market),
        names_section(books, is_synthetic=synthetic),
        attribution_section(books, is_synthetic=synthetic),
        _what_if(weights, result, inputs),
        regime_section(books, is_synthetic=synthetic),
        NO_SIGNAL,
        exposure_section(books),
        trading_section(books, result.costs),
        _facts(report, inputs),
    )
    return render_page(
        HtmlPage(
            title=f"SYNTHETIC: {title}" if synthetic and "SYNTHETIC" not in title.upper() else title,
            strategy=NAME,
            verdict=_sentence(report),
            sections=folded(sections),
            stamps=_stamps(result, inputs),
            cards=_cards(report),
        )
    )


def _diagnostics(weights: pd.DataFrame) -> pd.DataFrame:
    """What the sections read of how a book was built, counted from its weights."""
    n_long, n_short = (weights > 0).sum(axis=1), (weights < 0).sum(axis=1)
    thin = n_long.between(1, THIN_LEG - 1) | n_short.between(1, THIN_LEG - 1)
    counts = {"n_scored": n_long + n_short, "n_long": n_long, "n_short": n_short}
    return pd.DataFrame({**counts, "thin_leg": thin, "empty_leg": False})


def _sentence(report: BookReport) -> str:
    net, chance = report.net, probabilistic_sharpe_ratio(report.result.net_returns)
    told = "No verdict: these weights came without scores and were not counted as a trial."
    if math.isnan(net.sharpe) or math.isnan(chance):
        return f"{told} Over {count(net.sessions)} sessions no Sharpe ratio is told: too few, or the book never moved."
    return (
        f"{told} Over {count(net.sessions)} sessions the net Sharpe ratio is "
        f"{plus_minus(net.sharpe, net.sharpe_standard_error)}; were it the only trial, the true one would be above "
        f"zero with probability {ratio(chance, 3)}."
    )


def _stamps(result: BacktestResult, inputs: Inputs) -> tuple[Stamp, ...]:
    stamps = [survivorship_stamp(survivorship(inputs.panel)), UNPROVEN, NOT_COUNTED]
    stamps += [SYNTHETIC] if inputs.panel.facts.synthetic else []
    stamps += frequency_stamps(inputs.panel)
    stamps += [OPTIMISTIC] if result.execution.is_optimistic else []
    return tuple(sorted(stamps, key=lambda stamp: SEVERITIES.index(stamp.severity)))


def _cards(report: BookReport) -> tuple[Card, ...]:
    net, bounds = report.net, f"95 %: {ranged(report.sharpe_range)}"
    compound = f"compound, {a_year(net.sessions_per_year)}"
    return (
        Card(label="Sharpe, net", value=ratio(net.sharpe), error=ratio(net.sharpe_standard_error), detail=bounds),
        Card(label="Annual return, net", value=percent(net.annual_return), detail=compound),
        Card(label="Maximum drawdown", value=percent(net.max_drawdown), detail="net, from the running maximum"),
        Card(label="Cost drag", value=percent(report.trading.cost_drag, 2), detail="of equity a year, trading costs"),
    )


def _span(report: BookReport) -> str:
    sessions = report.result.net_returns.index
    return span_words(Span(first=sessions[0], last=sessions[-1], sessions=len(sessions)))


def _front(report: BookReport, inputs: Inputs, market: pd.Series) -> Section:
    result = report.result
    net, gross = result.net_returns.to_frame(NAME), result.gross_returns.to_frame(NAME)
    beside = {"equal-weighted market": market.reindex(net.index)}
    if inputs.benchmark is not None:
        beside["benchmark"] = inputs.benchmark.reindex(net.index)
    picture = Picture(
        title="Growth of 1",
        summary=f"{percent(report.net.total_return)} net in all, with a maximum drawdown of "
        f"{percent(report.net.max_drawdown)}. The solid line is net of costs ({result.costs}), the dotted one gross.",
        figure=wealth_figure(net, gross, pd.DataFrame(beside)),
    )
    table = Table(
        caption="The book, net of costs unless said otherwise",
        columns=("Measure", NAME),
        rows=tuple((metric.label, metric.printed(report)) for metric in METRICS),
        note=f"{return_conventions(result.sessions_per_year)} {RANGE_CONVENTION} {PARITY_CONVENTION}",
    )
    sentence = (
        f"Span {_span(report)}. Universe: {inputs.panel.facts.universe}. Costs: {result.costs}. "
        f"Fills: {fill_words(result.execution)}. Trials: not counted."
    )
    parts = (Part(pictures=(picture,)), Part(sentences=(sentence,), tables=(table,)))
    return Section(slug="front", title="At a glance", lead="", parts=parts)


def _comparison(report: BookReport, inputs: Inputs, market: pd.Series) -> Section:
    """The book beside the market and the benchmark, which are series without costs."""
    series = {"equal-weighted market": market} | ({} if inputs.benchmark is None else {"benchmark": inputs.benchmark})
    compared = compare_returns(NAME, report.result.net_returns, baselines=series)
    gaps = {name: baseline.sharpe_gap for name, baseline in compared.baselines.items()}
    rows = tuple(
        (name, plus_minus(each.sharpe, each.standard_error), ranged(each.sharpe_range), ranged(each.sharpe_gap))
        for name, each in compared.baselines.items()
    )
    picture = Picture(
        title=f"Sharpe ratio of {NAME} less each series', with 95 % intervals",
        summary="An interval that crosses zero is no difference.",
        figure=dots_figure(range_frame(gaps), x_format=".1f"),
    )
    columns = ("Series", "Sharpe ± SE", "95 % range", "Gap, 95 %")
    note = "Series without costs; differences are paired by session."
    table = Table(caption="Beside the market", columns=columns, rows=rows, note=note)
    lead = comparison_sentence(compared)
    return Section(
        slug="baselines", title="Beside the market", lead=lead, parts=(Part(pictures=(picture,), tables=(table,)),)
    )


def _what_if(weights: pd.DataFrame, result: BacktestResult, inputs: Inputs) -> Section:
    """The same weights under other costs, clocks and sizes."""
    panel = inputs.panel
    base = Case(weights=weights, execution=result.execution, costs=result.costs)
    capacity = capacity_curve(panel, base, result)
    curves = {
        "costs": (cost_curve(panel, base, trade_bps=TRADE_BPS), Dial(title="bps one way", own=result.costs.trade_bps)),
        "delay": (delay_curve(panel, base), Dial(title="sessions from decision to fill", own=result.execution.delay)),
        "capital": (capacity.table, Dial(title="capital at the start", log=True)),
    }
    if (weights < 0).any(axis=None):
        curves["borrow fee"] = (borrow_curve(panel, base), Dial(title="borrow fee, bps a year"))
    broken = break_even_bps(result)
    lead = "The book never traded." if np.isnan(broken) else f"The book breaks even at {ratio(broken, 1)} bps one way."
    pictures = tuple(
        Picture(title=f"Net Sharpe ratio by {name}", summary=_ends(table["sharpe"]), figure=dial_figure(table, dial))
        for name, (table, dial) in curves.items()
        if len(table)
    )
    rows = tuple(row for name, (table, _) in curves.items() for row in _dial_rows(name, table))
    table = Table(
        caption="The same weights under other conditions",
        columns=("Dial", "Sharpe net ± SE", "Annual return", "Drawdown"),
        rows=rows,
        note="The weights stay as given; the compiled ledger alone keeps these books. Where the costs know no impact, "
        "one by the square root of participation is assumed for capital.",
        folded=True,
    )
    missing = (f"Capacity: n/a, {capacity.missing}.",) if capacity.missing else ()
    part = Part(sentences=missing, pictures=pictures, tables=(table,))
    return Section(slug="what-if", title="What if", lead=lead, parts=(part,))


def _dial_rows(name: str, table: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    for dial, row in table.iterrows():
        sharpe = plus_minus(row["sharpe"], row["standard_error"])
        yield f"{name} {dial:g}", sharpe, percent(row["annual_return"]), percent(row["max_drawdown"])


def _ends(sharpe: pd.Series) -> str:
    known = sharpe.dropna()
    if known.empty:
        return "No Sharpe ratio is known."
    first, last = known.index[0], known.index[-1]
    return f"{ratio(known[first])} at {first:g} and {ratio(known[last])} at {last:g}."


def _facts(report: BookReport, inputs: Inputs) -> Section:
    panel, result = inputs.panel, report.result
    stamp, facts = survivorship_stamp(survivorship(panel)), panel.facts
    rows = (
        ("Source", facts.source),
        ("Adjustment", facts.adjustment),
        ("Volume basis", facts.volume_basis),
        ("Calendar", facts.session_words),
        ("Names", count(len(panel.tickers))),
        ("Universe", facts.universe),
        (f"Survivorship: {stamp.label}", stamp.sentence),
        ("Judged", _span(report)),
        ("Fills", fill_words(result.execution)),
        ("Costs", str(result.costs)),
        ("Capital", count(result.capital)),
        ("Engine", result.engine),
        ("Bars, sha256", panel.fingerprint()),
        ("Source code, sha256", code_fingerprint()),
        ("Commit", commit() or "not recorded"),
    )
    table = partial(Table, columns=("Fact", "Value"), wordy=True)
    told = (*facts.notes, *input_remarks(inputs, pd.DatetimeIndex(report.result.net_returns.index)))
    notes = tuple((str(place), note) for place, note in enumerate(told, start=1))
    tables = [table(caption="Bars, clock and costs", rows=rows)]
    tables += [table(caption="Notes of the loader", rows=notes)] if notes else []
    return Section(
        slug="facts", title="Data facts", lead="What the numbers stand on.", parts=(Part(tables=tuple(tables)),)
    )
