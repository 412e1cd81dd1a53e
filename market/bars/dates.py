"""Dates: a column of strings, dates or timestamps becomes the exchange's local dates.

A time zone is dropped only after its clock has been read: the date is the local one of the column's own zone.
"""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa

from core.errors import BarsError

__all__ = ["check_single_zone", "local_dates"]

_NO_ZONE = "no zone"
_ISO = re.compile(r"(\d{4}-?\d\d-?\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?)?")


def local_dates(column: pa.ChunkedArray, *, origin: str) -> tuple[np.ndarray, frozenset[str]]:
    """Parse a column of dates, and the time zones it is written in.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Strings in ISO form, dates or timestamps, with or without a time zone.
    origin : str
        Name of the file, for messages.

    Returns
    -------
    dates : array of datetime64[ns], shape (n_rows,)
        Midnights.
    zones : frozenset of str
        A zone's name, ``"no zone"``, or the offsets found in strings.

    Raises
    ------
    BarsError
        If a date is missing or cannot be read.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise BarsError(f"{origin} has no date in row {row + 1} ({column.null_count} such rows): drop or repair them")
    encoded = column.combine_chunks().dictionary_encode()
    parse = _parse_text if _is_text(column.type) else _parse_time
    dates, zones = parse(encoded.dictionary, origin)
    return dates[encoded.indices.to_numpy(zero_copy_only=False)], zones


def check_single_zone(zones: Iterable[str], *, origin: str) -> None:
    """Raise unless all zones are one; two offsets an hour apart are one zone's winter and summer.

    Raises
    ------
    BarsError
        If zones are mixed.
    """
    names = sorted(set(zones))
    if len(names) == 1:
        return
    offsets = [_offset_hours(name) for name in names]
    if len(names) == 2 and abs(offsets[0] - offsets[1]) <= 1:
        return
    raise BarsError(f"{origin} mixes time zones {names}: write plain dates of the exchange's local day")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _parse_time(values: pa.Array, origin: str) -> tuple[np.ndarray, frozenset[str]]:
    kind = values.type
    if not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        raise BarsError(f"{origin} holds dates as {kind}: write them as dates or as text like 2015-01-31")
    if pa.types.is_date(kind) or kind.tz is None:
        return _midnights(pd.DatetimeIndex(values.cast(pa.timestamp("ns")).to_numpy())), frozenset([_NO_ZONE])
    zoned = pd.DatetimeIndex(values.cast(pa.timestamp("ns", tz="UTC")).to_numpy(zero_copy_only=False), tz="UTC")
    return _midnights(zoned.tz_convert(kind.tz).tz_localize(None)), frozenset([str(kind.tz)])


def _parse_text(values: pa.Array, origin: str) -> tuple[np.ndarray, frozenset[str]]:
    days, zones = [], set()
    for text in values.to_pylist():  # distinct dates only
        match = _ISO.fullmatch(text.strip())
        if match is None:
            raise BarsError(f"{origin} holds a date that is not in ISO form: {text!r}; write dates like 2015-01-31")
        days.append(match[1])
        zones.add(_NO_ZONE if match[2] is None else match[2])
    try:
        parsed = pd.to_datetime(pd.Series(days, dtype="str"), format="ISO8601")
    except ValueError as error:
        raise BarsError(f"{origin} holds an impossible date: {error}") from error
    return _midnights(pd.DatetimeIndex(parsed)), frozenset(zones)


def _midnights(times: pd.DatetimeIndex) -> np.ndarray:
    return times.as_unit("ns").normalize().to_numpy()


def _offset_hours(zone: str) -> float:
    """Hours east of Greenwich of an offset, NaN for a zone's name."""
    match = re.fullmatch(r"([+-])(\d\d):?(\d\d)", "+00:00" if zone == "Z" else zone)
    return float("nan") if match is None else float(f"{match[1]}1") * (int(match[2]) + int(match[3]) / 60)
