"""Audited bars: a stored data set or a file with its audit, the adjusted bars and the adjustment factor."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from market.audit.audit import Audit, audit_panel
from market.bars.assembly import Origin, panel_from_rows
from market.bars.bar_files import bars_from_path
from market.bars.long_form import LongBars, join_bars
from market.panel import Panel, aligned_frame
from market.store import find_version, origin_of, stored_bars

__all__ = ["Audited", "audit_source"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audited:
    """An audit with the rows and the panel that it is of."""

    audit: Audit
    rows: LongBars
    panel: Panel


def audit_source(source: str | Path, *, exchange: str = "XNYS") -> Audited:
    """Audit a stored data set, by name or ``name@version``, or a file or folder of bars.

    Raises
    ------
    SourceError, BarsError
        If :func:`market.load_bars` would refuse it.
    """
    stored = find_version(str(source))
    if stored is None:
        rows, origin = bars_from_path(Path(source)), Origin(name=Path(source).name)
    else:
        rows, origin = join_bars(stored_bars(*stored)), origin_of(stored[1])
    panel = panel_from_rows(rows, origin=origin)
    factor = _factor(rows, panel) if "adj_close" in rows.numbers else None
    return Audited(audit=audit_panel(panel, factor=factor, exchange=exchange), rows=rows, panel=panel)


def _factor(rows: LongBars, panel: Panel) -> pd.DataFrame:
    """adj_close / close on the axes of the panel."""
    values = np.full(panel.close.shape, np.nan)
    columns = panel.tickers.get_indexer(pd.Index(rows.tickers, dtype="str"))[rows.codes]
    places = panel.sessions.get_indexer(pd.DatetimeIndex(rows.dates))
    known = (columns >= 0) & (places >= 0)
    ratio = rows.numbers["adj_close"] / rows.numbers["close"]
    values[places[known], columns[known]] = ratio[known]
    return aligned_frame(values, panel.sessions, panel.tickers)
