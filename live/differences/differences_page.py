"""Differences page: an explanation as one self-contained page: steps by stage, in time, first places."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from backtests.report.content import Card, Part, Picture, Section, Table
from backtests.report.figures.gap_figures import path_figure, steps_figure
from backtests.report.formats import a_year, count, percent, plus_minus, ratio
from backtests.report.html_page import PAGE_MARK, HtmlPage, render_page
from backtests.report.stamps import SYNTHETIC
from core.files import require_new, write_text
from live.differences.explanation import FIGURES, Explanation
from live.differences.first_places import FirstPlace
from strategy.runs.result import ReportPath

__all__ = ["render_differences", "write_page"]

RETURN, SHARPE, RANK_IC = FIGURES
METHOD = (
    "A part is the Shapley value of its stages: what swapping them from A to B adds, averaged over every order in "
    "which the stages that differ can be swapped, each mix replayed by the code that decides. Parts sum to the "
    "gap; a stage in which the two are the same is exactly 0."
)


def write_page(found: Explanation, path: Path, *, command: str = "") -> Explanation:
    """Write the page of an explanation, whole or not at all.

    Raises
    ------
    ValueError
        If the path holds anything but an earlier page.
    """
    require_new(path, what="--out", ours=PAGE_MARK)
    write_text(path, render_differences(found, command=command))
    return replace(found, page=ReportPath(path))


def render_differences(found: Explanation, *, command: str = "") -> str:
    """Render the page as HTML that works offline and makes no request; every word of it is escaped.

    Parameters
    ----------
    found : Explanation
        What is shown.
    command : str
        What makes the page again.
    """
    return render_page(
        HtmlPage(
            title="Why two results differ",
            strategy=f"{found.first.name} and {found.second.name}",
            verdict=found.sentence,
            sections=(_parts(found), _time(found), _places(found), _sides(found)),
            stamps=(SYNTHETIC,) if found.synthetic else (),
            cards=_cards(found),
            command=command,
        )
    )


def _cards(found: Explanation) -> tuple[Card, ...]:
    largest = max(found.parts, key=lambda part: abs(part.figures[RETURN] or 0.0))
    sessions = f"{count(len(found.paths))} common sessions, {_span(found)}"
    return (
        Card(label="Gap in return", value=f"{_signed(found.gap, RETURN)} a year", detail=sessions),
        Card(label="Largest part", value=_signed(largest.figures, RETURN), detail=largest.name),
        Card(label="Gap in Sharpe ratio", value=_signed(found.gap, SHARPE), detail=_errors(found)),
        Card(label="Gap in rank IC", value=_signed(found.gap, RANK_IC), detail="mean of the sessions that have both"),
    )


def _parts(found: Explanation) -> Section:
    rows = [(part.name, *(_signed(part.figures, name) for name in found.gap)) for part in found.parts]
    parts = Table(
        caption="Parts of the gap",
        columns=("Stage", "Return a year", "Sharpe ratio", "Rank IC"),
        rows=(*rows, ("B less A", *(_signed(found.gap, name) for name in found.gap))),
        note=_conventions(found),
    )
    apart = tuple((part.name, part.why) for part in found.parts if part.why)
    words = Table(caption="What differs", columns=("Stage", "A against B"), rows=apart, wordy=True)
    forms = ((RETURN, ".1%"), (SHARPE, ".2f"))
    pictures = tuple(_steps(found, name, form) for name, form in forms if _drawn(found, name))
    held = Part(sentences=found.remarks, pictures=pictures, tables=(parts, words) if apart else (parts,))
    return Section(slug="front", title="What the gap is made of", lead=METHOD, parts=(held,))


def _drawn(found: Explanation, name: str) -> bool:
    """Whether a figure has an end and every part."""
    every = (found.first.figures, found.gap, *(part.figures for part in found.parts))
    return all(figures[name] is not None for figures in every)


def _steps(found: Explanation, name: str, form: str) -> Picture:
    moved = [part for part in found.parts if part.figures[name]]
    steps = [found.first.figures[name] or 0.0, *(part.figures[name] or 0.0 for part in moved)]
    said = ", ".join(f"{part.name} {_signed(part.figures, name)}" for part in moved) or "no stage moves it"
    return Picture(
        title=f"From A to B: {name}",
        summary=f"{name} of A {_word(found.first.figures, name)}, of B {_word(found.second.figures, name)}: {said}.",
        figure=steps_figure([part.name for part in moved], steps, ends=("A", "B"), form=form),
    )


def _time(found: Explanation) -> Section:
    whole = found.paths.sum(axis=1)
    worst = f"{whole.abs().idxmax():%Y-%m-%d}"
    lead = f"The summed gap ends at {percent(float(whole.iloc[-1]))} and is largest on {worst}."
    picture = Picture(
        title="The gap through time, by stage",
        summary=f"Net return of B less that of A, summed over the sessions so far. {lead}",
        figure=path_figure(found.paths),
    )
    return Section(slug="time", title="When it came about", lead=lead, parts=(Part(pictures=(picture,)),))


def _places(found: Explanation) -> Section:
    first = found.places[0] if found.places else None
    lead = "No stage gives another number." if first is None else f"The first stage that differs is {_stage(first)}."
    table = Table(
        caption="First differences",
        columns=("Stage", "Session", "Ticker", "Of what", "A", "B"),
        rows=tuple(
            (_stage(place), place.session, place.ticker, place.what, place.first, place.second)
            for place in found.places
        ),
        note="What came out of each stage, compared to the bit on the sessions and names that both have; a stage that "
        "follows is the same in both and hands on what it read.",
        wordy=True,
    )
    return Section(slug="places", title="Where they part first", lead=lead, parts=(Part(tables=(table,)),))


def _stage(place: FirstPlace) -> str:
    return f"{place.stage}, follows" if place.follows else place.stage


def _sides(found: Explanation) -> Section:
    table = Table(
        caption="Both results on the common sessions",
        columns=("Result", "Name", "Return a year", "Sharpe ratio ± SE", "Rank IC", "Universe", "Costs", "Trials"),
        rows=tuple(
            (
                f"{letter}, {side.kind}",
                side.name,
                _word(side.figures, RETURN),
                plus_minus(side.figures[SHARPE], side.sharpe_error),
                _word(side.figures, RANK_IC),
                side.universe,
                side.costs,
                side.trials,
            )
            for letter, side in found.sides
        ),
        note=_conventions(found),
        wordy=True,
    )
    lead = f"{_span(found)}, {count(len(found.paths))} sessions that both have."
    return Section(slug="sides", title="The two results", lead=lead, parts=(Part(tables=(table,)),))


def _conventions(found: Explanation) -> str:
    return (
        f"Net of costs, {a_year(found.sessions_per_year)}, risk-free 0; return compounds, Sharpe ratio of simple "
        f"returns with ddof 1; {_span(found)}."
    )


def _errors(found: Explanation) -> str:
    return " and ".join(
        f"{letter} {plus_minus(side.figures[SHARPE], side.sharpe_error)}, trials {side.trials}"
        for letter, side in found.sides
    )


def _span(found: Explanation) -> str:
    return f"{found.paths.index[0]:%Y-%m-%d} to {found.paths.index[-1]:%Y-%m-%d}"


def _word(figures: Mapping[str, float | None], name: str) -> str:
    value = figures[name]
    return percent(value, 2) if name == RETURN else ratio(value, 3 if name == SHARPE else 4)


def _signed(figures: Mapping[str, float | None], name: str) -> str:
    value = figures[name]
    plus = "+" if value is not None and value > 0 else ""
    return f"{plus}{_word(figures, name)}"
