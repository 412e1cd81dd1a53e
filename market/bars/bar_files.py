"""Bar files: one parquet or CSV file of many tickers, or a folder with one file per ticker."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from core.allocator import may_start_threads
from core.errors import DataError, SourceError
from market.bars.columns import bar_field, match_columns
from market.bars.csv import cut_note, is_csv, read_csv
from market.bars.defects import merged_defects, refuse
from market.bars.long_form import LongBars, join_bars, long_bars
from market.bars.row_checks import value_defects
from market.bars.wide_form import is_wide
from market.ticker_names import few_words

__all__ = ["bars_from_path", "read_table", "read_whole_table"]

PARQUET = (".parquet", ".pq")


def bars_from_path(path: Path, *, zone: str | None = None) -> LongBars:
    """Read the rows of a file, or of every file in a folder, and go on after rows that cannot be read.

    A file of a folder that has no ticker column takes the ticker from its name; files without bars are passed over, and
    a note names them.

    Parameters
    ----------
    path : Path
        A .parquet, .csv or .csv.gz file, or a folder of them.
    zone : str, optional
        The exchange's time zone, to which times in UTC are moved.

    Returns
    -------
    LongBars
        As read: :func:`market.bars.row_checks.row_defects` lists what no panel can hold.

    Raises
    ------
    SourceError
        If nothing readable is there.
    BarsError
        If a file lacks a column; of a folder, one error names all its files.
    """
    if path.is_dir():
        return _folder(path, zone)
    if not path.exists():
        raise SourceError(f"no bars at {path}: give builtin, yfinance:AAPL,MSFT, a .parquet or .csv file, or a folder")
    if not path.is_file():
        raise SourceError(f"{path} is a pipe or a device: give an ordinary file")
    table = read_table(path)
    bars = long_bars(table, origin=path.name, zone=zone)
    return replace(bars, notes=(*bars.notes, *cut_note({path.name: table})))


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
    return _read_parquet(path, partial(parquet.read_table, use_threads=may_start_threads()))


def _read_parquet(path: Path, read: Callable[[Path], pa.Table]) -> pa.Table:
    if path.suffix.lower() not in PARQUET:
        raise SourceError(f"{path.name} is neither .parquet nor .csv: convert it, or rename it if it is one")
    try:
        return read(path)
    except MemoryError:
        raise  # nothing is wrong with the file
    except (pa.ArrowException, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(f"{path.name} is not a readable parquet file: {reason}") from error


def _read_bar_columns(path: Path) -> pa.Table:
    with parquet.ParquetFile(path) as opened:
        names = opened.schema_arrow.names
        wanted = None if is_wide(names) else list(match_columns(names, origin=path.name).values())
        return opened.read(columns=wanted, use_threads=may_start_threads())


def _folder(path: Path, zone: str | None) -> LongBars:
    files = sorted(p for p in path.iterdir() if not p.is_dir() and not p.name.startswith("."))
    tables = [file for file in files if file.is_file() and (is_csv(file) or file.suffix.lower() in PARQUET)]
    if not tables:
        raise SourceError(f"{path.name or path} holds no .parquet or .csv file: put one file per ticker there")
    parts: dict[str, LongBars] = {}
    tails: dict[str, pa.Table] = {}
    passed, wrong = [file.name for file in files if file not in tables], []
    for file in tables:
        try:
            table = read_table(file)
            if _is_beside(table.schema.names):
                passed.append(file.name)
            else:
                parts[file.name] = long_bars(table, origin=file.name, ticker=_stem(file), zone=zone)
                tails[file.name] = table.schema.empty_table()  # its metadata, without its rows
        except DataError as error:
            wrong.append(str(error))
    _refuse_files(path, parts, wrong, passed)
    bars = join_bars(list(parts.values()))
    told = f"{len(passed)} files without bars passed over: {few_words(sorted(passed))}"
    return replace(bars, notes=(*bars.notes, *((told,) if passed else ()), *cut_note(tails)))


def _refuse_files(path: Path, parts: Mapping[str, LongBars], wrong: list[str], passed: list[str]) -> None:
    """Raise one error of all files that cannot be read at all, with the defects of the others."""
    if not parts and not wrong:
        raise SourceError(f"no file in {path.name or path} has bars: found {few_words(sorted(passed))}")
    unadjusted = [name for name, part in parts.items() if "adj_close" not in part.numbers]
    if 0 < len(unadjusted) < len(parts):
        wrong.append(
            f"{len(unadjusted)} of {len(parts)} files in {path.name} have no adj_close, e.g. {unadjusted[0]}: prices "
            "adjusted and not adjusted do not mix; add the column to all or drop it from all"
        )
    if wrong:
        found = merged_defects((*part.unread, *value_defects(part, origin=path.name)) for part in parts.values())
        refuse([*wrong, *map(str, found)], origin=path.name or str(path))


def _is_beside(names: Sequence[str]) -> bool:
    """Whether columns hold something other than bars: no open, no high and no low."""
    return not is_wide(names) and not {bar_field(name) for name in names} & {"open", "high", "low"}


def _stem(path: Path) -> str:
    """A file's name without its endings."""
    return re.sub(r"\.csv(\.gz)?$", "", path.name, flags=re.IGNORECASE) if is_csv(path) else path.stem
