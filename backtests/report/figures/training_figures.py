"""Pictures of the fit: losses, validation rank IC and accuracies by epoch, the epoch kept marked."""

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure

__all__ = ["accuracy_figure", "learning_figure", "loss_figure"]

TICKS = 8  # at most, so that they fit on a phone


def loss_figure(train: pd.Series, validation: pd.Series, best_epoch: int) -> go.Figure:
    """Draw training and validation loss by epoch; index the epoch."""
    return _both_spans(train, validation, best_epoch, y_format=".3f")


def accuracy_figure(train: pd.Series, validation: pd.Series, best_epoch: int) -> go.Figure:
    """Draw training and validation accuracy by epoch, with chance at one half; index the epoch."""
    figure = _both_spans(train, validation, best_epoch, y_format=".1%")
    return figure.add_hline(y=0.5, line={"color": MARKET_COLOUR, "width": 1})


def learning_figure(rank_ic: pd.Series, best_epoch: int) -> go.Figure:
    """Draw the validation rank IC by epoch; index the epoch."""
    figure = blank_figure(height=280, y_format=".3f")
    figure.add_trace(_epochs(rank_ic, name="validation rank IC", colour=BOOK_COLOURS[2]))
    return _by_epoch(figure, best_epoch, len(rank_ic))


def _both_spans(train: pd.Series, validation: pd.Series, best_epoch: int, *, y_format: str) -> go.Figure:
    figure = blank_figure(height=280, y_format=y_format)
    for series, name, colour in ((train, "train", BOOK_COLOURS[0]), (validation, "validation", BOOK_COLOURS[1])):
        figure.add_trace(_epochs(series, name=name, colour=colour))
    return _by_epoch(figure, best_epoch, len(train))


def _epochs(series: pd.Series, *, name: str, colour: str) -> go.Scatter:
    epochs, values = np.asarray(series.index, dtype="int32"), series.to_numpy(dtype="float32")
    style = {"color": colour, "width": 2}
    return go.Scatter(x=epochs, y=values, name=name, mode="lines+markers", line=style, marker={"size": 5})


def _by_epoch(figure: go.Figure, best_epoch: int, n_epochs: int) -> go.Figure:
    figure.add_vline(x=best_epoch, line={"color": MARKET_COLOUR, "width": 1.4, "dash": "dash"})
    whole = {"tick0": 0, "dtick": max(1, math.ceil(n_epochs / TICKS)), "tickformat": "d"}  # no half epochs
    return figure.update_xaxes(rangemode="tozero", **whole).update_layout(showlegend=True)
