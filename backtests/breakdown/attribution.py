"""Attribution: the return split by side, by name and by sector; the parts sum to the whole."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.engine.backtest_result import BacktestResult
from backtests.statistics.metrics import market_fit, sharpe_ratio
from core.conventions import SESSIONS_PER_YEAR
from market import Panel, fill_prices

__all__ = ["attribution_table", "leg_returns", "name_returns", "sector_table"]

UNKNOWN = "unknown"


def leg_returns(result: BacktestResult, panel: Panel) -> pd.DataFrame:
    """Split each session's gross return into the contributions of the long and the short side.

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
    before = result.equity.shift(1, fill_value=result.capital).to_numpy()
    earned = _earned(result, panel)
    sides = {
        side: (earned.night * (sign * earned.by_night > 0) + earned.day * (sign * earned.by_day > 0)).sum(axis=1)
        / before
        for side, sign in (("long", 1.0), ("short", -1.0))
    }
    return pd.DataFrame({**sides, "costs": -result.cost.to_numpy()}, index=result.equity.index)


def name_returns(result: BacktestResult, panel: Panel) -> pd.DataFrame:
    """Contribution of each name to each session's gross return.

    Parameters
    ----------
    result : BacktestResult
        Of these bars.
    panel : Panel
        Bars that the book traded on.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        Fractions of equity at the start of the session; rows sum to the gross return.
    """
    before = result.equity.shift(1, fill_value=result.capital).to_numpy()
    earned = _earned(result, panel)
    values = (earned.night + earned.day) / before[:, None]
    return pd.DataFrame(values, index=result.equity.index, columns=result.held_weights.columns)


def sector_table(
    result: BacktestResult, panel: Panel, sectors: pd.Series, *, sessions: pd.DatetimeIndex | None = None
) -> pd.DataFrame:
    """Exposure of a book to each sector, and the sector's contribution to the gross return.

    Parameters
    ----------
    result : BacktestResult
        Of these bars.
    panel : Panel
        Bars that the book traded on.
    sectors : Series of str
        Sector by ticker, one for the whole history; names without one are ``"unknown"``.
    sessions : DatetimeIndex, optional
        Sessions of the result that figures are taken over; all by default.

    Returns
    -------
    DataFrame, index sector
        Means over sessions of ``gross``, ``net``, ``long`` and ``short`` weight (negative) at the close, ``largest``
        absolute net weight, and ``annual``, the contribution to the gross return a year, which adds up. Sorted by
        gross.
    """
    sector = sectors.reindex(result.held_weights.columns).fillna(UNKNOWN).astype(str).to_numpy()
    held = result.held_weights.fillna(0.0)
    by = {
        "gross": held.abs(),
        "net": held,
        "long": held.clip(lower=0.0),
        "short": held.clip(upper=0.0),
        "annual": name_returns(result, panel) * result.sessions_per_year,
    }
    kept = slice(None) if sessions is None else sessions
    summed = {column: frame.loc[kept].T.groupby(sector).sum().T for column, frame in by.items()}
    table = pd.DataFrame({column: frame.mean() for column, frame in summed.items()})
    table.insert(4, "largest", summed["net"].abs().max())
    traded = table["gross"] > 0
    return table[traded].sort_values("gross", ascending=False).rename_axis("sector")


def attribution_table(
    legs: pd.DataFrame, market: pd.Series, *, sessions_per_year: float = SESSIONS_PER_YEAR
) -> pd.DataFrame:
    """Annualised contribution of each part, its Sharpe ratio, and its alpha and beta to the market.

    Parameters
    ----------
    legs : DataFrame
        From ``leg_returns``.
    market : Series of float
        Simple market return of each session.
    sessions_per_year : float
        By which the figures are annual.

    Returns
    -------
    DataFrame, index ``long``, ``short``, ``costs``, ``net``
        ``annual`` (mean × sessions per year, so parts add up), ``sharpe``, ``beta`` and annualised ``alpha`` of the
        contribution, ``share_positive`` of sessions. NaN where undefined.
    """
    parts = {name: legs[name] for name in legs.columns} | {"net": legs.sum(axis=1)}
    rows = {}
    for name, series in parts.items():
        fit = market_fit(series, market, sessions_per_year=sessions_per_year)
        moved = series[series != 0.0]
        rows[name] = {
            "annual": float(series.mean() * sessions_per_year),
            "sharpe": sharpe_ratio(series, sessions_per_year=sessions_per_year),
            "beta": fit.beta,
            "alpha": fit.alpha,
            "share_positive": float((moved > 0).mean()) if len(moved) else np.nan,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("part")


class _Earned(NamedTuple):
    """Currency by name and session (n_sessions, n_tickers): overnight and by day, and what was held meanwhile."""

    night: np.ndarray
    day: np.ndarray
    by_night: np.ndarray
    by_day: np.ndarray


def _earned(result: BacktestResult, panel: Panel) -> _Earned:
    held = result.held_weights.to_numpy() * result.equity.to_numpy()[:, None]
    opened = np.vstack([np.zeros(held.shape[1]), held[:-1]])
    night = np.where(opened == 0.0, 0.0, opened * _overnight(panel, result).to_numpy())
    paid = _by_name(result.cash_outs, "proceeds", result.held_weights)
    left = _by_name(result.cash_outs, "shares", result.held_weights) != 0.0  # a total loss pays nothing
    night = np.where(left, paid - opened, night)
    day = held - (opened + night + _by_name(result.trades, "notional", result.held_weights) - paid)
    by_day = np.where(held == 0.0, opened, held)  # what was closed out at the close earned until then
    return _Earned(night, day, opened, by_day)


def _overnight(panel: Panel, result: BacktestResult) -> pd.DataFrame:
    """Simple return from the last known close to the fill of each session; 0 without a price at the fill."""
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
