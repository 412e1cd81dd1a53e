"""Optimizer: weights of the selected names, from an optimiser that sees past returns only.

The top ``k`` may be long, the bottom ``k`` short, each leg at its gross; a name needs a full window of returns. Targets
are set at rebalances and held between: all other rows are NaN. So is a rebalance without a solution.
skfolio, which does the optimising, is an extra and is imported here when a book asks for it.
"""

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import pandas as pd

from core.errors import MissingExtraError
from market.panel import Panel, aligned_frame
from portfolio.book_settings import BookSettings
from portfolio.constraints import position_limits
from portfolio.neutral import UNKNOWN_BETA
from portfolio.problem import Problem
from portfolio.selection import Selection, select_sides
from portfolio.trailing_risk import close_returns, trailing_beta

__all__ = ["OptimizedTargets", "full_window", "optimized_targets", "rebalances", "require_optimizer"]


class OptimizedTargets(NamedTuple):
    """Targets of the rebalances, and the rebalances without a solution.

    Parameters
    ----------
    target : DataFrame of float, shape (n_sessions, n_tickers)
        Fractions of equity decided at each rebalance; NaN in every other row.
    failed : Series of bool
        Rebalances without weights within the limits; the book is held.
    """

    target: pd.DataFrame
    failed: pd.Series


class _Known(NamedTuple):
    """What is read at each close; arrays of shape (n_sessions, n_tickers), rules of shape (n_rules, n_tickers)."""

    scores: np.ndarray
    returns: np.ndarray
    selection: Selection
    limits: np.ndarray
    members: np.ndarray
    beta: np.ndarray | None


def require_optimizer(settings: BookSettings) -> None:
    """Refuse an optimised book where skfolio is not installed.

    Raises
    ------
    MissingExtraError
        With the command that installs it.
    """
    if settings.is_optimized and find_spec("skfolio") is None:
        raise MissingExtraError(f"{settings.builder} needs skfolio: install it with `pip install 'quintile[optimise]'`")


def full_window(panel: Panel, sessions: int) -> pd.DataFrame:
    """Names with a full window of returns at each close, shape (n_sessions, n_tickers)."""
    known = ~np.isnan(close_returns(panel))
    count = pd.DataFrame(known).rolling(sessions, min_periods=sessions).sum().to_numpy()
    return aligned_frame(count == sessions, panel.sessions, panel.tickers)


def rebalances(scores: pd.DataFrame, every: str | int) -> np.ndarray:
    """Rows at which the book is rebalanced: the first scored session of every period.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        A session counts as scored from two names up.
    every : {"monthly", "weekly"} or int
        Calendar months, weeks from Monday, or so many scored sessions counted from the first.
    """
    rows = np.flatnonzero(scores.notna().sum(axis=1).to_numpy() >= 2)
    if isinstance(every, int):
        return rows[::every]
    periods = pd.DatetimeIndex(scores.index[rows]).to_period("M" if every == "monthly" else "W-SUN")
    return rows[~periods.duplicated()]


def optimized_targets(
    scores: pd.DataFrame, panel: Panel, settings: BookSettings, *, sectors: pd.Series | None = None
) -> OptimizedTargets:
    """Optimised target weights at each rebalance, before smoothing and neutrality.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        Expected next-session returns of the eligible names with a full window, on the panel's sessions; NaN elsewhere.
    panel : Panel
        Bars; a rebalance reads the returns up to its own close.
    settings : BookSettings
        Builder, ``k``, legs, ``max_position`` and ``optimizer``.
    sectors : Series of str, optional
        Sector by ticker, needed by a ``sector_limit``; names without one form a sector of their own.

    Raises
    ------
    MissingExtraError
        If skfolio is not installed.
    ValueError
        If there is a ``sector_limit`` and no sectors.
    """
    require_optimizer(settings)
    from portfolio.solver import solve

    known = _known(scores, panel, settings, sectors)
    target = np.full(scores.shape, np.nan)
    failed = pd.Series(False, index=scores.index)
    before = np.zeros(scores.shape[1])
    for row in rebalances(scores, settings.optimizer.rebalance):
        side = _sides(known, row, before, settings)
        names = np.flatnonzero(side)
        weights = solve(_problem(known, row, side, before, settings), settings.builder, settings.optimizer)
        if weights is None:
            failed.iloc[row] = True
            continue
        before = np.zeros(scores.shape[1])
        before[names] = weights
        target[row] = before
    return OptimizedTargets(aligned_frame(target, panel.sessions, panel.tickers), failed)


def _known(scores: pd.DataFrame, panel: Panel, settings: BookSettings, sectors: pd.Series | None) -> _Known:
    limited, selection = settings.optimizer, select_sides(scores, settings.k)
    if limited.sector_limit is not None and sectors is None:
        raise ValueError("sectors are missing: a sector_limit needs the sector of every ticker")
    members = np.empty((0, scores.shape[1]))
    if limited.sector_limit is not None and sectors is not None:
        group = sectors.reindex(scores.columns).fillna("").to_numpy(dtype=object)
        members = (np.unique(group)[:, None] == group[None, :]).astype(float)
    beta = None if limited.beta_limit is None else trailing_beta(panel, settings.beta_sessions).to_numpy()
    return _Known(
        scores=scores.to_numpy(),
        returns=close_returns(panel),
        selection=selection,
        limits=position_limits(selection.count, panel.sessions, settings)[["long", "short"]].to_numpy(),
        members=members,
        beta=None if beta is None else np.where(np.isnan(beta), UNKNOWN_BETA, beta),
    )


def _sides(known: _Known, row: int, before: np.ndarray, settings: BookSettings) -> np.ndarray:
    """+1 for names that may be long, −1 for those that may be short, 0 for the rest.

    With a turnover limit a name that was held may stay on its side, unless the signal puts it on the other.
    """
    side = known.selection.top[row].astype(int) - known.selection.bottom[row]
    if settings.optimizer.turnover_limit is not None:
        stays = (side == 0) & ~np.isnan(known.scores[row])
        side = np.where(stays, np.sign(before).astype(int), side)
    open_legs = [sign for sign, leg in ((1, "long"), (-1, "short")) if settings.legs[leg] > 0]
    return np.where(np.isin(side, open_legs), side, 0)


def _problem(known: _Known, row: int, side: np.ndarray, before: np.ndarray, settings: BookSettings) -> Problem:
    names, optimizer = np.flatnonzero(side), settings.optimizer
    signs = side[names]
    limits = np.where(signs > 0, known.limits[row, 0], known.limits[row, 1])
    legs = {sign: min(settings.legs[leg], limits[signs == sign].sum()) for sign, leg in ((1, "long"), (-1, "short"))}
    exposures, bounds = _exposures(known, row, settings)
    kept = before[names]
    leaving = np.abs(before).sum() - np.abs(kept).sum()
    limited = optimizer.turnover_limit is not None and before.any()
    return Problem(
        returns=known.returns[row - optimizer.window + 1 : row + 1, names],
        scores=known.scores[row, names],
        signs=signs,
        legs=legs,
        limits=limits,
        exposures=exposures[:, names],
        bounds=bounds,
        before=kept,
        traded=2.0 * (optimizer.turnover_limit or 0.0) + leaving if limited else None,
    )


def _exposures(known: _Known, row: int, settings: BookSettings) -> tuple[np.ndarray, np.ndarray]:
    """Exposures, shape (n_rules, n_tickers), and the largest absolute value of each."""
    limited, rules = settings.optimizer, [known.members]
    bounds = [limited.sector_limit or 0.0] * len(known.members)
    if known.beta is not None:
        rules.append(known.beta[row][None, :])
        bounds.append(limited.beta_limit or 0.0)
    return np.vstack(rules), np.array(bounds)
