"""Parts: the rows of one year on disk, one small parquet file for the keys and one for each field.

A file is named by what it holds, so that versions share what did not change: a new session rewrites the files of its
year, a restated adj_close the files of adj_close alone. Rows stand by ticker, then date; the files of a year are
aligned row by row.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from core.errors import SourceError
from core.files import write_bytes
from core.settings import Settings
from market.bars.long_form import LongBars

__all__ = ["KEYS", "Part", "StoredFile", "in_key_order", "read_part", "write_parts"]

KEYS = "keys"
VALUE = "value"  # one name for all fields: equal content is one file
# repeated prices are smallest as a dictionary; numbers that do not repeat, by the significance of their bytes
ENCODINGS: tuple[dict[str, Any], ...] = (
    {"compression": "zstd"},
    {"compression": "lz4", "use_dictionary": False, "column_encoding": "BYTE_STREAM_SPLIT"},
)
_ZONE = frozenset(["no zone"])


class StoredFile(Settings):
    """One file: the sha256 of the numbers it holds, which is its name, and of its bytes, and its size in bytes."""

    content: str
    sha256: str
    size: int


class Part(Settings):
    """One year of a data set: its number of rows, first and last date, and its files by field."""

    year: int
    rows: int
    first: str
    last: str
    files: dict[str, StoredFile]


def in_key_order(bars: LongBars) -> LongBars:
    """Sort rows by ticker, then date, and drop tickers without a row.

    Raises
    ------
    SourceError
        If a key repeats.
    """
    present = np.unique(bars.codes)
    ordered = sorted(present.tolist(), key=lambda code: bars.tickers[code])
    position = np.zeros(len(bars.tickers), dtype=np.int32)
    position[ordered] = np.arange(len(ordered), dtype=np.int32)
    codes = position[bars.codes]
    order = np.lexsort((bars.dates, codes))
    tickers = tuple(bars.tickers[code] for code in ordered)
    placed = replace(replace(bars, codes=codes, tickers=tickers).select(order), zones=_ZONE)
    twice = (np.diff(placed.codes) == 0) & (np.diff(placed.dates) == np.timedelta64(0))
    if twice.any():
        row = int(np.flatnonzero(twice)[0])
        raise SourceError(f"more than one row for {placed.key(row)} ({int(twice.sum())} such keys): keep one of each")
    return placed


def write_parts(bars: LongBars, folder: Path, *, known: Mapping[str, StoredFile]) -> tuple[Part, ...]:
    """Write the rows as one part for each year, and return the parts.

    Parameters
    ----------
    bars : LongBars
        In key order.
    folder : Path
        Where files go.
    known : mapping of str to StoredFile
        Files of earlier versions by content; those are not written again.
    """
    return tuple(_write_part(year, rows, folder, known) for year, rows in _by_year(bars))


def read_part(part: Part, folder: Path, *, fields: Sequence[str]) -> LongBars:
    """Read the named fields of a part, each file checked against its sha256.

    Raises
    ------
    SourceError
        If a file is missing or damaged.
    """
    keys = _read(part.files[KEYS], folder, dictionary=["ticker"])
    tickers = keys["ticker"].combine_chunks()
    return LongBars(
        dates=keys["date"].to_numpy().astype("datetime64[ns]"),
        codes=tickers.indices.to_numpy().astype(np.int32),
        tickers=tuple(tickers.dictionary.to_pylist()),
        numbers={name: _read(part.files[name], folder)[VALUE].to_numpy() for name in fields},
        zones=_ZONE,
    )


def _by_year(bars: LongBars) -> Iterator[tuple[int, LongBars]]:
    years = bars.dates.astype("datetime64[Y]").astype(int) + 1970
    for year in np.unique(years).tolist():
        yield year, in_key_order(bars.select(years == year))


def _write_part(year: int, rows: LongBars, folder: Path, known: Mapping[str, StoredFile]) -> Part:
    days = rows.dates.astype("datetime64[D]")
    files = {KEYS: _write(_key_table(rows, days), _key_content(rows, days), folder, known)}
    for name, values in rows.numbers.items():
        files[name] = _write(pa.table({VALUE: values}), _content(values), folder, known)
    return Part(year=year, rows=len(days), first=str(days.min()), last=str(days.max()), files=files)


def _key_table(rows: LongBars, days: np.ndarray) -> pa.Table:
    tickers = pa.DictionaryArray.from_arrays(rows.codes, pa.array(rows.tickers, pa.string()))
    return pa.table({"date": pa.array(days, pa.date32()), "ticker": tickers})


def _key_content(rows: LongBars, days: np.ndarray) -> str:
    digest = hashlib.sha256(json.dumps(rows.tickers).encode())
    digest.update(np.ascontiguousarray(rows.codes, dtype="<i4").tobytes())
    digest.update(days.astype("<i8").tobytes())
    return digest.hexdigest()


def _content(values: np.ndarray) -> str:
    canonical = np.where(np.isnan(values), np.nan, values)  # one bit pattern for every NaN
    return hashlib.sha256(canonical.astype("<f8").tobytes()).hexdigest()


def _write(table: pa.Table, content: str, folder: Path, known: Mapping[str, StoredFile]) -> StoredFile:
    if content in known:
        return known[content]
    encodings = ENCODINGS if table.column_names == [VALUE] else ENCODINGS[:1]
    raw = min((_encoded(table, encoding) for encoding in encodings), key=len)
    write_bytes(folder / f"{content}.parquet", raw)
    return StoredFile(content=content, sha256=hashlib.sha256(raw).hexdigest(), size=len(raw))


def _encoded(table: pa.Table, encoding: Mapping[str, Any]) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, **encoding)
    raw: bytes = sink.getvalue().to_pybytes()
    return raw


def _read(file: StoredFile, folder: Path, *, dictionary: Sequence[str] = ()) -> pa.Table:
    path = folder / f"{file.content}.parquet"
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"{path.name} of the store is gone: restore it, or import the data again") from error
    if hashlib.sha256(raw).hexdigest() != file.sha256:
        raise SourceError(f"{path.name} of the store is damaged: restore it, or import the data again")
    return parquet.ParquetFile(pa.BufferReader(raw), read_dictionary=list(dictionary)).read(use_threads=False)
