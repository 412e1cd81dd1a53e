"""Pictures over time: a rolling figure of every book, and what each side of one book grew to."""

import pandas as pd
import plotly.graph_objects as go

from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure, colours, line, plain

__all__ = ["rolling_figure", "sides_figure"]

SIDE_COLOURS = {"long": BOOK_COLOURS[2], "short": BOOK_COLOURS[1]}


def rolling_figure(table: pd.DataFrame, *, y_format: str) -> go.Figure:
    """Draw a measure of each book at each close, a column per book, with a line at zero."""
    figure = blank_figure(height=260, y_format=y_format)
    for name, colour in colours(table.columns).items():
        figure.add_trace(line(table[name], name=plain(name), line={"color": colour, "width": 1.7}))
    return figure.add_hline(y=0, line={"color": MARKET_COLOUR, "width": 1}).update_layout(showlegend=True)


def sides_figure(contributions: pd.DataFrame) -> go.Figure:
    """Draw the growth of 1 by the contributions of each side; columns ``long`` and ``short``, simple returns."""
    figure = blank_figure(height=280, y_format=".2f")
    for name in contributions.columns:
        style = {"color": SIDE_COLOURS.get(str(name), MARKET_COLOUR), "width": 2}
        figure.add_trace(line((1.0 + contributions[name]).cumprod(), name=plain(str(name)), line=style))
    return figure.add_hline(y=1, line={"color": MARKET_COLOUR, "width": 1}).update_layout(showlegend=True)
