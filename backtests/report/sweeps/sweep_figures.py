"""Pictures of a sweep: the points along one parameter, and what each parameter explains."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure, plain

__all__ = ["importance_figure", "slice_figure"]

DECADES = 30.0  # largest ÷ smallest value beyond which an axis shows orders of magnitude


def slice_figure(values: Sequence[Any], numbers: Sequence[float], *, chosen: int | None, y_title: str) -> go.Figure:
    """Draw what points are compared by along one parameter, a dot a point, and the mean of each value.

    Parameters
    ----------
    values : sequence
        The parameter's, of each point: numbers lie on an axis, anything else is a category.
    numbers : sequence of float
        What the points are compared by.
    chosen : int or None
        Place of the winner.
    y_title : str
        What the numbers are.
    """
    figure = blank_figure(height=300)
    numeric = all(type(each) in (int, float) for each in values)
    places = [float(each) for each in values] if numeric else [plain(str(each)) for each in values]
    heights = np.asarray(numbers, dtype="float32")
    marker = {"color": BOOK_COLOURS[0], "size": 8, "opacity": 0.65}
    figure.add_trace(go.Scatter(x=places, y=heights, mode="markers", marker=marker, name="a point"))
    means = pd.Series(np.asarray(numbers, dtype=float)).groupby(pd.Series(places)).mean()
    if 2 * len(means) <= len(places):
        line = {"color": MARKET_COLOUR, "width": 2}
        mode = "lines+markers" if numeric else "markers"
        square = {"color": MARKET_COLOUR, "size": 9, "symbol": "square"}
        figure.add_trace(
            go.Scatter(
                x=list(means.index), y=means.to_numpy(dtype="float32"), mode=mode, line=line, marker=square, name="mean"
            )
        )
    if chosen is not None:
        star = {"color": BOOK_COLOURS[1], "size": 13, "symbol": "star"}
        winner = go.Scatter(x=[places[chosen]], y=[heights[chosen]], mode="markers", marker=star, name="winner")
        figure.add_trace(winner)
    figure.update_layout(hovermode="closest", showlegend=True)
    figure.update_yaxes(title={"text": y_title, "font": {"size": 14}})
    if not numeric:
        return figure.update_xaxes(type="category")
    return figure.update_xaxes(type="log" if _is_wide(places) else "linear", showgrid=True, nticks=6)


def importance_figure(importance: pd.DataFrame) -> go.Figure:
    """Draw the share of variance that each parameter explains, and beside it what chance explains.

    Parameters
    ----------
    importance : DataFrame of float, columns ``share`` and ``chance``
        Index the keys, the first on top.
    """
    figure = blank_figure(height=110 + 34 * len(importance))
    names = [plain(str(key)) for key in importance.index]
    for column, colour, label in (("share", BOOK_COLOURS[0], "explained"), ("chance", MARKET_COLOUR, "by chance")):
        values = importance[column].to_numpy(dtype="float32")
        figure.add_trace(go.Bar(x=values, y=names, orientation="h", name=label, marker={"color": colour}))
    figure.update_layout(barmode="group", showlegend=True, hovermode="closest", bargap=0.3)
    figure.update_layout(legend={"traceorder": "normal"})
    figure.update_xaxes(showgrid=True, tickformat=".0%", nticks=6, rangemode="tozero")
    return figure.update_yaxes(type="category", autorange="reversed", showgrid=False)


def _is_wide(places: Sequence[Any]) -> bool:
    return bool(min(places) > 0.0 and max(places) / min(places) > DECADES)
