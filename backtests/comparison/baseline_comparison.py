"""Contest: one book against others over the same sessions, and what may be said about it.

Differences are paired: both books are resampled on the same sessions, in blocks, so that what moves both cancels.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from backtests.statistics.bootstrap_intervals import mean_gap_interval, sharpe_gap_interval, sharpe_interval
from backtests.statistics.metrics import (
    annual_return,
    max_drawdown,
    sharpe_ratio,
    sharpe_standard_error,
)
from core.conventions import SESSIONS_PER_YEAR
from core.intervals import Interval

__all__ = ["CHANCE", "RandomBooks", "Rival", "Wall", "build_wall", "wall_sentence"]

CHANCE = 0.025  # one-sided, the level at which a 95 % interval lies above zero


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rival:
    """A book that the judged one is compared with.

    Parameters
    ----------
    returns : Series of float
        Net simple return of each session.
    sharpe, standard_error : float
        Annual, and one standard error.
    annual_return, max_drawdown : float
        Fractions.
    sharpe_range : Interval
        The annual Sharpe ratio with its 95 % bounds.
    sharpe_gap, return_gap : Interval
        The judged book's annual Sharpe ratio, and 252 × mean return, less the rival's: estimate and 95 % bounds.
    """

    returns: pd.Series
    sharpe: float
    standard_error: float
    annual_return: float
    max_drawdown: float
    sharpe_range: Interval
    sharpe_gap: Interval
    return_gap: Interval


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomBooks:
    """Books on random ranks.

    Parameters
    ----------
    sharpes, annual_means : ndarray, shape (n_seeds,)
        Annual Sharpe ratio and 252 × mean return of each, net.
    p_value : float
        (1 + books with at least the judged Sharpe ratio) ÷ (1 + n_seeds): how often luck does as well.
    """

    sharpes: np.ndarray
    annual_means: np.ndarray
    p_value: float

    def range(self) -> Interval:
        """Return the median Sharpe ratio with the 2.5 and 97.5 percentiles of the books."""
        low, middle, high = np.quantile(self.sharpes, (0.025, 0.5, 0.975))
        return Interval(estimate=float(middle), low=float(low), high=float(high))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wall:
    """The judged book and everything it is measured against, over the same sessions, clock and costs.

    Parameters
    ----------
    name : str
        The judged book.
    sharpe_range : Interval
        Its annual net Sharpe ratio with its 95 % bounds.
    rivals : mapping of str to Rival
        In the order in which they are told.
    random : RandomBooks or None
        None where none were drawn.
    """

    name: str
    sharpe_range: Interval
    rivals: Mapping[str, Rival]
    random: RandomBooks | None = field(default=None)

    @property
    def sharpe(self) -> float:
        """Annual net Sharpe ratio of the judged book."""
        return self.sharpe_range.estimate


def build_wall(
    name: str, ours: pd.Series, *, rivals: Mapping[str, pd.Series], random: pd.DataFrame | None = None, seed: int = 0
) -> Wall:
    """Compare net returns with each rival's and with those of random books.

    Parameters
    ----------
    name : str
        The judged book.
    ours : Series of float
        Its net simple returns.
    rivals : mapping of str to Series
        Net simple returns of each rival.
    random : DataFrame of float, shape (n_sessions, n_seeds), optional
        Net simple returns of books on random ranks.
    seed : int
        Of the bootstrap; every rival is resampled with the same one.

    References
    ----------
    Ledoit, O. and Wolf, M., "Robust performance hypothesis testing with the Sharpe ratio", Journal of Empirical
    Finance, 2008; the arithmetic is in ``backtests.statistics.bootstrap_intervals``.
    """
    faced = {rival: _faced(ours, returns.reindex(ours.index), seed) for rival, returns in rivals.items()}
    lucky = None if random is None else _random_books(sharpe_ratio(ours), random.reindex(ours.index))
    return Wall(name=name, sharpe_range=sharpe_interval(ours, seed=seed), rivals=faced, random=lucky)


def wall_sentence(wall: Wall) -> str:
    """Return which rivals the book beats by net Sharpe ratio and which not, in one sentence."""
    verdicts: dict[str, list[str]] = {"beats": [], "does not beat": [], "is worse than": [], "cannot tell": []}
    for name, rival in wall.rivals.items():
        verdicts[_verdict(rival.sharpe_gap)].append(name)
    if wall.random is not None:
        verdicts["beats" if wall.random.p_value < CHANCE else "does not beat"].append("random ranks")
    told = [f"{verdict} {_listed(names)}" for verdict, names in verdicts.items() if names and verdict != "cannot tell"]
    unknown = (
        f"; too few sessions to compare with {_listed(verdicts['cannot tell'])}" if verdicts["cannot tell"] else ""
    )
    if not told:
        return f"{wall.name} was compared with nothing{unknown}."
    return f"By net Sharpe ratio at 95 %, {wall.name} {_listed(told, '; it ')}{unknown}."


def _faced(ours: pd.Series, theirs: pd.Series, seed: int) -> Rival:
    return Rival(
        returns=theirs,
        sharpe=sharpe_ratio(theirs),
        standard_error=sharpe_standard_error(theirs),
        annual_return=annual_return(theirs),
        max_drawdown=max_drawdown(theirs),
        sharpe_range=sharpe_interval(theirs, seed=seed),
        sharpe_gap=sharpe_gap_interval(ours, theirs, seed=seed),
        return_gap=mean_gap_interval(SESSIONS_PER_YEAR * ours, SESSIONS_PER_YEAR * theirs, seed=seed),
    )


def _random_books(ours: float, random: pd.DataFrame) -> RandomBooks:
    sharpes = np.array([sharpe_ratio(random[seed]) for seed in random.columns])
    as_good = int((sharpes >= ours).sum())
    p_value = math.nan if math.isnan(ours) else (1 + as_good) / (1 + len(sharpes))
    return RandomBooks(sharpes=sharpes, annual_means=random.mean().to_numpy() * SESSIONS_PER_YEAR, p_value=p_value)


def _verdict(gap: Interval) -> str:
    if not (math.isfinite(gap.low) and math.isfinite(gap.high)):
        return "cannot tell"
    if gap.low > 0:
        return "beats"
    return "is worse than" if gap.high < 0 else "does not beat"


def _listed(words: list[str], joint: str = ", ") -> str:
    if joint != ", " or len(words) < 2:
        return joint.join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
