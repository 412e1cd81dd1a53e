"""Page frame: a page of the desk as one file: its template, look and scripts, with a policy that lets no other run."""

import json
from importlib import resources
from typing import Any

from backtests.report.html_page import FOOTER, UNSAFE_IN_SCRIPTS, environment, source_hash

__all__ = ["render_frame", "script_json"]

HOME = "backtests.report"
STYLES = ("vendor/uPlot.min.css", "palette.css", "boards/boards.css")
LIBRARY = ("vendor/uPlot.iife.min.js", "boards/curves.js")


def render_frame(template: str, *, title: str, scripts: tuple[str, ...] = (), **values: Any) -> str:
    """Render a template of this folder; every word put into it is escaped.

    Parameters
    ----------
    template : str
        Its file name.
    title : str
        Headline, and title of the page.
    scripts : tuple of str
        File names of this folder, run after the drawing library.
    **values
        What the template shows.
    """
    run = [_text(name) for name in (*LIBRARY, *(f"boards/{script}" for script in scripts))]
    page: str = (
        environment()
        .get_template(f"boards/{template}")
        .render(
            title=title,
            style="".join(map(_text, STYLES)),
            scripts=run,
            script_sources=" ".join(source_hash(script) for script in run),
            footer=FOOTER,
            **values,
        )
    )
    return page


def script_json(value: Any) -> str:
    """JSON that ends no script element, whatever words are in it."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).translate(UNSAFE_IN_SCRIPTS)


def _text(name: str) -> str:
    return resources.files(HOME).joinpath(name).read_text(encoding="utf-8")
