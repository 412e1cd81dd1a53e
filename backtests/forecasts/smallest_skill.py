"""Smallest skill: what a test of a forecaster against a trivial one could have distinguished from zero.

A short history that finds no skill has not shown that there is none; this says how much there would have had to be.
"""

import math

from scipy.special import ndtri
from scipy.stats import t as student

from backtests.forecasts.skill import Skill

__all__ = ["smallest_skill"]

LEVEL = 0.05  # one-sided, that of ``Skill.is_better``
POWER = 0.80


def smallest_skill(skill: Skill, *, power: float = POWER) -> float:
    """The skill that the test at 5 %, one-sided, would find with a given probability over as many such sessions.

    (t₀.₉₅ + z) standard errors of the skill: the HAC error of Diebold and Mariano's statistic ÷ the benchmark's loss.

    Parameters
    ----------
    skill : Skill
        Of a forecaster against its benchmark.
    power : float
        Probability of finding it, in (0.05, 1).

    Returns
    -------
    float
        A share of the benchmark's loss; NaN where the statistic is not known or exactly 0.

    Raises
    ------
    ValueError
        If power lies outside (0.05, 1).

    Examples
    --------
    >>> from backtests.forecasts.skill import Skill
    >>> from backtests.forecasts.smallest_skill import smallest_skill
    >>> from core.intervals import Interval
    >>> found = Skill(interval=Interval(0.01, -0.01, 0.03), statistic=1.0, p_value=0.32, n_sessions=114)
    >>> round(smallest_skill(found), 3)
    0.025
    """
    if not LEVEL < power < 1.0:
        raise ValueError(f"power must lie between {LEVEL} and 1, was {power}")
    if not math.isfinite(skill.statistic) or skill.statistic == 0.0:
        return math.nan
    error = skill.interval.estimate / skill.statistic
    return float(error * (student.ppf(1.0 - LEVEL, skill.n_sessions - 1) + ndtri(power)))
