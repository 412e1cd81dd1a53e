"""One look for every picture: palette, type and grid, plus what makes names and long series safe to draw.

Colours keep a contrast of 3:1 on white and on the dark page and stay apart for colour-blind readers.
"""

import html

import numpy as np
import pandas as pd
import plotly.graph_objects as go

__all__ = ["BOOK_COLOURS", "MARKET_COLOUR", "blank_figure", "colours", "line", "plain", "thinned"]

BOOK_COLOURS = ("#1f6fb2", "#c4540a", "#0b7f5b", "#8f57ad", "#8a6d00")
MARKET_COLOUR = "#757c86"
GRID = "rgba(127,135,145,0.22)"
INK = "#3d454f"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
MAX_NAME_LENGTH = 40
MAX_POINTS = 1400


def plain(name: str) -> str:
    """Escape a name for a figure, since plotly reads a subset of HTML in every text, and shorten it."""
    shown = name if len(name) <= MAX_NAME_LENGTH else name[: MAX_NAME_LENGTH - 1] + "…"
    return html.escape(shown, quote=False)


def colours(names: pd.Index | list[str]) -> dict[str, str]:
    """One accent colour per name, the same in every picture of a report."""
    return {str(name): BOOK_COLOURS[place % len(BOOK_COLOURS)] for place, name in enumerate(names)}


def thinned(series: pd.Series, max_points: int = MAX_POINTS) -> pd.Series:
    """Thin a long series to ``max_points`` rows: first, last, and the extremes of every bucket between.

    What is drawn looks like the whole series and keeps its highest and lowest points. NaN rows outside the rows kept
    are dropped, so gaps shorter than a bucket close.
    """
    if len(series) <= max_points:
        return series
    buckets = np.array_split(np.arange(len(series)), max_points // 2 - 1)
    values = series.to_numpy(dtype=float)
    kept = {0, len(series) - 1}
    for bucket in buckets:
        if not np.isnan(values[bucket]).all():
            kept.update((bucket[np.nanargmin(values[bucket])], bucket[np.nanargmax(values[bucket])]))
    return series.iloc[sorted(kept)]


def line(series: pd.Series, **style: object) -> go.Scatter:
    """Line over sessions; values in single precision, which is finer than any screen."""
    drawn = thinned(series)
    sessions = [f"{session:%Y-%m-%d}" for session in drawn.index]
    return go.Scatter(x=sessions, y=drawn.to_numpy(dtype="float32"), mode="lines", **style)


def blank_figure(*, height: int = 340, y_format: str = "", log: bool = False) -> go.Figure:
    """Empty figure in the report's look, transparent so that it sits on light and dark paper.

    Parameters
    ----------
    height : int
        Pixels; the width is the reader's.
    y_format : str
        d3 format of the vertical axis and of hovered values.
    log : bool
        Vertical axis in powers.
    """
    axis = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID, "automargin": True}
    vertical = axis | {"fixedrange": True} | {"tickformat": y_format, "hoverformat": y_format, "type": "linear"}
    powers = {"type": "log", "dtick": "D2", "tickformat": ".2~f"} if log else {}  # 1, 2, 5, 10
    return go.Figure(
        layout={
            "template": {"layout": {"colorway": list(BOOK_COLOURS)}},
            "height": height,
            "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "size": 14, "color": INK},
            "hovermode": "x unified",
            "hoverlabel": {"font": {"family": FONT, "size": 14}},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 14}},
            "xaxis": axis | {"showgrid": False},
            "yaxis": vertical | powers,
        }
    )
