"""Section on regimes: named periods that the span covers, and labels known at each close."""

import math
from collections.abc import Mapping

import pandas as pd

from backtests.report.book_report import BookReport
from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures.books_figures import regime_figure
from backtests.report.formats import count, percent, plus_minus
from backtests.report.sections.common_rows import TOO_FEW

__all__ = ["regime_section"]

NOTES = {
    "Named periods": "Periods of market history that the span covers, chosen in hindsight.",
    "Trailing volatility": "Tercile of 20-session market volatility within its own past, known at the close before.",
    "VIX": "Tercile of the given VIX within its own past, known at the close before.",
    "Trend": "Market above or below its mean of 200 sessions, known at the close before.",
}


def regime_section(books: Mapping[str, BookReport]) -> Section | None:
    """Performance of the books by regime; None where no book has regimes."""
    families = list(dict.fromkeys(family for book in books.values() for family in book.regimes))
    parts = tuple(_family_part(family, books) for family in families)
    if not parts:
        return None
    return Section(
        slug="regimes",
        title="Regimes",
        lead="Performance by market regime; a regime of fewer than 60 sessions gets no number.",
        parts=parts,
    )


def _family_part(family: str, books: Mapping[str, BookReport]) -> Part:
    tables = {name: book.regimes[family] for name, book in books.items() if family in book.regimes}
    pictures = () if all(table["sharpe"].isna().all() for table in tables.values()) else (_picture(family, tables),)
    return Part(heading=family, pictures=pictures, tables=(_table(family, tables),))


def _picture(family: str, tables: dict[str, pd.DataFrame]) -> Picture:
    sharpe = pd.DataFrame({name: table["sharpe"] for name, table in tables.items()})
    error = pd.DataFrame({name: table["sharpe_standard_error"] for name, table in tables.items()})
    order = list(dict.fromkeys(regime for table in tables.values() for regime in table.index))
    known = [regime for regime in order if sharpe.loc[regime].notna().any()]
    return Picture(
        title=f"Net Sharpe ratio by {_worded(family)}, ± one standard error",
        summary=f"{len(known)} of {len(order)} regimes have enough sessions.",
        figure=regime_figure(sharpe.loc[known], error.loc[known]),
    )


def _worded(family: str) -> str:
    return family if family.isupper() else family.lower()


def _table(family: str, tables: dict[str, pd.DataFrame]) -> Table:
    regimes = list(dict.fromkeys(regime for table in tables.values() for regime in table.index))
    rows = tuple(
        (str(regime), name, *_cells(table.loc[regime]))
        for regime in regimes
        for name, table in tables.items()
        if regime in table.index
    )
    columns = ("Regime", "Book", "Sharpe ± SE", "Sessions", "Annual return", "Volatility", "Max. drawdown")
    caption = f"Net performance by {_worded(family)}"
    return Table(caption=caption, columns=columns, rows=rows, note=NOTES.get(family, ""))


def _cells(row: pd.Series) -> tuple[str, ...]:
    if math.isnan(row["sharpe"]):
        return (TOO_FEW, count(row["sessions"]), "", "", "")
    return (
        plus_minus(row["sharpe"], row["sharpe_standard_error"]),
        count(row["sessions"]),
        percent(row["annual_return"]),
        percent(row["volatility"]),
        percent(row["max_drawdown"]),
    )
