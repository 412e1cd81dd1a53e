"""Notebook HTML: what a value shows below a cell, a sentence, a table of facts and a small picture; all escaped."""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

__all__ = ["html_link", "notebook_card", "notebook_text", "small_lines"]

WIDTH, HEIGHT, MARGIN = 420, 90, 4  # pixels
MAX_POINTS = 400
COLOURS = ("#1f5a96", "#8a8f98", "#b5651d")


def notebook_card(heading: str, rows: Iterable[tuple[str, str]], picture: str = "") -> str:
    """A sentence, facts as a table, and an SVG picture as HTML.

    Parameters
    ----------
    heading : str
        Plain text, escaped here.
    rows : iterable of (name, value)
        Plain text, escaped here.
    picture : str
        As ``small_lines`` returns it.

    Examples
    --------
    >>> notebook_card("A & B", [("names", "2")])
    '<p>A &amp; B</p><table><tr><th>names</th><td>2</td></tr></table>'
    """
    cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
    return f"<p>{html.escape(heading)}</p><table>{cells}</table>{picture}"


def html_link(path: Path) -> str:
    """A link to a file on disk that opens beside the notebook."""
    address = html.escape(path.resolve().as_uri(), quote=True)
    return f'<a href="{address}" target="_blank">{html.escape(str(path))}</a>'


def notebook_text(text: str) -> str:
    """What a value prints, as HTML with its columns kept.

    Examples
    --------
    >>> notebook_text("A & B")
    '<pre>A &amp; B</pre>'
    """
    return f"<pre>{html.escape(text)}</pre>"


def small_lines(lines: Mapping[str, Sequence[float]], *, title: str) -> str:
    """Up to three series as lines of an inline SVG on one scale; empty where there is nothing to draw.

    Parameters
    ----------
    lines : mapping of str to sequence of float
        By name, the first one in front; NaN leaves a gap out.
    title : str
        What is drawn, for those who cannot see it.
    """
    thinned = {name: _thinned(values) for name, values in lines.items()}
    known = [value for values in thinned.values() for value in values if math.isfinite(value)]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    drawn = [_polyline(values, low, high, colour) for values, colour in zip(thinned.values(), COLOURS, strict=False)]
    named = ", ".join(lines)
    label = html.escape(f"{title}: {named}, from {low:.4g} to {high:.4g}")
    return (
        f'<svg role="img" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"><title>{label}</title>'
        f"{''.join(reversed(drawn))}</svg><p><small>{label}</small></p>"
    )


def _thinned(values: Sequence[float]) -> list[float]:
    step = max(1, math.ceil(len(values) / MAX_POINTS))
    last = [float(values[-1])] if len(values) % step != 1 and step > 1 else []
    return [float(value) for value in values[::step]] + last


def _polyline(values: Sequence[float], low: float, high: float, colour: str) -> str:
    across = (WIDTH - 2 * MARGIN) / max(len(values) - 1, 1)
    up = (HEIGHT - 2 * MARGIN) / (high - low or 1.0)
    points = [
        (MARGIN + place * across, HEIGHT - MARGIN - (value - low) * up)
        for place, value in enumerate(values)
        if math.isfinite(value)
    ]
    shown = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{shown}"/>'
