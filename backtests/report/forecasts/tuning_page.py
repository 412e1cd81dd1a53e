"""Tuning page: a study of tuned forecasters as one self-contained page."""

from typing import TYPE_CHECKING

import pandas as pd

from backtests.forecasts.tuning_measures import TuningMeasures
from backtests.report.forecasts.tuning_words import (
    TUNING_CONVENTIONS,
    failure_table,
    pick_table,
    search_table,
    symbol_table,
    tuning_findings,
)

if TYPE_CHECKING:
    from backtests.report.content import Part, Section, Stamp, Table

__all__ = ["tuning_page"]

DRAWN = 60  # symbols of one picture


def tuning_page(measures: TuningMeasures, *, command: str) -> str:
    """The page as HTML: skill by symbol, the winner's curse, the two picks, every search and what failed.

    Parameters
    ----------
    measures : TuningMeasures
        The study.
    command : str
        What makes it again.
    """
    from backtests.report.html_page import HtmlPage, render_page

    said = tuning_findings(measures)
    results = measures.results
    page = HtmlPage(
        title=f"Tuning of {_many(len(results.symbols), 'symbol')} by {_many(len(results.models), 'model')}",
        strategy=f"study {results.study}",
        verdict=said[0],
        sections=_sections(measures, said),
        stamps=_stamps(measures),
        command=command,
    )
    return render_page(page)


def _many(n: int, word: str) -> str:
    return f"{n} {word}{'s' if n != 1 else ''}"


def _stamps(measures: TuningMeasures) -> "tuple[Stamp, ...]":
    from backtests.report.content import Stamp
    from backtests.report.stamps import CONTAMINATED, SYNTHETIC

    several = measures.results.code.count("+")
    changed = Stamp(
        label="CODE CHANGED",
        severity="caution",
        sentence=f"The code that forecasts was changed {several} time{'s' if several != 1 else ''} while the study was "
        "under way: its searches are not all by the same one.",
    )
    return (
        *((SYNTHETIC,) if measures.results.synthetic else ()),
        *((CONTAMINATED,) if measures.contaminated else ()),
        *((changed,) if several else ()),
    )


def _sections(measures: TuningMeasures, said: list[str]) -> "tuple[Section, ...]":
    from backtests.report.content import Part, Section

    results = measures.results
    searched = (
        f"{results.trials} trials of each of {', '.join(results.models)} a symbol; {results.source}, fingerprint "
        f"{results.bars[:12]}; code {', '.join(each[:12] for each in results.code.split('+'))}."
    )
    return (
        Section(slug="said", title="What it came to", lead=said[0], parts=(Part(sentences=tuple(said[1:])),)),
        Section(slug="symbols", title="Every symbol", lead=_span(measures), parts=_symbol_parts(measures)),
        Section(
            slug="selection",
            title="What selection did",
            lead="The least error of many is partly luck: what was luck is gone on test.",
            parts=_curse_parts(measures),
        ),
        Section(slug="searches", title="Every search", lead=searched, parts=_search_parts(measures)),
        Section(
            slug="conventions",
            title="Conventions",
            lead=TUNING_CONVENTIONS[0],
            parts=(Part(sentences=TUNING_CONVENTIONS[1:]),),
        ),
    )


def _span(measures: TuningMeasures) -> str:
    if not measures.symbols:
        return "No symbol was judged on test."
    firsts, lasts = ([getattr(row.test, name) for row in measures.symbols] for name in ("first", "last"))
    settings = measures.results.settings
    ahead = ", ".join(str(each) for each in settings.get("horizons", ()))
    return (
        f"Judged at every origin in {settings.get('every', 1)} of test, from {min(firsts)} to {max(lasts)}; sessions "
        f"ahead: {ahead}. The best skill first."
    )


def _symbol_parts(measures: TuningMeasures) -> "tuple[Part, ...]":
    from backtests.report.content import Part, Picture
    from backtests.report.figures.dots_figures import dots_figure

    table = Part(tables=(_table("Selected on validation, judged on test", *symbol_table(measures)),))
    if not measures.symbols:
        return (table,)
    skills = pd.DataFrame(
        [row.skill for row in measures.symbols[:DRAWN]],
        index=[row.result.symbol for row in measures.symbols[:DRAWN]],
        columns=["estimate", "low", "high"],
    )
    best = skills.index[0]
    picture = Picture(
        title="Skill over persistence, by symbol",
        summary=f"Skill of the selected on test with 95 % ranges, from {skills['estimate'].iloc[0]:+.2%} of {best} to "
        f"{skills['estimate'].iloc[-1]:+.2%} of {skills.index[-1]}.",
        figure=dots_figure(skills, x_format="+.1%"),
    )
    return (Part(pictures=(picture,)), table)


def _curse_parts(measures: TuningMeasures) -> "tuple[Part, ...]":
    from backtests.report.content import Part, Picture, Table
    from backtests.report.figures.tuning_figures import curse_figure

    picks, known = measures.picks, measures.curse.dropna()
    rows = (
        ("symbols judged", f"{picks.n}"),
        ("same pick", f"{picks.same}"),
        ("pick by returns errs less on test", f"{picks.improved}"),
        ("pick by returns errs more on test", f"{picks.worsened}"),
        ("of these beyond noise", f"{picks.worsened_beyond_noise}"),
    )
    table = Table(caption="Pick by error of returns against pick by price error", columns=("on test", ""), rows=rows)
    columns, different = pick_table(measures)
    tables = (table, _table("Symbols whose picks differ, on test", columns, different, wordy=True, folded=True))
    if known.empty:
        return (Part(tables=tables),)
    picture = Picture(
        title="Winner's curse",
        summary=f"Skill of the selected on validation against test: mean {known['validation'].mean():+.2%} and "
        f"{known['test'].mean():+.2%}; below the dashed line test is worse.",
        figure=curse_figure(known),
    )
    return (Part(pictures=(picture,)), Part(tables=tables if different else (table,)))


def _search_parts(measures: TuningMeasures) -> "tuple[Part, ...]":
    from backtests.report.content import Part

    searches = _table("Every search, on validation", *search_table(measures), wordy=True, folded=True)
    columns, rows = failure_table(measures)
    failures = (_table("What failed, and why", columns, rows, wordy=True),) if rows else ()
    return (Part(tables=(*failures, searches)),)


def _table(
    caption: str, columns: tuple[str, ...], rows: list[list[str]], *, wordy: bool = False, folded: bool = False
) -> "Table":
    from backtests.report.content import Table

    return Table(caption=caption, columns=columns, rows=tuple(map(tuple, rows)), wordy=wordy, folded=folded)
