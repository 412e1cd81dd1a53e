"""Curves: wealth of many books at once, and of one book with its kill switches."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure, line, plain

__all__ = ["curves_figure", "scale_figure", "switches_figure"]

DASHES = ("solid", "dash", "dot", "dashdot")
MARKS = {"flat": ("triangle-down", BOOK_COLOURS[1]), "re-enter": ("triangle-up", BOOK_COLOURS[2])}


def curves_figure(returns: pd.DataFrame, market: pd.Series) -> go.Figure:
    """Draw the growth of 1 in each book, and in the market in grey.

    Parameters
    ----------
    returns : DataFrame of float, shape (n_sessions, n_books)
        Simple returns; NaN counts as not invested.
    market : Series of float
        Simple returns of the same sessions.
    """
    figure = blank_figure(height=460, y_format=".2f")
    figure.add_trace(line(_wealth(market), name="equal-weighted market", line={"color": MARKET_COLOUR, "width": 1.6}))
    for place, name in enumerate(returns.columns):
        colour, dash = BOOK_COLOURS[place % len(BOOK_COLOURS)], DASHES[place // len(BOOK_COLOURS) % len(DASHES)]
        style = {"color": colour, "width": 1.8, "dash": dash}
        figure.add_trace(line(_wealth(returns[name]), name=plain(str(name)), line=style))
    return figure


def switches_figure(returns: pd.Series, events: pd.DataFrame) -> go.Figure:
    """Draw the wealth of one book, marking the sessions at which a switch emptied or restored it.

    Parameters
    ----------
    returns : Series of float
        Net simple returns.
    events : DataFrame
        ``session``, ``rule`` and ``action``; events that did not move the book are left out.
    """
    wealth = _wealth(returns)
    figure = blank_figure(height=340, y_format=".2f")
    figure.add_trace(line(wealth, name="book, net", line={"color": BOOK_COLOURS[0], "width": 2.0}))
    for action, (symbol, colour) in MARKS.items():
        chosen = events[(events["action"] == action) & events["session"].isin(wealth.index)]
        figure.add_trace(_marks(chosen, wealth, name=action, marker={"symbol": symbol, "color": colour, "size": 11}))
    return figure


def scale_figure(scale: pd.Series) -> go.Figure:
    """Draw the factor of a volatility target at each close."""
    figure = blank_figure(height=240, y_format=".2f")
    figure.add_trace(line(scale, name="scale", line={"color": BOOK_COLOURS[3], "width": 1.6}))
    return figure.update_layout(showlegend=False)


def _marks(events: pd.DataFrame, wealth: pd.Series, *, name: str, marker: Mapping[str, object]) -> go.Scatter:
    return go.Scatter(
        x=[f"{session:%Y-%m-%d}" for session in events["session"]],
        y=wealth.reindex(events["session"]).to_numpy(dtype="float32"),
        text=[plain(str(rule)) for rule in events["rule"]],
        mode="markers",
        marker=marker,
        name=plain(name),
        hovertemplate="%{text}",
    )


def _wealth(returns: pd.Series) -> pd.Series:
    return (1.0 + returns.fillna(0.0)).cumprod()
