"""Sweep results: what every point of a sweep came to on validation, as values that pages and tables are made of."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any, Literal, Self

import pandas as pd

__all__ = [
    "FAILED",
    "JUDGED",
    "OBJECTIVES",
    "PROTECTED",
    "STOPPED",
    "Judgement",
    "Objective",
    "PointResult",
    "PointState",
    "SweepSummary",
    "SweepWinner",
    "objective_of",
]

Objective = Literal["rank_ic", "sharpe"]
OBJECTIVES: Mapping[Objective, str] = {"rank_ic": "rank IC", "sharpe": "net Sharpe ratio"}  # both on validation
PointState = Literal["judged", "stopped", "failed", "protected"]
JUDGED: PointState = "judged"
STOPPED: PointState = "stopped"
FAILED: PointState = "failed"
PROTECTED: PointState = "protected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one training came to on validation, and the book on its scores.

    Parameters
    ----------
    spec : str
        Fingerprint of the strategy, seed included.
    seed : int
        Of its training.
    rank_ic, rank_ic_error : float or None
        Mean within-session Spearman correlation over the validation sessions, and its HAC standard error.
    sharpe, sharpe_error : float or None
        Annual net Sharpe ratio of the book on those sessions, and its standard error.
    turnover : float or None
        Per session, one way.
    sessions : int
        Validation sessions with a rank IC.
    training_ic : float or None
        Mean rank IC of the same model on its training sessions, where it was asked for.
    epochs : tuple of float or None
        Validation rank IC of each epoch, as training measured it; empty for a kind without epochs.
    stopped : int
        Epoch after which training was stopped as no better than the median; 0 where it was not.
    scores, weights : str
        sha256 of the validation scores and of the model's weights, in hexadecimal.
    failure : str
        Why there is no number; empty where there is.
    """

    spec: str
    seed: int
    rank_ic: float | None = None
    rank_ic_error: float | None = None
    sharpe: float | None = None
    sharpe_error: float | None = None
    turnover: float | None = None
    sessions: int = 0
    training_ic: float | None = None
    epochs: tuple[float | None, ...] = ()
    stopped: int = 0
    scores: str = ""
    weights: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointResult:
    """One point of a sweep: what was set, and the means over its seeds on validation.

    Parameters
    ----------
    number : int
        From 1, in the order in which the points were asked for.
    settings : mapping of str to object
        What was set, by dotted key.
    state : {"judged", "stopped", "failed", "protected"}
        Judged; stopped by the median rule; without a number; or answered by the guard, which tells the rank IC alone.
    rank_ic, rank_ic_error, sharpe, sharpe_error, turnover : float or None
        Means over the seeds; the rank IC's error is that of the sessions' means over the seeds.
    rank_ic_spread, sharpe_spread : float or None
        Standard deviation over the seeds; None for one seed.
    epochs : tuple of float or None
        Validation rank IC of each epoch, of the first seed.
    failure : str
        Why there is no number.
    judgements : tuple of Judgement
        One a seed.
    """

    number: int
    settings: Mapping[str, Any]
    state: PointState
    rank_ic: float | None = None
    rank_ic_error: float | None = None
    rank_ic_spread: float | None = None
    sharpe: float | None = None
    sharpe_error: float | None = None
    sharpe_spread: float | None = None
    turnover: float | None = None
    epochs: tuple[float | None, ...] = ()
    failure: str = ""
    judgements: tuple[Judgement, ...] = field(default=(), repr=False)

    @classmethod
    def of(
        cls, number: int, settings: Mapping[str, Any], judgements: tuple[Judgement, ...], *, error: float | None
    ) -> Self:
        """The point whose trainings came to this; ``error`` is the standard error of its rank IC."""
        failure = next((each.failure for each in judgements if each.failure), "")
        stopped = any(each.stopped for each in judgements)
        beside: dict[str, Any] = {"epochs": judgements[0].epochs} if judgements else {}
        if failure or stopped:
            state = FAILED if failure else STOPPED
            return cls(number=number, settings=settings, state=state, failure=failure, judgements=judgements, **beside)
        return cls(
            number=number,
            settings=settings,
            state=JUDGED,
            rank_ic=_mean(each.rank_ic for each in judgements),
            rank_ic_error=error,
            rank_ic_spread=_spread(each.rank_ic for each in judgements),
            sharpe=_mean(each.sharpe for each in judgements),
            sharpe_error=_mean(each.sharpe_error for each in judgements),
            sharpe_spread=_spread(each.sharpe for each in judgements),
            turnover=_mean(each.turnover for each in judgements),
            judgements=judgements,
            **beside,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepWinner:
    """The point that was chosen on validation, and what it came to on test.

    Parameters
    ----------
    point : int
        Its number.
    settings : mapping of str to object
        What was set.
    run : str
        Id of the run that judged it on test.
    command : str
        What makes that run again.
    refitted : bool
        Whether it was trained anew on training and validation before the test.
    same_bits : bool or None
        Whether the run's model gives the validation scores of the point, bit for bit; None where the model is another
        one, refitted, or the guard took the scores away.
    scores, weights : str
        sha256 of the run's scores of test and of its model's weights.
    headline : mapping
        Of the run, as ``metrics.json`` has it.
    """

    point: int
    settings: Mapping[str, Any]
    run: str
    command: str
    refitted: bool
    same_bits: bool | None
    scores: str
    weights: str
    headline: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SweepSummary:
    """All that is said of a sweep.

    Parameters
    ----------
    sweep, strategy : str
        Its id, and the strategy whose settings were tried.
    objective : {"rank_ic", "sharpe"}
        What was chosen by.
    seeds : tuple of int
        That every point was trained with; one is the strategy's own.
    total : int
        Points that are to be judged in all.
    points : tuple of PointResult
        Those that were, by number.
    winner : SweepWinner or None
        None while the sweep is under way.
    trainings : int
        Models that were trained for the points.
    validation, test : tuple of str
        First and last session of what chose, and of what judges.
    universe : str
        Source and names of the bars.
    costs : str
        Of the strategy; points that set their own have those.
    synthetic : bool
        The bars are of the built-in market.
    overfitting : float or None
        Probability of backtest overfitting (PBO) by CSCV over the points' validation returns; None for too few.
    paths : int
        Points whose returns it was measured over.
    importance : DataFrame of float
        Index key; columns ``share``, ``chance`` and ``levels``, see ``backtests.statistics.parameter_importance``.
    ridge : tuple of (estimate, low, high) or None
        Rank IC of the best point that is no ridge less that of the best ridge, by session; None without one of both.
    trials, looks, budget : int
        Trials recorded, looks taken at this validation span, and plain looks that there are.
    command : str
        What makes it again.
    """

    sweep: str
    strategy: str
    objective: Objective
    seeds: tuple[int, ...]
    total: int
    points: tuple[PointResult, ...]
    winner: SweepWinner | None
    trainings: int
    validation: tuple[str, str]
    test: tuple[str, str]
    universe: str
    costs: str
    synthetic: bool
    overfitting: float | None
    paths: int
    importance: pd.DataFrame
    ridge: tuple[float, float, float] | None
    trials: int
    looks: int
    budget: int
    command: str

    @property
    def chosen(self) -> PointResult | None:
        """The winner on validation."""
        number = None if self.winner is None else self.winner.point
        return next((each for each in self.points if each.number == number), None)

    @property
    def ranked(self) -> tuple[PointResult, ...]:
        """The points by what they were chosen by, the best first; those without a number last."""

        def place(point: PointResult) -> tuple[float, int]:
            value = objective_of(point, self.objective)
            return (math.inf if value is None else -value, point.number)

        return tuple(sorted(self.points, key=place))


def objective_of(point: PointResult, objective: Objective) -> float | None:
    """What a point is chosen by; None where it has no number."""
    return point.rank_ic if objective == "rank_ic" else point.sharpe


def _numbers(values: Iterable[float | None]) -> list[float] | None:
    """The values, or None where one is missing."""
    found = list(values)
    known = [each for each in found if each is not None]
    return known if found and len(known) == len(found) else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = _numbers(values)
    return None if known is None else fmean(known)


def _spread(values: Iterable[float | None]) -> float | None:
    known = _numbers(values)
    return None if known is None or len(known) < 2 else stdev(known)
