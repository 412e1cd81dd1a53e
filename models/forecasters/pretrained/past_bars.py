"""Past bars: what a pretrained forecaster may read of several series, each up to its own origin.

Closes are what most of them read; one that reads whole bars asks for candles. Nothing is made before it is asked for.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.panel import Panel

__all__ = ["CANDLE", "PastBars"]

CANDLE = ("open", "high", "low", "close", "volume")
SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PastBars:
    """The last bars of B series.

    Parameters
    ----------
    panel : Panel
        Bars; those after an origin are not read.
    carried : ndarray of float, shape (T, N)
        Its closes, gaps carried forward.
    cells : tuple of (int, int)
        Row of the origin and column of the series, B of them.
    length : int
        Sessions read at most, L.
    """

    panel: Panel
    carried: np.ndarray
    cells: tuple[tuple[int, int], ...]
    length: int

    def __len__(self) -> int:
        """How many series."""
        return len(self.cells)

    def closes(self) -> np.ndarray:
        """The last closes, shape (B, L); NaN before the first where there are fewer."""
        found = np.full((len(self.cells), self.length), np.nan)
        for place, (row, series) in enumerate(self.cells):
            kept = self.carried[max(row + 1 - self.length, 0) : row + 1, series]
            found[place, self.length - len(kept) :] = kept
        return found

    def candles(self, place: int) -> pd.DataFrame:
        """Bars of one of the series from its first close on, ``open, high, low, close, volume`` by session.

        A session without a print has the last close four times and no volume; a missing price is the close.
        """
        row, series = self.cells[place]
        close = self.carried[max(row + 1 - self.length, 0) : row + 1, series]
        first = int(np.argmax(np.isfinite(close)))
        rows = slice(row + 1 - len(close) + first, row + 1)
        found = {name: getattr(self.panel, name).iloc[rows, series].to_numpy(dtype="float64") for name in CANDLE}
        printed = np.isfinite(found["close"])
        for name in CANDLE[:3]:
            found[name] = np.where(printed & np.isfinite(found[name]), found[name], close[first:])
        found["close"] = close[first:]
        found["volume"] = np.where(printed & np.isfinite(found["volume"]), found["volume"], 0.0)
        return pd.DataFrame(found, self.panel.sessions[rows])

    def sessions_ahead(self, place: int, horizon: int) -> pd.DatetimeIndex:
        """Days that the next sessions are taken to be: weekdays, or every day where a past session was at a weekend.

        They are not read from the bars, which know the holidays to come: that a session was left out is later news.
        """
        row, _ = self.cells[place]
        past = self.panel.sessions[max(row + 1 - self.length, 0) : row + 1]
        frequency = "D" if bool((past.day_of_week >= SATURDAY).any()) else "B"
        return pd.date_range(past[-1] + dt.timedelta(days=1), periods=horizon, freq=frequency)

    def seed_of(self, place: int, seed: int) -> int:
        """A seed of one series at its origin: what is drawn for it depends on nothing else that is asked."""
        row, series = self.cells[place]
        told = f"{seed} {self.panel.tickers[series]} {self.panel.sessions[row].isoformat()}"
        return int.from_bytes(hashlib.sha256(told.encode()).digest()[:4], "big")
