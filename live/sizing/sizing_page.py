"""Sizing page: the sentence, the tables and the scales of a study as one self-contained page."""

from backtests.report.content import Part, Picture, Section, Stamp, Table
from backtests.report.figures.rolling_figures import rolling_figure
from backtests.report.html_page import HtmlPage, render_page
from backtests.report.stamps import SYNTHETIC, VERDICT_SEVERITY
from live.sizing.sizing_result import SizingStudy
from live.sizing.sizing_words import CONVENTIONS, conditions, sentence, text_tables

__all__ = ["render_sizing"]

SHOWN_ROWS = 12  # of a table before it is folded


def render_sizing(study: SizingStudy, *, command: str = "") -> str:
    """Render the page as HTML that works offline and makes no request; every word of it is escaped.

    Parameters
    ----------
    study : SizingStudy
        What is shown.
    command : str
        What makes the page again.
    """
    return render_page(
        HtmlPage(
            title=f"Sizing {study.book}",
            strategy="agents of reinforcement learning beside rules",
            verdict=sentence(study),
            stamps=_stamps(study),
            sections=_sections(study),
            command=command,
        )
    )


def _stamps(study: SizingStudy) -> tuple[Stamp, ...]:
    judged = Stamp(
        label=study.verdict,
        severity=VERDICT_SEVERITY[study.verdict],
        sentence="The verdict of the study's written rule; the sentence gives the reasons.",
    )
    return (*((SYNTHETIC,) if study.synthetic else ()), judged)


def _sections(study: SizingStudy) -> tuple[Section, ...]:
    tables = tuple(
        Table(caption=title, columns=tuple(columns), rows=tuple(map(tuple, rows)), folded=len(rows) > SHOWN_ROWS)
        for title, columns, rows in text_tables(study)
    )
    drawn = Picture(
        title="Scale decided at each close of the test span",
        summary=_summary(study),
        figure=rolling_figure(study.scales, y_format=".2f"),
    )
    told = conditions(study)
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
            lead=told[0],
            parts=(Part(sentences=tuple(told[1:]), tables=tables[2:]), Part(pictures=(drawn,))),
        ),
        Section(
            slug="conventions",
            title="Conventions",
            lead=CONVENTIONS[0],
            parts=(Part(sentences=CONVENTIONS[1:]),),
        ),
    )


def _summary(study: SizingStudy) -> str:
    means = ", ".join(f"{name} {values.mean():.2f} ({values.std():.2f})" for name, values in study.scales.items())
    return f"Mean scale, with its standard deviation over {len(study.scales)} decisions: {means}."
