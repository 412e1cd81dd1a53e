"""Dots with whiskers, one row per name: the picture of every comparison of estimates."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure, plain

__all__ = ["dots_figure"]

ROW = 36


def dots_figure(estimates: pd.DataFrame, *, x_format: str) -> go.Figure:
    """Draw estimates with their bounds; a dot is orange where it is negative.

    Parameters
    ----------
    estimates : DataFrame, columns ``estimate``, ``low`` and ``high``
        Index the names, the first on top. NaN is left out.
    x_format : str
        d3 format of the numbers.
    """
    figure = blank_figure(height=80 + ROW * len(estimates))
    values = estimates.to_numpy(dtype="float32")
    middle, low, high = values.T
    tint = np.where(middle >= 0, BOOK_COLOURS[0], BOOK_COLOURS[1]).tolist()
    error = {"array": high - middle, "arrayminus": middle - low, "symmetric": False}
    figure.add_trace(
        go.Scatter(
            x=middle,
            y=[plain(str(name)) for name in estimates.index],
            error_x=error | {"color": MARKET_COLOUR, "thickness": 1.8, "width": 4},
            mode="markers",
            marker={"color": tint, "size": 11},
            hovertemplate=f"%{{x:{x_format}}}<extra></extra>",
        )
    )
    figure.add_vline(x=0, line={"color": MARKET_COLOUR, "width": 1.2})
    figure.update_layout(hovermode="closest", showlegend=False)
    figure.update_xaxes(showgrid=True, tickformat=x_format, nticks=5, tickangle=0)
    return figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
