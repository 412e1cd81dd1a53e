"""Agreement: two tables of expected returns compared name by name, and the books that are decided on them."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from signals.score_metrics import information_coefficient

__all__ = ["ERROR", "Agreement", "BookChange", "agreement", "book_change"]

ERROR = 1e-4  # standard deviations of a session's scores
MIN_WEIGHT = 1e-6  # fractions of equity: a smaller change moves no position


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far expected returns are from ours.

    Parameters
    ----------
    sessions, names, compared : int
        Shape, and cells that have an expected return in both.
    missing_elsewhere : int
        Cells that are missing in one and not in the other.
    max_error, max_error_scores : float
        Largest absolute difference, as a simple return and in standard deviations of a session's scores.
    beyond : int
        Cells whose difference is above ``ERROR`` standard deviations.
    rank_mean, rank_min : float
        Spearman correlation within a session, over those of five names or more; NaN where there is none.
    """

    sessions: int
    names: int
    compared: int
    missing_elsewhere: int
    max_error: float
    max_error_scores: float
    beyond: int
    rank_mean: float
    rank_min: float

    def as_json(self) -> dict[str, Any]:
        """Plain numbers; NaN is None."""
        return {key: None if math.isnan(value) else value for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class BookChange:
    """What other expected returns change in the decided book.

    Parameters
    ----------
    sessions, changed_sessions : int
        Decided, and those with a changed position.
    positions, changed_positions : int
        Held in either book, and those whose target weight moves by more than a millionth of equity.
    largest : float
        Largest change of a target weight, a fraction of equity.
    distance : float
        Mean over sessions of half the summed absolute change, a fraction of equity.
    """

    sessions: int
    changed_sessions: int
    positions: int
    changed_positions: int
    largest: float
    distance: float

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return asdict(self)


def agreement(found: pd.DataFrame, ours: pd.DataFrame, *, slope: float) -> Agreement:
    """Compare expected returns with ours.

    Parameters
    ----------
    found, ours : DataFrame of float, shape (n_sessions, n_tickers)
        The same axes; NaN where there is none.
    slope : float
        Of the calibration: the expected return of one standard deviation of a session's scores.
    """
    a, b = found.to_numpy(dtype=np.float64), ours.to_numpy(dtype=np.float64)
    both = np.isfinite(a) & np.isfinite(b)
    errors = np.abs(a[both] - b[both])
    largest = float(errors.max(initial=0.0))
    ranks = information_coefficient(found, ours).dropna() if a.size else pd.Series(dtype=float)
    return Agreement(
        sessions=a.shape[0],
        names=a.shape[1],
        compared=int(both.sum()),
        missing_elsewhere=int((np.isfinite(a) != np.isfinite(b)).sum()),
        max_error=largest,
        max_error_scores=largest / slope,
        beyond=int((errors > ERROR * slope).sum()),
        rank_mean=float(ranks.mean()) if len(ranks) else math.nan,
        rank_min=float(ranks.min()) if len(ranks) else math.nan,
    )


def book_change(found: pd.DataFrame, ours: pd.DataFrame) -> BookChange:
    """Compare target weights with ours, session × ticker; a session that decides nothing holds what it held."""
    a, b = (each.ffill().fillna(0.0).to_numpy(dtype=np.float64) for each in (found, ours))
    moved = np.abs(a - b)
    changed = moved > MIN_WEIGHT
    return BookChange(
        sessions=len(a),
        changed_sessions=int(changed.any(axis=1).sum()),
        positions=int(((a != 0.0) | (b != 0.0)).sum()),
        changed_positions=int(changed.sum()),
        largest=float(moved.max(initial=0.0)),
        distance=float(moved.sum(axis=1).mean() / 2.0) if len(a) else 0.0,
    )
