"""Holdings: what an account holds today, read from a CSV file that a person or a broker wrote."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from core.errors import DataError, SourceError
from market.bars.bar_files import read_whole_table
from market.bars.cell_numbers import cell_numbers
from market.bars.columns import plain_name
from market.bars.csv import csv_notes, decimal_of
from market.bars.defects import Defect, refuse
from market.ticker_names import clean_ticker

__all__ = ["CASH_ROW", "Holdings", "read_holdings", "table_holdings"]

TICKER = ("ticker", "symbol")
CASH_ROW = "$CASH"  # no ticker begins so: CASH alone is one
MAX_WEIGHT = 10.0  # of equity in all; more is percent, or shares under the wrong name


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Holdings:
    """Positions before the decision.

    Parameters
    ----------
    amounts : Series of float
        By ticker, negative for a short: shares, or fractions of equity.
    in_shares : bool
        Which of the two.
    cash : float
        In the currency of the bars; 0 where none is given, and unused for fractions.
    told_cash : bool
        Whether the cash was given, so that the holdings are the whole account.
    notes : tuple of str
        What of their file a person would want to know.
    """

    amounts: pd.Series
    in_shares: bool
    cash: float = 0.0
    told_cash: bool = False
    notes: tuple[str, ...] = ()


def read_holdings(path: str | Path) -> Holdings:
    """Read a file with the columns ``ticker`` and ``shares``, or ``ticker`` and ``weight``.

    A row ``$CASH`` holds the cash, in currency in the column ``shares``.

    Parameters
    ----------
    path : str or Path
        A .csv or .parquet file; tickers and numbers in the spellings that bars may have.

    Raises
    ------
    SourceError
        If the file is missing, not readable, or empty.
    DataError
        If a column is missing, a ticker repeats or an amount is not a finite number; one error names all.
    """
    path = Path(path)
    if not path.is_file():
        raise SourceError(f"no holdings at {path}: give a CSV file with ticker and shares, or ticker and weight")
    try:
        table = read_whole_table(path, what="holdings")
    except SourceError as error:
        if "is empty" not in str(error):
            raise
        raise SourceError(
            f"{path.name} is empty: it needs a header with ticker and shares, or ticker and weight"
        ) from error
    return table_holdings(table, path.name)


def table_holdings(table: pa.Table, origin: str) -> Holdings:
    """Holdings of a table with the columns that ``read_holdings`` takes; ``origin`` names it in messages.

    Raises
    ------
    DataError
        As ``read_holdings``.
    """
    named: dict[str, str] = {plain_name(name): name for name in reversed(table.schema.names)}
    kinds = [name for name in ("shares", "weight") if name in named]
    ticker = next((named[word] for word in TICKER if word in named), None)
    if ticker is None or len(kinds) != 1:
        raise DataError(
            f"{origin} needs the column ticker and one of shares and weight, found {table.schema.names}: rename them"
        )
    tickers = [clean_ticker(text) for text in table[ticker].cast(pa.string()).fill_null("").to_pylist()]
    numbers, defect = cell_numbers(
        table[named[kinds[0]]],
        name=kinds[0],
        origin=origin,
        place=lambda row: f" of {tickers[row] or f'row {row + 1}'}",
        decimal=decimal_of(table),
    )
    unread = [] if defect is None else [defect]
    blank = np.array([not name for name in tickers], dtype=bool) & np.isnan(numbers)  # a line of separators alone
    refuse([*_defects(tickers, numbers, blank, kinds[0], origin, unread), *unread], origin=origin)
    amounts = {name: float(number) for name, number, none in zip(tickers, numbers, blank, strict=True) if not none}
    told_cash, cash = CASH_ROW in amounts, amounts.pop(CASH_ROW, 0.0)
    held = pd.Series(amounts, dtype=float)
    if kinds[0] == "weight" and held.abs().sum() > MAX_WEIGHT:
        raise DataError(
            f"weights in {origin} add up to {held.abs().sum():.4g} of equity: write fractions, 0.05 for five percent"
        )
    return Holdings(
        amounts=held,
        in_shares=kinds[0] == "shares",
        cash=cash,
        told_cash=told_cash,
        notes=csv_notes(table, origin),
    )


def _defects(
    tickers: Sequence[str], numbers: np.ndarray, blank: np.ndarray, kind: str, origin: str, unread: Sequence[Defect]
) -> Iterator[Defect]:
    lines: dict[str, list[int]] = {"no ticker": [], "again": [], "no number": []}
    text, seen = {int(row) for defect in unread for row in defect.rows}, set[str]()
    for row, name in enumerate(tickers):
        if blank[row]:
            continue
        if not name:
            lines["no ticker"].append(row)
        elif name in seen:
            lines["again"].append(row)
        seen.add(name)
        if not np.isfinite(numbers[row]) and row not in text:
            lines["no number"].append(row)
    for what, rows in lines.items():
        if not rows:
            continue
        first = rows[0]
        told = {
            "no ticker": f"{origin} has no ticker in line {first + 2}",
            "again": f"{origin} has {tickers[first]} again in line {first + 2}",
            "no number": f"{origin} holds no number where {kind} of {tickers[first]} should be a number",
        }[what]
        remedy = ": write it, or drop the row" if what == "no number" else ": keep one row each"
        yield Defect(kind=what, first=told, remedy=remedy, count=len(rows))
