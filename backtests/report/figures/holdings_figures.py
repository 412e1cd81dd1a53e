"""Pictures of holdings: contribution of each side, effective names, and beta to the market."""

import pandas as pd
import plotly.graph_objects as go

from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure, colours, line, plain

__all__ = ["beta_figure", "effective_names_figure", "legs_figure"]

PART_COLOURS = {"long": BOOK_COLOURS[2], "short": BOOK_COLOURS[1], "costs": MARKET_COLOUR}


def legs_figure(legs: pd.DataFrame) -> go.Figure:
    """Draw the running sum of each side's contribution to the return; columns ``long``, ``short`` and ``costs``."""
    figure = blank_figure(height=280, y_format=".0%")
    for name in legs.columns:
        style = {"color": PART_COLOURS.get(str(name), BOOK_COLOURS[0]), "width": 2}
        figure.add_trace(line(legs[name].cumsum(), name=plain(str(name)), line=style))
    return figure.add_hline(y=0, line={"color": MARKET_COLOUR, "width": 1}).update_layout(showlegend=True)


def effective_names_figure(effective: pd.DataFrame) -> go.Figure:
    """Draw the number of equal positions that would be as concentrated as each book, a column per book."""
    figure = blank_figure(height=260, y_format=".0f")
    for name, colour in colours(effective.columns).items():
        figure.add_trace(line(effective[name], name=plain(name), line={"color": colour, "width": 1.6}))
    return figure.update_yaxes(rangemode="tozero").update_layout(showlegend=True)


def beta_figure(betas: pd.DataFrame) -> go.Figure:
    """Draw the beta of each book to the market over the last 63 sessions, a column per book."""
    figure = blank_figure(height=280, y_format=".2f")
    for name, colour in colours(betas.columns).items():
        figure.add_trace(line(betas[name], name=plain(name), line={"color": colour, "width": 1.8}))
    return figure.add_hline(y=0, line={"color": MARKET_COLOUR, "width": 1}).update_layout(showlegend=True)
