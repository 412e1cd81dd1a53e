"""Picture of a walk-forward: the rank IC of each retraining on the sessions after it."""

import pandas as pd
import plotly.graph_objects as go

from backtests.report.figures.dots_figures import dots_figure

__all__ = ["folds_figure"]


def folds_figure(estimates: pd.DataFrame) -> go.Figure:
    """Draw the mean rank IC of each fold's test span; columns ``estimate``, ``low``, ``high``."""
    return dots_figure(estimates, x_format="+.3f")
