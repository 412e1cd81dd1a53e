"""Paper fills: what a broker filled of a paper log's orders, and what is held after it, out of the log alone.

Amounts are decimal numbers in the log and stay so where shares are counted; a table of fills holds floats.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from strategy.trials.chained_log import Entry
from strategy.trials.paper_log import ACTION, FILL, ORDER, RECONCILED, PaperLog

__all__ = [
    "FEE",
    "Note",
    "fill_table",
    "held_cash",
    "held_shares",
    "last_attempts",
    "noted",
    "order_states",
    "paper_fills",
]

FEE = "FEE"  # the type of an action that only takes cash
ALL = ""  # the ticker of a fee that is for every name
FILL_COLUMNS = ("session", "ticker", "shares", "price", "fee", "client_order_id")


@dataclass(frozen=True, slots=True)
class Note:
    """What an entry tells, or would tell: its kind and its facts, read once."""

    kind: str
    facts: Mapping[str, Any]


def noted(entries: Iterable[Entry]) -> list[Note]:
    """Entries as notes."""
    return [Note(entry.kind, entry.facts) for entry in entries]


def paper_fills(log: PaperLog) -> pd.DataFrame:
    """Fills of a paper log, in the order in which they came.

    Parameters
    ----------
    log : PaperLog
        Log of a version that a broker trades.

    Returns
    -------
    DataFrame, one row a fill
        ``session`` (of the fill), ``ticker``, ``shares`` (negative for a sale), ``price`` and ``fee`` in the currency
        of the account, ``client_order_id``; ``open``, the first price of the session in the bars that the fill was
        read with, NaN where they did not have it. A broker charges fees by name or by session, on the day or later:
        they are divided by notional among the fills of the last session until then, of the name where they tell one.
    """
    return fill_table(noted(log.entries()))


def fill_table(notes: Sequence[Note]) -> pd.DataFrame:
    """The table of ``paper_fills`` out of a log that was read."""
    rows = [_row(note.facts) for note in notes if note.kind == FILL]
    fills = pd.DataFrame(rows, columns=[*FILL_COLUMNS, "open"])
    fills = fills.astype({"session": "datetime64[ns]", "shares": float, "price": float, "fee": float, "open": float})
    if fills.empty:
        return fills
    days = [row[0] for row in rows]
    fees, notional = _charged(notes, rows), (fills["shares"] * fills["price"]).abs()
    for names in (fills["ticker"].tolist(), [ALL] * len(rows)):
        keys = list(zip(names, days, strict=True))
        whole = notional.groupby(pd.Index(keys, tupleize_cols=False)).transform("sum")
        fills["fee"] += notional / whole * [fees.get(key, 0.0) for key in keys]
    return fills


def held_shares(entries: Sequence[Entry | Note]) -> dict[str, Decimal]:
    """Shares that a log's fills, actions and adopted positions come to, without names that come to none."""
    held: dict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        for ticker, shares in _moved(entry).items():
            held[ticker] += shares
    return {ticker: shares for ticker, shares in sorted(held.items()) if shares}


def held_cash(entries: Sequence[Entry | Note]) -> Decimal:
    """Cash that a log comes to: what the account held when it was first read, then fills, actions and adopted gaps."""
    opening = next((entry for entry in entries if entry.kind == RECONCILED), None)
    cash = Decimal() if opening is None else Decimal(opening.facts["cash"])
    for entry in entries:
        facts = entry.facts
        if entry.kind == FILL:
            cash -= Decimal(facts["shares"]) * Decimal(facts["price"])
        elif entry.kind == ACTION:
            cash += Decimal(facts["cash"])
        elif entry.kind == RECONCILED and facts.get("adopted"):
            cash += Decimal(facts.get("cash_gap", "0"))
    return cash


def order_states(entries: Sequence[Entry | Note]) -> dict[str, dict[str, Any]]:
    """Every order by its client order id, as it was planned, with the state that it came to last."""
    states: dict[str, dict[str, Any]] = {}
    for facts in (entry.facts for entry in entries if entry.kind == ORDER):
        states[facts["client_order_id"]] = states.get(facts["client_order_id"], {}) | dict(facts)
    return states


def last_attempts(entries: Sequence[Entry | Note]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Every order by session, name and side: a further attempt takes the place of a former one."""
    return {(facts["session"], facts["ticker"], facts["side"]): facts for facts in order_states(entries).values()}


def _moved(entry: Entry | Note) -> dict[str, Decimal]:
    """Signed shares by which an entry changes what is held."""
    if entry.kind in (FILL, ACTION):
        facts = entry.facts
        return {facts["ticker"]: Decimal(facts["shares"])}
    if entry.kind == RECONCILED and entry.facts.get("adopted"):
        return {ticker: Decimal(shares) for ticker, shares in entry.facts["differences"].items()}
    return {}


def _charged(notes: Sequence[Note], rows: Sequence[Sequence[Any]]) -> dict[tuple[str, str], float]:
    """Fees by name and session of the fills that they are for."""
    days: dict[str, list[str]] = defaultdict(list)
    for session, ticker in sorted({(row[0], name) for row in rows for name in (row[1], ALL)}):
        days[ticker].append(session)
    charged: dict[tuple[str, str], float] = defaultdict(float)
    for fee in (note.facts for note in notes if note.kind == ACTION and note.facts["type"] == FEE):
        until = bisect_right(days[fee["ticker"]], fee["session"])
        if until:
            charged[fee["ticker"], days[fee["ticker"]][until - 1]] -= float(fee["cash"])
    return charged


def _row(facts: Mapping[str, Any]) -> list[Any]:
    numbers = (float(facts["shares"]), float(facts["price"]), 0.0)
    return [facts["session"], facts["ticker"], *numbers, facts["client_order_id"], facts.get("open", float("nan"))]
