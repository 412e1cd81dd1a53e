"""Contamination: which targets the training of a pretrained forecaster may have seen.

A forecast at the close of *t* is of the return that runs from *t* on. Where the training of a model ends on day *u*, it
may have learned every price up to *u* by heart: a return is out of its sample where all of it lies after *u*, which is
so from the origin *u* on. Of an origin before *u* the model may know the first sessions of the return, though its end
lie after *u*: it counts as seen. What a model reads at its origin is never contaminated, however old.
"""

import datetime as dt

import numpy as np
import pandas as pd

from models.forecasters.forecaster import FittedForecaster

__all__ = ["is_pretrained", "seen_until", "unseen_returns"]


def seen_until(fitted: FittedForecaster) -> dt.date:
    """The last day that the training of a forecaster elsewhere may have seen.

    The first day of the calendar where it was trained here alone, the last where nobody says.
    """
    return getattr(fitted, "trained_until", dt.date.min) or dt.date.max


def is_pretrained(fitted: FittedForecaster) -> bool:
    """Whether it was trained elsewhere."""
    return seen_until(fitted) > dt.date.min


def unseen_returns(fitted: FittedForecaster, origins: pd.DatetimeIndex, *, synthetic: bool) -> np.ndarray:
    """Whether the returns from each origin on are out of sample, a bool an origin, whatever their horizon.

    Parameters
    ----------
    fitted : FittedForecaster
        What forecast.
    origins : DatetimeIndex
        Sessions at whose close it did.
    synthetic : bool
        Whether the bars are made up: nobody was trained on those.
    """
    until = dt.date.min if synthetic else seen_until(fitted)
    return np.array([origin.date() >= until for origin in origins], dtype=bool)
