"""Model table pages: the same table as one HTML page, as JSON, and as Markdown with a picture."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.files import atomic_path, require_new, write_json, write_text
from strategy.studies.model_table.model_comparison import ModelTable
from strategy.studies.model_table.table_words import (
    CONVENTIONS,
    ShownTable,
    findings,
    headline,
    market_words,
    shown_tables,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from backtests.report.content import Section, Stamp

__all__ = ["HTML_PAGE", "JSON_FILE", "MARKDOWN_PAGE", "write_docs", "write_table"]

HTML_PAGE, JSON_FILE, MARKDOWN_PAGE, PICTURE = (
    "model_table.html",
    "model_table.json",
    "model_table.md",
    "model_table.svg",
)
TITLE = "# Models beside ridge"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "quintile",
    "svg.fonttype": "path",
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.3,
}


def write_table(table: ModelTable, folder: Path, *, command: str) -> tuple[Path, Path]:
    """Write the HTML page and the JSON file; the paths of both."""
    from backtests.report.html_page import HtmlPage, render_page

    said = findings(table)
    page = HtmlPage(
        title="Models beside ridge",
        strategy="model table",
        verdict=headline(table),
        sections=_sections(table, said),
        stamps=_stamps(table),
        command=command,
    )
    write_json(folder / JSON_FILE, table.as_json() | {"findings": said, "command": command})
    write_text(folder / HTML_PAGE, render_page(page))
    return folder / HTML_PAGE, folder / JSON_FILE


def write_docs(table: ModelTable, folder: Path, *, command: str) -> list[Path]:
    """Write the table as Markdown with its picture; the same numbers give the same bytes."""
    path = folder / MARKDOWN_PAGE
    require_new(path, what="page", ours=TITLE)
    parts = [TITLE, f"Written by `{command}`.", "\n".join(f"- {line}" for line in _wrapped(CONVENTIONS))]
    for shown in shown_tables(table):
        parts += [f"## {shown.title}", _markdown(shown)]
    parts += [f"![Leads over ridge in rank IC, with their ranges]({PICTURE})"]
    parts += ["## What follows", "\n".join(f"- {sentence}" for sentence in findings(table))]
    write_text(path, "\n\n".join(parts) + "\n")
    return [path, _picture(table, folder / PICTURE)]


def _sections(table: ModelTable, said: list[str]) -> "tuple[Section, ...]":
    from backtests.report.content import Part, Picture, Section, Table
    from backtests.report.figures.dots_figures import dots_figure

    sections = [
        Section(slug="said", title="What the table says", lead=said[0], parts=(Part(sentences=tuple(said[1:])),))
    ]
    shown = shown_tables(table)
    for place, market in enumerate(table.markets):
        pair = shown[2 * place : 2 * place + 2]
        tables = tuple(Table(caption=t.title, columns=tuple(t.columns), rows=tuple(map(tuple, t.rows))) for t in pair)
        leads = _leads(table, market)
        pictures: tuple[Picture, ...] = ()
        if len(leads):
            words = ", ".join(f"{name} {row['estimate']:+.4f}" for name, row in leads.iterrows())
            drawn = dots_figure(leads, x_format="+.4f")
            pictures = (Picture(title="Lead over ridge in rank IC", summary=f"Leads: {words}.", figure=drawn),)
        parts = (Part(pictures=pictures), *(Part(tables=(each,)) for each in tables))
        sections.append(Section(slug=market, title=market.capitalize(), lead=market_words(table, market), parts=parts))
    conventions = Part(sentences=CONVENTIONS[1:])
    return (*sections, Section(slug="conventions", title="Conventions", lead=CONVENTIONS[0], parts=(conventions,)))


def _stamps(table: ModelTable) -> "tuple[Stamp, ...]":
    """The stamps of all markets, each once and the gravest first."""
    from backtests.report.content import SEVERITIES

    found = dict.fromkeys(stamp for facts in table.facts.values() for stamp in facts.stamps)
    return tuple(sorted(found, key=lambda stamp: SEVERITIES.index(stamp.severity)))


def _leads(table: ModelTable, market: str) -> pd.DataFrame:
    found = {row.contender: row.lead.interval for row in table.on(market) if row.lead is not None}
    found = {name: bounds for name, bounds in found.items() if math.isfinite(bounds.estimate)}
    return pd.DataFrame.from_dict(found, orient="index", columns=["estimate", "low", "high"])


def _wrapped(sentences: tuple[str, ...]) -> list[str]:
    import textwrap

    return ["\n  ".join(textwrap.wrap(sentence, 116, break_on_hyphens=False)) for sentence in sentences]


def _markdown(shown: ShownTable) -> str:
    lines = [shown.columns, ["---"] * len(shown.columns), *shown.rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '∣') for cell in line)} |" for line in lines)


def _picture(table: ModelTable, path: Path) -> Path:
    """Draw the lead of every model over ridge, a panel a market."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    leads = {market: _leads(table, market) for market in table.markets}
    tallest = max(len(each) for each in leads.values())
    with rc_context(STYLE):
        figure = Figure(figsize=(4.6 * len(leads), 1.2 + 0.28 * tallest), layout="constrained")
        panels = figure.subplots(1, len(leads), squeeze=False)[0]
        for axes, (market, lead) in zip(panels, leads.items(), strict=True):
            _draw(axes, f"{market} (SYNTHETIC)" if table.facts[market].synthetic else market, lead)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})
    return path


def _draw(axes: "Axes", title: str, lead: pd.DataFrame) -> None:
    places = list(range(len(lead)))[::-1]
    reach = [lead["estimate"] - lead["low"], lead["high"] - lead["estimate"]]
    axes.errorbar(lead["estimate"], places, xerr=reach, fmt="o", markersize=3, linewidth=1, capsize=2)
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set_yticks(places, list(lead.index))
    axes.set(xlabel="lead over ridge in rank IC", title=title)
