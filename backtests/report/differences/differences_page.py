"""Differences page: why two results differ, as one self-contained page: steps by stage, in time, first places."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from backtests.report.content import Card, Part, Picture, Section, Table
from backtests.report.differences.gap_figures import path_figure, steps_figure
from backtests.report.formats import a_year, count, percent, plus_minus, ratio
from backtests.report.html_page import HtmlPage, render_page
from backtests.report.stamps import SYNTHETIC

__all__ = ["DifferencesPage", "DrawnPart", "DrawnSide", "render_differences"]

RETURN, SHARPE, RANK_IC = "annual return", "Sharpe ratio", "rank IC"
Figures = Mapping[str, float | None]
METHOD = (
    "A part is the Shapley value of its stages: what swapping them from A to B adds, averaged over every order in "
    "which the stages that differ can be swapped, each mix replayed by the code that decides. Parts sum to the "
    "gap; a stage in which the two are the same is exactly 0."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnSide:
    """One side, in words and figures, before any is escaped."""

    letter: str
    name: str
    kind: str
    figures: Figures
    sharpe_error: float
    universe: str
    costs: str
    trials: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnPart:
    """What some stages are of the gap, and what differs in them."""

    name: str
    figures: Figures
    why: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DifferencesPage:
    """Everything on the page, plain text until it is rendered.

    Parameters
    ----------
    sentence : str
        What most of the gap is.
    sides : tuple of DrawnSide
        A, then B.
    gap : mapping of str to float or None
        B less A, by figure.
    parts : tuple of DrawnPart
        In the order of computation.
    paths : DataFrame of float
        Sessions × parts, summed differences of session returns.
    places : tuple of tuple of str
        Stage, session, ticker, of what, A, B: the first difference of each stage.
    remarks : tuple of str
        To be read with the figures.
    sessions_per_year : float
        By which figures are annual.
    synthetic : bool
        Whether the bars are of the built-in market.
    command : str
        What makes the page again.
    """

    sentence: str
    sides: tuple[DrawnSide, DrawnSide]
    gap: Figures
    parts: tuple[DrawnPart, ...]
    paths: pd.DataFrame
    places: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...]
    sessions_per_year: float
    synthetic: bool = False
    command: str = ""


def render_differences(page: DifferencesPage) -> str:
    """Render the page as HTML that works offline and makes no request; every word of it is escaped."""
    names = " and ".join(side.name for side in page.sides)
    return render_page(
        HtmlPage(
            title="Why two results differ",
            strategy=names,
            verdict=page.sentence,
            sections=(_parts(page), _time(page), _places(page), _sides(page)),
            stamps=(SYNTHETIC,) if page.synthetic else (),
            cards=_cards(page),
            command=page.command,
        )
    )


def _cards(page: DifferencesPage) -> tuple[Card, ...]:
    largest = max(page.parts, key=lambda part: abs(part.figures[RETURN] or 0.0))
    sessions = f"{count(len(page.paths))} common sessions, {_span(page)}"
    return (
        Card(label="Gap in return", value=f"{_signed(page.gap, RETURN)} a year", detail=sessions),
        Card(label="Largest part", value=_signed(largest.figures, RETURN), detail=largest.name),
        Card(label="Gap in Sharpe ratio", value=_signed(page.gap, SHARPE), detail=_errors(page)),
        Card(label="Gap in rank IC", value=_signed(page.gap, RANK_IC), detail="mean of the sessions that have both"),
    )


def _parts(page: DifferencesPage) -> Section:
    rows = [(part.name, *(_signed(part.figures, name) for name in page.gap)) for part in page.parts]
    parts = Table(
        caption="Parts of the gap",
        columns=("Stage", "Return a year", "Sharpe ratio", "Rank IC"),
        rows=(*rows, ("B less A", *(_signed(page.gap, name) for name in page.gap))),
        note=_conventions(page),
    )
    apart = tuple((part.name, part.why) for part in page.parts if part.why)
    words = Table(caption="What differs", columns=("Stage", "A against B"), rows=apart, wordy=True)
    forms = ((RETURN, ".1%"), (SHARPE, ".2f"))
    pictures = tuple(_steps(page, name, form) for name, form in forms if _drawn(page, name))
    held = Part(sentences=page.remarks, pictures=pictures, tables=(parts, words) if apart else (parts,))
    return Section(slug="front", title="What the gap is made of", lead=METHOD, parts=(held,))


def _drawn(page: DifferencesPage, name: str) -> bool:
    """Whether a figure has an end and every part."""
    every = (page.sides[0].figures, page.gap, *(part.figures for part in page.parts))
    return all(figures[name] is not None for figures in every)


def _steps(page: DifferencesPage, name: str, form: str) -> Picture:
    moved = [part for part in page.parts if part.figures[name]]
    steps = [page.sides[0].figures[name] or 0.0, *(part.figures[name] or 0.0 for part in moved)]
    said = ", ".join(f"{part.name} {_signed(part.figures, name)}" for part in moved) or "no stage moves it"
    return Picture(
        title=f"From A to B: {name}",
        summary=f"{name} of A {_word(page.sides[0].figures, name)}, of B {_word(page.sides[1].figures, name)}: {said}.",
        figure=steps_figure([part.name for part in moved], steps, ends=("A", "B"), form=form),
    )


def _time(page: DifferencesPage) -> Section:
    whole = page.paths.sum(axis=1)
    worst = f"{whole.abs().idxmax():%Y-%m-%d}"
    lead = f"The summed gap ends at {percent(float(whole.iloc[-1]))} and is largest on {worst}."
    picture = Picture(
        title="The gap through time, by stage",
        summary=f"Net return of B less that of A, summed over the sessions so far. {lead}",
        figure=path_figure(page.paths),
    )
    return Section(slug="time", title="When it came about", lead=lead, parts=(Part(pictures=(picture,)),))


def _places(page: DifferencesPage) -> Section:
    first = page.places[0] if page.places else None
    lead = "No stage gives another number." if first is None else f"The first stage that differs is {first[0]}."
    table = Table(
        caption="First differences",
        columns=("Stage", "Session", "Ticker", "Of what", "A", "B"),
        rows=page.places,
        note="What came out of each stage, compared to the bit on the sessions and names that both have; a stage that "
        "follows is the same in both and hands on what it read.",
        wordy=True,
    )
    return Section(slug="places", title="Where they part first", lead=lead, parts=(Part(tables=(table,)),))


def _sides(page: DifferencesPage) -> Section:
    table = Table(
        caption="Both results on the common sessions",
        columns=("Result", "Name", "Return a year", "Sharpe ratio ± SE", "Rank IC", "Universe", "Costs", "Trials"),
        rows=tuple(
            (
                f"{side.letter}, {side.kind}",
                side.name,
                _word(side.figures, RETURN),
                plus_minus(side.figures[SHARPE], side.sharpe_error),
                _word(side.figures, RANK_IC),
                side.universe,
                side.costs,
                side.trials,
            )
            for side in page.sides
        ),
        note=_conventions(page),
        wordy=True,
    )
    lead = f"{_span(page)}, {count(len(page.paths))} sessions that both have."
    return Section(slug="sides", title="The two results", lead=lead, parts=(Part(tables=(table,)),))


def _conventions(page: DifferencesPage) -> str:
    return (
        f"Net of costs, {a_year(page.sessions_per_year)}, risk-free 0; return compounds, Sharpe ratio of simple "
        f"returns with ddof 1; {_span(page)}."
    )


def _errors(page: DifferencesPage) -> str:
    return " and ".join(
        f"{side.letter} {plus_minus(side.figures[SHARPE], side.sharpe_error)}, trials {side.trials}"
        for side in page.sides
    )


def _span(page: DifferencesPage) -> str:
    return f"{page.paths.index[0]:%Y-%m-%d} to {page.paths.index[-1]:%Y-%m-%d}"


def _word(figures: Figures, name: str) -> str:
    value = figures[name]
    return percent(value, 2) if name == RETURN else ratio(value, 3 if name == SHARPE else 4)


def _signed(figures: Figures, name: str) -> str:
    value = figures[name]
    plus = "+" if value is not None and value > 0 else ""
    return f"{plus}{_word(figures, name)}"
