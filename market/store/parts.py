"""Parts: the rows of one year on disk, one small parquet file for the keys and one for each field.

A file is named by what it holds, so that versions share what did not change: a new session rewrites the files of its
year, a restated adj_close the files of adj_close alone. Rows stand by ticker, then date; the files of a year are
aligned row by row.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from pydantic import Field

from core.errors import SourceError
from core.files import file_sha256, write_bytes
from core.settings import Settings
from market.bars.long_form import LongBars

__all__ = ["HASH", "KEYS", "Part", "StoredFile", "in_key_order", "read_part", "write_parts"]

KEYS = "keys"
VALUE = "value"  # one name for all fields: equal content is one file
# repeated prices are smallest as a dictionary; numbers that do not repeat, by the significance of their bytes
ENCODINGS: tuple[dict[str, Any], ...] = (
    {"compression": "zstd"},
    {"compression": "lz4", "use_dictionary": False, "column_encoding": "BYTE_STREAM_SPLIT"},
)
HASH = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
DAY = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
_ZONE = frozenset(["no zone"])


class StoredFile(Settings):
    """One file: the sha256 of the numbers it holds, which is its name, and of its bytes, and its size in bytes."""

    content: HASH
    sha256: HASH
    size: Annotated[int, Field(ge=0)]


class Part(Settings):
    """One year of a data set: its number of rows, first and last date, and its files by field."""

    year: int
    rows: Annotated[int, Field(ge=1)]
    first: DAY
    last: DAY
    files: dict[str, StoredFile]

    def with_files(self, written: Mapping[str, StoredFile]) -> Self:
        """The part with files of the same content in place of its own."""
        return self.model_copy(
            update={"files": {name: written.get(file.content, file) for name, file in self.files.items()}}
        )


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
        Files of earlier versions by content; those that are whole are not written again.
    """
    return tuple(_write_part(year, rows, folder, known) for year, rows in _by_year(bars))


def read_part(part: Part, folder: Path, *, fields: Sequence[str]) -> LongBars:
    """Read the named fields of a part; bytes and numbers of each file are held against their hashes.

    Raises
    ------
    SourceError
        If a file is missing or damaged, or is not the one of this part.
    """
    days, codes, tickers = _read_keys(part.files[KEYS], folder)
    numbers = {name: _read_values(part.files[name], folder) for name in fields}
    span = (str(days.min()), str(days.max()))
    if {part.rows} != {len(days), *map(len, numbers.values())} or span != (part.first, part.last):
        raise SourceError(f"the files of {part.year} are not of one another: restore them, or import the data again")
    return LongBars(dates=days.astype("datetime64[ns]"), codes=codes, tickers=tickers, numbers=numbers, zones=_ZONE)


def _by_year(bars: LongBars) -> Iterator[tuple[int, LongBars]]:
    years = bars.dates.astype("datetime64[Y]").astype(int) + 1970
    for year in np.unique(years).tolist():
        yield year, in_key_order(bars.select(years == year))


def _write_part(year: int, rows: LongBars, folder: Path, known: Mapping[str, StoredFile]) -> Part:
    days = rows.dates.astype("datetime64[D]")
    content = _key_content(days, rows.codes, rows.tickers)
    files = {KEYS: _write(_key_table(rows, days), content, folder, known)}
    for name, values in rows.numbers.items():
        files[name] = _write(pa.table({VALUE: values}), _content(values), folder, known)
    return Part(year=year, rows=len(days), first=str(days.min()), last=str(days.max()), files=files)


def _key_table(rows: LongBars, days: np.ndarray) -> pa.Table:
    tickers = pa.DictionaryArray.from_arrays(rows.codes, pa.array(rows.tickers, pa.string()))
    return pa.table({"date": pa.array(days, pa.date32()), "ticker": tickers})


def _key_content(days: np.ndarray, codes: np.ndarray, tickers: Sequence[str]) -> str:
    digest = hashlib.sha256(json.dumps(tickers).encode())
    digest.update(np.ascontiguousarray(codes, dtype="<i4").data)
    digest.update(days.astype("<i8").data)
    return digest.hexdigest()


def _content(values: np.ndarray) -> str:
    return _hash(np.where(np.isnan(values), np.nan, values))  # one bit pattern for every NaN


def _hash(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values, dtype="<f8").data).hexdigest()


def _write(table: pa.Table, content: str, folder: Path, known: Mapping[str, StoredFile]) -> StoredFile:
    if content in known and _is_whole(known[content], folder):
        return known[content]
    encodings = ENCODINGS if table.column_names == [VALUE] else ENCODINGS[:1]
    raw = min((_encoded(table, encoding) for encoding in encodings), key=len)
    write_bytes(folder / f"{content}.parquet", raw)
    return StoredFile(content=content, sha256=hashlib.sha256(raw).hexdigest(), size=len(raw))


def _is_whole(file: StoredFile, folder: Path) -> bool:
    """Whether the file on disk is, byte by byte, the one that was written."""
    path = folder / f"{file.content}.parquet"
    return path.is_file() and path.stat().st_size == file.size and file_sha256(path) == file.sha256


def _encoded(table: pa.Table, encoding: Mapping[str, Any]) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, **encoding)
    raw: bytes = sink.getvalue().to_pybytes()
    return raw


def _read_keys(file: StoredFile, folder: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Days, ticker codes and tickers."""
    with _opened(file, folder, dictionary=["ticker"]) as keys:
        tickers = keys["ticker"].combine_chunks()
        days, codes = keys["date"].to_numpy(), tickers.indices.to_numpy().astype(np.int32)
        named = tuple(tickers.dictionary.to_pylist())
        _require(_key_content(days, codes, named), file)
    return days, codes, named


def _read_values(file: StoredFile, folder: Path) -> np.ndarray:
    with _opened(file, folder) as table:
        values: np.ndarray = table[VALUE].to_numpy()
        if _hash(values) != file.content:  # as written: seldom with another NaN than the canonical one
            _require(_content(values), file)
    return values


def _require(content: str, file: StoredFile) -> None:
    if content != file.content:
        raise ValueError("other content")


@contextmanager
def _opened(file: StoredFile, folder: Path, *, dictionary: Sequence[str] = ()) -> Iterator[pa.Table]:
    """Yield the table of a file; whatever shows that it is not what was written is one error."""
    path, remedy = folder / f"{file.content}.parquet", "restore it, or import the data again"
    if not path.is_file():  # a pipe would be waited for
        raise SourceError(f"{path.name} of the store is gone: {remedy}")
    raw = path.read_bytes()
    try:
        if hashlib.sha256(raw).hexdigest() != file.sha256:
            raise ValueError("other bytes")
        opened = parquet.ParquetFile(pa.BufferReader(raw), read_dictionary=list(dictionary))
        yield opened.read(use_threads=False)
    except MemoryError:
        raise  # nothing is wrong with the file
    except (pa.ArrowException, KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise SourceError(f"{path.name} of the store is damaged: {remedy}") from error
