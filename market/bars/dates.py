"""Dates: a column of strings, dates, timestamps or numbers becomes the exchange's local dates.

A time zone is dropped only after its clock has been read: the date is the local one of the column's own zone. Times in
UTC are moved to the exchange's clock where that is known; where it is not, times of day that fall on Sundays and never
on Fridays are those of the evening before.
"""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from core.conventions import CLOCK_DAYS
from core.errors import BarsError
from market.bars.cell_numbers import NO_VALUE
from market.bars.defects import Defect, refuse
from market.bars.spelled_dates import SpelledDates, in_iso_form, unread_date

__all__ = ["NO_END", "DateColumn", "check_single_zone", "local_dates", "read_dates", "zones_as_text"]

NO_START, NO_END = (np.datetime64(day, "ns") for day in CLOCK_DAYS)  # stand for every earlier, every later date

_NO_ZONE = "no zone"
_NOT_A_DATE = np.datetime64("NaT", "s")
_UTC = frozenset(["Z", "UTC", "GMT", "+00:00", "+0000", "-00:00", "Etc/UTC"])
_DATE = re.compile(
    r"(?P<year>\d{4})(?P<by>[-/.]?)(?P<month>\d\d|(?<=[-/.])\d)(?P=by)(?P<day>\d\d|(?<=[-/.])\d)(?:\.0)?"
    r"(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?)?\s*(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)?"
)
_PARTS = ("year", "month", "day", "hour", "minute", "second")
_EPOCHS = ((1e8, 1e11, 1), (1e11, 1e14, 10**3), (1e14, 1e17, 10**6), (1e17, 1e20, 10**9))  # from, to, a second
_AFTERNOON = 13 * 3600  # midnights of an exchange up to eleven hours east of Greenwich, on a clock there
_MIN_DAYS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DateColumn:
    """Dates as read.

    Parameters
    ----------
    dates : array of datetime64[ns], shape (n_rows,)
        Midnights; NaT where a date is missing or cannot be read.
    zones : frozenset of str
        A zone's name, ``"no zone"``, or the offsets found in strings.
    defects : tuple of Defect
        What could not be read; rows are those of the NaT.
    notes : tuple of str
        What was done to the dates.
    """

    dates: np.ndarray
    zones: frozenset[str]
    defects: tuple[Defect, ...] = ()
    notes: tuple[str, ...] = ()


def local_dates(
    column: pa.ChunkedArray, *, origin: str, zone: str | None = None, open_end: bool = False
) -> tuple[np.ndarray, frozenset[str]]:
    """Parse a column of dates, and the time zones it is written in; parameters are those of ``read_dates``.

    Raises
    ------
    BarsError
        If a date is missing or cannot be read.
    """
    read = read_dates(column, origin=origin, zone=zone, open_end=open_end)
    refuse(read.defects, origin=origin)
    return read.dates, read.zones


def read_dates(column: pa.ChunkedArray, *, origin: str, zone: str | None = None, open_end: bool = False) -> DateColumn:
    """Parse a column of dates and go on after those that cannot be read.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Strings in ISO form, also with ``/``, ``.`` or nothing between year, month and day, or all of them in one of the
        ways of :mod:`market.bars.spelled_dates`; dates or timestamps, with or without a time zone; numbers like
        20150131, or seconds to nanoseconds since 1970.
    origin : str
        Name of the file, for messages.
    zone : str, optional
        The exchange's time zone, to which times in UTC are moved.
    open_end : bool
        Whether dates that no nanosecond clock reaches, such as 9999-12-31, mean no end (``NO_END``); else they are
        defects.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if isinstance(column.type, pa.BaseExtensionType):
        raise BarsError(f"{origin} holds dates as {column.type}: write them as dates or as text like 2015-01-31")
    encoded = column.combine_chunks().dictionary_encode()
    spelled = _spelled(encoded.dictionary)
    times, zones, bad = _distinct_times(encoded.dictionary if spelled is None else spelled.texts, origin)
    times, notes = _on_exchange_days(times, zones, zone)
    notes = notes if spelled is None else (*spelled.notes, *notes)
    days = np.append(times.astype("datetime64[D]"), np.datetime64("NaT"))  # the last one stands for a missing value
    far = (days >= NO_END.astype("datetime64[D]")) | (days < NO_START.astype("datetime64[D]"))
    if open_end:
        days[far & (days >= NO_END.astype("datetime64[D]"))] = NO_END.astype("datetime64[D]")
        far = days < NO_START.astype("datetime64[D]")
    rows = encoded.indices.fill_null(len(times)).to_numpy(zero_copy_only=False)
    words = encoded.dictionary.to_pylist() if far.any() else []
    bad |= {place: f"a date beyond the years 1678 to 2261: {words[place]!s}" for place in np.flatnonzero(far).tolist()}
    days[far] = np.datetime64("NaT")
    defects = _date_defects(rows, days, bad, origin)
    named = frozenset(each for each in zones if each is not None)
    return DateColumn(dates=days.astype("datetime64[ns]")[rows], zones=named, defects=defects, notes=notes)


def check_single_zone(zones: Iterable[str], *, origin: str) -> None:
    """Raise unless all zones are one; two offsets an hour apart are one zone's winter and summer.

    Raises
    ------
    BarsError
        If zones are mixed.
    """
    names = sorted(set(zones))
    if len(names) <= 1:
        return
    offsets = [_offset_hours(name) for name in names]
    if len(names) == 2 and abs(offsets[0] - offsets[1]) <= 1:
        return
    raise BarsError(f"{origin} mixes time zones {names}: write plain dates of the exchange's local day")


def zones_as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame whose times with a zone, in columns or index, are written out as text with their offset."""
    if any(isinstance(kind, pd.DatetimeTZDtype) for kind in frame.index.to_frame().dtypes):
        frame = frame.reset_index()
    zoned = [place for place, kind in enumerate(frame.dtypes) if isinstance(kind, pd.DatetimeTZDtype)]
    if not zoned:
        return frame
    columns = [
        frame.iloc[:, place].astype(str) if place in zoned else frame.iloc[:, place] for place in range(frame.shape[1])
    ]
    return pd.concat(columns, axis=1)


def _spelled(values: pa.Array) -> SpelledDates | None:
    """Texts, those with day or month first in ISO form; None where values are no texts."""
    kind = values.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        return None
    return in_iso_form([text.strip() for text in values.to_pylist()])


def _distinct_times(
    values: pa.Array | Sequence[str], origin: str
) -> tuple[np.ndarray, list[str | None], dict[int, str]]:
    """Local times of distinct values, their zones, and what is wrong with those that are none, by position."""
    if not isinstance(values, pa.Array):
        return _times_of_text(values)
    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _times_of_numbers(np.asarray(values.cast(pa.float64(), safe=False)), origin, kind)
    if pa.types.is_null(kind):
        return np.zeros(0, dtype="datetime64[s]"), [], {}
    if not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        raise BarsError(f"{origin} holds dates as {kind}: write them as dates or as text like 2015-01-31")
    times = values.to_numpy(zero_copy_only=False).astype("datetime64[s]")
    if pa.types.is_date(kind) or kind.tz is None:
        return times, [_NO_ZONE] * len(times), {}
    local = pd.DatetimeIndex(times, tz="UTC").tz_convert(kind.tz).tz_localize(None)
    return local.to_numpy().astype("datetime64[s]"), [str(kind.tz)] * len(times), {}


def _times_of_text(texts: Sequence[str]) -> tuple[np.ndarray, list[str | None], dict[int, str]]:
    if all(text.isdigit() and len(text) > 8 for text in texts):
        read = _epoch_times(np.array([float(text) for text in texts]))
        if read is not None:
            return read
    times, zones, bad = np.full(len(texts), _NOT_A_DATE), [], {}
    for place, text in enumerate(texts):  # distinct dates only
        match = _DATE.fullmatch(text)
        zones.append(None if match is None else match["zone"] or _NO_ZONE)
        if match is None:
            bad[place] = "" if text.lower() in NO_VALUE else unread_date(text)
            continue
        year, month, day, hour, minute, second = (int(match[name] or 0) for name in _PARTS)
        try:
            times[place] = np.datetime64(dt.datetime(year, month, day, hour, minute, second).isoformat(), "s")
        except ValueError:
            bad[place], zones[place] = f"an impossible date: {text!r}", None
    return times, zones, bad


def _times_of_numbers(
    numbers: np.ndarray, origin: str, kind: pa.DataType
) -> tuple[np.ndarray, list[str | None], dict[int, str]]:
    """Times of numbers like 20150131, or of seconds to nanoseconds since 1970; a missing number is no date."""
    known = numbers[~np.isnan(numbers)]
    days = (known >= 17000101) & (known < 100000000)
    months = (known >= 170001) & (known <= 226112)
    if ((days | months) & (known == known.round())).all():
        return _times_of_text(["" if np.isnan(number) else str(int(number)) for number in numbers])
    read = _epoch_times(numbers)
    if read is None:
        raise BarsError(f"{origin} holds dates as {kind}: write them as dates or as text like 2015-01-31")
    return read


def _epoch_times(numbers: np.ndarray) -> tuple[np.ndarray, list[str | None], dict[int, str]] | None:
    known = ~np.isnan(numbers)
    for low, high, second in _EPOCHS:
        if known.any() and ((numbers[known] >= low) & (numbers[known] < high)).all():
            times = np.full(len(numbers), _NOT_A_DATE)
            times[known] = (numbers[known] // second).astype("int64").astype("datetime64[s]")
            return times, ["UTC"] * len(times), dict.fromkeys(np.flatnonzero(~known).tolist(), "")
    return None


def _on_exchange_days(
    times: np.ndarray, zones: list[str | None], zone: str | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Times moved to the exchange's day: by its zone where that is known, else by the weekdays they fall on."""
    clock = (times - times.astype("datetime64[D]")).astype(np.int64)
    timed = ~np.isnat(times) & (clock != 0)
    if not timed.any():
        return times, ()
    in_utc = timed & np.array([each in _UTC for each in zones])
    moved = times.copy()
    if zone is not None and zone not in _UTC and in_utc.any():
        local = pd.DatetimeIndex(times[in_utc], tz="UTC").tz_convert(zone).tz_localize(None)
        moved[in_utc] = local.to_numpy().astype("datetime64[s]")
        return moved, (f"times in UTC read as days of {zone}",)
    late = timed & (clock >= _AFTERNOON) & (in_utc | np.array([each == _NO_ZONE for each in zones]))
    evenings = []
    for hour in np.unique(clock[late]).tolist():
        there = late & (clock == hour)
        weekdays = (times[there].astype("datetime64[D]").astype(np.int64) + 3) % 7  # 0 is a Monday
        if there.sum() >= _MIN_DAYS and (weekdays == 6).any() and not ((weekdays == 4) | (weekdays == 5)).any():
            moved[there] += np.timedelta64(1, "D")
            evenings.append(f"{hour // 3600:02d}:{hour // 60 % 60:02d}")
    if not evenings:
        return times, ()
    return moved, (
        f"times of {', '.join(evenings)} fall on Sundays and never on Fridays: read as the day after, as midnights "
        "of an exchange further east",
    )


def _date_defects(rows: np.ndarray, days: np.ndarray, bad: dict[int, str], origin: str) -> tuple[Defect, ...]:
    """Rows without a date, and those with one that cannot be read, by kind."""
    unread = np.isnat(days)[rows]
    if not unread.any():
        return ()
    kinds: dict[str, list[int]] = {}
    for place in np.unique(rows[unread]).tolist():
        kinds.setdefault(bad.get(place, "").partition(":")[0], []).append(place)
    found = []
    for kind, places in kinds.items():
        where = np.flatnonzero(np.isin(rows, places))
        row = f"row {int(where[0]) + 1}"
        told = (
            f"{origin} holds {bad.get(int(rows[where[0]]))}; write dates like 2015-01-31, not day or month first: {row}"
        )
        found.append(
            Defect(
                kind=kind or "no date",
                first=told if kind else f"{origin} has no date in {row}",
                remedy="" if kind else ": drop or repair them",
                count=len(where),
                rows=where,
            )
        )
    return tuple(found)


def _offset_hours(zone: str) -> float:
    """Hours east of Greenwich of an offset, NaN for a zone's name."""
    match = re.fullmatch(r"([+-])(\d\d):?(\d\d)", "+00:00" if zone in _UTC else zone)
    return float("nan") if match is None else float(f"{match[1]}1") * (int(match[2]) + int(match[3]) / 60)
