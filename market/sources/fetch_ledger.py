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
from core.files import atomic_path, file_sha256, read_json, write_json
from core.settings import Settings
from market.bars.long_form import LongBars

__all__ = ["Entry", "Ledger", "read_ledger", "save_bars", "saved_bars", "write_ledger"]

LEDGER = "ledger.json"


class Entry(Settings):
    """One ticker: waiting, done or failed, after how many attempts, the last reason, and the sum of what arrived."""

    status: Literal["waiting", "done", "failed"] = "waiting"
    attempts: int = 0
    reason: str = ""
    sha256: str = ""


class Ledger(Settings):
    """The span requested, and the state of every ticker."""

    start: str | None
    end: str | None
    auto_adjust: Literal[False] = False
    tickers: dict[str, Entry]

    def waiting(self) -> list[str]:
        """Tickers that have not arrived."""
        return [ticker for ticker, entry in self.tickers.items() if entry.status != "done"]

    def arrived(self, ticker: str, sha256: str) -> "Ledger":
        """Record the attempt at a ticker with which it arrived, and the sum of its file."""
        return self._with(ticker, Entry(status="done", sha256=sha256))

    def missed(self, ticker: str, status: Literal["waiting", "failed"], reason: str) -> "Ledger":
        """Record one more attempt at a ticker in vain."""
        return self._with(ticker, Entry(status=status, reason=reason))

    def _with(self, ticker: str, entry: Entry) -> "Ledger":
        entry = entry.model_copy(update={"attempts": self.tickers[ticker].attempts + 1})
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


def save_bars(folder: Path, bars: LongBars) -> str:
    """Keep the bars of one ticker, whole or not at all, and return the sum of the file."""
    table = pa.table({"date": bars.dates.astype("datetime64[D]"), **bars.numbers})
    with atomic_path(_path(folder, bars.tickers[0])) as temporary:
        parquet.write_table(table, temporary)
        return file_sha256(temporary)


def saved_bars(folder: Path, ticker: str, sha256: str) -> LongBars | None:
    """Read the saved bars of one ticker; None if they are not there, or not as they were written."""
    path = _path(folder, ticker)
    if not path.is_file() or file_sha256(path) != sha256:
        return None
    table = parquet.read_table(path)
    return LongBars(
        dates=table["date"].to_numpy().astype("datetime64[ns]"),
        codes=np.zeros(table.num_rows, dtype=np.int32),
        tickers=(ticker,),
        numbers={name: table[name].to_numpy() for name in table.schema.names if name != "date"},
        zones=frozenset(["no zone"]),
    )


def _path(folder: Path, ticker: str) -> Path:
    return folder / f"{quote(ticker, safe='')}.parquet"
