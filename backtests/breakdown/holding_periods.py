"""Holding periods: how long names stay in a book, and how concentrated it is."""

import numpy as np
import pandas as pd

from backtests.engine.backtest_result import BacktestResult
from backtests.statistics.metrics import exposures
from signals.decision_interval import LONGEST_GAP, usual_interval

__all__ = ["concentration", "holding_table", "implied_holding", "spells"]


def spells(target: pd.DataFrame) -> pd.DataFrame:
    """Every spell of sessions in which a name stays on one side of the target.

    Parameters
    ----------
    target : DataFrame of float, shape (n_sessions, n_tickers)
        Target weights at each close, before smoothing: smoothed ones decay and never end. Rows of NaN, which decide
        nothing, are held through; a longer hole counts as the usual interval.

    Returns
    -------
    DataFrame
        One row per spell: ``ticker``, ``side`` (``"long"`` or ``"short"``), ``sessions``, and ``cut``: it was under way
        in the first or the last session, so that its true length is longer.
    """
    rows = np.flatnonzero(target.notna().any(axis=1).to_numpy())
    side = np.sign(target.to_numpy()[rows])
    place = _places(rows)
    empty = np.zeros((1, side.shape[1]))
    change = np.diff(np.vstack([empty, side, empty]), axis=0) != 0  # (n_sessions + 1, n_tickers)
    columns, edges = np.nonzero(change.T)
    starts, stops = edges[:-1], edges[1:]
    same = (columns[:-1] == columns[1:]) & (side[np.minimum(starts, len(side) - 1), columns[:-1]] != 0)
    names, starts, stops = columns[:-1][same], starts[same], stops[same]
    return pd.DataFrame(
        {
            "ticker": target.columns[names],
            "side": np.where(side[starts, names] > 0, "long", "short"),
            "sessions": place[stops] - place[starts],
            "cut": (starts == 0) | (stops == len(side)),
        }
    )


def _places(rows: np.ndarray) -> np.ndarray:
    """Sessions from the first decision to each one, and to the end of the last, holes cut to the usual interval."""
    usual = usual_interval(rows)
    gaps = np.append(np.diff(rows), usual)[: len(rows)]
    return np.concatenate([[0], np.cumsum(np.where(gaps > LONGEST_GAP * usual, usual, gaps))])


def holding_table(target: pd.DataFrame) -> pd.DataFrame:
    """Lengths of the spells by side: ``mean``, ``median``, ``p90``, ``longest`` (sessions) and ``count``.

    Index ``long`` and ``short``; NaN and 0 for a side that never held a name. Spells cut by the span count as long as
    they are seen.
    """
    every = spells(target)
    rows = {}
    for side in ("long", "short"):
        lengths = every.loc[every["side"] == side, "sessions"]
        rows[side] = {
            "mean": float(lengths.mean()),
            "median": float(lengths.median()),
            "p90": float(lengths.quantile(0.9)),
            "longest": float(lengths.max()),
            "count": len(lengths),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("side")


def implied_holding(result: BacktestResult) -> float:
    """Mean gross exposure ÷ mean one-way turnover, the holding period in sessions; NaN without trades."""
    turnover = float(result.turnover.mean())
    return float(exposures(result.held_weights)["gross"].mean() / turnover) if turnover > 0 else np.nan


def concentration(held_weights: pd.DataFrame) -> pd.DataFrame:
    """Concentration of gross exposure at each close.

    Returns
    -------
    DataFrame, columns ``herfindahl`` and ``effective_names``
        Sum of squared shares of gross exposure, in (0, 1], and its inverse: the number of equal positions that would be
        as concentrated. NaN where nothing is held.

    References
    ----------
    Hirschman, A. O., "The Paternity of an Index", American Economic Review, 1964.
    """
    size = held_weights.abs()
    gross = size.sum(axis=1)
    herfindahl = size.div(gross.where(gross > 0), axis=0).pow(2).sum(axis=1, min_count=1)
    return pd.DataFrame({"herfindahl": herfindahl, "effective_names": 1.0 / herfindahl})
