"""Tuning measures: what a study of tuned forecasters shows, and what selection did to it.

Validation selected, test did not: whatever is said here of skill is of test, and validation stands beside it only to
show the winner's curse, the part of a best result that was luck. Losses are absolute errors of returns.
"""

import math
from dataclasses import dataclass
from typing import Self

import pandas as pd
from scipy.stats import t as student

from backtests.forecasts.forecast_errors import binomial_interval
from backtests.forecasts.skill import Skill, skill_of
from backtests.forecasts.tuning_results import StudyResults, SymbolResult, SymbolTest
from backtests.statistics.inference import holm
from core.intervals import Interval

__all__ = ["PickComparison", "SymbolMeasure", "TuningMeasures"]

LEVEL = 0.05
MIN_SYMBOLS = 3  # below which nothing is said of a mean over symbols


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolMeasure:
    """One symbol that was judged.

    Parameters
    ----------
    result : SymbolResult
        What the study holds.
    test : SymbolTest
        Its test.
    p_holm : float
        One-sided p of "not better than persistence", by Holm's rule among the symbols; NaN where it has none.
    """

    result: SymbolResult
    test: SymbolTest
    p_holm: float

    @property
    def skill(self) -> Interval:
        """Skill over persistence on test, with its range; NaN where there is none."""
        bounds = (self.test.skill, self.test.skill_low, self.test.skill_high)
        return Interval(*(math.nan if each is None else each for each in bounds))

    @property
    def errs_less(self) -> bool:
        """Whether it errs less than persistence, by however little."""
        return self.skill.estimate > 0.0

    @property
    def is_better(self) -> bool:
        """Whether it errs less beyond noise, taken alone: one-sided, at 5 %."""
        return self.test.p_better is not None and self.test.p_better < LEVEL

    @property
    def is_better_of_all(self) -> bool:
        """Whether it does after Holm's rule."""
        return self.p_holm < LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class PickComparison:
    """The pick by error of returns against the pick by error of prices, on test sessions, which selected neither.

    Parameters
    ----------
    n : int
        Symbols judged.
    same : int
        Symbols for which both picks are one.
    improved, worsened : int
        Symbols on which the pick by returns errs less on test, and more.
    worsened_beyond_noise : int
        Of the latter those beyond noise: one-sided, at 5 %, taken alone.
    gain : Skill
        1 − error of the pick by returns ÷ that of the pick by prices, each session the mean over its symbols; a paired
        test over sessions.
    """

    n: int
    same: int
    improved: int
    worsened: int
    worsened_beyond_noise: int
    gain: Skill


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TuningMeasures:
    """A study and everything that is said of it.

    Parameters
    ----------
    results : StudyResults
        The study.
    symbols : tuple of SymbolMeasure
        Symbols judged, the best skill first.
    beating : Interval
        Share of symbols on which the selected errs less than persistence on test, with its binomial 95 % range.
    pooled : Skill
        Of the selected over persistence, each session the mean over its symbols.
    curse : DataFrame
        Columns ``validation`` and ``test``: skill over persistence of the selected on both, by symbol.
    lost : Interval
        Mean of validation skill less test skill, with a 95 % range that takes symbols as independent.
    picks : PickComparison
        Of error of returns against error of prices.
    """

    results: StudyResults
    symbols: tuple[SymbolMeasure, ...]
    beating: Interval
    pooled: Skill
    curse: pd.DataFrame
    lost: Interval
    picks: PickComparison

    @classmethod
    def of(cls, results: StudyResults, losses: pd.DataFrame) -> Self:
        """Measure a study.

        Parameters
        ----------
        results : StudyResults
            The study.
        losses : DataFrame
            Its losses: a row a session and symbol, columns ``session``, ``symbol``, ``selected``, ``price_pick`` and
            ``persistence``.
        """
        rows = _symbols(results)
        horizon = _overlapping(results)
        curse = pd.DataFrame(
            {
                "validation": [row.result.validation_skill for row in rows],
                "test": [row.skill.estimate for row in rows],
            },
            index=pd.Index([row.result.symbol for row in rows], name="symbol"),
            dtype="float64",
        )
        return cls(
            results=results,
            symbols=rows,
            beating=binomial_interval(sum(row.errs_less for row in rows), len(rows)),
            pooled=_pooled(losses, "selected", "persistence", horizon),
            curse=curse,
            lost=_mean((curse["validation"] - curse["test"]).dropna()),
            picks=_picks(results, losses, horizon),
        )

    @property
    def n_better(self) -> int:
        """Symbols on which the selected is better than persistence beyond noise by Holm's rule."""
        return sum(row.is_better_of_all for row in self.symbols)

    @property
    def n_better_than_trivial(self) -> int:
        """Symbols on which the selected is better than the best trivial forecast too, by Holm's rule."""
        ps = [math.nan if row.test.p_over_trivial is None else row.test.p_over_trivial for row in self.symbols]
        return sum(row.is_better_of_all and p < LEVEL for row, p in zip(self.symbols, holm(ps), strict=True))

    @property
    def contaminated(self) -> dict[str, int]:
        """Models that may have seen every validation target and so selected nothing, with how many symbols."""
        found = [each.model for result in self.results.symbols for each in result.searched if each.contaminated]
        return {model: found.count(model) for model in dict.fromkeys(found)}


def _symbols(results: StudyResults) -> tuple[SymbolMeasure, ...]:
    tested = [(each, each.test) for each in results.symbols if each.test is not None]
    adjusted = holm([math.nan if test.p_better is None else test.p_better for _, test in tested])
    rows = [SymbolMeasure(result=each, test=test, p_holm=p) for (each, test), p in zip(tested, adjusted, strict=True)]
    return tuple(sorted(rows, key=lambda row: -math.inf if row.test.skill is None else row.test.skill, reverse=True))


def _overlapping(results: StudyResults) -> int:
    """Judged origins over which the longest horizon reaches."""
    settings = results.settings
    longest = max((int(each) for each in settings.get("horizons", (1,))), default=1)
    return math.ceil(longest / int(settings.get("every", 1)))


def _pooled(losses: pd.DataFrame, one: str, other: str, horizon: int) -> Skill:
    """Skill of one over the other; every session counts once, by the mean over its symbols."""
    means = losses.groupby("session", sort=True)[[one, other]].mean().to_numpy(dtype="float64")
    return skill_of(pd.DataFrame(means, columns=["loss", "benchmark"]), horizon=horizon)


def _picks(results: StudyResults, losses: pd.DataFrame, horizon: int) -> PickComparison:
    different = [each.symbol for each in results.tested if each.selected != each.price_pick]
    found = {
        symbol: _pooled(losses[losses["symbol"] == symbol], "selected", "price_pick", horizon) for symbol in different
    }
    return PickComparison(
        n=len(results.tested),
        same=len(results.tested) - len(different),
        improved=sum(each.interval.estimate > 0.0 for each in found.values()),
        worsened=sum(each.interval.estimate < 0.0 for each in found.values()),
        worsened_beyond_noise=sum(each.is_worse for each in found.values()),
        gain=_pooled(losses, "selected", "price_pick", horizon),
    )


def _mean(values: pd.Series) -> Interval:
    n = len(values)
    if n < MIN_SYMBOLS:
        return Interval(float(values.mean()) if n else math.nan, math.nan, math.nan)
    mean, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(n)
    reach = float(student.ppf(0.975, n - 1)) * error
    return Interval(mean, mean - reach, mean + reach)
