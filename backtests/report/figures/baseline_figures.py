"""Pictures of the baseline comparison: the book less each baseline, and its place among books on random ranks."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from backtests.report.figures.dots_figures import dots_figure
from backtests.report.figures.histogram_figures import marked_histogram_figure

__all__ = ["gaps_figure", "random_figure", "sharpe_ranges_figure"]


def gaps_figure(gaps: pd.DataFrame) -> go.Figure:
    """Draw the book's annualised Sharpe ratio less each baseline's; columns ``estimate``, ``low``, ``high``."""
    return dots_figure(gaps, x_format=".1f")


def sharpe_ranges_figure(ranges: pd.DataFrame) -> go.Figure:
    """Draw annualised Sharpe ratios by name with their bounds; columns ``estimate``, ``low``, ``high``."""
    return dots_figure(ranges, x_format=".1f")


def random_figure(sharpes: np.ndarray, ours: float) -> go.Figure:
    """Draw the distribution of annualised Sharpe ratios of books on random ranks, and the evaluated book as a line."""
    names, title = ("random ranks", "this book"), "annual Sharpe ratio, net"
    return marked_histogram_figure(sharpes, ours, names=names, title=title, x_format=".1f")
