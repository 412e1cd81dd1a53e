"""Comparison page: many books on the same scores, their curves and one table, in the look of the report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from backtests.report.content import Part, Picture, Section, Stamp, Table
from backtests.report.figures.curves_figures import curves_figure
from backtests.report.formats import percent, plus_minus, ranged, ratio
from backtests.report.html_page import HtmlPage, render_page
from core.files import write_text
from core.intervals import Interval

__all__ = ["ComparedBooks", "render_compared_books", "write_compared_books"]

COLUMNS = (
    "Book",
    "Sharpe net ± SE",
    "95 % bounds",
    "Lead over the first",
    "Sharpe gross",
    "Verdict",
    "Deflated Sharpe",
    "Annual return",
    "Volatility",
    "Maximum drawdown",
    "Turnover per session, one way",
    "Beta",
    "Gross",
    "Net",
    "Short names",
)
CONVENTION = (
    "Every book shares scores, bars, universe, smoothing, limits, overlays, clock and costs. The verdict weighs each "
    "book as the run's report does, with all books counted as trials; n/a: fewer than five trials cannot deflate. "
    "Bounds are those of the studentized block bootstrap; the lead is in Sharpe ratio over the first book, paired by "
    "session. Exposures are means after fills, fractions of equity."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ComparedBooks:
    """Everything on the page.

    Parameters
    ----------
    strategy, title, verdict : str
        Name, headline and the sentence under it.
    conditions : str
        Period, bars, clock, costs and trials of every number.
    table : DataFrame
        One row a book, the columns of ``strategy.studies.book_comparison.BookComparison.table``.
    returns : DataFrame of float, shape (n_sessions, n_books)
        Net simple returns.
    market : Series of float
        Of the equal-weighted universe.
    stamps : tuple of Stamp
        Stamps of page one.
    refused : Mapping of str to str
        Books that could not be held, and why.
    command : str
        What makes the page again.
    """

    strategy: str
    title: str
    verdict: str
    conditions: str
    table: pd.DataFrame
    returns: pd.DataFrame
    market: pd.Series
    stamps: tuple[Stamp, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    command: str = ""


def render_compared_books(compared: ComparedBooks) -> str:
    """Render the comparison as one HTML page that works offline."""
    front = Section(slug="front", title="At a glance", lead="", parts=(_curves(compared),))
    table = Section(slug="table", title="The books side by side", lead=compared.conditions, parts=(_table(compared),))
    again = Section(slug="reproduce", title="Reproduce", lead="The command that makes this page again.")
    return render_page(
        HtmlPage(
            title=compared.title,
            strategy=compared.strategy,
            verdict=compared.verdict,
            sections=(front, table, again) if compared.command else (front, table),
            stamps=compared.stamps,
            command=compared.command,
        )
    )


def write_compared_books(compared: ComparedBooks, path: str | Path) -> Path:
    """Render the comparison into ``path``, whole or not at all, and return the path."""
    write_text(path, render_compared_books(compared))
    return Path(path)


def _curves(compared: ComparedBooks) -> Part:
    words = ", ".join(
        f"{name} {plus_minus(row['sharpe'], row['standard_error'])}" for name, row in compared.table.iterrows()
    )
    picture = Picture(
        title="Growth of 1, net of costs",
        summary=f"Sharpe ratio ± SE: {words}.",
        figure=curves_figure(compared.returns, compared.market),
    )
    return Part(pictures=(picture,))


def _table(compared: ComparedBooks) -> Part:
    rows = tuple(_row(str(name), row) for name, row in compared.table.iterrows())
    table = Table(caption="Every book, net of costs unless said otherwise", columns=COLUMNS, rows=rows, note=CONVENTION)
    refused = tuple(f"{name} was refused: {why}" for name, why in compared.refused.items())
    return Part(sentences=refused, tables=(table,))


def _row(name: str, row: pd.Series) -> tuple[str, ...]:
    return (
        name,
        plus_minus(row["sharpe"], row["standard_error"]),
        ranged(Interval(row["sharpe"], row["sharpe_low"], row["sharpe_high"])),
        _lead(Interval(row["gap"], row["gap_low"], row["gap_high"])),
        ratio(row["sharpe_gross"]),
        str(row["verdict"]),
        ratio(row["deflated"], 3),
        percent(row["annual_return"]),
        percent(row["volatility"]),
        percent(row["max_drawdown"]),
        percent(row["turnover"]),
        ratio(row["beta"]),
        percent(row["gross"]),
        percent(row["net"]),
        ratio(row["short_names"], 1),
    )


def _lead(gap: Interval) -> str:
    """The estimate with its bounds; the first book has no lead over itself."""
    bounds = ranged(gap)
    return bounds if ratio(gap.estimate) == bounds else f"{ratio(gap.estimate)} ({bounds})"
