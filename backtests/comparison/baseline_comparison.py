"""Baseline comparison: one book against simple baselines and luck over the same sessions, with paired tests.

Differences are paired: both books are resampled in the same blocks of sessions, so that common moves cancel.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from backtests.comparison.luck import Luck, Pace
from backtests.statistics.bootstrap_intervals import mean_gap_interval, sharpe_gap_interval, sharpe_interval
from backtests.statistics.metrics import (
    annual_return,
    max_drawdown,
    sharpe_ratio,
    sharpe_standard_error,
)
from core.conventions import SESSIONS_PER_YEAR
from core.intervals import Interval

__all__ = [
    "LUCK",
    "SIGNIFICANCE",
    "Baseline",
    "BaselineComparison",
    "RandomBooks",
    "compare_returns",
    "comparison_sentence",
    "listed_names",
]

LUCK = "random ranks as persistent as its own"
SIGNIFICANCE = 0.025  # one-sided: the level at which a 95 % interval lies above zero


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """A book that the evaluated one is compared with.

    Parameters
    ----------
    returns : Series of float
        Net simple return of each session.
    sharpe, standard_error : float
        Annualised, and one standard error.
    annual_return, max_drawdown : float
        Fractions.
    sharpe_range : Interval
        The annualised Sharpe ratio with its 95 % bounds.
    sharpe_gap, return_gap : Interval
        Annualised Sharpe ratio, and mean return a year, of the evaluated book less the baseline's, with 95 % bounds.
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
    """Lucky books: on random ranks as persistent as the evaluated ones.

    Parameters
    ----------
    sharpes, annual_means : ndarray, shape (n_seeds,)
        Annualised Sharpe ratio and mean return a year of each, net.
    p_value : float
        (1 + books with at least the evaluated Sharpe ratio) ÷ (1 + n_seeds); NaN where either has none.
    own, drawn : Pace or None
        Autocorrelation and turnover of the evaluated ranks and of the random ones.
    """

    sharpes: np.ndarray
    annual_means: np.ndarray
    p_value: float
    own: Pace | None = None
    drawn: Pace | None = None

    def range(self) -> Interval:
        """Median Sharpe ratio with the 2.5 and 97.5 percentiles of the books that have one."""
        known = self.sharpes[np.isfinite(self.sharpes)]
        low, middle, high = np.quantile(known, (0.025, 0.5, 0.975)) if known.size else (math.nan,) * 3
        return Interval(estimate=float(middle), low=float(low), high=float(high))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BaselineComparison:
    """The evaluated book and its baselines over the same sessions, with the same clock and costs.

    Parameters
    ----------
    name : str
        The evaluated book.
    sharpe_range : Interval
        Its annualised net Sharpe ratio with its 95 % bounds.
    baselines : mapping of str to Baseline
        In the order of the report.
    random : RandomBooks or None
        None where none were drawn.
    missing : mapping of str to str
        Baselines that have no book, and why.
    """

    name: str
    sharpe_range: Interval
    baselines: Mapping[str, Baseline]
    random: RandomBooks | None = field(default=None)
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def sharpe(self) -> float:
        """Annualised net Sharpe ratio of the evaluated book."""
        return self.sharpe_range.estimate

    def as_dict(self) -> dict[str, Any]:
        """Sentence, baselines and random books as ``metrics.json`` has them."""
        baselines = {
            name: {
                "sharpe": baseline.sharpe,
                "sharpe_range": baseline.sharpe_range._asdict(),
                "sharpe_gap": baseline.sharpe_gap._asdict(),
                "return_gap": baseline.return_gap._asdict(),
            }
            for name, baseline in self.baselines.items()
        }
        random = self.random and {
            "sharpe": self.random.range()._asdict(),
            "p_value": self.random.p_value,
            "paces": {
                "own": self.random.own and asdict(self.random.own),
                "drawn": self.random.drawn and asdict(self.random.drawn),
            },
        }
        found = {"sentence": comparison_sentence(self), "rivals": baselines, "random": random}
        return found | ({"missing": dict(self.missing)} if self.missing else {})


def compare_returns(
    name: str,
    net_returns: pd.Series,
    *,
    baselines: Mapping[str, pd.Series],
    random: Luck | None = None,
    seed: int = 0,
    sessions_per_year: float = SESSIONS_PER_YEAR,
) -> BaselineComparison:
    """Compare net returns with each baseline's and with those of random books.

    Parameters
    ----------
    name : str
        The evaluated book.
    net_returns : Series of float
        Its net simple returns.
    baselines : mapping of str to Series
        Net simple returns of each baseline.
    random : Luck, optional
        Net simple returns of lucky books.
    seed : int
        Of the bootstrap; every baseline is resampled with the same one.
    sessions_per_year : float
        By which all figures are annual.

    References
    ----------
    Ledoit, O. and Wolf, M., "Robust performance hypothesis testing with the Sharpe ratio", Journal of Empirical
    Finance, 2008; the arithmetic is in ``backtests.statistics.bootstrap_intervals``.
    """
    compared = {
        other: _baseline(net_returns, returns.reindex(net_returns.index), seed, sessions_per_year)
        for other, returns in baselines.items()
    }
    drawn = None if random is None else _random_books(net_returns, random, sessions_per_year)
    own_range = sharpe_interval(net_returns, seed=seed, sessions_per_year=sessions_per_year)
    return BaselineComparison(name=name, sharpe_range=own_range, baselines=compared, random=drawn)


def comparison_sentence(comparison: BaselineComparison) -> str:
    """Say in one sentence which baselines the book beats by net Sharpe ratio, and which not."""
    outcomes: dict[str, list[str]] = {"beats": [], "does not beat": [], "is worse than": [], "cannot tell": []}
    for name, baseline in comparison.baselines.items():
        outcomes[_outcome(baseline.sharpe_gap)].append(name)
    if comparison.random is not None:
        outcomes[_luck_outcome(comparison.random.p_value)].append(LUCK)
    unknown = outcomes.pop("cannot tell")
    why = "no Sharpe ratio, of too few sessions or of a constant, to compare with"
    rest = f"; {why}: {listed_names(unknown)}" if unknown else ""
    known = [f"{outcome} {listed_names(names)}" for outcome, names in outcomes.items() if names]
    if not known:
        return f"{comparison.name} was compared with nothing{rest}."
    return f"By net Sharpe ratio at 95 %, {comparison.name} {'; it '.join(known)}{rest}."


def _baseline(net_returns: pd.Series, theirs: pd.Series, seed: int, year: float) -> Baseline:
    ours = net_returns
    return Baseline(
        returns=theirs,
        sharpe=sharpe_ratio(theirs, sessions_per_year=year),
        standard_error=sharpe_standard_error(theirs, sessions_per_year=year),
        annual_return=annual_return(theirs, sessions_per_year=year),
        max_drawdown=max_drawdown(theirs),
        sharpe_range=sharpe_interval(theirs, seed=seed, sessions_per_year=year),
        sharpe_gap=sharpe_gap_interval(ours, theirs, seed=seed, sessions_per_year=year),
        return_gap=mean_gap_interval(year * ours, year * theirs, seed=seed),
    )


def _random_books(net_returns: pd.Series, luck: Luck, year: float) -> RandomBooks:
    theirs, ours = luck.returns.reindex(net_returns.index), sharpe_ratio(net_returns, sessions_per_year=year)
    sharpes = np.array([sharpe_ratio(theirs[seed], sessions_per_year=year) for seed in theirs.columns])
    known = np.isfinite(sharpes)
    told = math.isfinite(ours) and bool(known.any())
    p_value = (1 + int((sharpes[known] >= ours).sum())) / (1 + int(known.sum())) if told else math.nan
    means = theirs.mean().to_numpy() * year
    return RandomBooks(sharpes=sharpes, annual_means=means, p_value=p_value, own=luck.own, drawn=luck.drawn)


def _luck_outcome(p_value: float) -> str:
    if math.isnan(p_value):
        return "cannot tell"
    if p_value < SIGNIFICANCE:
        return "beats"
    return "is worse than" if p_value > 1.0 - SIGNIFICANCE else "does not beat"


def _outcome(gap: Interval) -> str:
    if not (math.isfinite(gap.low) and math.isfinite(gap.high)):
        return "cannot tell"
    if gap.low > 0:
        return "beats"
    return "is worse than" if gap.high < 0 else "does not beat"


def listed_names(names: list[str]) -> str:
    """Names in a sentence, the last behind an and."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
