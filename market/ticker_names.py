"""Ticker names: what a person does not see is no part of a ticker; what differs by case or punctuation is named.

Outer blanks of any kind, control characters, byte-order marks, zero-width and soft characters are taken off wherever
tickers are read: bars, scores, holdings, members, sectors, weights; so is the apostrophe of our own CSV
(``core.spreadsheet``). Case and punctuation stay as written, since ``BACpL`` and ``BACPL`` may be two securities.
"""

import re
from collections.abc import Iterable, Sequence

import pandas as pd

from core.errors import DataError
from core.spreadsheet import unquoted

__all__ = ["alike", "clean_ticker", "few_words", "likely_meant", "one_spelling", "respelled"]

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
MAX_NAMED = 5


def clean_ticker(ticker: str) -> str:
    """Take off outer blanks and characters that nobody sees.

    Examples
    --------
    >>> from market.ticker_names import clean_ticker
    >>> clean_ticker(" BRK B  ")
    'BRK B'
    """
    return unquoted(_UNSEEN.sub("", ticker).strip())


def respelled(tickers: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Spellings as written, by clean ticker, of those that lost something."""
    found: dict[str, list[str]] = {}
    for ticker in dict.fromkeys(tickers):
        found.setdefault(clean_ticker(ticker), []).append(ticker)
    return {clean: tuple(raw) for clean, raw in found.items() if list(raw) != [clean]}


def alike(tickers: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Groups of tickers that differ by case or punctuation only, such as BRK.B and BRK-B."""
    found: dict[str, list[str]] = {}
    for ticker in tickers:
        found.setdefault(_bare(ticker), []).append(ticker)
    return tuple(tuple(group) for bare, group in found.items() if bare and len(group) > 1)


def likely_meant(strangers: Iterable[str], known: Iterable[str]) -> str:
    """Words behind unknown tickers: which known ones differ by case or punctuation only; empty if none does."""
    by_bare = {_bare(ticker): ticker for ticker in known}
    pairs = [f"{by_bare[_bare(ticker)]} for {ticker}" for ticker in strangers if by_bare.get(_bare(ticker))]
    if not pairs:
        return ""
    return f" (the bars have {', '.join(pairs[:MAX_NAMED])}{', …' if len(pairs) > MAX_NAMED else ''})"


def one_spelling(frame: pd.DataFrame, *, what: str) -> pd.DataFrame:
    """A frame of sessions × tickers with one column a ticker, without what nobody sees in its name.

    Parameters
    ----------
    frame : DataFrame of float
        Columns are tickers.
    what : str
        What they hold, for messages.

    Raises
    ------
    DataError
        If two columns are one ticker and have a number in the same session.
    """
    clean = pd.Index([clean_ticker(str(ticker)) for ticker in frame.columns], dtype="str", name=frame.columns.name)
    if clean.equals(frame.columns) or (clean.is_unique and frame.columns.is_unique):
        return frame.set_axis(clean, axis=1)
    if not frame.columns.is_unique:
        return frame
    merged = {}
    for ticker in clean.unique():
        columns = frame.loc[:, clean == ticker]
        both = columns.notna().sum(axis=1) > 1
        if both.any():
            raise DataError(
                f"{what} have {' and '.join(repr(str(name)) for name in columns.columns)}, which are one ticker, in "
                f"{int(both.sum())} sessions, the first {both.idxmax():%Y-%m-%d}: keep one of them"
            )
        merged[ticker] = columns.bfill(axis=1).iloc[:, 0]
    return pd.DataFrame(merged, index=frame.index)


def few_words(names: Sequence[str]) -> str:
    """The first few names, comma between."""
    return ", ".join(names[:MAX_NAMED]) + (", …" if len(names) > MAX_NAMED else "")


def _bare(ticker: str) -> str:
    """Letters and digits, without case."""
    return re.sub(r"[\W_]+", "", ticker).casefold()
