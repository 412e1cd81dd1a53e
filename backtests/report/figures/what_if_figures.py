"""Pictures of what-ifs: one dial against the net Sharpe ratio, with one standard error, and the stress matrix."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from backtests.report.figures.dots_figures import dots_figure
from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure, colours, plain

__all__ = ["Dial", "dial_figure", "factors_figure", "frontier_figure", "sectors_figure", "stress_figure"]

HEIGHT = 320
BAND = "rgba(31,111,178,0.16)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """How the horizontal axis of a dial is drawn.

    Parameters
    ----------
    title : str
        Words under the axis.
    own : float or None
        The book's own place, a dotted line.
    log : bool
        Axis in powers of ten.
    """

    title: str
    own: float | None = None
    log: bool = False


def dial_figure(table: pd.DataFrame, dial: Dial) -> go.Figure:
    """Draw the Sharpe ratio against a dial with a band of one standard error.

    Parameters
    ----------
    table : DataFrame, columns ``sharpe`` and ``standard_error``
        Index the dial, a number; NaN is left out.
    dial : Dial
        The axis.
    """
    known = table.dropna(subset=["sharpe"])
    x, sharpe = known.index.to_numpy(dtype=float), known["sharpe"].to_numpy(dtype="float32")
    error = known["standard_error"].fillna(0.0).to_numpy(dtype="float32")
    figure = blank_figure(height=HEIGHT, y_format=".2f")
    edge = {"color": "rgba(0,0,0,0)", "width": 0}
    figure.add_trace(go.Scatter(x=x, y=sharpe - error, mode="lines", line=edge, hoverinfo="skip"))
    band = {"fill": "tonexty", "fillcolor": BAND, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=x, y=sharpe + error, mode="lines", line=edge, **band))
    marks = {"marker": {"size": 8}, "line": {"color": BOOK_COLOURS[0], "width": 2.2}}
    figure.add_trace(go.Scatter(x=x, y=sharpe, mode="lines+markers", name="Sharpe ratio, net", **marks))
    figure.add_hline(y=0, line={"color": MARKET_COLOUR, "width": 1.2})
    if dial.own is not None:
        figure.add_vline(x=dial.own, line={"color": MARKET_COLOUR, "width": 1.4, "dash": "dot"})
    figure.update_layout(showlegend=False)
    powers = {"type": "log", "dtick": 1} if dial.log else {"nticks": 6}
    return figure.update_xaxes(title={"text": dial.title, "font": {"size": 14}}, tickangle=0, **powers)


def frontier_figure(table: pd.DataFrame, own: float) -> go.Figure:
    """Draw net and gross Sharpe ratio against turnover, a point for each smoothing.

    Parameters
    ----------
    table : DataFrame, index ``smoothing``
        ``turnover`` per session, one way, ``sharpe`` and ``sharpe_gross``.
    own : float
        The strategy's own smoothing, drawn as a larger point.
    """
    figure = blank_figure(height=HEIGHT, y_format=".2f")
    turnover = table["turnover"].to_numpy(dtype="float32")
    size = np.where(table.index.to_numpy(dtype=float) == own, 15, 8).tolist()
    labels = [f"α {smoothing:g}" for smoothing in table.index]
    for column, name, colour in (
        ("sharpe_gross", "gross", BOOK_COLOURS[2]),
        ("sharpe", "net", BOOK_COLOURS[0]),
    ):
        figure.add_trace(
            go.Scatter(
                x=turnover,
                y=table[column].to_numpy(dtype="float32"),
                text=labels,
                mode="lines+markers",
                name=name,
                marker={"size": size, "color": colour},
                line={"color": colour, "width": 2.0},
                hovertemplate="%{text}: %{y:.2f}",
            )
        )
    figure.update_layout(hovermode="closest", showlegend=True)
    title = {"text": "turnover per session, one way", "font": {"size": 14}}
    return figure.update_xaxes(tickformat=".0%", nticks=6, tickangle=0, title=title)


def stress_figure(stress: pd.DataFrame) -> go.Figure:
    """Draw the net Sharpe ratio of every stress, one standard error, a colour for each pair of legs.

    Parameters
    ----------
    stress : DataFrame, index ``legs`` and ``stress``
        ``sharpe`` and ``standard_error``; NaN is left out.
    """
    legs = list(stress.index.get_level_values("legs").unique())
    rows = list(stress.index.get_level_values("stress").unique())
    figure = blank_figure(height=110 + 46 * len(rows))
    shift = np.linspace(-0.22, 0.22, len(legs))
    for place, (name, colour) in enumerate(colours(legs).items()):
        part = stress.xs(name, level="legs").reindex(rows)
        error = {"array": part["standard_error"].to_numpy(dtype="float32"), "color": colour, "thickness": 1.4}
        figure.add_trace(
            go.Scatter(
                x=part["sharpe"].to_numpy(dtype="float32"),
                y=np.arange(len(rows)) + shift[place],
                error_x=error | {"width": 3},
                mode="markers",
                name=plain(name),
                text=[plain(str(row)) for row in rows],
                marker={"color": colour, "size": 10},
                hovertemplate="%{text}: %{x:.2f}",
            )
        )
    figure.add_vline(x=0, line={"color": MARKET_COLOUR, "width": 1.2})
    figure.update_layout(hovermode="closest", showlegend=True)
    figure.update_xaxes(showgrid=True, tickformat=".1f", nticks=5, tickangle=0)
    names = {"tickvals": list(range(len(rows))), "ticktext": [plain(str(row)) for row in rows]}
    return figure.update_yaxes(range=[len(rows) - 0.5, -0.5], showgrid=False, zeroline=False, **names)


def sectors_figure(sectors: pd.DataFrame) -> go.Figure:
    """Draw mean long and short weight of each sector as bars that face each other; columns ``long``, ``short``."""
    figure = blank_figure(height=110 + 32 * len(sectors))
    names = [plain(str(name)) for name in sectors.index]
    for side, colour in (("long", BOOK_COLOURS[0]), ("short", BOOK_COLOURS[1])):
        values = sectors[side].to_numpy(dtype="float32")
        figure.add_trace(go.Bar(x=values, y=names, orientation="h", name=side, marker={"color": colour}))
    figure.update_layout(barmode="relative", showlegend=True, hovermode="closest", bargap=0.3)
    figure.update_xaxes(showgrid=True, tickformat=".0%", nticks=5, tickangle=0)
    return figure.update_yaxes(type="category", autorange="reversed", showgrid=False)


def factors_figure(table: pd.DataFrame) -> go.Figure:
    """Draw betas to factors with their 95 % bounds; columns ``estimate``, ``low``, ``high``, without alpha."""
    return dots_figure(table.drop(index="alpha")[["estimate", "low", "high"]], x_format=".2f")
