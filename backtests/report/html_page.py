"""HTML page: one file that works offline, with every picture inside and every word escaped.

Names and notes come from files, so nothing in them is trusted: jinja2 escapes all text, figures carry escaped names,
and the page's own policy lets no other script run and nothing be fetched.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources

import plotly.graph_objects as go
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from backtests.report.content import SEVERITIES, Card, LivingPart, Part, Picture, Section, Stamp

__all__ = [
    "FOOTER",
    "PAGE_MARK",
    "UNSAFE_IN_SCRIPTS",
    "HtmlPage",
    "environment",
    "plotly_source",
    "render_page",
    "source_hash",
]

PAGE_MARK = '<meta name="color-scheme" content="light dark">'  # of every page, by which a file is known as one of ours

FOOTER = (
    "Drawn by Quintile. Research, not advice; past and simulated returns say little about future ones. "
    "Every number carries its convention; n/a means not available."
)
UNSAFE_IN_SCRIPTS = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A figure as the page holds it: the anchor of its place and its JSON, safe inside a script element."""

    anchor: str
    json: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HtmlPage:
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
    paper : tuple of Part
        What is printed under the first picture in place of the sections; without it all sections are printed.
    living : LivingPart or None
        What stands after the first section.
    """

    title: str
    strategy: str
    verdict: str
    sections: tuple[Section, ...]
    stamps: tuple[Stamp, ...] = ()
    cards: tuple[Card, ...] = ()
    command: str = ""
    proof: Mapping[str, Markup] = field(default_factory=lambda: dict.fromkeys((*SEVERITIES, "section"), Markup("")))
    paper: tuple[Part, ...] = ()
    living: LivingPart | None = None


def render_page(page: HtmlPage) -> str:
    """Render a page as HTML that works offline and makes no request; every word of it is escaped."""
    living = page.living
    scripts = (plotly_source(), _resource("draw.js"), *((living.script,) if living and living.script else ()))
    return (
        environment()
        .get_template("template.html")
        .render(
            title=page.title,
            strategy=page.strategy,
            verdict=page.verdict,
            stamps=_by_severity(page.stamps),
            stamped=bool(page.stamps),
            proof=page.proof,
            cards=page.cards,
            sections=page.sections,
            drawn=_drawings(page.sections),
            command=page.command,
            footer=FOOTER,
            paper=page.paper,
            living=living,
            scripts=scripts,
            script_sources=" ".join(source_hash(script) for script in scripts),
        )
    )


def plotly_source() -> str:
    """The part of plotly.js that draws in two dimensions, as it stands in ``vendor``, with its licence in its head."""
    return _resource("vendor/plotly-cartesian.min.js")


def _by_severity(stamps: tuple[Stamp, ...]) -> list[tuple[str, list[Stamp]]]:
    return [(severity, [stamp for stamp in stamps if stamp.severity == severity]) for severity in SEVERITIES]


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


def environment() -> Environment:
    """Templates of this folder; every word put into them is escaped."""
    loader = FunctionLoader(_resource)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _resource(name: str) -> str:
    return resources.files("backtests.report").joinpath(name).read_text(encoding="utf-8")


def source_hash(script: str) -> str:
    """Source of a policy that lets exactly this script run."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"
