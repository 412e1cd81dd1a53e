"""Sweep page: what was tried, what chose, and what the test said once, as one self-contained page."""

from typing import TYPE_CHECKING

from backtests.report.sweeps.sweep_results import OBJECTIVES, SweepSummary, objective_of
from backtests.report.sweeps.sweep_words import (
    POINT_NOTE,
    SWEEP_CONVENTIONS,
    failure_rows,
    point_table,
    sweep_findings,
    winner_rows,
)
from backtests.verdict import MAX_OVERFITTING

if TYPE_CHECKING:
    from backtests.report.content import Card, Picture, Section, Severity, Stamp

__all__ = ["sweep_page"]

UNFOLDED = 25  # rows of points that are shown at once
SLICES = 12  # parameters that are drawn, the most important first


def sweep_page(summary: SweepSummary) -> str:
    """The page as HTML: the verdict, the winner, all points, slices and importance of the parameters.

    Parameters
    ----------
    summary : SweepSummary
        A sweep that is through.
    """
    from backtests.report.html_page import HtmlPage, render_page

    page = HtmlPage(
        title=f"Sweep of {summary.strategy}",
        strategy=f"sweep {summary.sweep}, {len(summary.points):,} points",
        verdict=sweep_findings(summary)[0],
        sections=_sections(summary),
        stamps=_stamps(summary),
        cards=_cards(summary),
        command=summary.command,
    )
    return render_page(page)


def _stamps(summary: SweepSummary) -> "tuple[Stamp, ...]":
    from backtests.report.content import SEVERITIES, Stamp
    from backtests.report.stamps import SYNTHETIC, VERDICT_SEVERITY

    word = "" if summary.winner is None else str(summary.winner.headline.get("verdict", ""))
    severity = VERDICT_SEVERITY.get(word)
    verdict = () if severity is None else (_verdict_stamp(word, severity),)
    overfitted = Stamp(
        label="OVERFITTED",
        severity="caution",
        sentence="The best point in one half of validation falls to the median in the other as often as not.",
    )
    worthless = summary.overfitting is not None and summary.overfitting >= MAX_OVERFITTING
    stamps = (*((SYNTHETIC,) if summary.synthetic else ()), *verdict, *((overfitted,) if worthless else ()))
    return tuple(sorted(stamps, key=lambda stamp: SEVERITIES.index(stamp.severity)))


def _verdict_stamp(word: str, severity: "Severity") -> "Stamp":
    from backtests.report.content import Stamp

    return Stamp(label=word, severity=severity, sentence="Of the winner on test, deflated by every point.")


def _cards(summary: SweepSummary) -> "tuple[Card, ...]":
    from backtests.report.content import Card

    chosen, winner = summary.chosen, summary.winner
    if chosen is None or winner is None:
        return ()
    rows = {name: (found, judged) for name, found, judged in winner_rows(summary)}
    ic, ic_error = _halves(rows["Rank IC"][0])
    sharpe, sharpe_error = _halves(rows["Sharpe, net"][1])
    trials = winner.headline.get("comparable_trials")
    overfitting = "–" if summary.overfitting is None else f"{summary.overfitting:.2f}"
    return (
        Card(label="Rank IC, validation", value=ic, error=ic_error, detail=f"best of {len(summary.points):,} points"),
        Card(label="Sharpe, test, net", value=sharpe, error=sharpe_error, detail="judged once, after costs"),
        Card(label="Deflated Sharpe", value=rows["Deflated Sharpe"][1], detail=f"among {trials} trials"),
        Card(label="PBO", value=overfitting, detail=f"CSCV over {summary.paths:,} points"),
    )


def _halves(words: str) -> tuple[str, str]:
    value, _, error = words.partition(" ± ")
    return value, error


def _sections(summary: SweepSummary) -> "tuple[Section, ...]":
    from backtests.report.content import Part, Section, Table

    said = sweep_findings(summary)
    judged = Table(
        caption="The winner",
        columns=("measure", "validation, which chose", "test, judged once"),
        rows=winner_rows(summary),
        note=f"{summary.universe}. {summary.costs}.",
    )
    again = () if summary.winner is None else (f"Again, bit for bit: {summary.winner.command}",)
    columns, rows = point_table(summary)
    points = Table(caption="All points", columns=columns, rows=rows, note=POINT_NOTE, folded=len(rows) > UNFOLDED)
    first = Table(caption="The best on validation", columns=columns, rows=rows[:UNFOLDED], note=POINT_NOTE)
    tables = (first, points) if len(rows) > UNFOLDED else (points,)
    if failures := failure_rows(summary):
        why = Table(caption="Without a number", columns=("point", "settings", "why"), rows=failures, wordy=True)
        tables = (*tables, why)
    return (
        Section(
            slug="front",
            title="What it came to",
            lead=said[1] if len(said) > 1 else said[0],
            parts=(Part(sentences=(*said[2:], *again), tables=(judged,)),),
        ),
        Section(slug="points", title="Points", lead=_points_lead(summary), parts=(Part(tables=tables),)),
        *_parameter_sections(summary),
        Section(
            slug="conventions",
            title="Conventions",
            lead=SWEEP_CONVENTIONS[0],
            parts=(Part(sentences=SWEEP_CONVENTIONS[1:]),),
        ),
    )


def _points_lead(summary: SweepSummary) -> str:
    seeds = ", ".join(map(str, summary.seeds))
    return (
        f"{len(summary.points):,} points of {summary.trainings:,} trainings with seed{'s' * (len(summary.seeds) > 1)} "
        f"{seeds}, judged on {summary.validation[0]} to {summary.validation[1]}; the test span, {summary.test[0]} to "
        f"{summary.test[1]}, was not in their bars."
    )


def _parameter_sections(summary: SweepSummary) -> "tuple[Section, ...]":
    from backtests.report.content import Part, Picture, Section
    from backtests.report.sweeps.sweep_figures import importance_figure

    importance = summary.importance
    if importance.empty:
        return ()
    top, share = str(importance.index[0]), float(importance["share"].iloc[0])
    lead = (
        f"{top} explains {share:.0%} of the variance between points by itself; values without any effect would explain "
        f"{float(importance['chance'].iloc[0]):.0%}."
    )
    picture = Picture(title="Importance of the parameters", summary=lead, figure=importance_figure(importance))
    slices = tuple(_slice(summary, str(key)) for key in importance.index[:SLICES])
    return (
        Section(
            slug="parameters",
            title="Parameters",
            lead=lead,
            parts=(Part(pictures=(picture,)), Part(heading="Along each parameter", pictures=slices)),
        ),
    )


def _slice(summary: SweepSummary, key: str) -> "Picture":
    from backtests.report.content import Picture
    from backtests.report.sweeps.sweep_figures import slice_figure

    label = f"{OBJECTIVES[summary.objective]} on validation"
    having = [
        (each, value)
        for each in summary.points
        if key in each.settings and (value := objective_of(each, summary.objective)) is not None
    ]
    numbers = [value for _, value in having]
    chosen = None if summary.winner is None else summary.winner.point
    place = next((place for place, (each, _) in enumerate(having) if each.number == chosen), None)
    figure = slice_figure([each.settings[key] for each, _ in having], numbers, chosen=place, y_title=label)
    words = f"{label.capitalize()} of {len(having)} points along {key}, from {min(numbers):.4f} to {max(numbers):.4f}."
    return Picture(title=key, summary=words, figure=figure)
