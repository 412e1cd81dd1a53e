"""Factor returns: returns of factor portfolios from a file, such as those of Fama and French, as fractions."""

from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import BarsError, SourceError
from market.bars.bar_files import read_whole_table
from market.bars.columns import SPELLINGS, plain_name
from market.bars.dates import check_single_zone, local_dates

__all__ = ["load_factors"]

MAX_VOLATILITY = 0.1  # standard deviation a session; published files in percent have about 1


def load_factors(source: str | Path, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Read the simple returns of factors.

    Parameters
    ----------
    source : str or Path
        A .parquet or .csv file with a date and one column for each factor, returns as fractions; a column ``rf`` holds
        the risk-free return.
    sessions : DatetimeIndex
        Sessions wanted.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_factors)
        Columns by the file's names in lower case; NaN where the file has no number.

    Raises
    ------
    SourceError
        If the file cannot be read, or none of its sessions is wanted.
    BarsError
        If there is no date, a date repeats, a column holds text, or the returns are in percent.
    """
    path = Path(source)
    table = read_whole_table(path, what="factors")
    names = {plain_name(name): name for name in reversed(table.schema.names)}
    date = next((names[spelling] for spelling in SPELLINGS["date"] if spelling in names), None)
    if date is None or len(names) < 2:
        raise BarsError(f"{path.name} needs a date and one column for each factor, found {table.schema.names[:8]}")
    days, zones = local_dates(table[date], origin=path.name)
    check_single_zone(zones, origin=path.name)
    try:
        columns = {
            name.strip().lower(): table[name].to_pandas().astype(float) for name in table.schema.names if name != date
        }
    except ValueError as error:
        raise BarsError(f"{path.name} holds text where a factor return should be: {error}") from error
    frame = pd.DataFrame(columns).set_index(pd.DatetimeIndex(days))
    if frame.index.has_duplicates:
        raise BarsError(f"{path.name} has more than one row for {frame.index[frame.index.duplicated()][0]:%Y-%m-%d}")
    _check_units(frame, path.name)
    placed = frame.reindex(sessions)
    if placed.isna().all(axis=None):
        raise SourceError(f"{path.name} has no factors between {sessions[0]:%Y-%m-%d} and {sessions[-1]:%Y-%m-%d}")
    return placed


def _check_units(frame: pd.DataFrame, origin: str) -> None:
    spread = frame.std(ddof=1)
    if not np.isfinite(frame.to_numpy()[frame.notna().to_numpy()]).all():
        raise BarsError(f"{origin} holds infinite returns: repair them")
    if (spread > MAX_VOLATILITY).any():
        raise BarsError(
            f"{origin} moves by {spread.max():.2g} per session in {spread.idxmax()}: "
            "it looks like percent, divide by 100"
        )
