"""Parts on the returns of the books: by month and year, over the last year at each close, and by side."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from backtests.report.book_report import BookReport
from backtests.report.content import HEATS, Part, Picture, Table
from backtests.report.figures.rolling_figures import rolling_figure, sides_figure
from backtests.report.formats import MISSING, date, percent, ratio
from backtests.report.sections.common_rows import by_book
from backtests.statistics.monthly_returns import monthly_returns
from backtests.statistics.rolling_beta import rolling_beta
from backtests.statistics.rolling_metrics import rolling_sharpe, rolling_volatility

__all__ = ["monthly_table", "months_part", "rolling_part", "sides_part"]

MONTHLY = (
    "Net simple returns compounded over the sessions of each calendar month; the months of a year compound to its "
    "total. The first and the last month may be partial."
)
SIDES = (
    "Growth of 1 earning the contribution of one side alone to the gross return of each session, on the equity of the "
    "whole book; costs are in neither side."
)


def months_part(books: Mapping[str, BookReport]) -> Part:
    """Monthly returns of every book; those of all but the first are folded."""
    tables = [monthly_table(name, book.result.net_returns) for name, book in books.items()]
    later = (replace(table, folded=True) for table in tables[1:])
    return Part(heading="Monthly returns", sentences=(MONTHLY,), tables=(tables[0], *later))


def monthly_table(name: str, returns: pd.Series) -> Table:
    """Years × months of one book, shaded by size: blue above zero, orange below."""
    table = monthly_returns(returns)
    rows = tuple(
        (str(year), *(_month(number) for number in row)) for year, row in zip(table.index, _rows(table), strict=True)
    )
    return Table(
        caption=f"Monthly returns of {name}, net, %",
        columns=("Year", *table.columns),
        rows=rows,
        heat=_heat(table),
    )


def rolling_part(books: Mapping[str, BookReport], market: pd.Series) -> Part:
    """Sharpe ratio, volatility and beta over one year at each close."""
    year = next(iter(books.values())).net.sessions_per_year
    lookback = round(year)
    net = by_book(books, "net_returns")
    heading = f"Rolling, window of one year ({lookback} sessions)"
    if net.notna().sum().max() < max(lookback, 20):
        short = f"The span is shorter than a window of {lookback} sessions: n/a."
        return Part(heading=heading, sentences=(short,))
    rolled = {
        "Sharpe ratio, net": (net.apply(rolling_sharpe, lookback=lookback, sessions_per_year=year), ".1f"),
        "Volatility, annualised": (net.apply(rolling_volatility, lookback=lookback, sessions_per_year=year), ".0%"),
        "Beta to the equal-weighted universe": (
            pd.DataFrame({name: rolling_beta(net[name], market, lookback=lookback) for name in net}),
            ".2f",
        ),
    }
    pictures = tuple(
        Picture(
            title=f"Rolling {name[0].lower()}{name[1:]}" if name[0] != "S" else f"Rolling {name}",
            summary=f"Window of {lookback} sessions, ending at each close: {_extremes(table, form)}.",
            figure=rolling_figure(table, y_format=form),
        )
        for name, (table, form) in rolled.items()
    )
    return Part(heading=heading, pictures=pictures)


def sides_part(books: Mapping[str, BookReport]) -> tuple[Part, ...]:
    """Curves of the long and of the short side of every book that was studied."""
    pictures = tuple(
        Picture(
            title=f"Long side and short side of {name}",
            summary=f"At the end: {_grown(book.study.legs)}.",
            figure=sides_figure(book.study.legs[["long", "short"]]),
        )
        for name, book in books.items()
        if book.study is not None
    )
    return (Part(heading="Long and short side", sentences=(SIDES,), pictures=pictures),) if pictures else ()


def _grown(legs: pd.DataFrame) -> str:
    return ", ".join(f"{side} {ratio((1.0 + legs[side]).cumprod().iloc[-1])}" for side in ("long", "short"))


def _extremes(table: pd.DataFrame, form: str) -> str:
    shown = percent if form.endswith("%") else ratio
    known = {name: column.dropna() for name, column in table.items()}
    return "; ".join(
        f"{name} {shown(column.min())} ({date(column.idxmin())}) to {shown(column.max())} ({date(column.idxmax())}), "
        f"last {shown(column.iloc[-1])}"
        for name, column in known.items()
        if len(column)
    )


def _rows(table: pd.DataFrame) -> np.ndarray:
    return table.to_numpy(dtype=float)


def _month(number: float) -> str:
    shown = ratio(100.0 * number, 1)
    return "" if shown == MISSING else shown


def _heat(table: pd.DataFrame) -> tuple[tuple[int, ...], ...]:
    """Shades: months against the largest month, totals against the largest total."""
    months, totals = _rows(table)[:, :-1], _rows(table)[:, -1:]
    return tuple(tuple(row) for row in np.hstack([_shades(months), _shades(totals)]).tolist())


def _shades(values: np.ndarray) -> np.ndarray:
    known = np.abs(values[np.isfinite(values)])
    largest = known.max() if known.size else 0.0
    if largest == 0.0:
        return np.zeros(values.shape, dtype=int)
    scaled = np.nan_to_num(values / largest) * HEATS
    shades: np.ndarray = (np.sign(scaled) * np.ceil(np.abs(scaled))).astype(int)
    return shades
