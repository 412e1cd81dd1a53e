"""Compare words: two choices of forecasters side by side, as sentences and rows, the same on console and page."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backtests.forecasts.compared_forecasts import Compared, ComparedSymbol, SideSymbol
from backtests.forecasts.skill import Skill
from backtests.report.formats import percent, ranged, ratio

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = [
    "COMPARE_CONVENTIONS",
    "applied_words",
    "compare_findings",
    "compare_page",
    "compare_record",
    "compare_table",
    "difference_words",
    "skill_words",
]

COLUMNS = ("symbol", "A", "B", "A on validation", "B on validation", "A on test", "B on test", "B over A", "p")
DIFFERENCES = ("symbol", "differs in")
LISTED = 500
COMPARE_CONVENTIONS = (
    "Errors are percentage-return MAE. B over A is 1 − B's ÷ A's mean error on the sessions that are in the test span "
    "of both, which selected neither, with its 95 % range by HAC errors.",
    "p is Diebold and Mariano's with the factor of Harvey, Leybourne and Newbold, two-sided. Over many symbols one in "
    "twenty is below 0.05 by chance.",
    "Only symbols whose forecaster differs are counted. A regression is a symbol on which B erred more, whether beyond "
    "noise or not.",
)


def compare_findings(found: Compared) -> list[str]:
    """What the comparison says, in plain sentences."""
    changed = [row for row in found.symbols if row.is_changed]
    both = sum(row.a is not None and row.b is not None for row in found.symbols)
    said = [f"A is {found.a}, B is {found.b}: {both} symbols in both, the forecaster differs on {len(changed)}."]
    said += _judged(found, changed)
    reasons = Counter(row.why for row in changed if row.skill is None and row.a is not None and row.b is not None)
    said += [
        f"On {count} of them nothing can be said: {why}." for why, count in sorted(reasons.items(), key=lambda p: -p[1])
    ]
    alone = [(row.symbol, "B" if row.a is None else "A") for row in found.symbols if row.a is None or row.b is None]
    if alone:
        names = ", ".join(f"{symbol} ({side})" for symbol, side in alone[:5])
        said.append(f"On one side alone: {names}{f' and {len(alone) - 5} more' if len(alone) > 5 else ''}.")
    return said


def _judged(found: Compared, changed: list[ComparedSymbol]) -> list[str]:
    n, better, regressed = len(found.tested), len(found.better), found.regressed
    if not n:
        return ["Whether B is better cannot be said: no session is in the test spans of both."] if changed else []
    skills = [row.skill for row in found.tested if row.skill is not None]
    sure, worse = sum(each.is_better for each in skills), sum(each.is_worse for each in skills)
    named = f" ({', '.join(regressed[:5])}{', …' if len(regressed) > 5 else ''})" if regressed else ""
    said = [
        f"On sessions that selected neither, B erred less on {better} of {n}, beyond noise on {sure}; it erred more on "
        f"{len(regressed)}{named}, beyond noise on {worse}. "
        + ("Zero regressions." if not regressed else "Zero regressions: no.")
    ]
    if found.overall is not None:
        said.append(f"Over all of them together: {skill_words(found.overall)}, p {ratio(found.overall.p_value, 3)}.")
    return said


def applied_words(found: Compared) -> list[str]:
    """What putting B in force in place of A rests on: a warning for every symbol on which it is not better."""
    said = []
    for row in found.symbols:
        if row.a is None or row.b is None or not row.is_changed:
            continue
        if row.skill is None:
            what = f"cannot be held against {row.a.forecaster} in force: {row.why}"
        elif row.skill.is_better:
            continue
        else:
            verb = "errs more than" if row.skill.is_worse else "does not beat"
            what = f"{verb} {row.a.forecaster} in force beyond noise: {skill_words(row.skill)}"
        said.append(f"WARNING {row.symbol}: {row.b.forecaster} {what}")
    return said


def skill_words(skill: Skill) -> str:
    """A skill with its range."""
    return f"{_signed(skill.interval.estimate)} ({ranged(skill.interval, scale=100.0)}\u00a0%)"


def compare_table(found: Compared) -> tuple[tuple[str, ...], list[list[str]]]:
    """Headings and a row a symbol, those that differ first."""
    ordered = sorted(found.symbols, key=lambda row: (not row.is_changed, row.symbol))
    return COLUMNS, [
        [
            row.symbol,
            _word(row.a),
            _word(row.b),
            *(percent(side.validation_error if side else None, 3) for side in (row.a, row.b)),
            *(percent(side.test_error if side else None, 3) for side in (row.a, row.b)),
            "–" if row.skill is None or not row.is_changed else skill_words(row.skill),
            "–" if row.skill is None or not row.is_changed else ratio(row.skill.p_value, 3),
        ]
        for row in ordered
    ]


def difference_words(found: Compared) -> list[str]:
    """What differs beside the forecaster, symbols that differ alike in one line."""
    alike: dict[str, list[str]] = {}
    for row in found.symbols:
        if row.differences:
            alike.setdefault("; ".join(row.differences), []).append(row.symbol)
    return [
        f"{', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}: {what}"
        for what, names in alike.items()
    ]


def compare_record(found: Compared) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "a": found.a,
        "b": found.b,
        "better": list(found.better),
        "regressed": list(found.regressed),
        "tested": [row.symbol for row in found.tested],
        "overall": _skill_record(found.overall),
        "findings": compare_findings(found),
        "symbols": [
            {
                "symbol": row.symbol,
                "a": _side_record(row.a),
                "b": _side_record(row.b),
                "changed": row.is_changed,
                "differences": list(row.differences),
                "b_over_a": _skill_record(row.skill),
                "why": row.why,
            }
            for row in found.symbols
        ],
    }


def compare_page(found: Compared, *, command: str) -> str:
    """The comparison as one self-contained page."""
    from backtests.report.content import Part, Picture, Section, Table
    from backtests.report.html_page import HtmlPage, render_page

    said, (columns, rows) = compare_findings(found), compare_table(found)
    skills = {row.symbol: row.skill for row in found.tested if row.skill is not None}
    pictures: tuple[Picture, ...] = ()
    if skills:
        summary = (
            f"B erred less than A on {len(found.better)} of {len(skills)} symbols, more on {len(found.regressed)}."
        )
        pictures = (Picture(title="B over A by symbol", summary=summary, figure=_dots(skills)),)
    differing = [(row.symbol, "; ".join(row.differences)) for row in found.symbols if row.differences]
    tables = [Table(caption="Side by side", columns=columns, rows=tuple(map(tuple, rows[:LISTED])))]
    if differing:
        told = Table(caption="Configurations", columns=DIFFERENCES, rows=tuple(differing[:LISTED]), wordy=True)
        tables.append(told)
    page = HtmlPage(
        title=f"{found.b} against {found.a}",
        strategy="forecasts",
        verdict=" ".join(said[:2]),
        sections=(
            Section(slug="said", title="What it came to", lead=said[0], parts=(Part(sentences=tuple(said[1:])),)),
            Section(
                slug="symbols",
                title="Symbol by symbol",
                lead="Those whose forecaster differs first.",
                parts=(Part(pictures=pictures), Part(tables=tuple(tables))),
            ),
            Section(
                slug="conventions",
                title="Conventions",
                lead=COMPARE_CONVENTIONS[0],
                parts=(Part(sentences=COMPARE_CONVENTIONS[1:]),),
            ),
        ),
        command=command,
    )
    return render_page(page)


def _dots(skills: Mapping[str, Skill]) -> "go.Figure":
    import pandas as pd

    from backtests.report.figures.dots_figures import dots_figure

    known = {name: skill.interval for name, skill in list(skills.items())[:LISTED]}
    frame = pd.DataFrame.from_dict(known, orient="index", columns=["estimate", "low", "high"])
    return dots_figure(frame.sort_values("estimate"), x_format="+.1%")


def _word(side: SideSymbol | None) -> str:
    return "–" if side is None else side.forecaster


def _signed(number: float) -> str:
    return f"{'+' if number > 0.0 else ''}{percent(number, 2)}"


def _side_record(side: SideSymbol | None) -> dict[str, Any] | None:
    if side is None:
        return None
    errors = {"validation_error": side.validation_error, "test_error": side.test_error}
    return {"forecaster": side.forecaster, **errors, **side.facts}


def _skill_record(skill: Skill | None) -> dict[str, Any] | None:
    if skill is None:
        return None
    numbers = {**skill.interval._asdict(), "statistic": skill.statistic, "p_value": skill.p_value}
    shown = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
    return {**shown, "n_sessions": skill.n_sessions}
