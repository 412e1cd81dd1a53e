"""Chart: ratios as bars on a logarithmic axis, in plain SVG."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from benchmarks.runner.section import Ratio

__all__ = ["chart"]

WIDTH, LEFT, RIGHT, ROW = 860, 400, 60, 20  # pixels; labels stand left of LEFT, values right of the bars
FASTER, SLOWER, INK, GRID = "#2b6cb0", "#b7791f", "#222222", "#dddddd"


def chart(bars: Mapping[str, Sequence[Ratio]]) -> str:
    """One bar per ratio from 1× to its value, by heading; a bar to the left of 1× is slower than its rival."""
    decades = _decades([ratio.times for ratios in bars.values() for ratio in ratios])
    height = ROW * (sum(len(ratios) + 1 for ratios in bars.values()) + 2)
    drawn = [_grid(decade, decades, height) for decade in decades]
    top = ROW
    for heading, ratios in bars.items():
        drawn.append(_label(8, top + 14, heading, weight="bold"))
        drawn += [_bar(ratio, decades, top + ROW * (row + 1)) for row, ratio in enumerate(ratios)]
        top += ROW * (len(ratios) + 1)
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    title = "<title>Times faster than the rival, medians of one run, logarithmic axis</title>"
    ground = f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    return "\n".join([opening, title, ground, *drawn, "</svg>"]) + "\n"


def _decades(times: Sequence[float]) -> range:
    """Exponents of the axis; 1× is always on it."""
    exponents = [math.log10(each) for each in times] or [0.0]
    return range(min(0, math.floor(min(exponents))), max(1, math.ceil(max(exponents))) + 1)


def _place(times: float, decades: range) -> float:
    share = (math.log10(times) - decades[0]) / (decades[-1] - decades[0])
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _grid(decade: int, decades: range, height: int) -> str:
    x = _place(10.0**decade, decades)
    line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{ROW}" y2="{height - ROW}" stroke="{GRID}"/>'
    return line + _label(x, height - 6, f"{10.0**decade:g}×", anchor="middle")


def _bar(ratio: Ratio, decades: range, top: float) -> str:
    start, end = sorted((_place(1.0, decades), _place(ratio.times, decades)))
    colour = FASTER if ratio.times >= 1 else SLOWER
    bar = f'<rect x="{start:.1f}" y="{top + 3}" width="{max(end - start, 1):.1f}" height="{ROW - 6}" fill="{colour}"/>'
    label = _label(LEFT - 8, top + 14, f"{ratio.form} against {ratio.rival}", anchor="end")
    factor = f"{ratio.times:,.0f}×" if ratio.times >= 100 else f"{ratio.times:.2g}×"
    return label + bar + _label(end + 5, top + 14, factor)


def _label(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="{INK}"'
    return f"<text {where}>{escape(text)}</text>"
