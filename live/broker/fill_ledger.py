"""Fill ledger: equity of a night out of a paper log's fills and actions and the bars' closes, in decimal numbers.

It is the exact twin of what a broker counts: it knows none of the broker's sums, only what was filled, paid and split.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import pandas as pd

from core.errors import DataError
from market.panel import Panel
from strategy.trading.paper.paper_fills import Note, held_cash, held_shares
from strategy.trials.chained_log import Entry

__all__ = ["CENT", "equity_at", "night_equity"]

CENT, PRICE = Decimal("0.01"), Decimal("0.0001")


def night_equity(notes: Sequence[Entry | Note], panel: Panel) -> Decimal:
    """Equity after the panel's last session, to the cent.

    Parameters
    ----------
    notes : sequence of Entry or Note
        A paper log that holds every fill and action up to that night.
    panel : Panel
        Bars up to the night, on its split basis; a name without a print is worth its last close.

    Raises
    ------
    DataError
        If a held name never printed.
    """
    shares = held_shares(notes)
    closes = panel.close[[name for name in shares if name in panel.tickers]].ffill().iloc[-1]
    return equity_at({str(name): float(close) for name, close in closes.items()}, shares, held_cash(notes))


def equity_at(closes: Mapping[str, float], shares: Mapping[str, Decimal], cash: Decimal) -> Decimal:
    """Cash and shares at closes of four decimals, to the cent.

    Raises
    ------
    DataError
        If a held name has no close.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from live.broker.fill_ledger import equity_at
    >>> equity_at({"A": 10.00004}, {"A": Decimal(-3)}, Decimal(100))
    Decimal('70.00')
    """
    worth = cash
    for name, held in shares.items():
        close = closes.get(name)
        if close is None or pd.isna(close):
            raise DataError(f"the bars have no price of {name}, which is held: load bars with it")
        worth += held * Decimal(repr(close)).quantize(PRICE)
    return worth.quantize(CENT)
