"""Sweep words: what a sweep came to, in sentences and in cells; the sentence to remember first."""

import json
import math
from collections.abc import Mapping
from typing import Any

from backtests.report.sweeps.sweep_results import (
    FAILED,
    OBJECTIVES,
    PROTECTED,
    STOPPED,
    PointResult,
    SweepSummary,
    SweepWinner,
    objective_of,
)
from backtests.verdict import MAX_OVERFITTING

__all__ = [
    "POINT_NOTE",
    "SWEEP_CONVENTIONS",
    "failure_rows",
    "point_table",
    "settings_line",
    "sweep_findings",
    "winner_rows",
]

POINT_NOTE = (
    "Sorted by what chose, on validation; no number of the test is in this table. ± is one standard error: HAC of the "
    "session rank ICs, and of the Sharpe ratio under non-normal returns."
)
SWEEP_CONVENTIONS = (
    "Every point was trained on the training span and judged on validation alone, by the bars that end there; labels "
    "that reach across the end of a span are left out.",
    "The winner is run once on test by the ordinary pipeline, after every point was logged as a trial: its deflated "
    "Sharpe ratio counts them all; their Sharpe ratios on validation lend no variance.",
    "PBO is the probability of backtest overfitting by combinatorially symmetric cross-validation (Bailey et al., "
    "2016) over the net returns of the points on validation, 16 blocks.",
    "Importance is the share of the variance between points that the means of one parameter's values explain (η²), by "
    "itself; chance is what values without any effect explain on average.",
    "Validation also stops and calibrates every training, so that a rank IC on validation is flattered even before it "
    "is the best of many.",
)


def sweep_findings(summary: SweepSummary) -> list[str]:
    """What a sweep came to, the sentence to remember first."""
    chosen, winner = summary.chosen, summary.winner
    if chosen is None or winner is None:
        return [f"{len(summary.points):,} of {summary.total:,} points are judged; none was run on test yet."]
    return [
        _verdict_words(summary, chosen, winner),
        *_chosen_words(summary, chosen),
        *_early_words(summary),
        _deflation_words(winner),
        *_overfitting_words(summary),
        *_ridge_words(summary),
        *_state_words(summary),
        *_unequal_words(summary),
        f"{summary.trials:,} trials are recorded in this store; look {summary.looks:,} of {summary.budget:,} at this "
        "validation span was the last.",
        _run_words(winner),
    ]


def settings_line(settings: Mapping[str, Any]) -> str:
    """Settings in one line."""
    return ", ".join(f"{key} = {_shown(value)}" for key, value in settings.items()) or "the strategy as it is"


def point_table(summary: SweepSummary) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Columns and rows of all points, the best on validation first."""
    keys = list(dict.fromkeys(key for point in summary.points for key in point.settings))
    seeds = len(summary.seeds) > 1
    columns = ("point", *keys, "rank IC", *(["seeds ±"] if seeds else []), "Sharpe, net", "turnover", "state")
    return columns, tuple(_cells(point, keys, seeds=seeds) for point in summary.ranked)


def failure_rows(summary: SweepSummary) -> tuple[tuple[str, str, str], ...]:
    """Points without a number: what they set, and why there is none."""
    failed = (point for point in summary.points if point.state == FAILED)
    return tuple((str(point.number), settings_line(point.settings), point.failure) for point in failed)


def winner_rows(summary: SweepSummary) -> tuple[tuple[str, str, str], ...]:
    """The winner on validation beside its one judgement on test."""
    chosen, winner = summary.chosen, summary.winner
    if chosen is None or winner is None:
        return ()
    headline = winner.headline
    return (
        ("Span", " to ".join(summary.validation), " to ".join(headline.get("period") or summary.test)),
        (
            "Rank IC",
            _pair(chosen.rank_ic, chosen.rank_ic_error, 4),
            _of(headline, "rank_ic", "rank_ic_standard_error", 4),
        ),
        (
            "Sharpe, net",
            _pair(chosen.sharpe, chosen.sharpe_error, 2),
            _of(headline, "sharpe_net", "sharpe_standard_error", 2),
        ),
        ("Deflated Sharpe", "–", _number(headline.get("deflated_sharpe"), ".3f")),
        ("Verdict", "–", str(headline.get("verdict", "–"))),
    )


def _verdict_words(summary: SweepSummary, chosen: PointResult, winner: SweepWinner) -> str:
    word = str(winner.headline.get("verdict", ""))
    value = _pair(
        objective_of(chosen, summary.objective), _error(chosen, summary.objective), 4 if _is_ic(summary) else 2
    )
    sharpe = _of(winner.headline, "sharpe_net", "sharpe_standard_error", 2)
    tried = f"The best of {len(summary.points):,} points on validation ({OBJECTIVES[summary.objective]} {value})"
    held = {
        "EVIDENCE": f"{tried} holds on test: net Sharpe ratio {sharpe}, EVIDENCE",
        "WEAK": f"{tried} is WEAK on test: net Sharpe ratio {sharpe}",
    }
    return held.get(word, f"{tried} is NOT EVIDENCE on test: net Sharpe ratio {sharpe}") + _flaw(summary) + "."


def _flaw(summary: SweepSummary) -> str:
    return ", and the bars are synthetic" if summary.synthetic else ""


def _chosen_words(summary: SweepSummary, chosen: PointResult) -> list[str]:
    words = f"It sets {settings_line(chosen.settings)}."
    if len(summary.seeds) < 2:
        return [words]
    spread = chosen.rank_ic_spread if _is_ic(summary) else chosen.sharpe_spread
    first = summary.seeds[0]
    return [
        words,
        f"Its number is the mean over {len(summary.seeds)} seeds (standard deviation {_number(spread, '.4f')}); "
        f"on test it was run with the first of them, {first}, as was laid down before.",
    ]


def _early_words(summary: SweepSummary) -> list[str]:
    """That a sweep that is through has fewer points than it was asked for."""
    if len(summary.points) == summary.total:
        return []
    ended = f"The sweep ended after {len(summary.points):,} of {summary.total:,} points"
    return [f"{ended}: every answer about this validation span that the guard allows was given."]


def _deflation_words(winner: SweepWinner) -> str:
    headline = winner.headline
    deflated, trials = headline.get("deflated_sharpe"), headline.get("comparable_trials")
    if deflated is None:
        return f"Among {trials} comparable trials, too few to deflate by, its Sharpe ratio is not deflated."
    passes = "passes" if deflated >= 0.95 else "does not pass"
    return f"Its deflated Sharpe ratio among {trials} trials is {deflated:.3f}, which {passes} at 0.95."


def _overfitting_words(summary: SweepSummary) -> list[str]:
    found = summary.overfitting
    if found is None:
        return ["Too few points or validation sessions to tell how often the best one falls to the median (PBO)."]
    judged = "the choice among these points is worthless" if found >= MAX_OVERFITTING else "below one half"
    return [f"PBO over {summary.paths:,} points is {found:.2f}: {judged}."]


def _ridge_words(summary: SweepSummary) -> list[str]:
    if summary.ridge is None:
        return []
    estimate, low, high = summary.ridge
    if not all(map(math.isfinite, summary.ridge)):
        return []
    told = "it cannot be told from ridge" if low <= 0.0 <= high else "beyond noise"
    return [
        f"The best point that is no ridge leads the best ridge by {estimate:+.4f} of rank IC on validation "
        f"(95 % range {low:+.4f} to {high:+.4f}): {told}."
    ]


def _state_words(summary: SweepSummary) -> list[str]:
    count = {state: sum(each.state == state for each in summary.points) for state in (STOPPED, FAILED, PROTECTED)}
    told = [
        f"{count[STOPPED]:,} trainings were stopped by the median rule" if count[STOPPED] else "",
        f"{count[FAILED]:,} points have no number" if count[FAILED] else "",
        f"{count[PROTECTED]:,} points were answered by the guard" if count[PROTECTED] else "",
    ]
    found = [each for each in told if each]
    return ["; ".join(found) + ". All of them count as trials."] if found else []


def _unequal_words(summary: SweepSummary) -> list[str]:
    """What makes numbers of points hard to compare."""
    keys = {key for point in summary.points for key in point.settings}
    return [
        *(["The points do not all pay the same costs."] if any(key.startswith("costs.") for key in keys) else []),
        *(["Rank ICs are with returns of different horizons."] if "label.horizon" in keys else []),
    ]


def _run_words(winner: SweepWinner) -> str:
    if winner.refitted:
        return f"Run {winner.run} trained the winner anew on training and validation before the test."
    if winner.same_bits is None:
        return f"Run {winner.run} judged the winner on test."
    return f"Run {winner.run} gives the point's validation scores bit for bit."


def _cells(point: PointResult, keys: list[str], *, seeds: bool) -> tuple[str, ...]:
    state = {STOPPED: f"stopped at {len(point.epochs)}", PROTECTED: "guarded"}
    return (
        str(point.number),
        *(_shown(point.settings[key]) if key in point.settings else "–" for key in keys),
        _pair(point.rank_ic, point.rank_ic_error, 4),
        *([_number(point.rank_ic_spread, ".4f")] if seeds else []),
        _pair(point.sharpe, point.sharpe_error, 2),
        "–" if point.turnover is None else f"{point.turnover:.1%}",
        state.get(point.state, point.state),
    )


def _is_ic(summary: SweepSummary) -> bool:
    return summary.objective == "rank_ic"


def _error(point: PointResult, objective: str) -> float | None:
    return point.rank_ic_error if objective == "rank_ic" else point.sharpe_error


def _of(headline: Mapping[str, Any], mean: str, error: str, digits: int) -> str:
    return _pair(headline.get(mean), headline.get(error), digits)


def _pair(value: float | None, error: float | None, digits: int) -> str:
    if value is None:
        return "–"
    return f"{value:.{digits}f}" + ("" if error is None else f" ± {error:.{digits}f}")


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
