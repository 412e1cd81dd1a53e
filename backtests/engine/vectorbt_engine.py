"""The vectorbt engine: the same rules as the ledger, written as whole frames and simulated by vectorbt.

Nothing of the ledger is used here, so that their agreement means something. What vectorbt does not know is put into the
frames it reads: a carried order becomes the first printed session after its decision, a pay-out becomes an order to
zero shares at the pay-out price without a fee, and an order without a price has a NaN price (a NaN size would upset the
order in which vectorbt sells before it buys).
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.errors import UnsupportedBookError
from core.unneeded_imports import without_docstrings, without_imports
from market import Execution, Panel, cash_outs, fill_prices
from portfolio.costs import Costs

__all__ = ["ENGINE", "OrderFrames", "order_frames", "vectorbt_equity"]

ENGINE = "rust"  # vectorbt's other engine, numba, gives the same numbers after half a minute of compiling
UNIT_CAPITAL = 1e6  # vectorbt drops orders below 1e-12 shares
TOTAL_LOSS = float(np.finfo(float).tiny)  # vectorbt refuses a price of 0
NEVER_HELD = 1.0  # any price: a name that never printed has no order and no shares
TARGET_AMOUNT, TARGET_PERCENT = 3, 5  # vectorbt's SizeType


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderFrames:
    """What vectorbt reads, all of shape (n_sessions, n_tickers) and, but for ``price``, without a NaN."""

    size: np.ndarray
    size_type: np.ndarray
    price: np.ndarray
    fees: np.ndarray
    val_price: np.ndarray
    close: np.ndarray


def vectorbt_equity(
    panel: Panel, due: pd.DataFrame, *, execution: Execution, costs: Costs, start: int = 0
) -> np.ndarray:
    """Equity of due weights by vectorbt, as a multiple of the starting capital.

    Parameters
    ----------
    panel, due, execution, costs
        As for ``keep_ledger``.
    start : int
        Row at which the simulation begins; nothing may come due before.

    Returns
    -------
    ndarray of float, shape (n_sessions − start,)
        At each close.

    Raises
    ------
    UnsupportedBookError
        If vectorbt rejects an order.
    """
    held = (due.notna() & (due != 0)).any().to_numpy()
    if not held.any():
        return np.ones(len(due) - start)
    orders = order_frames(panel, due, execution=execution, costs=costs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _simulate({name: getattr(orders, name)[start:, held] for name in OrderFrames.__slots__})


def order_frames(panel: Panel, due: pd.DataFrame, *, execution: Execution, costs: Costs) -> OrderFrames:
    """Write due weights, carried orders and pay-outs as the frames of ``Portfolio.from_orders``."""
    fills = fill_prices(panel, execution)
    at_fill, at_close = _known_prices(fills, panel.close)
    payout = cash_outs(panel)
    leaves = payout.notna().to_numpy()
    before = np.vstack([np.full((1, due.shape[1]), np.nan), at_close[:-1]])
    pay_price = np.maximum(before * (1.0 + payout.to_numpy()), TOTAL_LOSS)
    trades = _first_chance(due, fills.notna(), payout.notna())
    return OrderFrames(
        size=np.where(trades, due.ffill().to_numpy(), 0.0),
        size_type=np.where(leaves, TARGET_AMOUNT, TARGET_PERCENT),
        price=np.where(trades, fills.to_numpy(), pay_price),  # NaN where neither applies: no order
        fees=np.where(leaves, 0.0, costs.trade_fraction),
        val_price=_filled(np.where(leaves, pay_price, at_fill)),
        close=_filled(at_close),
    )


def _known_prices(fills: pd.DataFrame, close: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Last price known at the fill and at the close of each session."""
    moments = np.stack([fills.to_numpy(), close.to_numpy()], axis=1).reshape(-1, fills.shape[1])
    known = pd.DataFrame(moments).ffill().to_numpy()
    return known[0::2], known[1::2]


def _first_chance(due: pd.DataFrame, prints: pd.DataFrame, leaves: pd.DataFrame) -> np.ndarray:
    """Whether the newest decision of each name fills here: its first print since, with no pay-out in between."""
    chances = (prints | leaves).cumsum()
    before = chances - (prints | leaves)
    at_decision = before.where(due.notna()).ffill()
    first: np.ndarray = (prints & ~leaves & (before == at_decision)).to_numpy()
    return first


def _filled(price: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(price), NEVER_HELD, price)


def _simulate(frames: dict[str, Any]) -> np.ndarray:
    # without quantstats, and so matplotlib and yfinance: seconds, for an adapter that is not used here
    with without_docstrings(), without_imports("quantstats"):
        from vectorbt.portfolio import Portfolio
        from vectorbt.portfolio.enums import RejectedOrderError

    try:
        portfolio = Portfolio.from_orders(
            pd.DataFrame(frames.pop("close")),
            **frames,
            direction="both",
            group_by=True,
            cash_sharing=True,
            call_seq="auto",
            allow_partial=False,
            raise_reject=True,
            min_size=0.0,
            init_cash=UNIT_CAPITAL,
            freq="1D",
            engine=ENGINE,
        )
    except RejectedOrderError as rejection:
        raise UnsupportedBookError(
            f"vectorbt rejects an order ({rejection}): keep more cash with cash_buffer"
        ) from rejection
    equity: np.ndarray = portfolio.value().to_numpy() / UNIT_CAPITAL
    return equity
