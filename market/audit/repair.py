"""Repair: findings beyond doubt become a new version of the data or a new file; each change is listed.

Rows that no bar can be are removed, and copies of an earlier bar that were known as such at their own close. Prices
before a split that nothing accounts for are divided by its ratio and shares multiplied. Whatever only later sessions
show stays: bars that a backtest reads must not know what came next. :mod:`market.audit.mask` is the causal answer.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from core.files import atomic_path
from market.audit.audited_bars import Audited, unusable_rows
from market.audit.finding_kinds import KINDS, LEFT, OTHERS_LEFT, RESCALE
from market.audit.stock_splits import split_words
from market.bars.long_form import LongBars
from market.store import Change

__all__ = ["fixed_rows", "left_alone", "write_rows"]

PRICES = ("open", "high", "low", "close", "adj_close")


def fixed_rows(audited: Audited, rows: LongBars) -> tuple[LongBars, tuple[Change, ...]]:
    """Repair rows, and list every change by ticker.

    Parameters
    ----------
    audited : Audited
        The audit of these rows.
    rows : LongBars
        All fields of the version or file.
    """
    unusable = unusable_rows(rows, origin=audited.audit.source)
    rows, rescaled = _without_splits(audited, rows, unusable)
    wrong = audited.audit.removable(audited.panel).to_numpy()
    places = audited.panel.sessions.get_indexer(pd.DatetimeIndex(rows.dates))
    columns = audited.panel.tickers.get_indexer(pd.Index(rows.tickers, dtype="str"))[rows.codes]
    copied = (places >= 0) & (columns >= 0) & wrong[places, columns] & ~unusable
    removed = [
        *_removed(rows, unusable, "removed, no bar can be so or stand twice"),
        *_removed(rows, copied, "removed, a copy of an earlier bar"),
    ]
    return rows.select(~(unusable | copied)), (*rescaled, *removed)


def write_rows(rows: LongBars, path: Path) -> None:
    """Write rows as a parquet file in long form, by ticker and date, whole or not at all."""
    order = np.lexsort((rows.dates, np.array(rows.tickers)[rows.codes]))
    table = {
        "date": pa.array(rows.dates[order].astype("datetime64[D]"), pa.date32()),
        "ticker": pa.array(np.array(rows.tickers, dtype=object)[rows.codes[order]], pa.string()),
        **{name: pa.array(values[order], from_pandas=True) for name, values in rows.numbers.items()},
    }
    with atomic_path(path) as partial:
        parquet.write_table(pa.table(table), partial, compression="zstd")


def left_alone(audited: Audited) -> dict[str, tuple[int, str]]:
    """Findings that a fix leaves, by kind: how many, and why."""
    findings = audited.audit.findings
    counts = findings.loc[findings["repair"] == "", "kind"].value_counts()
    return {kind: (int(counts[kind]), LEFT.get(kind, OTHERS_LEFT)) for kind in KINDS if kind in counts.index}


def _removed(rows: LongBars, marked: np.ndarray, what: str) -> list[Change]:
    """One change for each ticker and run of days; a ticker's are told together."""
    changes, places = [], np.flatnonzero(marked)
    codes = rows.codes[places]
    for code in np.unique(codes).tolist():
        days = np.sort(rows.dates[places[codes == code]].astype("datetime64[D]"))
        changes.append(
            Change(what=what, ticker=rows.tickers[code], first=str(days[0]), last=str(days[-1]), sessions=len(days))
        )
    return changes


def _without_splits(audited: Audited, rows: LongBars, unusable: np.ndarray) -> tuple[LongBars, tuple[Change, ...]]:
    findings = audited.audit.findings
    splits = findings[findings["repair"] == RESCALE]
    numbers = {name: values.copy() for name, values in rows.numbers.items()}
    changes = []
    for ticker, session, ratio in zip(splits["ticker"], splits["first"], splits["value"], strict=True):
        before = (rows.codes == rows.tickers.index(ticker)) & (rows.dates < session.to_datetime64()) & ~unusable
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
