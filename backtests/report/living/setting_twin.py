"""Setting twin: what a page's own ledger must say, by the engine and the book that every backtest is kept with.

``carried_in`` reads a report as its page does. A setting is then traded by ``portfolio``'s builders and stages on the
order that is carried, and by the compiled kernel on the prices that are carried.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from backtests.engine.due_weights import first_due
from backtests.engine.frictions import night_years
from backtests.engine.ledger import blank_record, ledger_terms
from backtests.report.living.carried_order import CarriedOrder, told_scores
from backtests.report.living.number_code import read_back, unpacked
from backtests.report.living.number_grid import NumberGrid
from core.conventions import BASIS_POINTS
from market.panel import aligned_frame
from portfolio.book import Picks, finished_weights, plan_picked
from portfolio.book_settings import BookSettings
from portfolio.builders import target_weights
from portfolio.costs import Costs
from portfolio.selection import select_sides

if TYPE_CHECKING:
    from backtests.engine.kernel import Bars, Record

__all__ = ["Carried", "Setting", "carried_in", "carried_of", "decided_weights", "kept_books", "open_carried"]


PLACE = '<script type="application/octet-stream" id="living-data">'
KEPT = ("builder", "smoothing", "short_sizing", "max_position", "cash_buffer", "dust")  # settings nothing moves


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Carried:
    """A blob as its page reads it: the header's words, its tables, and last prices known, (n_sessions, n_names)."""

    header: dict[str, Any]
    tables: dict[str, np.ndarray]
    at_fill: np.ndarray
    at_close: np.ndarray

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """Sessions that are carried."""
        return pd.DatetimeIndex(np.array(self.header["days"]).astype("datetime64[D]"), name="session").as_unit("ns")

    @property
    def own(self) -> "Setting":
        """The run's own setting."""
        header, costs = self.header, self.header["costs"]
        rows = np.flatnonzero(self.rebalanced)
        return Setting(
            trade_bps=costs["trade_bps"],
            borrow_bps=costs["borrow_bps"],
            delay=header["delay"],
            **{name: header["book"][name] for name in ("k", "long", "short")},
            first=int(rows[0]),
            last=len(header["days"]) - 1,
        )

    @property
    def rebalanced(self) -> np.ndarray:
        """Sessions with a decision, of bool."""
        told = self.tables["rebalanced" if "rebalanced" in self.tables else "scored"]
        return np.asarray(told.any(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a reader may move.

    Parameters
    ----------
    trade_bps, borrow_bps : float
        Cost of a trade, and annual fee on shorts.
    delay : int
        Sessions between decision and fill.
    k : float or int
        Names a side.
    long, short : float
        Gross of each leg.
    first, last : int
        Rows of the first decision that is traded and of the last session.
    left_out : tuple of int
        Columns of names that are never held.
    """

    trade_bps: float
    borrow_bps: float
    delay: int
    k: float
    long: float
    short: float
    first: int
    last: int
    left_out: tuple[int, ...] = ()

    def moved(self, **changes: Any) -> Self:
        """The same with some moved."""
        return replace(self, **changes)


def carried_in(document: str) -> Carried:
    """What a report carries along.

    Parameters
    ----------
    document : str
        HTML of the report.

    Raises
    ------
    ValueError
        If it carries nothing.
    """
    words = document.partition(PLACE)[2].partition("</script>")[0]
    if not words.strip():
        raise ValueError("this report carries no prices and weights along: it is of before, or its run is too large")
    return open_carried(read_back(words))


def open_carried(blob: bytes) -> Carried:
    """Read a blob."""
    return carried_of(*unpacked(blob))


def carried_of(header: dict[str, Any], tables: dict[str, np.ndarray]) -> Carried:
    """What a page reads of a header and tables."""
    grid = NumberGrid(per_unit=np.array(header["grid"]["per_unit"], dtype=np.int64), bits=header["grid"]["bits"])
    whole = _whole_prices(header, _signed(tables["fill"]), _signed(tables["close"]))
    rows = np.arange(len(header["days"]))[:, None]
    fill, close = (
        np.where(rows < np.array(known), np.nan, grid.values(told))
        for told, known in zip(whole, header["known"], strict=True)
    )
    return Carried(header=header, tables=tables, at_fill=fill, at_close=close)


def decided_weights(carried: Carried, setting: Setting) -> np.ndarray:
    """Weights decided at each close, shape (n_sessions, n_names); rows of NaN are no rebalance."""
    book, left_out = carried.header["book"], list(setting.left_out)
    if book["reach"] is None:
        weights = carried.tables["weights"] / 2.0 ** carried.header["weight_bits"]
        legs = [_relative(setting.long, book["long"]), _relative(setting.short, book["short"])]
        weights = np.where(weights > 0, weights * legs[0], weights * legs[1])
        weights[~carried.rebalanced] = np.nan
    else:
        weights = _rebuilt(carried, setting)
    if not book["reach"]:
        weights[:, left_out] = np.where(carried.rebalanced[:, None], 0.0, np.nan)
    return np.asarray(weights)


def kept_books(carried: Carried, setting: Setting) -> tuple["Record", int, int]:
    """What the kernel writes down from ``first`` to ``last``, the row of the first fill among these, and of a stop."""
    from backtests.engine.kernel import keep_books

    weights = decided_weights(carried, setting)[setting.first : setting.last + 1]
    due = np.full(weights.shape, np.nan)
    due[setting.delay :] = weights[: max(len(weights) - setting.delay, 0)]
    start = first_due(due)
    bars = _bars(carried, setting)
    costs = Costs(**{**carried.header["costs"], "trade_bps": setting.trade_bps, "borrow_bps": setting.borrow_bps})
    record = blank_record(bars)
    terms = ledger_terms(costs, bars, capital=carried.header["capital"], start=start)
    return record, start, keep_books(bars, due, terms, record)


def _whole_prices(header: dict[str, Any], fills: np.ndarray, closes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers of the prices at the fill and at the close, from their steps."""
    coarser = np.array(header["grid"]["coarser"], dtype=np.int64)
    at, whole = np.array(header["grid"]["base"], dtype=np.int64), (np.empty_like(fills), np.empty_like(closes))
    for row in range(len(fills)):
        whole[0][row] = at + fills[row]
        whole[1][row] = at = ((whole[0][row] >> coarser) + closes[row]) << coarser
    return whole


def _signed(steps: np.ndarray) -> np.ndarray:
    signed: np.ndarray = (steps >> 1) ^ -(steps & 1)
    return signed


def _relative(leg: float, own: float) -> float:
    return leg / own if own > 0 else 1.0


def _rebuilt(carried: Carried, setting: Setting) -> np.ndarray:
    """Weights by the builders and stages of every book, on scores of the order that is carried."""
    told, tables = carried.header["book"], carried.tables
    order = CarriedOrder(symbols=tables["symbols"], scored=tables["scored"], passing=tables["passing"][:, 0])
    names = pd.Index(carried.header["tickers"])
    scores = told_scores(order, reach=told["reach"])
    if setting.left_out and told["reach"]:
        scores[:, list(setting.left_out)] = np.nan
    settings = BookSettings(
        **{name: told[name] for name in KEPT},
        **{name: getattr(setting, name) for name in ("k", "long", "short")},
    )
    frame = aligned_frame(scores, carried.sessions, names)
    selection = select_sides(frame, settings.k)
    target = target_weights(frame, settings, selection=selection)
    listed = aligned_frame(tables["listed"], carried.sessions, names)
    picks = Picks(eligible=frame, target=target, selection=selection, listed=listed)
    plan = plan_picked(picks, None, settings)  # type: ignore[arg-type]  # no stage here reads bars
    return finished_weights(plan).to_numpy().copy()


def _bars(carried: Carried, setting: Setting) -> "Bars":
    from backtests.engine.kernel import Bars

    header, rows = carried.header, slice(setting.first, setting.last + 1)
    payout, leaving = np.full(carried.at_fill.shape, np.nan), np.full(len(carried.at_fill), -1)
    for row, column, paid in zip(*header["payouts"], strict=True):
        payout[row, column], leaving[row] = paid, row
    shape = carried.at_fill[rows].shape
    return Bars(
        fill_price=np.where(carried.tables["waits"], np.nan, carried.at_fill)[rows],
        at_fill=np.ascontiguousarray(carried.at_fill[rows]),
        at_close=np.ascontiguousarray(carried.at_close[rows]),
        payout=payout,
        leaving=leaving[rows],
        nights=night_years(carried.sessions)[rows],
        borrow=np.full((1, shape[1]), setting.borrow_bps / BASIS_POINTS),
        volume=_volume(carried, setting)[rows] if "volume" in carried.tables else np.empty((0, 0)),
    )


def _volume(carried: Carried, setting: Setting) -> np.ndarray:
    """Average dollar volume that each session's fills are measured by."""
    whole, ahead = carried.tables["volume"], max(setting.delay, 1)
    grid = NumberGrid(per_unit=np.zeros(whole.shape[1], dtype=np.int64), bits=carried.header["volume_bits"])
    known = np.where(carried.tables["no_volume"], np.nan, grid.values(whole))
    shifted = np.full(known.shape, np.nan)
    shifted[ahead:] = known[:-ahead]
    return shifted
