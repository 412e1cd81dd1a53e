"""Outside table: values of periods with the day from which each counts, and what was known of them at each close.

A row says: the value of ``date``, of one ticker or of the whole market, counts in every session from ``since`` on. At a
session's close a name has the value of its latest period that counts by then, and of that period the latest revision
that does. So a revision changes nothing before it was known, and one of an older period hides no newer period. A name
without a row, or whose last row is older than it may be held, has no value: NaN, never 0.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import DataError
from market.ticker_names import likely_meant

__all__ = ["EVERYONE", "ROWS", "OutsideTable", "joined_rows", "split_rows"]

EVERYONE = ""  # the ticker of a row that is of the whole market
ROWS = ("ticker", "date", "since", "value")
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class OutsideTable:
    """Values by ticker and period, each with the day from which it counts.

    Parameters
    ----------
    rows : DataFrame
        Columns ``ticker`` (empty for the whole market), ``date`` (the period, such as a quarter's last day), ``since``
        (midnight of the first day at whose close the value is known) and ``value``. Of several revisions of one period
        with one ``since`` there is one row. Sorted by ticker, ``since`` and date.
    notes : tuple of str
        What the reader found.

    Raises
    ------
    DataError
        If a column is missing, a cell is empty, a key repeats, or rows of the market stand beside rows of tickers.

    Examples
    --------
    >>> import pandas as pd
    >>> from market.outside.outside_table import OutsideTable
    >>> days = pd.to_datetime(["2020-03-31", "2020-06-30"])
    >>> known = pd.to_datetime(["2020-05-07", "2020-08-06"])
    >>> eps = OutsideTable.of(pd.DataFrame({"ticker": "ABC", "date": days, "since": known, "value": [1.0, 1.2]}))
    >>> sessions = pd.to_datetime(["2020-05-06", "2020-05-07", "2020-08-05", "2020-08-06"])
    >>> eps.values_at(sessions, pd.Index(["ABC"]), days=100)["ABC"].tolist()
    [nan, 1.0, 1.0, 1.2]
    """

    rows: pd.DataFrame
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self.rows)

    @classmethod
    def of(cls, rows: pd.DataFrame, *, notes: tuple[str, ...] = ()) -> Self:
        """The table of rows in any order, with any other columns beside them; rows without a value are left out."""
        missing = [name for name in ROWS if name not in rows]
        if missing:
            raise DataError(f"outside rows need the columns {', '.join(ROWS)}: {missing[0]} is missing")
        kept = rows.loc[rows["value"].notna(), list(ROWS)].astype({"ticker": "str", "value": "float64"})
        for column in ("date", "since"):
            kept[column] = pd.to_datetime(kept[column]).astype("datetime64[ns]")
        return cls(rows=kept.sort_values(["ticker", "since", "date"], ignore_index=True), notes=notes)

    @property
    def is_of_everyone(self) -> bool:
        """Whether a row is of the whole market rather than of a name."""
        return len(self.rows) > 0 and self.rows["ticker"].iloc[0] == EVERYONE

    def until(self, session: pd.Timestamp) -> Self:
        """The rows that count at the close of a session."""
        return self._kept((self.rows["since"] <= session).to_numpy())

    def beside(self, last: pd.Timestamp, tickers: pd.Index, *, name: str) -> Self:
        """The rows that bars of these tickers, whose last session is given, may read.

        Raises
        ------
        DataError
            If there is no row for any of the tickers.
        """
        own = self._kept((self.rows["ticker"].isin([*tickers, EVERYONE])).to_numpy())
        if own.rows.empty:
            hint = likely_meant(self.rows["ticker"].unique().tolist(), tickers.tolist())
            raise DataError(f"outside table {name} has no row for any ticker of the bars{hint}: compare the spellings")
        return own.until(last)

    def values_at(self, sessions: pd.DatetimeIndex, tickers: pd.Index, *, days: int) -> pd.DataFrame:
        """What was known at each close.

        Parameters
        ----------
        sessions : DatetimeIndex
            Dates of the sessions.
        tickers : Index
            Names wanted; a table of the whole market says the same of each.
        days : int
            Calendar days for which a value holds once it counts, unless a later one takes its place.

        Returns
        -------
        DataFrame of float, shape (n_sessions, n_tickers)
            Row *t* known at the close of *t*; NaN where nothing is known, or it is too old.
        """
        named = pd.Index([EVERYONE]) if self.is_of_everyone else tickers
        numbers = self._known(np.asarray(sessions, dtype="datetime64[D]"), named, days)
        if self.is_of_everyone:
            numbers = np.repeat(numbers, len(tickers), axis=1)
        return pd.DataFrame(np.asfortranarray(numbers), index=sessions, columns=tickers, copy=False)

    def add_to(self, digest: Any) -> None:
        """Add every row to a hash."""
        rows = self.rows
        codes, tickers = pd.factorize(rows["ticker"])
        digest.update("\0".join([f"{len(rows)}", *tickers]).encode())
        digest.update(codes.astype(np.int64).tobytes())
        for column in ("date", "since"):
            digest.update(rows[column].to_numpy().astype("datetime64[ns]").astype(np.int64).tobytes())
        digest.update((rows["value"].to_numpy() + 0.0).tobytes())

    @property
    def sha256(self) -> str:
        """Hash of every row, in hexadecimal."""
        digest = hashlib.sha256()
        self.add_to(digest)
        return digest.hexdigest()

    def __repr__(self) -> str:
        whose = "the whole market" if self.is_of_everyone else f"{self.rows['ticker'].nunique():,} tickers"
        return f"<OutsideTable: {len(self.rows):,} rows of {whose}>"

    def _kept(self, rows: NDArray[np.bool_]) -> Self:
        if rows.all():
            return self
        part = object.__new__(type(self))
        object.__setattr__(part, "rows", self.rows[rows].reset_index(drop=True))
        object.__setattr__(part, "notes", self.notes)
        return part

    @cached_property
    def _standing(self) -> pd.DataFrame:
        """The rows that are ever seen: each is of the latest period that counts by then, the last one of a day."""
        rows = self.rows
        newest = rows.groupby("ticker", sort=False)["date"].cummax()
        seen = rows[rows["date"] >= newest]
        return seen.drop_duplicates(["ticker", "since"], keep="last")

    def _known(self, days_of: NDArray[np.datetime64], tickers: pd.Index, days: int) -> NDArray[np.float64]:
        """Values at the sessions of these dates, shape (n_sessions, n_tickers)."""
        rows = self._standing
        since = rows["since"].to_numpy().astype("datetime64[D]")
        first, columns = np.searchsorted(days_of, since), tickers.get_indexer(pd.Index(rows["ticker"]))
        placed = np.flatnonzero((first < len(days_of)) & (columns >= 0))
        latest: Ints = np.full((len(days_of), len(tickers)), -1, dtype=np.int64)
        latest[first[placed], columns[placed]] = placed  # of several rows in one session the last stays
        latest = np.maximum.accumulate(latest, axis=0)
        known = latest >= 0
        if not len(rows):
            return np.full(latest.shape, np.nan)
        known &= days_of[:, None] - since[latest] < np.timedelta64(days, "D")
        return np.where(known, rows["value"].to_numpy()[latest], np.nan)


def joined_rows(tables: Mapping[str, OutsideTable]) -> pd.DataFrame:
    """The rows of several tables under their names, for a file."""
    frames = [table.rows.assign(table=name) for name, table in sorted(tables.items())]
    return pd.concat(frames, ignore_index=True)[["table", *ROWS]]


def split_rows(rows: pd.DataFrame) -> dict[str, OutsideTable]:
    """The tables of ``joined_rows``.

    Raises
    ------
    DataError
        If they are of another form.
    """
    if list(rows) != ["table", *ROWS]:
        raise DataError(f"outside rows must have the columns table, {', '.join(ROWS)}, were {list(rows)[:8]}")
    return {str(name): OutsideTable.of(part.drop(columns="table")) for name, part in rows.groupby("table")}


def _check(rows: pd.DataFrame) -> None:
    if list(rows) != list(ROWS):
        raise DataError(f"outside rows must have the columns {', '.join(ROWS)}, were {list(rows)[:8]}")
    if rows.isna().to_numpy().any():
        column = rows.columns[rows.isna().any()][0]
        raise DataError(f"outside rows have no {column} in {int(rows[column].isna().sum())} rows: leave them out")
    if np.isinf(rows["value"].to_numpy()).any():
        raise DataError("outside rows hold an infinite value: leave it out")
    repeated = rows.duplicated(["ticker", "date", "since"])
    if repeated.any():
        row = rows[repeated].iloc[0]
        raise DataError(
            f"outside rows say more than one value of {row['date']:%Y-%m-%d}{_of(row['ticker'])} from "
            f"{row['since']:%Y-%m-%d} on ({int(repeated.sum())} such rows): keep one of each"
        )
    everyone = rows["ticker"] == EVERYONE
    if everyone.any() and not everyone.all():
        raise DataError(f"outside rows without a ticker stand beside rows of {rows['ticker'].iloc[-1]}: name them all")


def _of(ticker: str) -> str:
    return "" if ticker == EVERYONE else f" for {ticker}"
