"""Bar files: one parquet or CSV file of many tickers, or a folder with one file per ticker."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from core.errors import BarsError, SourceError
from market.bars.columns import match_columns
from market.bars.csv import is_csv, read_csv
from market.bars.long_form import LongBars, join_bars, long_bars
from market.bars.wide_form import is_wide

__all__ = ["bars_from_path", "read_table", "read_whole_table"]

PARQUET = (".parquet", ".pq")


def bars_from_path(path: Path) -> LongBars:
    """Read the rows of a file, or of every file in a folder.

    A file of a folder that has no ticker column takes the ticker from its name.

    Raises
    ------
    SourceError
        If nothing readable is there.
    BarsError
        If a file lacks a column or holds a value that cannot be used.
    """
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        raise SourceError(f"no bars at {path}: give builtin, yfinance:AAPL,MSFT, a .parquet or .csv file, or a folder")
    return _file(path, ticker=None)


def read_table(path: Path) -> pa.Table:
    """Read the columns of a parquet or CSV file that spell a bar, by the file's own names.

    Raises
    ------
    SourceError
        If it is neither, or cannot be read.
    """
    if is_csv(path):
        return read_csv(path)
    return _read_parquet(path, _read_bar_columns)


def read_whole_table(path: Path, *, what: str) -> pa.Table:
    """Read every column of a parquet or CSV file that holds something other than bars.

    Raises
    ------
    SourceError
        If it is missing, neither, or cannot be read; ``what`` says what was looked for.
    """
    if not path.is_file():
        raise SourceError(f"no {what} at {path}: give a .parquet or .csv file")
    if is_csv(path):
        return read_csv(path)
    return _read_parquet(path, parquet.read_table)


def _read_parquet(path: Path, read: Callable[[Path], pa.Table]) -> pa.Table:
    if path.suffix.lower() not in PARQUET:
        raise SourceError(f"{path.name} is neither .parquet nor .csv: convert it, or rename it if it is one")
    try:
        return read(path)
    except (pa.ArrowException, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(f"{path.name} is not a readable parquet file: {reason}") from error


def _read_bar_columns(path: Path) -> pa.Table:
    with parquet.ParquetFile(path) as opened:
        names = opened.schema_arrow.names
        wanted = None if is_wide(names) else list(match_columns(names, origin=path.name).values())
        return opened.read(columns=wanted)


def _folder(path: Path) -> LongBars:
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in (*PARQUET, ".csv") and not p.name.startswith("."))
    if not files:
        raise SourceError(f"{path.name or path} holds no .parquet or .csv file: put one file per ticker there")
    parts = [_file(file, ticker=file.stem) for file in files]
    unadjusted = [file.name for file, part in zip(files, parts, strict=True) if "adj_close" not in part.numbers]
    if 0 < len(unadjusted) < len(files):
        raise BarsError(
            f"{len(unadjusted)} of {len(files)} files in {path.name} have no adj_close, e.g. {unadjusted[0]}: prices "
            "adjusted and not adjusted do not mix; add the column to all or drop it from all"
        )
    return join_bars(parts)


def _file(path: Path, *, ticker: str | None) -> LongBars:
    return long_bars(read_table(path), origin=path.name, ticker=ticker)
