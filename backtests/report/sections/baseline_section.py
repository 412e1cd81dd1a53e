"""Section on the baseline comparison: which simple baselines the book beats, and which it does not."""

import math

import pandas as pd

from backtests.comparison.baseline_comparison import BaselineComparison, RandomBooks, comparison_sentence
from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures.dots_figures import dots_figure
from backtests.report.figures.histogram_figures import marked_histogram_figure
from backtests.report.formats import count, percent, plus_minus, ranged, ratio
from backtests.report.page import Page
from backtests.report.sections.common_rows import range_frame
from core.intervals import Interval

__all__ = ["baseline_section"]

CONVENTION = (
    "Every baseline trades through the same rules, clock and costs, on each session's own scores reordered by the "
    "baseline, so that short filters see the same levels. The universe is an equal-weighted book, rebalanced "
    "daily at the same costs; a benchmark bears none. Differences are paired by session; intervals are not adjusted "
    "for the number of baselines. Random ranks are the evaluated scores with tickers permuted: the whole score path of "
    "one name is assigned to another, which keeps persistence and turnover. Shown are the median, the middle 95 % of "
    "the books, and the mean return per year. The permutation breaks up bets that many names share, such as a sector "
    "bet, which widens the range of such books."
)


def baseline_section(page: Page) -> Section | None:
    """The book beside its baselines; None where none were run."""
    compared = page.evaluation.baseline_comparison
    if compared is None:
        return None
    pictures = [_sharpes(compared), _gaps(compared)] + (
        [] if compared.random is None else [_random(compared, compared.random)]
    )
    return Section(
        slug="baselines",
        title="Baseline comparison",
        lead=comparison_sentence(compared),
        parts=(Part(pictures=tuple(pictures), tables=(_table(page, compared),)),),
    )


def _sharpes(compared: BaselineComparison) -> Picture:
    ranges = {compared.name: compared.sharpe_range} | {
        name: baseline.sharpe_range for name, baseline in compared.baselines.items()
    }
    words = ", ".join(f"{name} {ratio(found.estimate)} ({ranged(found)})" for name, found in ranges.items())
    return Picture(
        title=f"Net Sharpe ratio of {compared.name} and of its baselines, with 95 % ranges",
        summary=f"Overlapping ranges are no test: moves common to both cancel only in the paired differences. {words}.",
        figure=dots_figure(range_frame(ranges), x_format=".1f"),
    )


def _gaps(compared: BaselineComparison) -> Picture:
    gaps = range_frame({name: baseline.sharpe_gap for name, baseline in compared.baselines.items()})
    words = ", ".join(f"{name} {ratio(gap)}" for name, gap in gaps["estimate"].items())
    return Picture(
        title=f"Sharpe ratio of {compared.name} less each baseline's, with 95 % intervals",
        summary=f"An interval that includes zero is no significant difference. Estimates: {words}.",
        figure=dots_figure(gaps, x_format=".1f"),
    )


def _random(compared: BaselineComparison, random: RandomBooks) -> Picture:
    return Picture(
        title=f"{compared.name} among {len(random.sharpes)} books on random ranks",
        summary=f"{_luck_words(compared, random)} {_pace_words(random)}".strip(),
        figure=marked_histogram_figure(
            random.sharpes,
            compared.sharpe,
            names=("random ranks", "this book"),
            title="annual Sharpe ratio, net",
            x_format=".1f",
        ),
    )


def _luck_words(compared: BaselineComparison, random: RandomBooks) -> str:
    if math.isnan(random.p_value):
        return "This book or the random ones have no Sharpe ratio to compare."
    found = random.range()
    return (
        f"Books on random ranks as persistent as its own have a median Sharpe ratio of {ratio(found.estimate)}; 95 % "
        f"of them lie between {ratio(found.low)} and {ratio(found.high)}, and this book has {ratio(compared.sharpe)}. "
        f"{percent(random.p_value)} of the random books do at least as well (one-sided p-value, this book counted "
        "among them)."
    )


def _pace_words(random: RandomBooks) -> str:
    """What was drawn, beside the book's own."""
    if random.own is None or random.drawn is None:
        return ""
    return (
        f"Rank autocorrelation from one scored session to the next: {ratio(random.drawn.autocorrelation, 3)} drawn, "
        f"{ratio(random.own.autocorrelation, 3)} its own; turnover of the decided weights, one way per decision: "
        f"{percent(random.drawn.turnover)} drawn, {percent(random.own.turnover)} its own."
    )


def _table(page: Page, compared: BaselineComparison) -> Table:
    own = page.books[compared.name].net if compared.name in page.books else None
    error = None if own is None else own.sharpe_standard_error
    first = (compared.name, plus_minus(compared.sharpe, error), ranged(compared.sharpe_range), "", "")
    rows = [(*first, percent(None if own is None else own.annual_return))]
    for name, baseline in compared.baselines.items():
        rows.append(
            (
                name,
                plus_minus(baseline.sharpe, baseline.standard_error),
                ranged(baseline.sharpe_range),
                _interval(baseline.sharpe_gap, 1.0),
                f"{_interval(baseline.return_gap, 100.0)} %",
                percent(baseline.annual_return),
            )
        )
    rows += [(name, "n/a", why, "n/a", "n/a", "n/a") for name, why in compared.missing.items()]
    if compared.random is not None:
        found = compared.random.range()
        label = f"random ranks, median of {count(len(compared.random.sharpes))}"
        mean = percent(float(pd.Series(compared.random.annual_means).median()))
        rows.append(
            (
                label,
                ratio(found.estimate),
                ranged(found),
                f"p = {ratio(compared.random.p_value, 3)}",
                "",
                f"{mean} (mean a year)",
            )
        )
    columns = (
        "Book",
        "Sharpe net ± SE",
        "95 % range",
        "Sharpe gap, 95 %",
        "Mean return gap, annualised, 95 %",
        "Annual return",
    )
    return Table(caption="The same book on other scores", columns=columns, rows=tuple(rows), note=CONVENTION)


def _interval(gap: Interval, scale: float) -> str:
    digits = 2 if scale == 1.0 else 1
    return f"{ratio(scale * gap.estimate, digits)} ({ranged(gap, digits, scale=scale)})"
