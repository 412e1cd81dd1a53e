"""Answers: what a vendor's frame holds for each requested ticker, or why it holds nothing usable.

An answer is taken ticker by ticker: one that is empty, cut, broken or from the future fails alone and is named.
"""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pandas as pd

from market.bars.columns import BAR_COLUMNS, plain_name
from market.bars.long_form import LongBars
from market.calendar import finished_day
from market.exchanges import exchange_of_tickers

__all__ = ["Answer", "read_answer"]

FIELDS = (*BAR_COLUMNS, "adj_close")
EVENTS = {"dividends": "dividends", "stocksplits": "splits"}
PRICES = ("open", "high", "low", "close", "adj_close")
AMERICAN = "XNYS"  # tickers without a suffix, in the vendor's spelling
NO_BARS = "no bars came back: an unknown or delisted symbol, or a rate limit"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """The bars of one ticker, or None and the reason."""

    ticker: str
    bars: LongBars | None = None
    reason: str = ""


def read_answer(
    frame: pd.DataFrame | None, tickers: list[str], *, now: datetime, exchange: str | None = None
) -> list[Answer]:
    """Split a vendor's frame into one answer for each requested ticker.

    Parameters
    ----------
    frame : DataFrame or None
        Columns (field, ticker), as yfinance gives them.
    now : datetime
        With a time zone. A bar whose exchange has not been closed for an hour is left out: it may be unfinished.
    exchange : str, optional
        That of all tickers; by default the one that a ticker's suffix names.
    """
    if frame is None or frame.empty or not isinstance(frame.columns, pd.MultiIndex):
        return [Answer(ticker=ticker, reason=NO_BARS) for ticker in tickers]
    held = set(frame.columns.get_level_values(1).astype(str))
    return [
        _one(_of(frame, ticker), ticker, finished_day(exchange or exchange_of_tickers([ticker]) or AMERICAN, now))
        if ticker in held
        else Answer(ticker=ticker, reason=NO_BARS)
        for ticker in tickers
    ]


def _of(frame: pd.DataFrame, ticker: str) -> pd.DataFrame:
    own: pd.DataFrame = frame.loc[:, frame.columns.get_level_values(1) == ticker]
    return own.droplevel(1, axis=1)


def _one(frame: pd.DataFrame, ticker: str, last: date) -> Answer:
    """The bars of a ticker up to the last day whose bar is finished."""
    named = {_field(str(name)): frame[name] for name in frame.columns}
    missing = [field for field in FIELDS if field not in named]
    if missing:
        return Answer(ticker=ticker, reason=f"columns changed: no {', '.join(missing)}, found {sorted(named)}")
    if not isinstance(frame.index, pd.DatetimeIndex):
        return Answer(ticker=ticker, reason="rows are not dated: the answer's form changed")
    try:
        numbers = pd.DataFrame(named).astype(float)
    except (TypeError, ValueError):
        return Answer(ticker=ticker, reason="text where numbers should be: the answer is broken")
    numbers = numbers[numbers["close"].notna()]
    until = pd.Timestamp(last)
    numbers.index = pd.DatetimeIndex(numbers.index).tz_localize(None).normalize()
    reason = _objection(numbers, until + pd.Timedelta(days=1))
    finished = numbers[numbers.index <= until].sort_index()
    if reason or finished.empty:
        return Answer(ticker=ticker, reason=reason or NO_BARS)
    return Answer(ticker=ticker, bars=_rows(finished, ticker))


def _field(name: str) -> str:
    plain = plain_name(name)
    return "adj_close" if plain == "adjclose" else EVENTS.get(plain, plain)


def _objection(numbers: pd.DataFrame, today: pd.Timestamp) -> str:
    """Why bars are refused; empty if they are taken."""
    if numbers.empty:
        return NO_BARS
    if numbers.index.max() > today + pd.Timedelta(days=1):
        return f"a bar of {numbers.index.max():%Y-%m-%d}, after today {today:%Y-%m-%d}: check this machine's clock"
    if numbers.index.has_duplicates:
        return f"{numbers.index[numbers.index.duplicated()][0]:%Y-%m-%d} came twice"
    prices = numbers[list(PRICES)].to_numpy()
    wrong = ~(np.isfinite(prices) & (prices > 0)).all(axis=1)
    if wrong.any():
        return f"a price that is no positive number on {numbers.index[wrong][0]:%Y-%m-%d}"
    crossed = (numbers["high"] < numbers["low"]).to_numpy()
    return f"high below low on {numbers.index[crossed][0]:%Y-%m-%d}" if crossed.any() else ""


def _rows(numbers: pd.DataFrame, ticker: str) -> LongBars:
    events = {name: numbers[name].fillna(0.0) if name in numbers else 0.0 for name in EVENTS.values()}
    full = numbers.assign(**events)
    return LongBars(
        dates=full.index.to_numpy().astype("datetime64[ns]"),
        codes=np.zeros(len(full), dtype=np.int32),
        tickers=(ticker,),
        numbers={name: full[name].to_numpy(dtype=float) for name in (*FIELDS, *EVENTS.values())},
        zones=frozenset(["no zone"]),
    )
