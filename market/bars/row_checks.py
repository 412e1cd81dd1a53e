"""Row checks: every row of bars that no panel can hold, by kind: impossible numbers, crossed prices, repeated keys."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from market.bars.defects import Defect, refuse
from market.bars.long_form import LongBars

__all__ = ["checked_rows", "equal_repeats", "repeated_keys", "row_defects", "value_defects", "without_rows"]

DROP = ": drop or repair those rows"
MOSTLY = 0.5  # of the keys


def row_defects(bars: LongBars, *, origin: str) -> tuple[Defect, ...]:
    """Defects of rows: what the reader could not read, impossible numbers, and keys that come more than once.

    Parameters
    ----------
    bars : LongBars
        As read; rows without a close are no print, and only their keys are checked.
    origin : str
        Name of the source, for messages.

    Returns
    -------
    tuple of Defect
        One for each kind; ``rows`` holds positions in ``bars``. Rows that are equal in every value are no defect.

    Examples
    --------
    >>> from market.bars.bar_files import bars_from_path
    >>> from market.bars.row_checks import row_defects, without_rows
    >>> rows = bars_from_path(bars_path)
    >>> defects = row_defects(rows, origin=bars_path.name)
    >>> len(defects), len(without_rows(rows, defects).dates) == len(rows.dates)
    (0, True)
    """
    return (*bars.unread, *value_defects(bars, origin=origin), *repeated_keys(bars, origin=origin))


def value_defects(bars: LongBars, *, origin: str) -> tuple[Defect, ...]:
    """Numbers that no bar can have, among the rows with a close: not positive, infinite, negative, high below low."""
    printed = ~np.isnan(bars.numbers["close"])
    for unread in bars.unread:  # a row whose close is text would be one
        printed[unread.rows] = True
    found = []
    for what, told, wrong in _impossible(bars):
        rows = np.flatnonzero(printed & wrong)
        if len(rows):
            first = int(rows[0])
            value = "" if told is None else f", was {told[first]:g}"
            sentence = f"{what}{value} for {bars.key(first)}"
            found.append(
                Defect(kind=what, first=sentence, remedy=DROP, count=len(rows), unit=f"rows in {origin}", rows=rows)
            )
    return tuple(found)


def repeated_keys(bars: LongBars, *, origin: str) -> tuple[Defect, ...]:
    """Keys with more than one print; ``rows`` are all of them. Prints equal in every value count as one."""
    printed = ~np.isnan(bars.numbers["close"])
    order, twice = _neighbours(bars, np.flatnonzero(printed & ~equal_repeats(bars)))
    if not twice.any():
        return ()
    rows = np.sort(order[np.r_[False, twice] | np.r_[twice, False]])
    begins = twice & ~np.r_[False, twice[:-1]]
    first = f"{origin} has more than one row for {bars.key(int(rows[0]))}{_spellings(bars, int(rows[0]))}"
    n_keys = int(np.count_nonzero(begins))
    often = n_keys > MOSTLY * (len(order) - np.count_nonzero(twice))
    remedy = ": these look like bars of hours or minutes, give one a session" if often else ": keep one of each"
    return (Defect(kind="repeated key", first=first, remedy=remedy, count=n_keys, unit="keys", rows=rows),)


def equal_repeats(bars: LongBars) -> np.ndarray:
    """Mark rows that repeat an earlier one in key and in every number; bool, shape (n_rows,)."""
    repeats = np.zeros(len(bars.dates), dtype=bool)
    order, twice = _neighbours(bars, np.arange(len(bars.dates)))
    if twice.any():
        before, after = order[:-1][twice], order[1:][twice]
        same = np.ones(len(before), dtype=bool)
        for values in bars.numbers.values():
            one, other = values[before], values[after]
            same &= (one == other) | (np.isnan(one) & np.isnan(other))
        repeats[after[same]] = True
    return repeats


def checked_rows(bars: LongBars, *, origin: str) -> LongBars:
    """Rows that a panel can hold, each once; a note says how many repeated another in every value.

    Raises
    ------
    BarsError
        Naming every defect.
    """
    refuse(row_defects(bars, origin=origin), origin=origin)
    repeats = equal_repeats(bars)
    if not repeats.any():
        return bars
    first = bars.key(int(np.flatnonzero(repeats)[0]))
    note = f"{repeats.sum():,} rows repeat another in every value, dropped: first {first}"
    return replace(bars.select(~repeats), notes=(*bars.notes, note))


def without_rows(bars: LongBars, defects: Sequence[Defect]) -> LongBars:
    """Rows that no defect names, as if nothing had been found."""
    kept = np.ones(len(bars.dates), dtype=bool)
    for defect in defects:
        kept[defect.rows] = False
    return replace(bars.select(kept), unread=())


def _impossible(bars: LongBars) -> Iterator[tuple[str, np.ndarray | None, np.ndarray]]:
    """What is wrong, the values to tell (None: none), and the rows, bool."""
    for name, values in bars.numbers.items():
        if name == "volume":
            yield "volume must be finite", values, np.isinf(values)
            yield "volume is negative", None, values < 0
        elif name == "adj_close":
            yield f"{name} must be a positive number", values, ~(values > 0) | np.isinf(values)
        elif name in ("open", "high", "low", "close"):
            yield f"{name} must be a positive number", values, (values <= 0) | np.isinf(values)
    yield "high is below low", None, bars.numbers["high"] < bars.numbers["low"]


def _spellings(bars: LongBars, row: int) -> str:
    raw = bars.respelled.get(bars.tickers[bars.codes[row]], ())
    return f", written {' and '.join(map(repr, raw))}" if len(raw) > 1 else ""


def _neighbours(bars: LongBars, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows by ticker and date, and whether each but the first has the key of the one before; ties as they were read."""
    days = bars.dates[rows].astype("datetime64[D]").astype(np.int64)
    keys = bars.codes[rows].astype(np.int64) * (1 << 32) + days
    order = np.argsort(keys, kind="stable")
    return rows[order], np.diff(keys[order]) == 0
