"""Pictures of forecasts: the fan of ranges ahead, what was said against what came, and skill by horizon."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure, plain

__all__ = ["fan_figure", "residuals_figure", "said_figure", "skill_figure"]

SHADES = (0.16, 0.30)  # of the 90 % and of the one-sigma range
BINS = 60
DOTS = 2000  # more are thinned: a cloud looks the same


def fan_figure(past: pd.Series, ahead: pd.DataFrame) -> go.Figure:
    """Draw the closes of one series and the ranges of the sessions to come.

    Parameters
    ----------
    past : Series
        Closes by session, the newest last.
    ahead : DataFrame, columns ``low90``, ``low68``, ``middle``, ``high68`` and ``high90``
        Prices, index sessions ahead from 1.
    """
    figure = blank_figure(height=380)
    behind = np.arange(1 - len(past), 1)
    last = float(past.iloc[-1])
    steps = [0, *ahead.index]
    for (low, high), shade in zip((("low90", "high90"), ("low68", "high68")), SHADES, strict=True):
        edge = [last, *ahead[high], *ahead[low][::-1], last]
        fill = {"fill": "toself", "fillcolor": f"rgba(31, 119, 180, {shade})", "line": {"width": 0}}
        name = "90 % range" if low == "low90" else "68 % range"
        figure.add_trace(
            go.Scatter(x=[*steps, *steps[::-1]], y=edge, mode="lines", name=name, hoverinfo="skip", **fill)
        )
    line = {"color": BOOK_COLOURS[0], "width": 2}
    figure.add_trace(go.Scatter(x=steps, y=[last, *ahead["middle"]], mode="lines", name="expected", line=line))
    flat = {"color": MARKET_COLOUR, "width": 1.4, "dash": "dot"}
    figure.add_trace(go.Scatter(x=[0, steps[-1]], y=[last, last], mode="lines", name="persistence", line=flat))
    close = {"color": MARKET_COLOUR, "width": 1.4}
    figure.add_trace(go.Scatter(x=behind, y=past.to_numpy(dtype="float32"), mode="lines", name="close", line=close))
    figure.update_layout(showlegend=True, hovermode="closest")
    return figure.update_xaxes(title={"text": "sessions from the last close", "font": {"size": 14}})


def said_figure(said: np.ndarray, came: np.ndarray) -> go.Figure:
    """Draw returns that came against those that were said, with the line of equality; persistence says 0."""
    figure = blank_figure(height=380, y_format=".1%")
    known = np.flatnonzero(np.isfinite(said) & np.isfinite(came))
    shown = known[:: max(1, len(known) // DOTS)]
    x, y = said.ravel()[shown].astype("float32"), came.ravel()[shown].astype("float32")
    style = {"color": BOOK_COLOURS[0], "size": 4, "opacity": 0.5}
    figure.add_trace(go.Scatter(x=x, y=y, mode="markers", marker=style, name="a forecast"))
    reach = float(np.abs(x).max()) if len(x) else 0.01
    equal = {"color": MARKET_COLOUR, "width": 1.4, "dash": "dash"}
    figure.add_trace(go.Scatter(x=[-reach, reach], y=[-reach, reach], mode="lines", name="as said", line=equal))
    figure.add_vline(x=0, line={"color": MARKET_COLOUR, "width": 1.2, "dash": "dot"}, annotation_text="persistence")
    figure.update_layout(showlegend=True, hovermode="closest")
    figure.update_yaxes(title={"text": "return that came", "font": {"size": 14}})
    return figure.update_xaxes(tickformat=".1%", showgrid=True, title={"text": "return said", "font": {"size": 14}})


def skill_figure(skills: Mapping[str, pd.DataFrame]) -> go.Figure:
    """Draw skill over persistence by horizon, a line a forecaster with its 95 % range.

    Parameters
    ----------
    skills : mapping of str to DataFrame, columns ``estimate``, ``low`` and ``high``
        Index sessions ahead.
    """
    figure = blank_figure(height=380, y_format=".1%")
    for place, (name, skill) in enumerate(skills.items()):
        colour = BOOK_COLOURS[place % len(BOOK_COLOURS)]
        middle, low, high = skill[["estimate", "low", "high"]].to_numpy(dtype="float32").T
        error = {"array": high - middle, "arrayminus": middle - low, "symmetric": False, "thickness": 1, "width": 3}
        style = {"color": colour, "size": 7}
        figure.add_trace(
            go.Scatter(x=skill.index, y=middle, error_y=error, mode="lines+markers", name=plain(name), marker=style)
        )
    figure.add_hline(y=0, line={"color": MARKET_COLOUR, "width": 1.2})
    figure.update_layout(showlegend=True, hovermode="closest")
    reach = _reach(skills)
    figure.update_yaxes(range=[-reach, reach])
    return figure.update_xaxes(title={"text": "sessions ahead", "font": {"size": 14}}, dtick=1)


def residuals_figure(residuals: Mapping[str, np.ndarray]) -> go.Figure:
    """Draw how often residuals of each size came, a line a forecaster.

    Parameters
    ----------
    residuals : mapping of str to ndarray of float
        Outcome − forecast, NaN where there is none.
    """
    figure = blank_figure(height=380, y_format=".1%")
    known = {name: values[np.isfinite(values)] for name, values in residuals.items()}
    reach = max((float(np.quantile(np.abs(each), 0.99)) for each in known.values() if len(each)), default=0.01)
    edges = np.linspace(-reach, reach, BINS + 1)
    middles = ((edges[1:] + edges[:-1]) / 2.0).astype("float32")
    for place, (name, values) in enumerate(known.items()):
        shares = np.histogram(values, edges)[0] / max(len(values), 1)
        line = {"color": BOOK_COLOURS[place % len(BOOK_COLOURS)], "width": 2, "shape": "hvh"}
        line |= {"dash": "dot"} if place else {}
        shown = shares.astype("float32")
        figure.add_trace(go.Scatter(x=middles, y=shown, mode="lines", name=plain(name), line=line))
    figure.update_layout(showlegend=True, hovermode="x unified")
    figure.update_yaxes(title={"text": "share of forecasts", "font": {"size": 14}})
    return figure.update_xaxes(tickformat=".1%", title={"text": "outcome − forecast", "font": {"size": 14}})


def _reach(skills: Mapping[str, pd.DataFrame]) -> float:
    """Half the height of the picture: what all but the worst reach, so that one bad forecaster hides no other."""
    ends = sorted(float(np.nanmax(np.abs(each[["low", "high"]].to_numpy()), initial=0.0)) for each in skills.values())
    return 1.1 * max(ends[max(len(ends) - 2, 0)] if ends else 0.0, 0.005)
