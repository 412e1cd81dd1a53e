"""Sentences and rows that several sections share: conventions, the test span, metrics with their spelling."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.report.book_report import BookReport
from backtests.report.formats import a_year, count, date, plus_minus, ranged
from backtests.report.page import Page
from backtests.report.run_provenance import Span
from backtests.statistics.bootstrap_intervals import N_RESAMPLES
from core.intervals import Interval
from market import Execution
from signals.score_metrics import ICSummary

__all__ = [
    "IC_CONVENTION",
    "RANGE_CONVENTION",
    "TODAYS_SECTORS",
    "TOO_FEW",
    "Metric",
    "by_book",
    "compared",
    "facts_of",
    "fill_words",
    "horizon_words",
    "ic_words",
    "overlap_words",
    "range_frame",
    "return_conventions",
    "sharpe_words",
    "span_words",
]

TOO_FEW = "too few sessions"
TODAYS_SECTORS = (
    "One sector list for the whole history, as of the day it was compiled: on past sessions it was not yet known."
)
IC_CONVENTION = (
    "Rank IC = Spearman correlation of scores and forward returns within a session, average ranks; Pearson IC = the "
    "correlation of the values; ± is one HAC (Newey-West) standard error of the mean."
)
HOLE_DAYS = 21  # between two sessions: no exchange closes for so long, the sessions between are a hole
HOLE_GAPS = 3.0  # and times the usual gap, for bars of a month
RANGE_CONVENTION = (
    "Ranges hold 95 %: of a mean IC, its HAC error × a critical value that allows for the lags (Kiefer and Vogelsang "
    "2005); of a Sharpe ratio, a difference or a beta, its HAC error × the 95 % quantile of |t| over stationary "
    f"bootstrap samples ({N_RESAMPLES:,} resamples, seed 0, block length by Politis and White)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A row of the table of books: its label and how one book prints it."""

    label: str
    printed: Callable[[BookReport], str]


def return_conventions(sessions_per_year: float) -> str:
    """How Sharpe ratios, returns and costs are taken, and by how many sessions a year they are annual."""
    year = f"{sessions_per_year:.5g}"
    return (
        f"Sharpe = mean ÷ standard deviation (ddof 1) × √{year} of simple returns over the risk-free return; ± is one "
        "standard error with skewness and kurtosis (Mertens 2002). Simple close-to-close returns, "
        f"{a_year(sessions_per_year)}, compounded; drawdown counts the starting wealth; win rate among sessions that "
        f"moved; turnover one way; cost drag and alpha are means per session × {year}."
    )


def by_book(books: Mapping[str, BookReport], field: str) -> pd.DataFrame:
    """One series of every book's result, a column per book; a row of NaN breaks a line where a hole was left out."""
    table = pd.DataFrame({name: getattr(book.result, field) for name, book in books.items()})
    sessions = pd.DatetimeIndex(table.index)
    days = np.diff(sessions) / np.timedelta64(1, "D")
    before = sessions[:-1][days > max(HOLE_DAYS, HOLE_GAPS * float(np.median(days)) if len(days) else 0.0)]
    return table.reindex(sessions.append(before + pd.Timedelta(days=1)).sort_values()) if len(before) else table


def range_frame(ranges: Mapping[str, Interval]) -> pd.DataFrame:
    """Estimates with their bounds as a frame for a picture, a row per name."""
    return pd.DataFrame(list(ranges.values()), index=pd.Index(list(ranges)), columns=list(Interval._fields))


def span_words(span: Span) -> str:
    """Span as dates and a number of sessions."""
    return f"{date(span.first)} to {date(span.last)}, {count(span.sessions)} sessions"


def sharpe_words(book: BookReport) -> str:
    """Net Sharpe ratio of a book with its standard error."""
    return plus_minus(book.net.sharpe, book.net.sharpe_standard_error)


def ic_words(summary: ICSummary) -> str:
    """Mean rank IC, or a difference of two, with its HAC standard error."""
    return plus_minus(summary.mean, summary.standard_error, 4)


def compared(gap: ICSummary, ours: str, theirs: str) -> str:
    """Say in one sentence whether the mean rank IC of ours is above theirs, beyond a 95 % interval."""
    low, high = gap.interval.low, gap.interval.high
    measured = f"the rank IC differs by {ic_words(gap)} over {count(gap.n_sessions)} paired sessions"
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"Whether {ours} beats {theirs} cannot be said: too few paired sessions."
    ours = ours[:1].upper() + ours[1:]
    shown = f"{measured}, at 95 % {ranged(gap.interval, 4)}."
    if low > 0:
        return f"{ours} beats {theirs}: {shown}"
    return f"{ours} {'is worse than' if high < 0 else 'does not beat'} {theirs}: {shown}"


def horizon_words(horizon: int) -> str:
    """How long a forward return runs."""
    return "one session" if horizon == 1 else f"{horizon} sessions"


def overlap_words(horizon: int) -> str:
    """What overlapping forward returns ask of every standard error; empty for those of one session."""
    if horizon == 1:
        return ""
    return f" Forward returns span {horizon} sessions and overlap: their errors count at least {horizon - 1} lags."


def fill_words(execution: Execution) -> str:
    """When and where orders fill."""
    sessions = "session" if execution.delay == 1 else "sessions"
    later = "at that very close" if execution.is_optimistic else f"{execution.delay} {sessions} later"
    return f"decided at the close, filled {later}, at the {execution.price_field}"


def facts_of(page: Page) -> str:
    """What must stand beside every Sharpe ratio: span, universe, costs, fills and trials."""
    rules, universe, judged = page.rules, page.panel.facts.universe, page.evaluation.span
    test = page.provenance.spans.test
    if judged is not None:
        test = Span(first=judged.sessions[0], last=judged.sessions[-1], sessions=len(judged.sessions))
    return (
        f"Test span {span_words(test)}. Universe: {universe}. Costs: {rules.costs}. "
        f"Fills: {fill_words(rules.execution)}.{_sleeve_words(rules.horizon)} "
        f"Trials: {count(page.verdict.standing.recorded)}."
    )


def _sleeve_words(horizon: int) -> str:
    if horizon == 1:
        return ""
    return f" Scores look {horizon} sessions ahead; books hold {horizon} overlapping sleeves, one opened at each close."
