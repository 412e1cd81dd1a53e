"""Holdings: what an account holds today, read from a CSV file that a person or a broker wrote."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.errors import DataError, SourceError

__all__ = ["CASH_ROW", "Holdings", "read_holdings"]

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
    """

    amounts: pd.Series
    in_shares: bool
    cash: float = 0.0


def read_holdings(path: str | Path) -> Holdings:
    """Read a CSV file with the columns ``ticker`` and ``shares``, or ``ticker`` and ``weight``.

    A row ``$CASH`` holds the cash, in currency in the column ``shares``.

    Raises
    ------
    SourceError
        If the file is missing, not CSV, or empty.
    DataError
        If a column is missing, a ticker repeats or an amount is not a finite number.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as opened:
            rows = [row for row in csv.reader(opened) if any(cell.strip() for cell in row)]
    except FileNotFoundError as error:
        raise SourceError(
            f"no holdings at {path}: give a CSV file with ticker and shares, or ticker and weight"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path.name} is not a readable CSV file: {error}") from error
    if not rows:
        raise SourceError(f"{path.name} is empty: it needs a header with ticker and shares, or ticker and weight")
    return _holdings(rows, path.name)


def _holdings(rows: list[list[str]], origin: str) -> Holdings:
    header = [name.strip().lower() for name in rows[0]]
    kinds = [name for name in ("shares", "weight") if name in header]
    if "ticker" not in header or len(kinds) != 1:
        raise DataError(f"{origin} needs the column ticker and one of shares and weight, found {header}: rename them")
    ticker, amount = header.index("ticker"), header.index(kinds[0])
    amounts: dict[str, float] = {}
    for line, row in enumerate(rows[1:], start=2):
        name = row[ticker].strip() if len(row) > ticker else ""
        if not name or name in amounts:
            raise DataError(
                f"{origin} has {'no ticker' if not name else f'{name} again'} in line {line}: keep one row each"
            )
        amounts[name] = _number(row[amount] if len(row) > amount else "", f"{kinds[0]} of {name}", origin)
    cash = amounts.pop(CASH_ROW, 0.0)
    held = pd.Series(amounts, dtype=float)
    if kinds[0] == "weight" and held.abs().sum() > MAX_WEIGHT:
        raise DataError(
            f"weights in {origin} add up to {held.abs().sum():.4g} of equity: write fractions, 0.05 for five percent"
        )
    return Holdings(amounts=held, in_shares=kinds[0] == "shares", cash=cash)


def _number(text: str, what: str, origin: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{origin} holds {text.strip()!r} where {what} should be a number: write it without separators")
    return number
