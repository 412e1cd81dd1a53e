"""Orders: the trades from holdings to target weights, in whole lots of their exchange, and what blocks each."""

import numpy as np
import pandas as pd

from core.errors import DataError
from market.bars.ticks import volume_lots
from market.delistings import listed
from market.exchanges import LOTS
from market.panel import Panel
from strategy.trading.data_checks import RECENT_SESSIONS, DataChecks
from strategy.trading.holdings import Holdings

__all__ = ["ORDER_COLUMNS", "hedge_notes", "plan_trades"]

MAX_EQUITY_GAP = 0.005  # of what the holdings are worth: prices may be of another minute
MIN_WEIGHT = 1e-9  # of equity: no position
ROUNDING = 1e-6  # of a lot, by which a whole one may be missed
ORDER_COLUMNS = (
    "target_weight",
    "holding_weight",
    "trade_weight",
    "trade_shares",
    "order_shares",
    "last_close",
    "blocked_by",
    "remark",
)


def plan_trades(
    weights: pd.Series,
    panel: Panel,
    *,
    holdings: Holdings | None = None,
    equity: float | None = None,
    checks: DataChecks | None = None,
    hedge: str | None = None,
) -> tuple[pd.DataFrame, float | None]:
    """Plan the orders from holdings to target weights, and the equity they are sized by.

    Parameters
    ----------
    weights : Series of float, shape (n_tickers,)
        Target weights decided at the close of the panel's last session.
    panel : Panel
        Bars up to that close.
    holdings : Holdings, optional
        Positions before the trades; without them trades are NaN.
    equity : float, optional
        Value of the account; by default shares × last close + cash.
    checks : DataChecks, optional
        Reasons that block every order.
    hedge : str, optional
        The ticker that is sold beside the universe.

    Raises
    ------
    ValueError
        If equity is not positive, or is not what the holdings, with their cash, are worth.
    DataError
        If a held name has no price and no equity was given.
    """
    if equity is not None and not equity > 0:
        raise ValueError(f"equity must be positive, was {equity:g}")
    weights = weights.mask(weights.abs() < MIN_WEIGHT, 0.0)  # what a smoothed book leaves of a name it gave up
    price = panel.close.ffill(limit=RECENT_SESSIONS).iloc[-1]
    held = pd.Series(dtype=float) if holdings is None else holdings.amounts
    names = panel.tickers[weights.to_numpy() != 0.0].union(pd.Index(held.index, dtype="str"))
    orders = pd.DataFrame(index=pd.Index(names, name="ticker"))
    orders["target_weight"] = weights.reindex(names).fillna(0.0)  # a name without bars is not wanted
    orders["last_close"] = price.reindex(names)
    equity = _equity(orders["last_close"], holdings, equity)
    orders["holding_weight"] = _holding_weights(orders["last_close"], holdings, equity)
    orders["trade_weight"] = orders["target_weight"] - orders["holding_weight"]
    size = np.nan if equity is None else equity
    orders["trade_shares"] = orders["trade_weight"] * size / orders["last_close"]
    orders["order_shares"] = _in_lots(orders["trade_shares"], panel)
    orders["blocked_by"] = _blocked(orders, panel, checks or DataChecks())
    orders["remark"] = _remarks(orders, panel, hedge)
    return orders[list(ORDER_COLUMNS)], equity


def hedge_notes(weights: pd.Series, hedge: str | None) -> tuple[str, ...]:
    """That a book which holds names has nothing of its hedge."""
    if hedge is None:
        return ()
    held = weights.fillna(0.0).ne(0.0)
    if held[hedge] or not held.any():
        return ()
    return (f"the hedge {hedge} has no price to be sold at: this book is not hedged",)


def _equity(price: pd.Series, holdings: Holdings | None, equity: float | None) -> float | None:
    if holdings is None or not holdings.in_shares:
        return equity
    if equity is not None:
        _check_equity(price, holdings, equity)
        return equity
    shares = holdings.amounts
    unpriced = [name for name in shares.index if np.isnan(price[name]) and shares[name] != 0.0]
    if unpriced:
        raise DataError(f"holdings hold {unpriced[0]}, of which the bars have no price: give --equity, or drop the row")
    worth = float((shares * price.reindex(shares.index)).sum() + holdings.cash)
    if not worth > 0:
        raise DataError(f"holdings are worth {worth:,.0f}: add the row $CASH, or give --equity")
    return worth


def _check_equity(price: pd.Series, holdings: Holdings, equity: float) -> None:
    """Refuse an equity that the holdings contradict; without a row of cash they leave it open."""
    worth = float((holdings.amounts * price.reindex(holdings.amounts.index)).sum(skipna=False) + holdings.cash)
    if holdings.told_cash and abs(worth - equity) > MAX_EQUITY_GAP * abs(worth):
        raise ValueError(
            f"holdings with their cash are worth {worth:,.2f} at the last closes, equity says {equity:,.2f}: "
            "leave --equity out, or correct one of them"
        )


def _in_lots(shares: pd.Series, panel: Panel) -> pd.Series:
    """Shares in whole lots, towards no trade; as they are where fractions trade.

    Names of an exchange that trades in lots have that of their own volumes.
    """
    usual = panel.facts.lot
    if usual is None:
        return shares
    lots = pd.Series(usual, index=shares.index)
    if panel.facts.exchange in LOTS:
        lots = volume_lots(panel).reindex(shares.index).fillna(usual)
    whole: pd.Series = np.sign(shares) * np.floor(shares.abs() / lots + ROUNDING) * lots
    return whole


def _holding_weights(price: pd.Series, holdings: Holdings | None, equity: float | None) -> pd.Series:
    if holdings is None:
        return pd.Series(np.nan, index=price.index)
    held = holdings.amounts.reindex(price.index).fillna(0.0)  # wanted and not held
    if not holdings.in_shares:
        return held
    assert equity is not None
    return (held * price / equity).where(held != 0.0, 0.0)


def _blocked(orders: pd.DataFrame, panel: Panel, checks: DataChecks) -> pd.Series:
    alive, printed = listed(panel).iloc[-1], panel.printed.iloc[-1]
    last_print = panel.printed.iloc[::-1].idxmax()
    general = [reason.partition(":")[0] for reason in checks.blocking]  # in full above the orders
    reasons = []
    for ticker in orders.index:
        if ticker not in panel.tickers:
            own = "no bars of this name"
        elif not alive[ticker]:
            own = "no longer listed: its holders are paid out"
        elif not printed[ticker]:
            own = f"halted: no print since {last_print[ticker]:%Y-%m-%d}"
        else:
            own = ""
        reasons.append("; ".join(reason for reason in (own, *general) if reason))
    return pd.Series(reasons, index=orders.index, dtype="str")


def _remarks(orders: pd.DataFrame, panel: Panel, hedge: str | None) -> pd.Series:
    eligible = panel.universe.iloc[-1].reindex(orders.index).fillna(False).astype(bool) | (orders.index == hedge)
    return pd.Series(np.where(eligible, "", "not in the universe: never bought anew"), index=orders.index, dtype="str")
