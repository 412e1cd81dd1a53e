"""Known at: a column of dates or times becomes the day from which each row counts.

A row counts from the first session whose close lies after the moment at which it became known: news of 17:00 counts on
the next session, and so does news of 14:00 on a day on which the exchange closed at 13:00. A date without a time was
known after that day's close. Midnight is such a date, in the zone that is written and in the exchange's. A time without
a zone is the exchange's own. Where no exchange is known there is no close, and every row counts from the day after its
date.
"""

import datetime as dt
import re
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from market.bars.dates import read_dates
from market.bars.defects import Defect
from market.exchanges import NO_EXCHANGE, zone_of

__all__ = ["KnownAt", "close_times", "days_that_count", "read_known_at"]

TIMED = re.compile(r"\d{4}-?\d\d-?\d\d[T ]\d\d:?\d\d.*")
DAY = np.timedelta64(1, "D")
MARGIN = pd.Timedelta(days=4)
Days = NDArray[np.datetime64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownAt:
    """When rows became known.

    Parameters
    ----------
    days : array of datetime64[D], shape (n_rows,)
        The exchange's own date; NaT where there is none.
    moments : array of datetime64[ns], shape (n_rows,)
        The moment in UTC; NaT where only the date is known.
    defects : tuple of Defect
        What could not be read.
    notes : tuple of str
        How times were read.
    """

    days: Days
    moments: Days
    defects: tuple[Defect, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def order(self) -> Days:
        """By which later revisions come later: the moment, or the end of the day."""
        ends = (self.days + DAY).astype("datetime64[ns]")
        return np.where(np.isnat(self.moments), ends, self.moments)


def read_known_at(column: pa.ChunkedArray, *, origin: str, exchange: str, numbers: Ints | None = None) -> KnownAt:
    """Parse the moments at which rows became known.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Dates, timestamps with or without a zone, or text of either, such as ``2020-05-06T16:31:00-04:00``.
    origin : str
        Name of the file, for messages.
    exchange : str
        Whose closes decide: a code, or ``"none"``.
    numbers : array of int, optional
        Each row's place in the file, for messages.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    zone = zone_of(exchange)
    if pa.types.is_timestamp(column.type):
        known = _of_timestamps(column, zone)
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        known = _of_texts(column.cast(pa.string()), origin, zone)
    else:
        read = read_dates(column, origin=origin)
        days = read.dates.astype("datetime64[D]")
        known = KnownAt(days=days, moments=_no_moments(len(days)), notes=read.notes)
    return replace(known, defects=_unread(known, column, numbers, origin))


def days_that_count(known: KnownAt, exchange: str) -> Days:
    """The first day at whose close each row is known, as datetime64[ns]; a session or not."""
    since = known.days + DAY
    timed = np.flatnonzero(~np.isnat(known.moments))
    if not len(timed) or exchange == NO_EXCHANGE:
        return since.astype("datetime64[ns]")
    days, moments = known.days[timed], known.moments[timed]
    closes = close_times(exchange, days.min(), days.max())
    if closes is None:
        return since.astype("datetime64[ns]")
    for ahead in (1, 0, -1):  # the earliest session whose close lies after the moment is found last
        session = days + ahead * DAY
        close = closes.reindex(pd.DatetimeIndex(session)).to_numpy()
        later = close > moments  # NaT, where there is no session, compares False
        since[timed[later]] = session[later]
    return since.astype("datetime64[ns]")


def close_times(exchange: str, first: np.datetime64, last: np.datetime64) -> pd.Series | None:
    """When each session closed, early closes among them, in UTC without a zone, by date.

    None where exchange-calendars does not know the span.
    """
    import exchange_calendars

    start, end = pd.Timestamp(first) - MARGIN, pd.Timestamp(last) + MARGIN
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library meets pandas 3.1's deprecations
            closes = exchange_calendars.get_calendar(exchange, start=start, end=end).closes
    except (ValueError, NotImplementedError, exchange_calendars.errors.CalendarError):
        return None
    index = pd.DatetimeIndex(closes.index).tz_localize(None)
    return pd.Series(closes.dt.tz_localize(None).to_numpy().astype("datetime64[ns]"), index=index)


def _of_timestamps(column: pa.ChunkedArray, zone: str | None) -> KnownAt:
    written = column.to_numpy(zero_copy_only=False).astype("datetime64[ns]")
    own: str | None = column.type.tz
    local = written if own is None else _moved(written, "UTC", own)
    return _placed(local, [own] * len(local), zone)


def _of_texts(column: pa.ChunkedArray, origin: str, zone: str | None) -> KnownAt:
    encoded = column.combine_chunks().dictionary_encode()
    words = [str(text).strip() for text in encoded.dictionary.to_pylist()]
    timed = [TIMED.fullmatch(text) is not None for text in words]
    plain = [place for place, is_timed in enumerate(timed) if not is_timed]
    read = read_dates(pa.chunked_array([pa.array([words[place] for place in plain], pa.string())]), origin=origin)
    local, zones = _no_moments(len(words) + 1), list[str | None]([None] * (len(words) + 1))  # the last one is missing
    local[plain] = read.dates
    for place in np.flatnonzero(timed).tolist():
        with suppress(ValueError):  # it stays without a moment, and is told
            moment = dt.datetime.fromisoformat(words[place])
            local[place], zones[place] = np.datetime64(moment.replace(tzinfo=None)), _offset(moment)
    rows = encoded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
    found = _placed(local, zones, zone)
    return KnownAt(days=found.days[rows], moments=found.moments[rows], notes=(*read.notes, *found.notes))


def _unread(known: KnownAt, column: pa.ChunkedArray, numbers: Ints | None, origin: str) -> tuple[Defect, ...]:
    """Rows whose moment is missing, or is none."""
    wrong = np.flatnonzero(np.isnat(known.days))
    if not len(wrong):
        return ()
    first = str(column[int(wrong[0])].as_py() or "").strip()
    seen = f"holds {first!r}, which is no date or time," if first else "does not say when it was known"
    told = f"{origin} {seen} in row {int(wrong[0] if numbers is None else numbers[wrong[0]]) + 1}"
    remedy = ": write 2020-05-06, or 2020-05-06T16:31-04:00"
    return (Defect(kind="no known_at", first=told, remedy=remedy, count=len(wrong)),)


def _offset(moment: dt.datetime) -> str | None:
    offset = moment.utcoffset()
    return None if offset is None else str(pd.Timedelta(offset) // pd.Timedelta(minutes=1))


def _placed(local: Days, zones: Sequence[str | None], zone: str | None) -> KnownAt:
    """Local times of their own zones as the exchange's days and moments in UTC; a midnight in either is a date."""
    days = local.astype("datetime64[D]")
    moments = _no_moments(len(local))
    clocked = ~np.isnat(local) & (local != days)
    naive = 0
    for own in sorted({zones[place] or "" for place in np.flatnonzero(clocked).tolist()}):
        there = np.flatnonzero(clocked & np.array([(each or "") == own for each in zones]))
        naive += len(there) if zone and not own else 0
        moments[there] = _in_utc(local[there], own or zone or "UTC")  # of no zone: its date counts, and its order
    timed = ~np.isnat(moments)
    here = moments if zone is None else _moved(moments, "UTC", zone)
    days[timed] = here[timed].astype("datetime64[D]")
    moments[timed & (here == days)] = np.datetime64("NaT")  # a date of the exchange's, written in another zone
    notes = (f"times without a zone are read as {zone}",) if naive else ()
    return KnownAt(days=days, moments=moments, notes=notes)


def _in_utc(local: Days, own: str) -> Days:
    if re.fullmatch(r"-?\d+", own):
        return local - np.timedelta64(int(own), "m")
    return _moved(local, own, "UTC")


def _moved(times: Days, source: str, target: str) -> Days:
    """Local times of one zone in another; an hour that the clock repeats is taken for its later one."""
    index = pd.DatetimeIndex(times)
    placed = index.tz_localize(source, ambiguous=np.zeros(len(index), dtype=bool), nonexistent="shift_forward")
    return placed.tz_convert(target).tz_localize(None).to_numpy().astype("datetime64[ns]")


def _no_moments(count: int) -> Days:
    return np.full(count, np.datetime64("NaT", "ns"))
