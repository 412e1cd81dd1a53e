"""Pictures of books: wealth, drawdown, exposures, names per side, turnover, costs and regimes."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from backtests.report.figures.histogram_figures import marked_histogram_figure
from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure, colours, line, plain

__all__ = [
    "drawdown_distribution_figure",
    "drawdown_figure",
    "exposure_figure",
    "glance_figure",
    "largest_weight_figure",
    "names_figure",
    "paid_costs_figure",
    "regime_figure",
    "turnover_figure",
    "wealth_figure",
]

MONTH = 21
LOG_ABOVE = 3.0
REGIME_SPREAD = 0.6  # of a row, taken up by the books side by side
LONG, SHORT, NET, GROSS = BOOK_COLOURS[2], BOOK_COLOURS[1], BOOK_COLOURS[0], MARKET_COLOUR
EXPOSURES = {"long": LONG, "short": SHORT, "net": NET, "gross": GROSS}


def wealth_figure(net: pd.DataFrame, gross: pd.DataFrame, market: pd.DataFrame) -> go.Figure:
    """Draw the growth of 1: each book net (solid line) and gross (dotted), each market in grey.

    Parameters
    ----------
    net, gross : DataFrame of float, shape (n_sessions, n_books)
        Simple returns per session after and before costs; NaN counts as not invested yet.
    market : DataFrame of float, shape (n_sessions, n_markets)
        Simple returns of what the books are held against.
    """
    paths = {kind: (1.0 + returns).cumprod() for kind, returns in (("net", net), ("gross", gross), ("", market))}
    figure = blank_figure(height=400, y_format=".2f", log=_spread(paths.values()) > LOG_ABOVE)
    for place, name in enumerate(market.columns):
        style = {"color": MARKET_COLOUR, "width": 1.6, "dash": ("solid", "dash")[place % 2]}
        figure.add_trace(line(paths[""][name], name=plain(str(name)), line=style))
    for name, colour in colours(net.columns).items():
        dotted = {"color": colour, "width": 1.2, "dash": "dot"}
        figure.add_trace(line(paths["gross"][name], name=f"{plain(name)}, gross", line=dotted))
        figure.add_trace(line(paths["net"][name], name=f"{plain(name)}, net", line={"color": colour, "width": 2.2}))
    return figure


def glance_figure(net: pd.DataFrame, gross: pd.DataFrame, market: pd.DataFrame, underwater: pd.DataFrame) -> go.Figure:
    """Draw ``wealth_figure`` with the drawdown of each net book under it, fractions, 0 or negative."""
    figure = wealth_figure(net, gross, market)
    for name, colour in colours(underwater.columns).items():
        style = {"color": colour, "width": 1.2}
        fill = {"fill": "tozeroy", "fillcolor": _faint(colour), "showlegend": False}
        figure.add_trace(line(underwater[name], name=f"{plain(name)}, drawdown", line=style, yaxis="y2", **fill))
    below = figure.layout.yaxis.to_plotly_json() | {"type": "linear", "tickformat": ".0%", "hoverformat": ".1%"}
    below = {key: value for key, value in below.items() if key != "dtick"}
    figure.update_layout(yaxis={"domain": [0.32, 1.0]}, yaxis2=below | {"domain": [0.0, 0.26]}, height=410)
    return figure.update_xaxes(anchor="y2")


def drawdown_figure(drawdowns: pd.DataFrame) -> go.Figure:
    """Draw the drawdown of each book; fractions, 0 or negative, a column per book."""
    figure = blank_figure(height=260, y_format=".0%")
    for name, colour in colours(drawdowns.columns).items():
        style = {"color": colour, "width": 1.4}
        fill = {"fill": "tozeroy", "fillcolor": _faint(colour)}
        figure.add_trace(line(drawdowns[name], name=plain(name), line=style, **fill))
    return figure


def drawdown_distribution_figure(depths: np.ndarray, observed: float) -> go.Figure:
    """Draw the distribution of resampled maximum drawdowns, and the observed one as a line; fractions."""
    names, title = ("resampled paths", "observed"), "maximum drawdown"
    return marked_histogram_figure(depths, observed, names=names, title=title, x_format=".0%")


def exposure_figure(exposures: pd.DataFrame) -> go.Figure:
    """Draw long, short, net and gross exposure of one book as fractions of equity; columns of those names."""
    figure = blank_figure(height=280, y_format=".0%")
    for name in exposures.columns:
        style = {"color": EXPOSURES.get(str(name), MARKET_COLOUR), "width": 1.6}
        figure.add_trace(line(exposures[name], name=plain(str(name)), line=style))
    return figure


def names_figure(names: pd.DataFrame) -> go.Figure:
    """Draw the number of names that one book holds per side; columns ``long`` and ``short``."""
    figure = blank_figure(height=280, y_format="d")
    for name in names.columns:
        dash = "dot" if name == "short" else "solid"  # both sides stay visible where they agree
        style = {"color": EXPOSURES.get(str(name), MARKET_COLOUR), "width": 1.8, "shape": "hv", "dash": dash}
        figure.add_trace(line(names[name], name=plain(str(name)), line=style))
    return figure.update_yaxes(rangemode="tozero")


def largest_weight_figure(largest: pd.DataFrame) -> go.Figure:
    """Draw the largest absolute weight of each book as a fraction of equity, a column per book."""
    figure = blank_figure(height=260, y_format=".1%")
    for name, colour in colours(largest.columns).items():
        figure.add_trace(line(largest[name], name=plain(name), line={"color": colour, "width": 1.6}))
    return figure.update_yaxes(rangemode="tozero")


def turnover_figure(turnover: pd.DataFrame) -> go.Figure:
    """Draw the one-way turnover of each book, a mean over 21 sessions, as a fraction of equity per session."""
    figure = blank_figure(height=260, y_format=".1%")
    smooth = turnover.rolling(MONTH).mean()
    for name, colour in colours(turnover.columns).items():
        figure.add_trace(line(smooth[name], name=plain(name), line={"color": colour, "width": 1.6}))
    return figure.update_yaxes(rangemode="tozero")


def paid_costs_figure(costs: pd.DataFrame) -> go.Figure:
    """Draw the running sum of each book's trading costs, as a fraction of equity."""
    figure = blank_figure(height=260, y_format=".1%")
    paid = costs.cumsum()
    for name, colour in colours(costs.columns).items():
        figure.add_trace(line(paid[name], name=plain(name), line={"color": colour, "width": 1.6}))
    return figure.update_yaxes(rangemode="tozero")


def regime_figure(sharpe: pd.DataFrame, standard_error: pd.DataFrame) -> go.Figure:
    """Draw the Sharpe ratio of each book in each regime with one standard error.

    Parameters
    ----------
    sharpe, standard_error : DataFrame of float, shape (n_regimes, n_books)
        Annualised; index the regimes, the first on top. NaN (too few sessions) is left out.
    """
    figure = blank_figure(height=90 + 44 * len(sharpe))
    rows, n_books = np.arange(len(sharpe)), len(sharpe.columns)
    for place, (name, colour) in enumerate(colours(sharpe.columns).items()):
        beside = REGIME_SPREAD * (place - (n_books - 1) / 2.0) / n_books
        errors = {"array": standard_error[name].to_numpy(dtype="float32"), "thickness": 1.6, "width": 4}
        figure.add_trace(
            go.Scatter(
                x=sharpe[name].to_numpy(dtype="float32"),
                y=(rows + beside).astype("float32"),
                error_x=errors,
                mode="markers",
                marker={"color": colour, "size": 10},
                name=plain(name),
                hovertemplate="%{x:.2f}",
            )
        )
    figure.update_layout(hovermode="closest", showlegend=True)
    figure.update_xaxes(showgrid=True, tickformat=".1f", zeroline=True, zerolinewidth=2)
    regimes = [plain(str(regime)) for regime in sharpe.index]
    named = {"tickmode": "array", "tickvals": rows.tolist(), "ticktext": regimes}
    return figure.update_yaxes(range=[len(sharpe) - 0.5, -0.5], showgrid=False, zeroline=False, **named)


def _spread(paths: object) -> float:
    values = np.concatenate([path.to_numpy(dtype=float).ravel() for path in paths])  # type: ignore[attr-defined]
    known = values[np.isfinite(values)]
    return float(known.max() / known.min()) if known.size and known.min() > 0 else 1.0


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.12)"
