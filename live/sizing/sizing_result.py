"""Sizing result: what the agents found where there was something, nothing, and on a book; and the rule that says so.

The rule, written before anything was measured:

- planted future: FOUND, if the agent earns at least 75 % of what the oracle earns over constant exposure on sessions it
  did not learn on, as a ratio of means over seeds, and at least 50 % with every seed;
- null market: NOTHING, if the mean over seeds of its Sharpe ratio less that of constant exposure is not above 0 by its
  95 % t range, and no more seeds are above 0 by their own paired ranges than chance allows at 5 %;
- the book: BEATS a rule, if the Sharpe ratio of the mean scale of all its seeds is higher, paired by session, with
  Holm's correction over every agent and both rules;
- EVIDENCE, if one agent found the planted future, found nothing on the null market and beats both rules on bars that
  are not synthetic, filled at a price that nobody decided by; else NOT EVIDENCE.
"""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from backtests.verdict import finite_or_none
from core.intervals import Interval
from live.sizing.sizing_settings import SizingSettings

__all__ = [
    "CONSTANT",
    "LEVEL",
    "MIN_RECOVERY",
    "MIN_SEED_RECOVERY",
    "TARGET",
    "Gap",
    "NullRow",
    "PlantedRow",
    "SizedRow",
    "SizingStudy",
    "allowed_by_chance",
]

CONSTANT, TARGET = "constant exposure", "volatility targeting"
MIN_RECOVERY, MIN_SEED_RECOVERY = 0.75, 0.50
LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedRow:
    """An agent where the future stood in its state.

    Parameters
    ----------
    agent : str
        Which.
    recovery : Interval
        What it earned over constant exposure ÷ what the oracle did: the largest scale before a gain, the smallest
        before a loss; means over seeds, with Fieller's range.
    by_seed : tuple of float
        The same of each seed.
    """

    agent: str
    recovery: Interval
    by_seed: tuple[float, ...]

    @property
    def found(self) -> bool:
        """Whether it found the future, by the rule."""
        return self.recovery.estimate >= MIN_RECOVERY and min(self.by_seed) >= MIN_SEED_RECOVERY


@dataclass(frozen=True, slots=True, kw_only=True)
class NullRow:
    """An agent where there was nothing to find.

    Parameters
    ----------
    agent : str
        Which.
    gap : Interval
        Net Sharpe ratio less that of constant exposure, mean over seeds with its t range.
    by_seed : tuple of Interval
        The same of each seed, paired by session.
    """

    agent: str
    gap: Interval
    by_seed: tuple[Interval, ...]

    @property
    def above(self) -> int:
        """Seeds whose range is above 0: false finds."""
        return sum(each.low > 0.0 for each in self.by_seed)

    @property
    def below(self) -> int:
        """Seeds whose range is below 0: they paid for changes that brought nothing."""
        return sum(each.high < 0.0 for each in self.by_seed)

    @property
    def nothing(self) -> bool:
        """Whether it found nothing, by the rule."""
        return not self.gap.low > 0.0 and self.above <= allowed_by_chance(len(self.by_seed))


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedRow:
    """One way to size the book, on the test span, by the engine and after all costs.

    Parameters
    ----------
    name : str
        For people.
    agent : str
        Whose; empty for a rule.
    seed : int or None
        Of the training; None for the mean scale of all seeds, and for a rule.
    figures : mapping of str to float
        ``sharpe`` ± ``standard_error`` (annual), ``annual_return``, ``volatility``, ``max_drawdown``, ``turnover`` (a
        session, one way), ``scale`` (mean) and ``change`` (mean absolute one from decision to decision).
    """

    name: str
    agent: str
    seed: int | None
    figures: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The mean scale of an agent's seeds against a rule.

    Parameters
    ----------
    agent, rule : str
        Which against which.
    interval : Interval
        Annual net Sharpe ratio of the agent less that of the rule, paired by session.
    p_value : float
        After Holm's correction over all gaps of the study.
    """

    agent: str
    rule: str
    interval: Interval
    p_value: float

    @property
    def beats(self) -> bool:
        """Whether the agent is better than the rule."""
        return self.interval.estimate > 0.0 and self.p_value < LEVEL

    @property
    def is_worse(self) -> bool:
        """Whether the agent is worse than the rule."""
        return self.interval.estimate < 0.0 and self.p_value < LEVEL


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SizingStudy:
    """The whole study of a book.

    Parameters
    ----------
    book : str
        Which.
    settings : SizingSettings
        What was asked.
    planted, null : tuple
        By agent.
    rows : tuple of SizedRow
        Rules first, then each agent's mean scale and its seeds.
    gaps : tuple of Gap
        Agents against rules.
    conditions : mapping of str to str
        Period, universe, costs, clock, trials and year, which must stand beside every Sharpe ratio.
    account_gap : float
        Largest difference of a session's net return between the environment's accounts and the engine's.
    synthetic, optimistic : bool
        The bars are of a built-in market; orders fill at a price that was part of the decision.
    scales : DataFrame of float, shape (n_decisions, n_ways)
        Scale decided at each close of the test span: the volatility target and the mean scale of each agent.
    """

    book: str
    settings: SizingSettings
    planted: tuple[PlantedRow, ...]
    null: tuple[NullRow, ...]
    rows: tuple[SizedRow, ...]
    gaps: tuple[Gap, ...]
    conditions: dict[str, str]
    account_gap: float
    synthetic: bool
    optimistic: bool
    scales: pd.DataFrame

    @property
    def verdict(self) -> str:
        """EVIDENCE or NOT EVIDENCE, by the rule."""
        sound = {row.agent for row in self.planted if row.found} & {row.agent for row in self.null if row.nothing}
        beating = {each.agent for each in self.gaps} - {each.agent for each in self.gaps if not each.beats}
        is_possible = not (self.synthetic or self.optimistic)
        return "EVIDENCE" if is_possible and sound & beating else "NOT EVIDENCE"

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; NaN is None. The scales are the last entry, by date."""
        dated = {f"{session:%Y-%m-%d}": row.round(6).tolist() for session, row in self.scales.iterrows()}
        return {
            "book": self.book,
            "verdict": self.verdict,
            "conditions": self.conditions,
            "settings": self.settings.model_dump(mode="json"),
            "planted": [
                {"agent": row.agent, "found": row.found, "recovery": _bounds(row.recovery), "seeds": list(row.by_seed)}
                for row in self.planted
            ],
            "null": [
                {
                    "agent": row.agent,
                    "nothing": row.nothing,
                    "sharpe_gap": _bounds(row.gap),
                    "above": row.above,
                    "below": row.below,
                    "seeds": [_bounds(each) for each in row.by_seed],
                }
                for row in self.null
            ],
            "rows": [
                {"name": row.name, "agent": row.agent, "seed": row.seed, **finite_or_none(row.figures)}
                for row in self.rows
            ],
            "gaps": [
                {"agent": gap.agent, "rule": gap.rule, "sharpe_gap": _bounds(gap.interval)}
                | finite_or_none({"p_holm": gap.p_value})
                | {"beats": gap.beats}
                for gap in self.gaps
            ],
            "account_gap": self.account_gap,
            "scale_columns": list(self.scales.columns),
            "scales": dated,
        }


def allowed_by_chance(n_seeds: int) -> int:
    """False finds that chance brings with a probability of 5 % or more, at 2.5 % each: one of five seeds, not two."""
    chance = LEVEL / 2.0
    below = 0.0
    for count in range(n_seeds + 1):
        if 1.0 - below < LEVEL:
            return count - 1
        below += math.comb(n_seeds, count) * chance**count * (1.0 - chance) ** (n_seeds - count)
    return n_seeds


def _bounds(interval: Interval) -> dict[str, float | None]:
    bounds: dict[str, float | None] = finite_or_none(interval._asdict())
    return bounds
