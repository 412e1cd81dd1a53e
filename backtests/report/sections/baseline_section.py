"""Section on the baseline wall: which simple ideas the book beats, and which it does not."""

import pandas as pd

from backtests.comparison.baseline_comparison import RandomBooks, Wall, wall_sentence
from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures import random_figure, rivals_figure, sharpe_ranges_figure
from backtests.report.formats import count, percent, plus_minus, ranged, ratio
from backtests.report.report_input import ReportInput
from backtests.report.sections.common_rows import RANGE_CONVENTION, range_frame
from core.intervals import Interval

__all__ = ["wall_section"]

CONVENTION = (
    "Every row of scores runs through the same book, clock and costs; each session's numbers are dealt out in the "
    "baseline's order, so that short filters see the same levels. The universe is an equal-weighted book of its own, "
    "rebalanced daily and charged alike; a benchmark is a series without costs. Differences are paired by session. "
    "Chance is counted rival by rival, not for all at once. "
    "Of random ranks: median, middle 95 % of the books, and mean return × 252. "
)
CONVENTION += RANGE_CONVENTION


def wall_section(report: ReportInput) -> Section | None:
    """Return the book beside its rivals; None where none were run."""
    wall = report.wall
    if wall is None:
        return None
    pictures = [_sharpes(wall), _rivals(wall)] + ([] if wall.random is None else [_random(wall, wall.random)])
    return Section(
        slug="wall",
        title="The baseline wall",
        lead=wall_sentence(wall),
        parts=(Part(pictures=tuple(pictures), tables=(_table(report, wall),)),),
    )


def _sharpes(wall: Wall) -> Picture:
    ranges = {wall.name: wall.sharpe_range} | {name: rival.sharpe_range for name, rival in wall.rivals.items()}
    words = ", ".join(f"{name} {ratio(found.estimate)} ({ranged(found)})" for name, found in ranges.items())
    return Picture(
        title=f"Net Sharpe ratio of {wall.name} and of its rivals, with 95 % ranges",
        summary=f"Ranges that overlap say little: what moves both cancels only in the differences. {words}.",
        figure=sharpe_ranges_figure(range_frame(ranges)),
    )


def _rivals(wall: Wall) -> Picture:
    gaps = range_frame({name: rival.sharpe_gap for name, rival in wall.rivals.items()})
    words = ", ".join(f"{name} {ratio(gap)}" for name, gap in gaps["estimate"].items())
    return Picture(
        title=f"Sharpe ratio of {wall.name} less each rival's, with 95 % intervals",
        summary=f"An interval that crosses zero is no difference. Estimates: {words}.",
        figure=rivals_figure(gaps),
    )


def _random(wall: Wall, random: RandomBooks) -> Picture:
    found = random.range()
    return Picture(
        title=f"{wall.name} among {len(random.sharpes)} books on random ranks",
        summary=f"Luck alone had a median Sharpe ratio of {ratio(found.estimate)} and 95 % of it between "
        f"{ratio(found.low)} and {ratio(found.high)}; this book has {ratio(wall.sharpe)}. Share of luck that does as "
        f"well: {percent(random.p_value)}.",
        figure=random_figure(random.sharpes, wall.sharpe),
    )


def _table(report: ReportInput, wall: Wall) -> Table:
    own = report.books[wall.name].net if wall.name in report.books else None
    error = None if own is None else own.sharpe_standard_error
    first = (wall.name, plus_minus(wall.sharpe, error), ranged(wall.sharpe_range), "", "")
    rows = [(*first, percent(None if own is None else own.annual_return))]
    for name, rival in wall.rivals.items():
        rows.append(
            (
                name,
                plus_minus(rival.sharpe, rival.standard_error),
                ranged(rival.sharpe_range),
                _interval(rival.sharpe_gap, 1.0),
                f"{_interval(rival.return_gap, 100.0)} %",
                percent(rival.annual_return),
            )
        )
    if wall.random is not None:
        found = wall.random.range()
        luck = f"random ranks, median of {count(len(wall.random.sharpes))}"
        mean = percent(float(pd.Series(wall.random.annual_means).median()))
        rows.append(
            (
                luck,
                ratio(found.estimate),
                ranged(found),
                f"p = {ratio(wall.random.p_value, 3)}",
                "",
                f"{mean} (mean × 252)",
            )
        )
    columns = (
        "Book on",
        "Sharpe net ± SE",
        "95 % range",
        "Sharpe gap, 95 %",
        "Mean return gap a year, 95 %",
        "Annual return",
    )
    return Table(caption="The same book on other scores", columns=columns, rows=tuple(rows), note=CONVENTION)


def _interval(gap: Interval, scale: float) -> str:
    digits = 2 if scale == 1.0 else 1
    return f"{ratio(scale * gap.estimate, digits)} ({ranged(gap, digits, scale=scale)})"
