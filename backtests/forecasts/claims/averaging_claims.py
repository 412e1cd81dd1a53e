"""Averaging claims: what an average of equally good models gains, over its members and over doing nothing."""

import itertools
import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from backtests.forecasts.claims.claim_series import first_test_row

__all__ = ["Averaged", "averaged", "most_of_averaging", "random_walks", "wildness_for"]

LAGS = 60  # past returns that a member reads, as many as a window of the reference
MEMBERS = 3


class Averaged(NamedTuple):
    """Mean absolute errors of next-session returns ÷ persistence's, and the gains of the average."""

    mean_member: float
    worst_member: float
    average: float
    over_mean_member: float
    over_worst_member: float
    over_persistence: float


def random_walks(closes: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Prices of as many sessions and series whose returns are independent and normal, as volatile as each series."""
    returns = closes.pct_change(fill_method=None).iloc[1:]
    drawn = np.random.default_rng(seed).standard_normal(returns.shape) * returns.std().to_numpy()
    walked = np.vstack([np.ones(returns.shape[1]), np.cumprod(1.0 + drawn, axis=0)])
    return pd.DataFrame(100.0 * walked, closes.index, closes.columns)


def averaged(closes: pd.DataFrame) -> Averaged:
    """Three regressions on 60 past returns, each fitted on a third of every series' past, and their average.

    Alike in what they read and how they are fitted, and none has seen what another has: equally good, and different.

    Parameters
    ----------
    closes : DataFrame of float, shape (n_sessions, n_series)
        Without NaN; the last fifth is judged.
    """
    start = first_test_row(len(closes))
    errors = np.zeros((MEMBERS + 2, closes.shape[1]))  # members, average, persistence
    for place in range(closes.shape[1]):
        returns = closes.iloc[:, place].pct_change(fill_method=None).to_numpy()[1:]
        windows = np.lib.stride_tricks.sliding_window_view(returns[:-1], LAGS)
        x, y = np.column_stack([np.ones(len(windows)), windows]), returns[LAGS:]
        first = start - LAGS - 1
        said = np.array([x[first:] @ _least_squares(x[part], y[part]) for part in _thirds(first)])
        came = y[first:]
        said = np.vstack([said, said.mean(axis=0), np.zeros(len(came))])
        errors[:, place] = np.abs(came - said).mean(axis=1)
    totals = errors.mean(axis=1)
    members, average, nothing = totals[:MEMBERS], totals[MEMBERS], totals[MEMBERS + 1]
    return Averaged(
        mean_member=float(members.mean() / nothing),
        worst_member=float(members.max() / nothing),
        average=float(average / nothing),
        over_mean_member=float(1.0 - average / members.mean()),
        over_worst_member=float(1.0 - average / members.max()),
        over_persistence=float(1.0 - average / nothing),
    )


def _thirds(n: int) -> list[slice]:
    bounds = np.linspace(0, n, MEMBERS + 1).astype(int)
    return [slice(low, high) for low, high in itertools.pairwise(bounds)]


def _least_squares(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.lstsq(x, y, rcond=None)[0])


def most_of_averaging(n_members: int = MEMBERS) -> float:
    """The most that the root mean squared error of equally good, unrelated members falls by averaging: 1 − 1/√n.

    Reached where returns do not move at all and members are noise alone.
    """
    return 1.0 - 1.0 / math.sqrt(n_members)


def wildness_for(gain: float, *, n_members: int = MEMBERS) -> float:
    """How many times as large as persistence's the members' root mean squared error is, for averaging to gain so much.

    Members err by the return itself and by unrelated noise of variance v, in units of the returns'; the average errs
    by v ÷ n of it: gain = 1 − √((1 + v/n) / (1 + v)).

    Examples
    --------
    >>> from backtests.forecasts.claims.averaging_claims import wildness_for
    >>> round(wildness_for(0.30), 2)
    2.06

    Raises
    ------
    ValueError
        If averaging so many cannot gain so much.
    """
    most = most_of_averaging(n_members)
    if not 0.0 < gain < most:
        raise ValueError(f"averaging {n_members} members gains between 0 and {most:.3f}, not {gain}")
    noise = brentq(lambda v: 1.0 - math.sqrt((1.0 + v / n_members) / (1.0 + v)) - gain, 0.0, 1e9)
    return math.sqrt(1.0 + noise)
