"""Book checks: what a book needs of its bars, said before anything is trained or traded."""

import pandas as pd

from backtests.engine.due_weights import comes_due
from core.errors import DataError, UnsupportedBookError
from market.inputs import Inputs
from market.panel import Panel
from market.returns import Execution
from portfolio.book_settings import BookSettings

__all__ = ["check_book", "check_due"]


def check_book(settings: BookSettings, inputs: Inputs) -> None:
    """Refuse a book whose hedge or sectors the bars lack.

    Raises
    ------
    DataError
        If the hedge is no ticker of the bars or may be held for its score, or sectors are needed and missing.
    """
    ticker, panel = settings.hedge_ticker, inputs.panel
    if settings.builder == "index_hedged" and ticker is not None:
        if ticker not in panel.tickers:
            raise DataError(
                f"hedge {ticker} is no ticker of the bars: add its bars with --hedge FILE, or hedge with the universe"
            )
        if panel.universe[ticker].any():
            raise DataError(f"hedge {ticker} is in the universe: give a universe without it, it is never held by score")
    if inputs.sectors is None and settings.reads_sectors:
        why = "neutral sector" if settings.neutral == "sector" else "a sector limit"
        raise DataError(f"sectors are missing: {why} needs the sector of every ticker; give them with --sectors FILE")


def check_due(panel: Panel, weights: pd.DataFrame, execution: Execution) -> None:
    """Refuse decided weights of which none fills within the bars.

    Raises
    ------
    UnsupportedBookError
        If there is no decision that comes due.
    """
    if not comes_due(panel, weights, execution):
        raise UnsupportedBookError(
            "the book decides nothing that fills within the bars: too few names have what it needs, such as a full "
            "window of returns; give more history or another book"
        )
