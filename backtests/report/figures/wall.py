"""Pictures of the baseline wall: how far the book stands from each rival, and where it stands among random ones."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from backtests.report.figures.dots import dots_figure
from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure

__all__ = ["random_figure", "rivals_figure"]

BINS = 25


def rivals_figure(gaps: pd.DataFrame) -> go.Figure:
    """Draw the book's annual Sharpe ratio less each rival's; columns ``estimate``, ``low``, ``high``."""
    return dots_figure(gaps, x_format=".1f")


def random_figure(sharpes: np.ndarray, ours: float) -> go.Figure:
    """Draw how many books on random ranks had which annual Sharpe ratio, and the judged one as a line."""
    figure = blank_figure(height=300)
    counts, edges = np.histogram(sharpes[np.isfinite(sharpes)], bins=BINS)
    middle = ((edges[:-1] + edges[1:]) / 2.0).astype("float32")
    bar = {"marker": {"color": MARKET_COLOUR}, "width": float(edges[1] - edges[0]) * 0.92}
    figure.add_trace(go.Bar(x=middle, y=counts.astype("int32"), name="random ranks", **bar))
    figure.add_trace(
        go.Scatter(
            x=[ours, ours],
            y=[0, int(counts.max())],
            mode="lines",
            name="this book",
            line={"color": BOOK_COLOURS[0], "width": 3},
        )
    )
    figure.update_layout(showlegend=True, hovermode="closest", bargap=0)
    return figure.update_xaxes(tickformat=".1f", title={"text": "annual Sharpe ratio, net", "font": {"size": 14}})
