"""Paired judgement: champion and challenger on the same sessions, by rank IC and by net return.

Both books begin empty on the first judged session, on the same bars, clock and costs. A difference is the challenger's
number less the champion's, session by session, with a studentised stationary block bootstrap whose error is HAC
(``backtests.statistics.bootstrap_intervals``).
"""

import math
from dataclasses import dataclass

import pandas as pd

from backtests.evaluation import MODEL, Evaluation
from backtests.quick_evaluation import quick_evaluation
from backtests.report.boards.paired_gaps import p_value
from backtests.statistics.bootstrap_intervals import mean_interval
from backtests.verdict import TrialStanding, judge
from core.intervals import Interval
from market.inputs import Inputs
from portfolio.rules import TradingRules

__all__ = ["COLUMNS", "PairedJudgement", "compare_pair", "difference_of", "judge_pair", "one_sided"]

COLUMNS = ("ic_champion", "ic_challenger", "net_champion", "net_challenger")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairedJudgement:
    """Two models on the same sessions.

    Parameters
    ----------
    sessions : DataFrame of float
        Columns ``COLUMNS``; a rank IC is NaN where its return is not known yet.
    ic, net : Interval
        Mean difference of rank IC, and of net return per session, with 95 % bounds; NaN with fewer than 20 sessions.
    p_value : float
        One-sided, of a true difference of rank IC of at most 0; NaN where it is not known.
    n_ic : int
        Sessions on which both have a rank IC.
    overlap : int
        Decisions that one forward return spans.
    verdicts : pair of str
        What the judged sessions alone allow to say of champion and challenger, other trials aside.
    """

    sessions: pd.DataFrame
    ic: Interval
    net: Interval
    p_value: float
    n_ic: int
    overlap: int
    verdicts: tuple[str, str]

    @property
    def means(self) -> dict[str, float]:
        """Mean of each column."""
        return {name: float(self.sessions[name].mean()) for name in COLUMNS}


def judge_pair(
    rules: TradingRules, champion: tuple[pd.DataFrame, Inputs], challenger: tuple[pd.DataFrame, Inputs]
) -> PairedJudgement:
    """Evaluate both models' scores by one code path and compare them.

    Parameters
    ----------
    rules : TradingRules
        Of the one strategy that both follow.
    champion, challenger : pair of DataFrame and Inputs
        Scores of the judged sessions, known at each close, and the bars; sectors may differ.
    """
    made = [quick_evaluation(rules, inputs, scores=scores) for scores, inputs in (champion, challenger)]
    series = [each.signal.ic[MODEL] for each in made] + [each.result.net_returns for each in made]
    sessions = pd.concat(series, axis=1, keys=COLUMNS)
    ours, theirs = (_verdict(each) for each in made)
    return compare_pair(sessions, verdicts=(ours, theirs), overlap=made[1].signal.overlap)


def compare_pair(sessions: pd.DataFrame, *, verdicts: tuple[str, str], overlap: int = 1) -> PairedJudgement:
    """Compare two models by their numbers of each session.

    Parameters
    ----------
    sessions : DataFrame of float
        Columns ``COLUMNS``.
    verdicts : pair of str
        Of champion and challenger.
    overlap : int
        Decisions that one forward return spans.
    """
    gap = difference_of(sessions)
    ic = mean_interval(gap, horizon=overlap)
    return PairedJudgement(
        sessions=sessions,
        ic=ic,
        net=mean_interval((sessions["net_challenger"] - sessions["net_champion"]).dropna()),
        p_value=one_sided(ic),
        n_ic=len(gap),
        overlap=overlap,
        verdicts=verdicts,
    )


def difference_of(sessions: pd.DataFrame) -> pd.Series:
    """Rank IC of the challenger less that of the champion, on the sessions where both are known."""
    return (sessions["ic_challenger"] - sessions["ic_champion"]).dropna()


def one_sided(interval: Interval) -> float:
    """The p-value of a true difference of at most 0, of a normal law whose 95 % bound is the range's; NaN stays.

    Examples
    --------
    >>> from core.intervals import Interval
    >>> from live.retraining.paired_judgement import one_sided
    >>> round(one_sided(Interval(0.02, 0.0, 0.04)), 4), one_sided(Interval(0.0, 0.0, 0.0))
    (0.025, 0.5)
    """
    two_sided = p_value(interval)
    if math.isnan(two_sided):
        return math.nan
    return two_sided / 2.0 if interval.estimate > 0.0 else 1.0 - two_sided / 2.0


def _verdict(evaluation: Evaluation) -> str:
    sharpe = evaluation.performance(evaluation.rules.name).sharpe
    return judge(evaluation, TrialStanding(sharpes=(sharpe,))).word
