"""Pictures of a signal in detail: distribution of the IC, groups, predictions, calibration, importance."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from backtests.report.figures.dots_figures import dots_figure
from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure, line, plain

__all__ = [
    "calibration_figure",
    "group_figure",
    "ic_histogram_figure",
    "permutation_figure",
    "position_figure",
    "prediction_figure",
    "spread_figure",
]

QUARTER = 63
BLOCK_COLOURS = ("#9fc3e2", "#5b9bd0", BOOK_COLOURS[0])
BAND = "rgba(31,111,178,0.16)"


def ic_histogram_figure(histogram: pd.DataFrame) -> go.Figure:
    """Draw the distribution of the rank IC; columns ``low``, ``high`` and ``count``."""
    figure = blank_figure(height=280)
    low, high = histogram["low"].to_numpy(dtype=float), histogram["high"].to_numpy(dtype=float)
    middle = (low + high) / 2.0
    tint = np.where(middle >= 0, BOOK_COLOURS[0], BOOK_COLOURS[1]).tolist()
    counts = histogram["count"].to_numpy(dtype="int32")
    figure.add_trace(go.Bar(x=middle.astype("float32"), y=counts, marker={"color": tint}, name="sessions"))
    figure.update_layout(bargap=0.08, hovermode="closest")
    return figure.update_xaxes(tickformat=".2f", title={"text": "rank IC of one session", "font": {"size": 14}})


def group_figure(groups: pd.DataFrame) -> go.Figure:
    """Draw the mean rank IC within each group of names, ± one standard error; columns ``mean``, ``standard_error``."""
    return dots_figure(_bounds(groups["mean"], groups["standard_error"]), x_format=".3f")


def prediction_figure(percentiles: pd.DataFrame) -> go.Figure:
    """Draw median, middle half and middle 90 % of each session's predictions in bps; columns ``p05`` to ``p95``."""
    figure, percentiles = _bps_figure(300), 1e4 * percentiles
    invisible = {"color": "rgba(0,0,0,0)", "width": 0}
    for low, high, name in (("p05", "p95", "middle 90 %"), ("p25", "p75", "middle half")):
        figure.add_trace(line(percentiles[low], name=name, line=invisible, showlegend=False, hoverinfo="skip"))
        figure.add_trace(line(percentiles[high], name=name, line=invisible, fill="tonexty", fillcolor=BAND))
    style = {"color": BOOK_COLOURS[0], "width": 1.8}
    return figure.add_trace(line(percentiles["median"], name="median", line=style))


def spread_figure(spreads: pd.DataFrame) -> go.Figure:
    """Draw predicted and realised return of the top less the bottom quintile in bps, means of 63 sessions."""
    figure = _bps_figure(300)
    smooth = 1e4 * spreads.rolling(QUARTER, min_periods=QUARTER).mean()
    for name, colour in zip(smooth.columns, (BOOK_COLOURS[1], BOOK_COLOURS[0]), strict=False):
        figure.add_trace(line(smooth[name], name=plain(str(name)), line={"color": colour, "width": 2.2}))
    return figure.add_hline(y=0, line={"color": MARKET_COLOUR, "width": 1}).update_layout(showlegend=True)


def calibration_figure(deciles: pd.DataFrame, *, held: str = "one session") -> go.Figure:
    """Draw realised against predicted mean return by decile in bps, one standard error, and the line of equality.

    ``held`` says how long the returns run.
    """
    figure, columns = _bps_figure(340), 1e4 * deciles[["mean_predicted", "mean_realised", "standard_error"]]
    predicted, realised, spread = columns.to_numpy(dtype="float32").T
    error = {"array": spread, "color": MARKET_COLOUR, "width": 3}
    ends = [float(np.nanmin(predicted)), float(np.nanmax(predicted))]
    equal = {"color": MARKET_COLOUR, "width": 1.4, "dash": "dash"}
    figure.add_trace(go.Scatter(x=ends, y=ends, mode="lines", name="as predicted", line=equal))
    marker = {"color": BOOK_COLOURS[0], "size": 10}
    figure.add_trace(go.Scatter(x=predicted, y=realised, error_y=error, mode="markers", marker=marker, name="deciles"))
    figure.update_layout(showlegend=True, hovermode="closest")
    return figure.update_xaxes(
        hoverformat=".2f", nticks=5, title={"text": f"predicted return of {held}, bps", "font": {"size": 14}}
    )


def permutation_figure(permutation: pd.DataFrame) -> go.Figure:
    """Draw the rank IC lost when a feature is permuted, ± one standard error, in the order given."""
    return dots_figure(_bounds(permutation["ic_lost"], permutation["standard_error"]), x_format=".3f")


def position_figure(shares: pd.DataFrame) -> go.Figure:
    """Draw shares of integrated gradients by feature, stacked by block of positions, in the order given."""
    figure = blank_figure(height=110 + 32 * len(shares))
    names = [plain(str(name)) for name in shares.index]
    for block, colour in zip(shares.columns, BLOCK_COLOURS, strict=False):
        values = shares[block].to_numpy(dtype="float32")
        figure.add_trace(go.Bar(x=values, y=names, orientation="h", name=plain(str(block)), marker={"color": colour}))
    figure.update_layout(barmode="stack", showlegend=True, hovermode="closest", bargap=0.3)
    figure.update_layout(legend={"traceorder": "normal"})
    figure.update_xaxes(showgrid=True, tickformat=".0%", nticks=6)
    return figure.update_yaxes(type="category", autorange="reversed", showgrid=False)


def _bps_figure(height: int) -> go.Figure:
    return blank_figure(height=height).update_yaxes(hoverformat=".2f", title={"text": "bps", "font": {"size": 14}})


def _bounds(means: pd.Series, standard_error: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"estimate": means, "low": means - standard_error, "high": means + standard_error})
