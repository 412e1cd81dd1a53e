"""Pictures of tuning: skill where it was selected against skill where it was not."""

import pandas as pd
import plotly.graph_objects as go

from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure, plain

__all__ = ["curse_figure"]

NAMED = 30  # symbols beyond which dots have no names beside them


def curse_figure(skills: pd.DataFrame) -> go.Figure:
    """Draw skill on test against skill on validation, a dot a symbol, with the line on which nothing was luck.

    Parameters
    ----------
    skills : DataFrame of float, columns ``validation`` and ``test``
        Index the symbols; without NaN.
    """
    figure = blank_figure(height=420, y_format="+.1%")
    values = skills[["validation", "test"]].to_numpy(dtype="float32")
    names = [plain(str(name)) for name in skills.index]
    low, high = float(min(values.min(), 0.0)), float(max(values.max(), 0.0))
    equal = {"color": MARKET_COLOUR, "width": 1.4, "dash": "dash"}
    figure.add_trace(go.Scatter(x=[low, high], y=[low, high], mode="lines", name="no luck", line=equal))
    figure.add_trace(
        go.Scatter(
            x=values[:, 0],
            y=values[:, 1],
            mode="markers+text" if len(names) <= NAMED else "markers",
            text=names,
            textposition="top center",
            textfont={"size": 10},
            marker={"color": BOOK_COLOURS[0], "size": 9, "opacity": 0.8},
            name="a symbol",
            hovertemplate="%{text}: %{x:+.2%} on validation, %{y:+.2%} on test<extra></extra>",
        )
    )
    figure.add_hline(y=0, line={"color": MARKET_COLOUR, "width": 1})
    figure.add_vline(x=0, line={"color": MARKET_COLOUR, "width": 1})
    figure.update_layout(showlegend=True, hovermode="closest")
    figure.update_yaxes(title={"text": "skill on test", "font": {"size": 14}})
    return figure.update_xaxes(
        tickformat="+.1%", showgrid=True, title={"text": "skill on validation, which selected", "font": {"size": 14}}
    )
