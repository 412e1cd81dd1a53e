"""Parquet: the columns of a file that bars need, read once and left as they are written."""

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from core.errors import SourceError
from market.bars.columns import match_columns
from market.bars.wide_form import is_wide

__all__ = ["read_parquet"]


def read_parquet(path: Path) -> pa.Table:
    """Read the columns of a parquet file that spell a date, a ticker or a bar.

    Raises
    ------
    SourceError
        If it is not a readable parquet file.
    """
    try:
        with parquet.ParquetFile(path) as opened:
            names = opened.schema_arrow.names
            wanted = None if is_wide(names) else list(match_columns(names, origin=path.name).values())
            return opened.read(columns=wanted)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{path.name} is not a readable parquet file: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
