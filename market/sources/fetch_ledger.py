"""Fetch ledger: which tickers have arrived, which failed how often and why; written to disk after every answer.

What arrived lies beside it, one parquet file a ticker, so that an interrupted fetch goes on where it was.
"""

from pathlib import Path
from typing import Literal
from urllib.parse import quote

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from pydantic import ValidationError

from core.errors import SourceError
from core.files import atomic_path, read_json, write_json
from core.settings import Settings
from market.bars.long_form import LongBars

__all__ = ["Entry", "Ledger", "read_ledger", "save_bars", "saved_bars", "write_ledger"]

LEDGER = "ledger.json"


class Entry(Settings):
    """One ticker: waiting, done or failed, after how many attempts, and the last reason or note."""

    status: Literal["waiting", "done", "failed"] = "waiting"
    attempts: int = 0
    reason: str = ""


class Ledger(Settings):
    """The span requested, and the state of every ticker."""

    start: str | None
    end: str | None
    auto_adjust: Literal[False] = False
    tickers: dict[str, Entry]

    def waiting(self) -> list[str]:
        """Tickers that have not arrived."""
        return [ticker for ticker, entry in self.tickers.items() if entry.status != "done"]

    def marked(self, ticker: str, status: Literal["waiting", "done", "failed"], reason: str = "") -> "Ledger":
        """Record one more attempt at a ticker."""
        entry = Entry(status=status, attempts=self.tickers[ticker].attempts + 1, reason=reason)
        return self.model_copy(update={"tickers": self.tickers | {ticker: entry}})


def read_ledger(folder: Path) -> Ledger | None:
    """Read the ledger of a folder; None if there is none.

    Raises
    ------
    SourceError
        If it cannot be read.
    """
    path = folder / LEDGER
    if not path.is_file():
        return None
    try:
        return Ledger.model_validate(read_json(path))
    except ValidationError as error:
        raise SourceError(f"{path} is not a ledger: remove its folder, then fetch again") from error


def write_ledger(folder: Path, ledger: Ledger) -> None:
    """Keep the ledger, whole or not at all."""
    write_json(folder / LEDGER, ledger.model_dump(mode="json"))


def save_bars(folder: Path, bars: LongBars) -> None:
    """Keep the bars of one ticker, whole or not at all."""
    table = pa.table({"date": bars.dates.astype("datetime64[D]"), **bars.numbers})
    with atomic_path(_path(folder, bars.tickers[0])) as temporary:
        parquet.write_table(table, temporary)


def saved_bars(folder: Path, ticker: str) -> LongBars | None:
    """Read the saved bars of one ticker; None if they are not there or cannot be read."""
    try:
        table = parquet.read_table(_path(folder, ticker))
    except (FileNotFoundError, pa.ArrowException, OSError):
        return None
    return LongBars(
        dates=table["date"].to_numpy().astype("datetime64[ns]"),
        codes=np.zeros(table.num_rows, dtype=np.int32),
        tickers=(ticker,),
        numbers={name: table[name].to_numpy() for name in table.schema.names if name != "date"},
        zones=frozenset(["no zone"]),
    )


def _path(folder: Path, ticker: str) -> Path:
    return folder / f"{quote(ticker, safe='')}.parquet"
