"""How often monthly retraining promotes a challenger of the champion's own skill, and how soon one that is better.

    python -m benchmarks retrain_promotions

Each path is one champion. Every month a new challenger is judged beside it on the last sessions by the rule of
``live.retraining``, until one is promoted or the months are over. The differences of daily rank IC are simulated: what
all challengers share of them, and what is each one's own, AR(1), with normal shocks or clustered heavy-tailed ones. Net
returns and verdicts are equal, so that nothing but the rank IC decides. The table of docs/retrain.md is that of its
section.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.statistics.bootstrap_intervals import mean_interval
from backtests.statistics.confidence_sequence import mean_confidence_sequence
from benchmarks.interval_coverage import BURN_IN, Shocks, autoregression, clustered_shocks, normal_shocks
from benchmarks.runner import Options
from benchmarks.runner.page import machine
from core.intervals import Interval
from core.progress import Count, counted
from live.retraining.challenger_stream import STREAM_ALPHA, StreamBound
from live.retraining.judgement_log import JudgementKey, place_of
from live.retraining.paired_judgement import PairedJudgement, one_sided
from live.retraining.promotion_rule import decide_promotion

__all__ = ["CASES", "Months", "Promotions", "Skill", "promotions", "section"]

N_PATHS = 300  # champions a row
MONTH = 21  # sessions
DEVIATION = 0.05  # of a daily difference of rank IC
SHARED = 0.7  # of its variance, by all challengers of one champion
EQUAL = Interval(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Months:
    """How long a champion is challenged, and on how many sessions each time."""

    months: int = 24
    judge: int = 126


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """By how much the challengers' daily rank IC is above the champion's, and how it moves."""

    better: float = 0.0
    phi: float = 0.2
    shocks: Shocks = normal_shocks


CASES = {
    "same skill, AR 0": Skill(phi=0.0),
    "same skill, AR 0.2": Skill(),
    "same skill, AR 0.2, GARCH, t6": Skill(shocks=clustered_shocks),
    "better by .005, AR 0.2": Skill(better=0.005),
    "better by .01, AR 0.2": Skill(better=0.01),
    "better by .02, AR 0.2": Skill(better=0.02),
}


class Promotions(NamedTuple):
    """Share of paths with a promotion, its standard error, and the median month of those that have one, from 1."""

    share: float
    error: float
    month: float


def promotions(skill: Skill, months: Months, n_paths: int, *, seed: int = 0, count: Count | None = None) -> Promotions:
    """Challenge so many champions, each with its own seed."""
    paths = counted(range(n_paths), count)
    first = [_first_promotion(skill, months, np.random.default_rng([seed, path])) for path in paths]
    found = [month for month in first if month is not None]
    share = len(found) / n_paths
    error = math.sqrt(share * (1.0 - share) / n_paths)
    return Promotions(share, error, float(np.median(found)) if found else math.nan)


def _first_promotion(skill: Skill, months: Months, rng: np.random.Generator) -> int | None:
    total = months.judge + MONTH * (months.months - 1)
    days = pd.bdate_range("2000-01-03", periods=total)
    shared, each = _moves(skill, 1, total, rng)[0], _moves(skill, months.months, months.judge, rng)
    before, windows = list[dict[str, object]](), list[pd.Series]()
    for month in range(months.months):
        rows = slice(MONTH * month, MONTH * month + months.judge)
        moved = math.sqrt(SHARED) * shared[rows] + math.sqrt(1.0 - SHARED) * each[month]
        windows.append(pd.Series(skill.better + DEVIATION * moved, index=days[rows]))
    for month, (difference, stream) in enumerate(zip(windows, _bounds(windows), strict=True)):
        judgement = _judgement(difference)
        first, last = (f"{day:%Y-%m-%d}" for day in (difference.index[0], difference.index[-1]))
        key = JudgementKey(champion="champion", spec=str(month), panel="panel", first=first, last=last)
        test = place_of(before, key, judgement.p_value)
        if decide_promotion(judgement, test, stream).promote:
            return month + 1
        before.append({"judgement": key.as_dict(), "p_value": judgement.p_value})
    return None


def _bounds(windows: Sequence[pd.Series]) -> list[StreamBound]:
    """The bound of the stream at the end of each month, all in one pass: what ``bound_stream`` gives month by month."""
    stream = pd.concat([windows[0], *(window.iloc[-MONTH:] for window in windows[1:])])
    bounds = mean_confidence_sequence(stream, alpha=STREAM_ALPHA, side="lower")
    last = bounds.loc[[window.index[-1] for window in windows]]
    return [StreamBound(sessions=int(n), mean=mean, lower=low) for n, mean, low, _ in last.to_numpy()]


def _moves(skill: Skill, n_series: int, n_sessions: int, rng: np.random.Generator) -> np.ndarray:
    return autoregression(skill.shocks((n_series, BURN_IN + n_sessions), rng), skill.phi)


def _judgement(difference: pd.Series) -> PairedJudgement:
    ic = mean_interval(difference)
    return PairedJudgement(
        sessions=pd.DataFrame({"ic_champion": 0.0, "ic_challenger": difference}),
        ic=ic,
        net=EQUAL,
        p_value=one_sided(ic),
        n_ic=len(difference),
        overlap=1,
        verdicts=("WEAK", "WEAK"),
    )


def section(_: Options) -> str:
    """The section of the page; nothing here is timed."""
    months = Months()
    lines = ["| challengers | a challenger was promoted | median month |", "| --- | ---: | ---: |"]
    for row, (name, skill) in enumerate(CASES.items()):
        share, error, month = promotions(skill, months, N_PATHS, seed=row)
        when = "–" if math.isnan(month) else f"{month:.0f}"
        lines.append(f"| {name} | {share:.1%} ± {error:.1%} | {when} |")
        print(lines[-1], flush=True)
    words = (
        f"`python -m benchmarks retrain_promotions`: {machine()}. {N_PATHS} champions a row, {months.months} months, "
        f"{months.judge} judged sessions, differences of daily rank IC with a standard deviation of {DEVIATION:g}, of "
        f"which challengers share {SHARED:g} of the variance."
    )
    return "\n\n".join(["## How often a retraining promotes", words, "\n".join(lines)]) + "\n"
