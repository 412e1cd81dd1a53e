"""Power words: what a history could not have shown, as a sentence."""

import math

from backtests.forecasts.skill import Skill
from backtests.forecasts.smallest_skill import smallest_skill

__all__ = ["power_sentence"]


def power_sentence(name: str, skill: Skill) -> str:
    """The smallest skill that one test could have distinguished from zero; empty where that is not known.

    Parameters
    ----------
    name : str
        The forecaster.
    skill : Skill
        Its skill over persistence.

    Examples
    --------
    >>> from backtests.forecasts.skill import Skill
    >>> from backtests.report.forecasts.power_words import power_sentence
    >>> from core.intervals import Interval
    >>> skill = Skill(interval=Interval(0.01, -0.01, 0.03), statistic=1.0, p_value=0.32, n_sessions=114)
    >>> power_sentence("ar", skill)  # doctest: +ELLIPSIS
    'What 114 test sessions cannot show: a skill of ar below 2.49 % would be missed more often than one time in five...'
    """
    least = smallest_skill(skill)
    if not math.isfinite(least):
        return ""
    return (
        f"What {skill.n_sessions:,} test sessions cannot show: a skill of {name} below {100.0 * least:.2f} % would be "
        "missed more often than one time in five (one-sided at 5 %, HAC error)."
    )
