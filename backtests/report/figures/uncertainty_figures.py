"""Picture of a predictive distribution: the share of returns below each quantile, against its nominal level."""

import pandas as pd
import plotly.graph_objects as go

from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure

__all__ = ["level_figure"]


def level_figure(curve: pd.DataFrame) -> go.Figure:
    """Draw observed against nominal shares with their bounds, and the line of equality.

    Parameters
    ----------
    curve : DataFrame, columns ``estimate``, ``low`` and ``high``
        Index the nominal level.
    """
    figure = blank_figure(height=420, y_format=".0%")
    nominal = curve.index.to_numpy(dtype="float32")
    observed, low, high = curve[["estimate", "low", "high"]].to_numpy(dtype="float32").T
    equal = {"color": MARKET_COLOUR, "width": 1.4, "dash": "dash"}
    figure.add_trace(go.Scatter(x=[0.0, 1.0], y=[0.0, 1.0], mode="lines", name="as nominal", line=equal))
    error = {"array": high - observed, "arrayminus": observed - low, "symmetric": False}
    error |= {"color": MARKET_COLOUR, "thickness": 1.2, "width": 2}
    style = {"color": BOOK_COLOURS[0], "size": 6}
    figure.add_trace(
        go.Scatter(x=nominal, y=observed, error_y=error, mode="markers", name="observed, 95 % range", marker=style)
    )
    figure.update_layout(showlegend=True, hovermode="closest")
    figure.update_yaxes(range=[0.0, 1.0], title={"text": "share of returns below", "font": {"size": 14}})
    words = {"text": "level of the quantile", "font": {"size": 14}}
    return figure.update_xaxes(range=[0.0, 1.0], tickformat=".0%", showgrid=True, title=words)
