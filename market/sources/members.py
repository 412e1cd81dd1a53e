"""Members: lists of eligible tickers by date, from a parquet or CSV file."""

from pathlib import Path

import numpy as np

from market.errors import SourceError
from market.sources.columns import require_columns
from market.sources.dates import check_single_zone, local_dates
from market.sources.files import read_table
from market.sources.long_form import ticker_codes

__all__ = ["read_members"]


def read_members(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return dates and tickers of a member file, row by row.

    Returns
    -------
    dates : array of datetime64[ns], shape (n_rows,)
        The day each list was made.
    tickers : array of str, shape (n_rows,)
        Exactly as written.

    Raises
    ------
    SourceError
        If the file is not readable or holds no row.
    BarsError
        If it has no date or ticker column, or a date or ticker is missing.
    """
    table = read_table(path)
    if table.num_rows == 0:
        raise SourceError(f"{path.name} holds no rows: it needs a date and a ticker on each")
    names = require_columns(("date", "ticker"), table.schema.names, origin=path.name)
    dates, zones = local_dates(table[names["date"]], origin=path.name)
    check_single_zone(zones, origin=path.name)
    codes, tickers = ticker_codes(table[names["ticker"]], dates, origin=path.name)
    return dates, np.array(tickers, dtype=object)[codes]
