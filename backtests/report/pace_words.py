"""Pace words: what follows where scores do not come every session, for page one and the console."""

import math

from backtests.evaluation import Evaluation
from backtests.report.formats import count, percent, plus_minus
from signals.decision_interval import DecisionPace

__all__ = ["pace_words"]


def pace_words(evaluation: Evaluation) -> tuple[str, ...]:
    """How often scores come, their rank IC until the next one, and how far smoothing follows; empty for daily ones."""
    signal, smoothing = evaluation.signal, evaluation.rules.portfolio.smoothing
    pace, longer = signal.pace, signal.summary_until_next()
    if longer is None:
        return ()
    own = signal.summary(next(iter(signal.ic)))
    after = "the session" if signal.horizon == 1 else f"the {signal.horizon} sessions"
    words: tuple[str, ...] = (
        f"Scores come every {pace.interval} sessions, {pace.per_year:.4g} a year, by which the ICIR is annual. Their "
        f"rank IC is {plus_minus(own.mean, own.standard_error, 4)} with {after} after the fill, and "
        f"{plus_minus(longer.mean, longer.standard_error, 4)} with the {pace.interval} sessions until the next score "
        f"({count(longer.n_sessions)} scores).",
    )
    if (horizon := evaluation.rules.horizon) > 1:
        words += (_sleeve_words(horizon, pace),)
    return words if smoothing >= 0.5 else (*words, _smoothing_words(smoothing, pace))


def _sleeve_words(horizon: int, pace: DecisionPace) -> str:
    """How long sleeves are held that are opened once a decision."""
    return (
        f"label.horizon = {horizon} opens one of {horizon} sleeves at each score and holds it for {horizon} scores, "
        f"about {count(horizon * pace.interval)} sessions: --set label.horizon={pace.overlap(horizon)} holds it for "
        f"{count(pace.overlap(horizon) * pace.interval)}."
    )


def _smoothing_words(smoothing: float, pace: DecisionPace) -> str:
    """How slowly a book follows scores that smoothing meets once a decision."""
    reached = [percent(1.0 - (1.0 - smoothing) ** k, 0) for k in (1, 2, 3)]
    half = math.ceil(math.log(0.5) / math.log(1.0 - smoothing))
    return (
        f"portfolio.smoothing = {smoothing:g} acts once a score: of the way to a new target the book has gone "
        f"{reached[0]} after one score, {reached[1]} after two, {reached[2]} after three and half after {half}, "
        f"{count(half * pace.interval)} sessions. It hardly moves: --set portfolio.smoothing=1 follows every score."
    )
