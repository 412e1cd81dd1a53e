"""Pictures of a signal: information coefficient over time, by quarter and by horizon, and returns by quantile."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from backtests.report.theme import BOOK_COLOURS, GRID, MARKET_COLOUR, blank_figure, colours, line, plain

__all__ = [
    "cumulative_ic_figure",
    "decay_figure",
    "ic_figure",
    "quantile_figure",
    "quarter_figure",
    "side_spreads_figure",
]

QUARTER = 63
MAX_LABELLED_QUARTERS = 12
FAINT = "rgba(127,135,145,0.45)"


def ic_figure(ic: pd.Series) -> go.Figure:
    """Draw the rank IC of every session faintly and its mean over 63 sessions; NaN sessions are gaps."""
    figure = blank_figure(height=300, y_format=".2f")
    figure.add_trace(line(ic, name="one session", line={"color": FAINT, "width": 1}))
    smooth = ic.rolling(QUARTER, min_periods=QUARTER).mean()
    figure.add_trace(line(smooth, name=f"mean of {QUARTER}", line={"color": BOOK_COLOURS[0], "width": 2.4}))
    return figure.add_hline(y=0, line={"color": MARKET_COLOUR, "width": 1})


def cumulative_ic_figure(ic: pd.DataFrame) -> go.Figure:
    """Draw the running sum of the rank IC, a column per name of scores; a steady signal is a straight line."""
    figure = blank_figure(height=300, y_format=".1f")
    for name, colour in colours(ic.columns).items():
        figure.add_trace(line(ic[name].cumsum(), name=plain(name), line={"color": colour, "width": 2}))
    return figure.add_hline(y=0, line={"color": MARKET_COLOUR, "width": 1}).update_layout(showlegend=True)


def side_spreads_figure(spreads: pd.DataFrame) -> go.Figure:
    """Draw the running sum of the return of each end of a ranking against its market, fractions, a column per end."""
    figure = blank_figure(height=300, y_format=".0%")
    for name, colour in colours(spreads.columns).items():
        figure.add_trace(line(spreads[name].cumsum(), name=plain(name), line={"color": colour, "width": 2}))
    return figure.add_hline(y=0, line={"color": MARKET_COLOUR, "width": 1}).update_layout(showlegend=True)


def quarter_figure(ranges: pd.DataFrame) -> go.Figure:
    """Draw the mean rank IC of each calendar quarter with its bounds; columns ``estimate``, ``low``, ``high``."""
    figure = _estimates(ranges, y_format=".3f")
    labels = [_quarter_label(each, place, len(ranges)) for place, each in enumerate(pd.PeriodIndex(ranges.index))]
    ticks = {"tickmode": "array", "tickvals": [str(quarter) for quarter in ranges.index], "ticktext": labels}
    return figure.update_xaxes(tickangle=0, **ticks)


def decay_figure(ranges: pd.DataFrame) -> go.Figure:
    """Draw the mean rank IC with the h-th single session after the fill and its bounds; index the horizon h."""
    figure = _estimates(ranges, y_format=".3f")
    return figure.update_xaxes(title={"text": "session after the fill", "font": {"size": 14}})


def quantile_figure(ranges: pd.DataFrame) -> go.Figure:
    """Draw the mean return per quantile of the scores, lowest first, with its bounds where they are known.

    Columns ``estimate`` and, optionally, ``low`` and ``high``.
    """
    figure = _estimates(ranges, y_format=".2%")
    figure.update_layout(yaxis={"zeroline": True, "zerolinecolor": GRID})
    return figure.update_xaxes(title={"text": "quantile of the scores, 1 is lowest", "font": {"size": 14}})


def _quarter_label(quarter: pd.Period, place: int, n_quarters: int) -> str:
    is_first = place == 0 or quarter.quarter == 1
    if n_quarters > MAX_LABELLED_QUARTERS:
        return str(quarter.year) if quarter.quarter == 1 else ""
    return f"Q{quarter.quarter}<br>{quarter.year}" if is_first else f"Q{quarter.quarter}"


def _estimates(ranges: pd.DataFrame, *, y_format: str) -> go.Figure:
    figure = blank_figure(height=280, y_format=y_format)
    values = ranges["estimate"].to_numpy(dtype="float32")
    tint = np.where(values >= 0, BOOK_COLOURS[0], BOOK_COLOURS[1]).tolist()
    labels = [plain(str(label)) for label in ranges.index]
    figure.add_trace(go.Bar(x=labels, y=values, error_y=_whiskers(ranges), marker={"color": tint}))
    figure.update_layout(bargap=0.35, hovermode="closest")
    return figure.update_xaxes(type="category")


def _whiskers(ranges: pd.DataFrame) -> dict[str, object] | None:
    if "low" not in ranges:
        return None
    estimate, low, high = (ranges[name].to_numpy(dtype="float32") for name in ("estimate", "low", "high"))
    style = {"color": MARKET_COLOUR, "thickness": 1.4, "width": 3}
    return {"array": high - estimate, "arrayminus": estimate - low, "symmetric": False} | style
