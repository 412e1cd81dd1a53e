"""Compare page: runs side by side as one page: what can be told apart, conditions, settings and curves."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from backtests.report.boards.page_frame import render_frame, script_json
from backtests.report.content import Table

__all__ = ["Chart", "ComparePage", "render_compare_page"]

MAX_ROWS = 1000  # sessions of a chart, evenly spaced; the extremes of every line come beside
FIGURES = 6  # significant ones of a drawn value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chart:
    """Lines over sessions.

    Parameters
    ----------
    title, summary : str
        What is drawn, and the sentence that says the same to who cannot see it.
    lines : DataFrame of float
        Sessions × lines; NaN is not drawn.
    form : {"percent", "ratio", "wealth"}
        How values are shown.
    dashed : tuple of str
        Lines that are dashed; a line takes the colour of its name's first letter.
    """

    title: str
    summary: str
    lines: pd.DataFrame
    form: str
    dashed: tuple[str, ...] = ()

    def as_json(self) -> str:
        """Days since 1970 and values, safe inside a script element."""
        rows = _drawn_rows(self.lines)
        days = pd.DatetimeIndex(rows.index).to_numpy().astype("datetime64[D]").astype(int).tolist()
        order = list(dict.fromkeys(name.partition(" ")[0] for name in map(str, rows.columns)))
        series = [
            {
                "name": str(name),
                "colour": order.index(str(name).partition(" ")[0]),
                "dashed": str(name) in self.dashed,
                "values": [None if np.isnan(value) else float(f"{value:.{FIGURES}g}") for value in rows[name]],
            }
            for name in rows
        ]
        return script_json({"days": days, "series": series, "format": self.form})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ComparePage:
    """Everything on the page, plain text until it is rendered.

    Parameters
    ----------
    title : str
        Headline.
    remarks, sentences : tuple of str
        How bars, universe and spans differ; what can be told apart.
    convention : str
        Of the numbers.
    runs, settings : Table
        A column a run, behind the heading of each row.
    charts : tuple of Chart
        None where the runs share no session.
    links : tuple of (str, str)
        Name and relative address of each report.
    command : str
        What makes the page again.
    """

    title: str
    remarks: tuple[str, ...]
    sentences: tuple[str, ...]
    convention: str
    runs: Table
    settings: Table
    charts: tuple[Chart, ...]
    links: tuple[tuple[str, str], ...]
    command: str


def render_compare_page(page: ComparePage) -> str:
    """Render the page as HTML that works offline and makes no request; the same input gives the same bytes."""
    charts: list[dict[str, Any]] = [
        {"title": chart.title, "summary": chart.summary, "anchor": f"chart-{place}", "json": chart.as_json()}
        for place, chart in enumerate(page.charts, start=1)
    ]
    return render_frame(
        "compare.html",
        title=page.title,
        kicker="Quintile · runs side by side",
        skip="To what can be told apart",
        page=page,
        charts=charts,
    )


def _drawn_rows(lines: pd.DataFrame) -> pd.DataFrame:
    """At most about ``MAX_ROWS`` rows, the extremes of every line among them."""
    if len(lines) <= MAX_ROWS:
        return lines
    kept = set(np.linspace(0, len(lines) - 1, MAX_ROWS).round().astype(int).tolist())
    for name in lines:
        values = lines[name].to_numpy(dtype=float)
        if not np.isnan(values).all():
            kept |= {int(np.nanargmin(values)), int(np.nanargmax(values))}
    return lines.iloc[sorted(kept)]
