"""The page: one HTML file that works offline, with every picture inside and every word escaped.

Names and notes come from files, so nothing in them is trusted: jinja2 escapes all text, figures carry escaped names,
and the page's own policy lets no other script run and nothing be fetched.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from backtests.report.content import Card, Picture, Section
from backtests.report.report_input import ProofReport, ReportInput, Stamp
from backtests.report.sections import all_sections, front_cards, front_stamps, proof_section, proof_stamp
from core.files import write_text

__all__ = ["Page", "render_page", "render_report", "restate_proof", "write_report"]

FOOTER = (
    "Drawn by Quintile. Research, not advice; past and simulated returns say little about future ones. "
    "Every number carries its convention; n/a means not available."
)
SEVERITIES = ("alarm", "caution", "note")  # in the order of the stamps
OPENING, CLOSING = Markup("<!-- proof: {} -->"), Markup("<!-- end of proof: {} -->")
UNSAFE_IN_SCRIPTS = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A figure as the page holds it: the anchor of its place and its JSON, safe inside a script element."""

    anchor: str
    json: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Page:
    """What a page holds, plain text until it is rendered.

    Parameters
    ----------
    title, strategy, verdict : str
        Headline, the name over it and the sentence under it.
    sections : tuple of Section
        In the order of the page.
    stamps : tuple of Stamp
        The gravest first.
    cards : tuple of Card
        The big numbers.
    command : str
        What makes the page again.
    proof : mapping of str to Markup
        Marked places of a proof: one for each severity of stamps, and its section; none by default.
    """

    title: str
    strategy: str
    verdict: str
    sections: tuple[Section, ...]
    stamps: tuple[Stamp, ...] = ()
    cards: tuple[Card, ...] = ()
    command: str = ""
    proof: Mapping[str, Markup] = field(default_factory=lambda: dict.fromkeys((*SEVERITIES, "section"), Markup("")))


def render_report(report: ReportInput) -> str:
    """Return the report as one HTML page.

    Parameters
    ----------
    report : ReportInput
        Everything on the page; the same input gives the same bytes.

    Returns
    -------
    str
        UTF-8 HTML of about 5 MB, most of it plotly.js, which works offline and makes no request.
    """
    return render_page(
        Page(
            title=_title(report),
            strategy=report.strategy,
            verdict=report.verdict,
            sections=all_sections(report),
            stamps=front_stamps(report),
            cards=front_cards(report),
            command=report.command,
            proof=_proof_places(_environment(), report.proof),
        )
    )


def render_page(page: Page) -> str:
    """Return a page as HTML that works offline and makes no request; every word of it is escaped."""
    from plotly.offline import get_plotlyjs

    plotly_js, draw_js = get_plotlyjs(), _resource("draw.js")
    return (
        _environment()
        .get_template("template.html")
        .render(
            title=page.title,
            strategy=page.strategy,
            verdict=page.verdict,
            stamps=_by_severity(page.stamps),
            proof=page.proof,
            cards=page.cards,
            sections=page.sections,
            drawn=_drawings(page.sections),
            command=page.command,
            footer=FOOTER,
            plotly_js=plotly_js,
            draw_js=draw_js,
            script_sources=" ".join(_source_hash(script) for script in (plotly_js, draw_js)),
        )
    )


def write_report(report: ReportInput, path: str | Path) -> Path:
    """Render the report into ``path``, whole or not at all, and return the path.

    Raises
    ------
    OSError
        If the folder cannot be written; nothing is left behind and an older report stays as it was.
    """
    write_text(path, render_report(report))
    return Path(path)


def restate_proof(path: str | Path, proof: ProofReport | None) -> Path:
    """Say in a written report what a proof has found since; nothing else on the page changes.

    Parameters
    ----------
    path : str or Path
        A report that ``write_report`` wrote; replaced whole or not at all, and left alone where it says so already.
    proof : ProofReport or None
        None says UNPROVEN.

    Raises
    ------
    ValueError
        If the page has no place for a proof.
    """
    page = written = Path(path).read_text(encoding="utf-8")
    for place, words in _proof_places(_environment(), proof).items():
        page = _replaced(page, place, words)
    if page != written:
        write_text(path, page)
    return Path(path)


def _replaced(page: str, place: str, words: Markup) -> str:
    before, opened, rest = page.partition(OPENING.format(place))  # text from files is escaped: it cannot hold a mark
    _, closed, after = rest.partition(CLOSING.format(place))
    if not (opened and closed):
        raise ValueError("this report was drawn before proofs had a place in it: draw it again")
    return f"{before}{words}{after}"


def _proof_places(environment: Environment, proof: ProofReport | None) -> dict[str, Markup]:
    """Return everything that the page says of its proof, between marks: the stamp at its severity, the section."""
    macros: Any = environment.get_template("macros.html").module
    stamp = proof_stamp(proof)
    shown = {stamp.severity: macros.show_stamp(stamp), "section": macros.show_section(proof_section(proof), {}, (), "")}
    return {
        place: OPENING.format(place) + shown.get(place, Markup("")) + CLOSING.format(place)
        for place in (*SEVERITIES, "section")
    }


def _by_severity(stamps: tuple[Stamp, ...]) -> list[tuple[str, list[Stamp]]]:
    return [(severity, [stamp for stamp in stamps if stamp.severity == severity]) for severity in SEVERITIES]


def _title(report: ReportInput) -> str:
    is_told = "SYNTHETIC" in report.title.upper()
    return report.title if is_told or not report.facts.synthetic else f"SYNTHETIC: {report.title}"


def _drawings(sections: tuple[Section, ...]) -> dict[Picture, Drawing]:
    pictures = [picture for section in sections for part in section.parts for picture in part.pictures]
    return {
        picture: Drawing(anchor=f"figure-{place}", json=_figure_json(picture.figure))
        for place, picture in enumerate(pictures, start=1)
    }


def _figure_json(figure: go.Figure) -> str:
    from plotly.io import to_json

    shown: str = to_json(figure, validate=False, engine="json")
    return shown.translate(UNSAFE_IN_SCRIPTS)


def _environment() -> Environment:
    loader = FunctionLoader(_resource)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _resource(name: str) -> str:
    return resources.files("backtests.report").joinpath(name).read_text(encoding="utf-8")


def _source_hash(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"
