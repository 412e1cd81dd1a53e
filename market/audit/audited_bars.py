"""Audited bars: a stored data set or a file with its audit, the adjusted bars and the adjustment factor."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import SourceError
from market.audit.audit import Audit, audit_panel
from market.audit.finding_kinds import REMOVE, Row
from market.bars.assembly import Origin, panel_from_rows
from market.bars.bar_files import bars_from_path
from market.bars.defects import Defect, refuse
from market.bars.long_form import LongBars, join_bars
from market.bars.row_checks import equal_repeats, row_defects, without_rows
from market.builtin_words import is_builtin
from market.calendar import with_exchange
from market.exchanges import exchange_code, zone_of
from market.panel import Panel, aligned_frame
from market.store import find_version, origin_of, stored_bars

__all__ = ["Audited", "audit_source", "unusable_rows"]

REPEATED = "repeated key"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audited:
    """An audit with the rows and the panel that it is of; ``rows`` still hold what no panel can."""

    audit: Audit
    rows: LongBars
    panel: Panel


def audit_source(source: str | Path, *, exchange: str | None = None) -> Audited:
    """Audit a stored data set, by name or ``name@version``, or a file or folder of bars.

    Rows that :func:`market.load_bars` would refuse are findings; the rest is audited without them. Sessions are held
    against ``exchange``, that of the data set, or the one that fits them.

    Raises
    ------
    SourceError, BarsError
        If nothing is there, no row can be used, or columns or dates cannot be read.
    """
    if is_builtin(source) or str(source).startswith("yfinance:"):
        raise SourceError(f"an audit needs bars at rest, was {source}: give a stored data set, a file or a folder")
    stored = find_version(str(source))
    if stored is None:
        zone = None if exchange is None else zone_of(exchange_code(exchange))
        rows, origin = bars_from_path(Path(source), zone=zone), Origin(name=Path(source).name)
    else:
        rows, origin = join_bars(stored_bars(*stored)), origin_of(stored[1])
        exchange = stored[1].exchange if exchange is None else exchange
    defects = row_defects(rows, origin=origin.name)
    usable = without_rows(rows, defects) if defects else rows
    if np.isnan(usable.numbers["close"]).all():
        refuse(defects, origin=origin.name)  # what is wrong with every row, rather than that none is left
    panel = with_exchange(panel_from_rows(usable, origin=origin), exchange)
    factor = _factor(usable, panel) if "adj_close" in rows.numbers else None
    found = list(_defect_rows(rows, defects, panel))
    return Audited(
        audit=audit_panel(panel, factor=factor, rows=found, set_aside=_set_aside(rows, defects, panel)),
        rows=rows,
        panel=panel,
    )


def unusable_rows(rows: LongBars, *, origin: str) -> np.ndarray:
    """Mark rows that no panel can hold, and all but the first of those that are equal in every value; bool."""
    unusable = equal_repeats(rows)
    for defect in row_defects(rows, origin=origin):
        unusable[defect.rows] = True
    return unusable


def _defect_rows(rows: LongBars, defects: tuple[Defect, ...], panel: Panel) -> Iterator[Row]:
    """Findings on rows, one for each kind and ticker; of what was not read at all, one for each kind."""
    first, last = panel.sessions[0], panel.sessions[-1]
    for defect in defects:
        if len(defect.rows) == 0:
            yield "unreadable", "", first, last, float(defect.count), defect.first, ""
        else:
            kind = "repeated row" if defect.kind == REPEATED else "impossible row"
            words = "rows of one key differ" if defect.kind == REPEATED else defect.kind
            yield from _by_ticker(rows, defect.rows, kind, words)
    repeats = np.flatnonzero(equal_repeats(rows))
    yield from _by_ticker(rows, repeats, "repeated row", "equal in every value")


def _by_ticker(rows: LongBars, places: np.ndarray, kind: str, words: str) -> Iterator[Row]:
    for code in np.unique(rows.codes[places]).tolist():
        own = places[rows.codes[places] == code]
        days = np.sort(rows.dates[own].astype("datetime64[D]").astype("datetime64[ns]"))
        told = f"{words}: {len(own):,} rows"
        yield kind, rows.tickers[code], pd.Timestamp(days[0]), pd.Timestamp(days[-1]), float(len(own)), told, REMOVE


def _set_aside(rows: LongBars, defects: tuple[Defect, ...], panel: Panel) -> pd.DataFrame | None:
    """Places on the axes of the panel of the rows that it could not hold; None where there are none."""
    if not defects:
        return None
    wrong = np.concatenate([defect.rows for defect in defects])
    columns = panel.tickers.get_indexer(pd.Index(rows.tickers, dtype="str"))[rows.codes[wrong]]
    places = panel.sessions.get_indexer(pd.DatetimeIndex(rows.dates[wrong]))
    known = (columns >= 0) & (places >= 0)
    aside = np.zeros(panel.close.shape, dtype=bool)
    aside[places[known], columns[known]] = True
    return pd.DataFrame(aside, index=panel.sessions, columns=panel.tickers)


def _factor(rows: LongBars, panel: Panel) -> pd.DataFrame:
    """adj_close / close on the axes of the panel."""
    values = np.full(panel.close.shape, np.nan)
    columns = panel.tickers.get_indexer(pd.Index(rows.tickers, dtype="str"))[rows.codes]
    places = panel.sessions.get_indexer(pd.DatetimeIndex(rows.dates))
    known = (columns >= 0) & (places >= 0)
    ratio = rows.numbers["adj_close"] / rows.numbers["close"]
    values[places[known], columns[known]] = ratio[known]
    return aligned_frame(values, panel.sessions, panel.tickers)
