"""Picture of the correlation clusters of the holdings."""

import plotly.graph_objects as go

from backtests.breakdown.held_clusters import Clusters
from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure, plain

__all__ = ["clusters_figure"]

SCALE = ((0.0, BOOK_COLOURS[1]), (0.5, "#f4f4f2"), (1.0, BOOK_COLOURS[0]))
MAX_LABELS = 25


def clusters_figure(clusters: Clusters) -> go.Figure:
    """Draw correlations as a heat map in the order of their tree, the tree above it."""
    names = [plain(f"{name} ({weight:+.1%})") for name, weight in clusters.weights.items()]
    places = list(range(len(names)))
    figure = blank_figure(height=520)
    figure.add_trace(
        go.Heatmap(
            z=clusters.correlation.to_numpy(dtype="float32"),
            x=places,
            y=places,
            text=[[f"{across} and {down}" for across in names] for down in names],
            hovertemplate="%{text}: %{z:.2f}<extra></extra>",
            colorscale=SCALE,
            zmin=-1,
            zmax=1,
            colorbar={"thickness": 10, "tickformat": ".1f"},
        )
    )
    for across, heights in clusters.tree:
        style = {"color": MARKET_COLOUR, "width": 1.2}
        figure.add_trace(go.Scatter(x=across, y=heights, yaxis="y2", mode="lines", line=style, hoverinfo="skip"))
    shown = len(names) <= MAX_LABELS
    figure.update_layout(showlegend=False, hovermode="closest")
    figure.update_xaxes(visible=False)
    figure.update_layout(
        yaxis={"domain": [0, 0.78], "autorange": "reversed", "showgrid": False, "tickmode": "array"},
        yaxis2={"domain": [0.8, 1], "visible": False, "rangemode": "tozero", "fixedrange": True},
    )
    return figure.update_layout(yaxis={"tickvals": places if shown else [], "ticktext": names if shown else []})
