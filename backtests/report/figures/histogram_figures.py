"""Histogram with one value marked: an observed number among those drawn by chance."""

import numpy as np
import plotly.graph_objects as go

from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure

__all__ = ["marked_histogram_figure"]

BINS = 25


def marked_histogram_figure(
    values: np.ndarray, mark: float, *, names: tuple[str, str], title: str, x_format: str
) -> go.Figure:
    """Draw a histogram of values, and one value as a line.

    Parameters
    ----------
    values : ndarray of float
        NaN and infinity are left out.
    mark : float
        The value to mark.
    names : tuple of str
        What the bars and the line are.
    title, x_format : str
        Of the horizontal axis; d3 format of its numbers.
    """
    figure = blank_figure(height=300)
    counts, edges = np.histogram(values[np.isfinite(values)], bins=BINS)
    middle = ((edges[:-1] + edges[1:]) / 2.0).astype("float32")
    bar = {"marker": {"color": MARKET_COLOUR}, "width": float(edges[1] - edges[0]) * 0.92}
    figure.add_trace(go.Bar(x=middle, y=counts.astype("int32"), name=names[0], **bar))
    style = {"color": BOOK_COLOURS[0], "width": 3}
    top = [0, int(counts.max())]
    figure.add_trace(go.Scatter(x=[mark, mark], y=top, mode="lines", name=names[1], line=style))
    figure.update_layout(showlegend=True, hovermode="closest", bargap=0)
    return figure.update_xaxes(tickformat=x_format, title={"text": title, "font": {"size": 14}})
