"""Section on regimes: named periods that the span covers, and labels known at each close."""

import math
from collections.abc import Mapping

import pandas as pd

from backtests.report.book_report import BookReport
from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures.books_figures import regime_figure
from backtests.report.formats import count, percent, plus_minus
from backtests.report.sections.common_rows import TOO_FEW
from backtests.statistics.regimes import UNLABELLED

__all__ = ["regime_section"]

DATED = "Named periods"
NOTES = {
    DATED: "Periods of market history that the span covers, chosen in hindsight.",
    "Trailing volatility": "Tercile of 20-session market volatility within its own past, known at the close before.",
    "VIX": "Tercile of the given VIX within its own past, known at the close before.",
    "Trend": "Market above or below its mean of 200 sessions, known at the close before.",
}


def regime_section(
    books: Mapping[str, BookReport], signal: Mapping[str, pd.DataFrame] | None = None, *, is_synthetic: bool = False
) -> Section | None:
    """Performance of the books and of the signal by regime; None where no session of any book has one.

    Parameters
    ----------
    books : mapping of str to BookReport
        By name.
    signal : mapping of str to DataFrame, optional
        ``signal_regimes`` by family.
    is_synthetic : bool
        The dates of the bars are invented, so that no period of market history is among them.
    """
    families = list(dict.fromkeys(family for book in books.values() for family in book.regimes))
    families = [family for family in families if _is_told(family, books) and not (is_synthetic and family == DATED)]
    parts = tuple(_family_part(family, books, (signal or {}).get(family)) for family in families)
    if not parts:
        return None
    return Section(
        slug="regimes",
        title="Regimes",
        lead="Performance, IC and accuracy by market regime; regimes of fewer than 60 sessions are not reported.",
        parts=parts,
    )


def _is_told(family: str, books: Mapping[str, BookReport]) -> bool:
    """Whether any session of any book has a label of the family."""
    return any(set(book.regimes[family].index) - {UNLABELLED} for book in books.values() if family in book.regimes)


def _family_part(family: str, books: Mapping[str, BookReport], signal: pd.DataFrame | None) -> Part:
    tables = {name: book.regimes[family] for name, book in books.items() if family in book.regimes}
    pictures = () if all(table["sharpe"].isna().all() for table in tables.values()) else (_picture(family, tables),)
    known = () if signal is None or signal.empty else (_signal_table(family, signal),)
    return Part(heading=family, pictures=pictures, tables=(_table(family, tables), *known))


def _signal_table(family: str, signal: pd.DataFrame) -> Table:
    rows = tuple((str(regime), *_signal_cells(row)) for regime, row in signal.iterrows())
    columns = ("Regime", "Rank IC ± SE", "IC hit rate", "Accuracy ± SE, %", "Sessions")
    return Table(caption=f"Rank IC and accuracy by {_worded(family)}", columns=columns, rows=rows)


def _signal_cells(row: pd.Series) -> tuple[str, ...]:
    if math.isnan(row["rank_ic"]):
        return (TOO_FEW, "", "", count(row["sessions"]))
    accuracy = plus_minus(100.0 * row["accuracy"], 100.0 * row["accuracy_error"], 2)
    return (
        plus_minus(row["rank_ic"], row["rank_ic_error"], 4),
        percent(row["hit_rate"]),
        accuracy,
        count(row["sessions"]),
    )


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
