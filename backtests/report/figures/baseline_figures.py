"""Pictures of the baseline wall: how far the book stands from each rival, and where it stands among random ones."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from backtests.report.figures.dots_figures import dots_figure
from backtests.report.figures.histogram_figures import marked_histogram_figure

__all__ = ["gaps_figure", "random_figure", "sharpe_ranges_figure"]


def gaps_figure(gaps: pd.DataFrame) -> go.Figure:
    """Draw the book's annual Sharpe ratio less each rival's; columns ``estimate``, ``low``, ``high``."""
    return dots_figure(gaps, x_format=".1f")


def sharpe_ranges_figure(ranges: pd.DataFrame) -> go.Figure:
    """Draw annual Sharpe ratios by name with their bounds; columns ``estimate``, ``low``, ``high``."""
    return dots_figure(ranges, x_format=".1f")


def random_figure(sharpes: np.ndarray, ours: float) -> go.Figure:
    """Draw how many books on random ranks had which annual Sharpe ratio, and the judged one as a line."""
    names, title = ("random ranks", "this book"), "annual Sharpe ratio, net"
    return marked_histogram_figure(sharpes, ours, names=names, title=title, x_format=".1f")
