"""Repair: findings beyond doubt become a new version of the data; the old one stays and each change is listed.

Bars that were not traded where they stand are removed, never replaced. Prices before a split that nothing accounts for
are divided by its ratio and shares multiplied. Everything else is left to the owner of the data.
"""

import numpy as np
import pandas as pd

from market.audit.audited_bars import Audited
from market.audit.stock_splits import split_words
from market.bars.long_form import LongBars
from market.store import Change

__all__ = ["fixed_rows"]

PRICES = ("open", "high", "low", "close", "adj_close")


def fixed_rows(audited: Audited, rows: LongBars) -> tuple[LongBars, tuple[Change, ...]]:
    """Repair rows, and list every change by ticker.

    Parameters
    ----------
    audited : Audited
        The audit of these rows.
    rows : LongBars
        All fields of the version, in key order.
    """
    rows, rescaled = _without_splits(audited, rows)
    wrong = audited.audit.bad_prints(audited.panel).to_numpy()
    places = audited.panel.sessions.get_indexer(pd.DatetimeIndex(rows.dates))
    columns = audited.panel.tickers.get_indexer(pd.Index(rows.tickers, dtype="str"))[rows.codes]
    dropped = (places >= 0) & (columns >= 0) & wrong[places, columns]
    removed = tuple(_removed(rows, row) for row in np.flatnonzero(dropped).tolist())
    return rows.select(~dropped), (*rescaled, *removed)


def _removed(rows: LongBars, row: int) -> Change:
    day = str(np.datetime_as_string(rows.dates[row], unit="D"))
    return Change(
        what="removed, not traded there", ticker=rows.tickers[rows.codes[row]], first=day, last=day, sessions=1
    )


def _without_splits(audited: Audited, rows: LongBars) -> tuple[LongBars, tuple[Change, ...]]:
    findings = audited.audit.findings
    splits = findings[findings["kind"] == "unadjusted split"]
    numbers = {name: values.copy() for name, values in rows.numbers.items()}
    changes = []
    for ticker, session, ratio in zip(splits["ticker"], splits["first"], splits["value"], strict=True):
        before = (rows.codes == rows.tickers.index(ticker)) & (rows.dates < session.to_datetime64())
        for name in numbers.keys() & {*PRICES}:
            numbers[name][before] /= ratio
        numbers["volume"][before] *= ratio
        days = rows.dates[before].astype("datetime64[D]")
        changes.append(
            Change(
                what="divided by an unadjusted split",
                ticker=ticker,
                first=str(days.min()),
                last=str(days.max()),
                sessions=int(before.sum()),
                factor=1 / ratio,
                likely=f"split {split_words(ratio)}",
            )
        )
    fixed = LongBars(dates=rows.dates, codes=rows.codes, tickers=rows.tickers, numbers=numbers, zones=rows.zones)
    return fixed, tuple(changes)
