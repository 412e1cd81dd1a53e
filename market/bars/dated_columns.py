"""Dated columns: a file with a date and numbers beside it, such as levels, returns or scores, read as bars are read.

Every shape, spelling and missing-value word of bars is one here too, and one error names all that is wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa

from market.bars.cell_numbers import cell_numbers
from market.bars.columns import NAMELESS, SPELLINGS, plain_name
from market.bars.csv import csv_notes, decimal_of
from market.bars.dates import check_single_zone, read_dates
from market.bars.defects import Defect, refuse

__all__ = ["DatedColumns", "date_name", "dated_columns", "is_row_numbers"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DatedColumns:
    """Numbers by date.

    Parameters
    ----------
    frame : DataFrame of float, shape (n_dates, n_columns)
        Dates sorted and unique.
    defects : tuple of Defect
        What could not be read; whoever uses the frame refuses it together with what else is wrong.
    notes : tuple of str
        What was done on the way.
    origin : str
        Name of the file.
    """

    frame: pd.DataFrame
    defects: tuple[Defect, ...]
    notes: tuple[str, ...]
    origin: str

    def checked(self, *more: Defect) -> Self:
        """These columns, if nothing is wrong with them.

        Raises
        ------
        BarsError
            Naming every defect, ``more`` included.
        """
        refuse((*self.defects, *more), origin=self.origin)
        return self

    def defect(self, column: str, wrong: np.ndarray, sentence: str, remedy: str) -> tuple[Defect, ...]:
        """A defect of the dates where ``wrong`` is True, none without any; the sentence names value and day."""
        places = np.flatnonzero(wrong)
        if not len(places):
            return ()
        value, day = self.frame[column].iloc[places[0]], self.frame.index[places[0]]
        first = f"{sentence}, was {value:g} on {day:%Y-%m-%d}"
        unit = f"rows in {self.origin}"
        return (Defect(kind=sentence, first=first, remedy=remedy, count=len(places), unit=unit),)


def dated_columns(
    table: pa.Table, columns: Mapping[str, str], *, date: str, origin: str, zone: str | None = None
) -> DatedColumns:
    """Read columns of a table by date.

    Parameters
    ----------
    table : pyarrow.Table
        As :func:`market.bars.bar_files.read_whole_table` gives it.
    columns : mapping of str to str
        The table's name of each column wanted, by the name it gets.
    date : str
        The table's name of the dates.
    origin : str
        Name of the file, for messages.
    zone : str, optional
        The exchange's time zone, to which times in UTC are moved.

    Raises
    ------
    BarsError
        If time zones are mixed, or a column is of a type that holds no dates or numbers.
    """
    read = read_dates(table[date], origin=origin, zone=zone)
    check_single_zone(read.zones, origin=origin)
    days = pd.DatetimeIndex(read.dates)
    numbers, defects = {}, list(read.defects)
    for name, given in columns.items():
        numbers[name], defect = cell_numbers(
            table[given],
            name=name,
            origin=origin,
            place=lambda row: f" in row {row + 1}" if np.isnat(read.dates[row]) else f" on {days[row]:%Y-%m-%d}",
            decimal=decimal_of(table),
        )
        defects += [] if defect is None else [defect]
    frame = pd.DataFrame(numbers, index=days)[~np.isnat(read.dates)].sort_index(kind="stable")
    frame, notes = _once(frame, origin)
    repeated = frame.index.duplicated()
    if repeated.any():
        day = frame.index[repeated][0]
        told = f"{origin} has more than one row for {day:%Y-%m-%d}"
        remedy = ": keep one of each"
        defects.append(Defect(kind="repeated date", first=told, remedy=remedy, count=int(repeated.sum())))
        frame = frame[~repeated]
    return DatedColumns(
        frame=frame, defects=tuple(defects), notes=(*csv_notes(table, origin), *read.notes, *notes), origin=origin
    )


def date_name(table: pa.Table) -> str | None:
    """The column that holds the dates: spelled so, else the only one that calls itself a date; None without one."""
    by_name: dict[str, str] = {plain_name(name): name for name in reversed(table.schema.names)}
    known = [by_name[spelling] for spelling in SPELLINGS["date"] if spelling in by_name]
    dated = [name for name in known if not is_row_numbers(name, table[name])]
    if dated:
        return str(min(dated, key=lambda name: plain_name(name) == "time"))  # last: beside a date it is a ticker
    speaking = [name for plain, name in by_name.items() if plain.endswith("date") or plain.startswith("date")]
    return str(speaking[0]) if len(speaking) == 1 else next(iter(known), None)


def is_row_numbers(name: str, column: pa.ChunkedArray) -> bool:
    """Whether a column without a name counts the rows, from 0 or 1: what pandas writes of an index."""
    if plain_name(name) not in NAMELESS or not len(column):
        return False
    numbers, defect = cell_numbers(column, name=name, origin="", place=str)
    counted = np.arange(len(numbers), dtype=float)
    return defect is None and bool((numbers == counted).all() or (numbers == counted + 1).all())


def _once(frame: pd.DataFrame, origin: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Rows without those that repeat another in date and every number."""
    repeats = frame.assign(_day=frame.index).duplicated().to_numpy()
    if not repeats.any():
        return frame, ()
    day = frame.index[repeats][0]
    note = f"{int(repeats.sum()):,} rows of {origin} repeat another in every value, dropped: first {day:%Y-%m-%d}"
    return frame[~repeats], (note,)
