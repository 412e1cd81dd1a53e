"""Attribution: which side earned the return, to the cent."""

import numpy as np
import pandas as pd

from backtests.metrics import SESSIONS_A_YEAR, market_fit, sharpe_ratio
from backtests.result import BacktestResult
from market import Panel, fill_prices

__all__ = ["attribution_table", "leg_returns"]


def leg_returns(result: BacktestResult, panel: Panel) -> pd.DataFrame:
    """Return what the long and the short side added to each session's gross return.

    A name earns overnight on what it held at the close before and, from the fill on, on what it holds then; each part
    goes to the side that the name was on. Pay-outs belong to the night.

    Parameters
    ----------
    result : BacktestResult
        Of these bars.
    panel : Panel
        Bars that the book traded on.

    Returns
    -------
    DataFrame of float, columns ``long``, ``short`` and ``costs``
        Fractions of equity at the start of the session; ``long + short`` is the gross return and ``costs`` (0 or
        negative) takes it to the net one.
    """
    sessions = result.equity.index
    before = result.equity.shift(1, fill_value=result.capital).to_numpy()
    held = result.held_weights.to_numpy() * result.equity.to_numpy()[:, None]
    opened = np.vstack([np.zeros(held.shape[1]), held[:-1]])
    night = np.where(opened == 0.0, 0.0, opened * _overnight(panel, result).to_numpy())
    paid = _by_name(result.cash_outs, "proceeds", result.held_weights)
    left = _by_name(result.cash_outs, "shares", result.held_weights) != 0.0  # a total loss pays nothing
    night = np.where(left, paid - opened, night)
    day = held - (opened + night + _by_name(result.trades, "notional", result.held_weights) - paid)
    by_day = np.where(held == 0.0, opened, held)  # what was closed out at the close earned until then
    sides = {
        side: (night * (sign * opened > 0) + day * (sign * by_day > 0)).sum(axis=1) / before
        for side, sign in (("long", 1.0), ("short", -1.0))
    }
    return pd.DataFrame({**sides, "costs": -result.cost.to_numpy()}, index=sessions)


def attribution_table(legs: pd.DataFrame, market: pd.Series) -> pd.DataFrame:
    """Return what each part earned a year, how steadily, and how much of it was the market.

    Parameters
    ----------
    legs : DataFrame
        From ``leg_returns``.
    market : Series of float
        Simple market return of each session.

    Returns
    -------
    DataFrame, index ``long``, ``short``, ``costs``, ``net``
        ``annual`` (mean × 252, so parts add up), ``sharpe``, ``beta`` and ``alpha`` a year of the part's contribution,
        ``share_positive`` of sessions. NaN where undefined.
    """
    parts = {name: legs[name] for name in legs.columns} | {"net": legs.sum(axis=1)}
    rows = {}
    for name, series in parts.items():
        fit = market_fit(series, market)
        moved = series[series != 0.0]
        rows[name] = {
            "annual": float(series.mean() * SESSIONS_A_YEAR),
            "sharpe": sharpe_ratio(series),
            "beta": fit.beta,
            "alpha": fit.alpha,
            "share_positive": float((moved > 0).mean()) if len(moved) else np.nan,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("part")


def _overnight(panel: Panel, result: BacktestResult) -> pd.DataFrame:
    """Return from the last known close to the fill of each session; 0 where the name had no price at the fill."""
    marks = panel.close.ffill().shift(1)
    moved = fill_prices(panel, result.execution) / marks - 1.0
    return moved.fillna(0.0).loc[result.equity.index]  # without a print the mark stays where it was


def _by_name(table: pd.DataFrame, column: str, like: pd.DataFrame) -> np.ndarray:
    """Sum of a column of a long table, placed on sessions × tickers; 0 where there is no row."""
    placed = np.zeros(like.shape)
    if len(table):
        rows = like.index.get_indexer(pd.DatetimeIndex(table["session"]))
        columns = like.columns.get_indexer(pd.Index(table["ticker"]))
        np.add.at(placed, (rows, columns), table[column].to_numpy(dtype=float))
    return placed
