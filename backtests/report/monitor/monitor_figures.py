"""Pictures of a monitored version: a mean and its always-valid range through time, calibration, and the book."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure, line, plain

__all__ = ["calibration_figure", "course_figure", "sequence_figure"]

RANGE_FILL = "rgba(31,111,178,0.16)"
SMOOTHED = 20  # sessions


def sequence_figure(sequence: pd.DataFrame, *, test_mean: float, y_format: str) -> go.Figure:
    """Draw the mean since the freeze at each session, its always-valid range, and the mean of the test span.

    Parameters
    ----------
    sequence : DataFrame
        ``mean``, ``lower`` and ``upper`` by session; NaN where there is no range yet.
    test_mean : float
        Of the test span.
    y_format : str
        d3 format of the axis.
    """
    figure, known = blank_figure(height=340, y_format=y_format), sequence.dropna()
    edge = {"color": BOOK_COLOURS[0], "width": 0.8}
    figure.add_trace(line(known["upper"], name="upper bound", line=edge, showlegend=False))
    style = {"line": edge, "fill": "tonexty", "fillcolor": RANGE_FILL}
    figure.add_trace(line(known["lower"], name="always-valid range", **style))
    figure.add_trace(line(known["mean"], name="mean since the freeze", line={"color": BOOK_COLOURS[0], "width": 2.2}))
    test = pd.Series(test_mean, index=known.index)
    dashed = {"color": BOOK_COLOURS[1], "width": 2, "dash": "dash"}
    figure.add_trace(line(test, name="test span", line=dashed))
    return figure.add_hline(y=0, line={"color": MARKET_COLOUR, "width": 1}).update_layout(showlegend=True)


def calibration_figure(quantiles: Mapping[str, pd.DataFrame]) -> go.Figure:
    """Draw realised against expected returns by quantile of the scores, of the test span and since.

    Parameters
    ----------
    quantiles : mapping of str to DataFrame
        By span: ``mean_predicted`` and ``mean_realised`` of each quantile.
    """
    figure = blank_figure(height=320, y_format=".2%")
    for (name, table), colour in zip(quantiles.items(), (MARKET_COLOUR, BOOK_COLOURS[0]), strict=False):
        figure.add_trace(
            go.Scatter(
                x=table["mean_predicted"].to_numpy(dtype="float32"),
                y=table["mean_realised"].to_numpy(dtype="float32"),
                mode="lines+markers",
                name=plain(name),
                line={"color": colour, "width": 2},
                marker={"size": 9},
            )
        )
    every = pd.concat([table["mean_predicted"] for table in quantiles.values()])
    ends = [float(every.min()), float(every.max())]
    exact = {"color": MARKET_COLOUR, "width": 1, "dash": "dot"}
    figure.add_trace(go.Scatter(x=ends, y=ends, mode="lines", name="as promised", line=exact))
    figure.update_xaxes(tickformat=".2%", title={"text": "expected return", "font": {"size": 14}}, nticks=6)
    figure.update_yaxes(title={"text": "realised return", "font": {"size": 14}})
    return figure.update_layout(showlegend=True, hovermode="closest")


def course_figure(test: pd.Series, live: pd.Series, *, y_format: str) -> go.Figure:
    """Draw the trailing mean over 20 sessions of a number, in the test span and since."""
    figure = blank_figure(height=280, y_format=y_format)
    whole = pd.concat([test, live]).rolling(SMOOTHED, min_periods=1).mean()
    for name, index, colour in (("test span", test.index, MARKET_COLOUR), ("since", live.index, BOOK_COLOURS[0])):
        figure.add_trace(line(whole.loc[index].dropna(), name=name, line={"color": colour, "width": 2}))
    mean = {"color": BOOK_COLOURS[1], "width": 1.5, "dash": "dash"}
    level = pd.Series(float(test.mean()), index=whole.index)
    return figure.add_trace(line(level, name="mean of the test span", line=mean)).update_layout(showlegend=True)
