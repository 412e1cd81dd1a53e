"""Size page: the sentence, the tables and the scales of a sizing study as one self-contained page."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from backtests.report.content import SEVERITIES, Part, Picture, Section, Stamp, Table
from backtests.report.html_page import HtmlPage, render_page
from backtests.report.stamps import SYNTHETIC, VERDICT_SEVERITY
from backtests.report.theme import BOOK_COLOURS, blank_figure, line, plain

__all__ = ["SizePage", "render_size_page"]

SHOWN_ROWS = 12  # of a table before it is folded


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SizePage:
    """What the page shows, plain text until it is rendered.

    Parameters
    ----------
    book : str
        Whose book was sized.
    verdict : {"EVIDENCE", "NOT EVIDENCE"}
        By the rule of the study.
    sentence : str
        What it came to.
    synthetic : bool
        The book's bars are those of a built-in market.
    conditions, conventions : tuple of str
        What must stand beside the numbers, and how they are made.
    tables : sequence of (str, list of str, list of list of str)
        Title, columns and rows.
    scales : DataFrame of float, shape (n_decisions, n_ways)
        Scale decided at each close.
    command : str
        What makes the page again.
    """

    book: str
    verdict: str
    sentence: str
    synthetic: bool
    conditions: tuple[str, ...]
    conventions: tuple[str, ...]
    tables: Sequence[tuple[str, list[str], list[list[str]]]]
    scales: pd.DataFrame
    command: str


def render_size_page(page: SizePage) -> str:
    """Render the page as HTML that works offline and makes no request; every word of it is escaped."""
    return render_page(
        HtmlPage(
            title=f"Sizing {page.book}",
            strategy="agents of reinforcement learning beside rules",
            verdict=page.sentence,
            stamps=_stamps(page),
            sections=_sections(page),
            command=page.command,
        )
    )


def _stamps(page: SizePage) -> tuple[Stamp, ...]:
    judged = Stamp(
        label=page.verdict,
        severity=VERDICT_SEVERITY[page.verdict],
        sentence="The verdict of the study's written rule; the sentence gives the reasons.",
    )
    stamps = (*((SYNTHETIC,) if page.synthetic else ()), judged)
    return tuple(sorted(stamps, key=lambda stamp: SEVERITIES.index(stamp.severity)))


def _sections(page: SizePage) -> tuple[Section, ...]:
    tables = tuple(
        Table(caption=title, columns=tuple(columns), rows=tuple(map(tuple, rows)), folded=len(rows) > SHOWN_ROWS)
        for title, columns, rows in page.tables
    )
    drawn = Picture(title="Scale decided at each close of the test span", summary=_summary(page), figure=_figure(page))
    return (
        Section(
            slug="front",
            title="Can the agents learn, and do they keep quiet",
            lead="The future planted in the state must be found; on a market without one nothing must be.",
            parts=(Part(tables=tables[:2]),),
        ),
        Section(
            slug="book",
            title="On the book",
            lead=page.conditions[0],
            parts=(Part(sentences=page.conditions[1:], tables=tables[2:]), Part(pictures=(drawn,))),
        ),
        Section(
            slug="conventions",
            title="Conventions",
            lead=page.conventions[0],
            parts=(Part(sentences=page.conventions[1:]),),
        ),
    )


def _summary(page: SizePage) -> str:
    means = ", ".join(f"{name} {values.mean():.2f} ({values.std():.2f})" for name, values in page.scales.items())
    return f"Mean scale, with its standard deviation over {len(page.scales)} decisions: {means}."


def _figure(page: SizePage) -> go.Figure:
    figure = blank_figure(height=320, y_format=".2f")
    for place, name in enumerate(page.scales.columns):
        style = {"color": BOOK_COLOURS[place % len(BOOK_COLOURS)], "width": 1.6}
        figure.add_trace(line(page.scales[name], name=plain(str(name)), line=style))
    return figure
