"""Carried run: what a report takes along so that its page can keep the books of the run again.

Bars and weights start with the session before the first decision. Prices are those that the ledger values a book at:
the last ones known at the fill and at the close. What a rounding moves the run's own curve by is measured each time a
report is drawn, see ``living_part``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine.frictions import average_dollar_volume
from backtests.engine.ledger import ledger_bars
from backtests.evaluation import Evaluation
from backtests.judged_span import until_judged
from backtests.report.living.carried_order import CarriedOrder, can_rebuild, carried_order, carried_steps
from backtests.report.living.number_code import Table
from backtests.report.living.number_grid import NumberGrid, grid_of
from market.inputs import Inputs
from portfolio.book import pick_names
from portfolio.book_settings import BookSettings
from portfolio.rules import TradingRules

__all__ = ["BARS", "FINENESS", "Fineness", "order_choices", "run_told", "stages_kept"]

BARS = ("fill", "close", "waits", "volume", "no_volume")  # tables that are the same for every reach
MAX_REACH = 1.5  # of the names a side, where the whole order does not fit
STEPS = (0.25, 0.5, 0.75, 1.0, 1.25, MAX_REACH)  # of k, where no order fits
OWN_STEP = -1  # in place of a reach: not even those


@dataclass(frozen=True, slots=True, kw_only=True)
class Fineness:
    """Binary digits kept of prices and volumes that have no tick, and of weights after the point."""

    price: int
    volume: int
    weight: int


FINENESSES = (
    (12, 8, 22),
    (14, 9, 23),
    (15, 10, 24),
    (16, 10, 24),
    (18, 12, 26),
    (19, 13, 27),
    (21, 15, 28),
    (24, 18, 29),
    (27, 21, 29),
)
FINENESS = tuple(Fineness(price=price, volume=volume, weight=weight) for price, volume, weight in FINENESSES)


def stages_kept(rules: TradingRules) -> str:
    """Name the stage of the book that a page cannot redo; empty where it can redo all."""
    book = rules.portfolio
    if not can_rebuild(book):
        return "shorts sized by volatility" if book.weighs_volatility else f"the builder {book.builder}"
    stages = {
        "overlapping sleeves": rules.horizon > 1,
        "the rank gate": book.rank_gate > 0,
        f"neutral {book.neutral}": book.neutral != "none",
        "the volatility target": rules.risk.scales,
        "the kill switches": rules.risk.switches,
    }
    return ", ".join(name for name, on in stages.items() if on)


def order_choices(evaluation: Evaluation) -> Iterator[int | None]:
    """Reaches of the order to carry, the longest first, 0 for steps of k; None carries the decided weights instead."""
    if stages_kept(evaluation.rules):
        yield None
        return
    n_names = len(evaluation.inputs.panel.tickers)
    diagnostics = evaluation.books[evaluation.rules.name].diagnostics
    part = int(MAX_REACH * diagnostics["names_a_side"].max()) + 1
    yield (n_names + 1) // 2
    if part < n_names // 2:
        yield part
    yield from (0, OWN_STEP)


def run_told(
    evaluation: Evaluation, sharpes: tuple[float, ...], *, fineness: Fineness, reach: int | None
) -> tuple[dict[str, Any], dict[str, Table]]:
    """Header and tables of everything that the page carries.

    Parameters
    ----------
    evaluation : Evaluation
        Bars, scores, decided weights and result of the strategy's own book.
    sharpes : tuple of float
        Annual Sharpe ratios of the comparable trials of the log, this one included; NaN for too few sessions.
    fineness : Fineness
        Of what has no tick.
    reach : int or None
        Of the order that is carried, 0 for steps of k, ``OWN_STEP`` for the run's alone; None carries the weights.
    """
    inputs = evaluation.inputs if evaluation.span is None else until_judged(evaluation.inputs, evaluation.span)
    weights = evaluation.books[evaluation.rules.name].weights.to_numpy()
    rows = slice(max(int(np.argmax(~np.isnan(weights).all(axis=1))) - 1, 0), None)
    header, tables = _bars_part(inputs, evaluation.rules, rows, fineness)
    told, book = _book_part(evaluation, inputs, rows, (fineness, reach))
    return {**header, **told, **_run_part(evaluation, sharpes)}, {**tables, **book, **_judged(evaluation, rows)}


def _bars_part(
    inputs: Inputs, rules: TradingRules, rows: slice, fineness: Fineness
) -> tuple[dict[str, Any], dict[str, Table]]:
    """Sessions, names, prices, volumes and pay-outs."""
    panel = inputs.panel
    bars = ledger_bars(panel, rules.execution, rules.costs)
    fills, closes = bars.at_fill[rows], bars.at_close[rows]
    grid = grid_of((fills, closes), fineness.price)
    whole_close = _carried_back(_rounded_off(grid.whole(closes), grid.coarser))
    whole_fill = _carried_back(np.where(np.isnan(fills), whole_close << grid.coarser, grid.whole(fills)))
    before = np.vstack([whole_fill[:1], whole_close[:-1] << grid.coarser])
    known = [
        np.where(np.isnan(each).all(axis=0), len(each), (~np.isnan(each)).argmax(axis=0)) for each in (fills, closes)
    ]
    leaving = bars.leaving[rows]
    paid, columns = np.nonzero(~np.isnan(bars.payout[leaving[leaving >= 0]]))
    left = np.flatnonzero(leaving >= 0)[paid]
    header: dict[str, Any] = {
        "days": (panel.sessions[rows].to_numpy().astype("datetime64[D]").astype(int)).tolist(),
        "tickers": [str(each) for each in panel.tickers],
        "sectors": _sectors(inputs),
        "grid": {"per_unit": grid.per_unit.tolist(), "bits": grid.bits, "base": whole_fill[0].tolist()}
        | {"coarser": grid.coarser.tolist()},
        "known": [each.tolist() for each in known],
        "payouts": [left.tolist(), columns.tolist(), bars.payout[leaving[left], columns].tolist()],
        "price_field": rules.execution.price_field,
    }
    tables = {
        "fill": _steps(whole_fill - before),
        "close": _steps(whole_close - (whole_fill >> grid.coarser)),
        "waits": _flags(np.isnan(bars.fill_price[rows])),
    }
    if bars.volume.size:
        volume = _mean_volume(inputs, rules, rows)
        volumes = NumberGrid(per_unit=np.zeros(volume.shape[1], dtype=np.int64), bits=fineness.volume)
        header["volume_bits"] = fineness.volume
        tables["volume"] = Table(_carried_on(volumes.whole(np.where(volume > 0, volume, np.nan))), "chained")
        tables["no_volume"] = _flags(~(volume > 0))
    return header, tables


def _flags(flags: np.ndarray) -> Table:
    return Table(flags, "bits")


def _steps(steps: np.ndarray) -> Table:
    """Differences of either sign as numbers of at least 0."""
    return Table((steps << 1) ^ (steps >> 63), "plain")


def _rounded_off(whole: np.ndarray, coarser: np.ndarray) -> np.ndarray:
    """Whole numbers with some of their last binary digits rounded away."""
    half = (1 << coarser) >> 1
    return np.asarray((whole + half) >> coarser)


def _carried_back(whole: np.ndarray) -> np.ndarray:
    """Numbers with the first one known in place of the zeros before it, so that no step leads there."""
    first = whole[(whole != 0).argmax(axis=0), np.arange(whole.shape[1])]
    unknown = np.maximum.accumulate(whole != 0, axis=0)
    return np.where(unknown, whole, first)


def _carried_on(whole: np.ndarray) -> np.ndarray:
    """Numbers with the last one in place of zeros."""
    rows = np.maximum.accumulate(np.where(whole != 0, np.arange(len(whole))[:, None], 0), axis=0)
    return _carried_back(np.take_along_axis(whole, rows, axis=0))


def _mean_volume(inputs: Inputs, rules: TradingRules, rows: slice) -> np.ndarray:
    """Average dollar volume known at each close; the last session's fills are not in the bars."""
    earliest = rules.execution.model_copy(update={"fill": "close", "extra_delay": 0})
    known = average_dollar_volume(inputs.panel, earliest).shift(-1)
    return np.ascontiguousarray(known.to_numpy(dtype=float)[rows])


def _book_part(
    evaluation: Evaluation, inputs: Inputs, rows: slice, choice: tuple[Fineness, int | None]
) -> tuple[dict[str, Any], dict[str, Table]]:
    """Settings of the book, and the order it is built from or the weights themselves."""
    rules, (fineness, reach) = evaluation.rules, choice
    book = rules.portfolio
    told: dict[str, Any] = {
        "book": {
            **{name: getattr(book, name) for name in ("builder", "k", "long", "short", "smoothing", "short_sizing")},
            **{name: getattr(book, name) for name in ("max_position", "cash_buffer", "dust")},
            "k_is_share": isinstance(book.k, float),
            "filters": book.builder == "filter_negative",
            "reach": None if reach is None else max(reach, 0),
            "steps": list(_steps_of_k(book, reach)),
            "kept": stages_kept(rules),
        }
    }
    if reach is None:
        decided = evaluation.books[rules.name].weights.to_numpy()[rows]
        whole = np.round(np.nan_to_num(decided) * 2.0**fineness.weight).astype(np.int64)
        told["weight_bits"] = fineness.weight
        rebalanced = ~np.isnan(decided).all(axis=1)
        last = np.maximum.accumulate(np.where(rebalanced, np.arange(len(whole)), 0))
        return told, {
            "weights": Table(whole[last], "chained"),
            "rebalanced": _flags(rebalanced[:, None]),
        }
    picks = pick_names(evaluation.scores, inputs.panel, book, costs=rules.costs, sectors=inputs.sectors)
    if reach > 0:
        order = carried_order(picks, book, rules.costs, reach=reach)
    else:
        order = carried_steps(picks, book, rules.costs, steps=_steps_of_k(book, reach))
    return told, _order_tables(order, picks.listed, rows)


def _steps_of_k(book: BookSettings, reach: int | None) -> tuple[float, ...]:
    """Some k from the smallest up, the run's own among them; it alone, or none where an order or weights are told."""
    if reach is None or reach > 0:
        return ()
    if reach == OWN_STEP:
        return (book.k,)
    if isinstance(book.k, int):
        return tuple(sorted({max(round(step * book.k), 1) for step in STEPS}))
    shares = {round(step * book.k, 4) for step in STEPS if step != 1.0}
    return tuple(sorted({book.k, *(share for share in shares if 0 < share <= 0.5)}))


def _order_tables(order: CarriedOrder, listed: pd.DataFrame, rows: slice) -> dict[str, Table]:
    return {
        "symbols": Table(order.symbols[rows], "shortest"),
        "scored": _flags(order.scored[rows]),
        "passing": Table(order.passing[rows, None], "chained"),
        "listed": _flags(listed.to_numpy()[rows]),
    }


def _run_part(evaluation: Evaluation, sharpes: tuple[float, ...]) -> dict[str, Any]:
    """Costs, clock and trials of the run."""
    result = evaluation.result
    costs, clock = result.costs, result.execution
    names = ("trade_bps", "impact_bps", "borrow_bps", "cash_bps", "borrowing_bps", "rebate_bps")
    margins = {name: getattr(costs, name) for name in ("maintenance_margin", "initial_margin")}
    return {
        "costs": {name: getattr(costs, name) for name in names} | margins | {"impact": costs.impact},
        "delay": clock.delay,
        "extra_delay": clock.extra_delay,
        "capital": result.capital,
        "year": float(result.sessions_per_year),
        "sharpes": [float(each) if np.isfinite(each) else None for each in sharpes],
    }


def _judged(evaluation: Evaluation, rows: slice) -> dict[str, Table]:
    sessions = evaluation.inputs.panel.sessions
    if evaluation.span is not None:
        sessions = sessions[: int(sessions.searchsorted(evaluation.span.sessions[-1])) + 1]
        judged = sessions.isin(evaluation.span.sessions)
    else:
        judged = sessions.isin(evaluation.result.net_returns.index)
    return {"judged": _flags(np.asarray(judged)[rows, None])}


def _sectors(inputs: Inputs) -> list[str | None] | None:
    if inputs.sectors is None:
        return None
    told = inputs.sectors.reindex(inputs.panel.tickers)
    return [str(each) if isinstance(each, str) and each else None for each in told]
