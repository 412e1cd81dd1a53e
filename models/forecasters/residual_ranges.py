"""Residual ranges: quantiles around a point forecast, from its own errors on validation rows.

Errors are divided by the volatility that the series showed at the origin, so that a quiet week's range is narrow. The
quantiles of those ratios are conformal: a new one lies below the quantile at level τ about as often as τ says, where
the errors of the span that is judged come like those of validation.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from models.forecasters.forecaster import SeriesHistory
from models.forecasters.forecasts import LEVELS, Forecasts, quantiles_of_samples

__all__ = ["ResidualRanges", "error_ratios", "fit_residual_ranges", "trailing_volatility"]

VOLATILITY_SESSIONS = 60
MIN_RETURNS = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResidualRanges:
    """Quantiles of the errors in volatilities, by horizon.

    Parameters
    ----------
    horizons : tuple of int
        Sessions ahead.
    ratios : ndarray of float, shape (H, len(LEVELS))
        Quantiles of residual ÷ (volatility × √h); NaN where validation holds too few to tell.
    """

    horizons: tuple[int, ...]
    ratios: np.ndarray

    def around(self, forecasts: Forecasts, history: SeriesHistory) -> Forecasts:
        """The same expectation with these ranges around it."""
        if forecasts.horizons != self.horizons:
            raise ValueError(f"ranges are of horizons {self.horizons}, forecasts of {forecasts.horizons}")
        spread = _spread(history, forecasts)
        return replace(forecasts, quantiles=forecasts.mean[..., None] + spread[..., None] * self.ratios)


def fit_residual_ranges(forecasts: Forecasts, history: SeriesHistory) -> ResidualRanges:
    """Fit ranges on forecasts of validation rows, all series together.

    Parameters
    ----------
    forecasts : Forecasts
        Of origins whose outcomes are known before the span that is judged begins.
    history : SeriesHistory
        With those outcomes.
    """
    rows = history.sessions.get_indexer(forecasts.sessions)
    ratios = error_ratios(history.outcomes()[rows] - forecasts.mean, _spread(history, forecasts))
    return ResidualRanges(horizons=forecasts.horizons, ratios=ratios)


def error_ratios(errors: np.ndarray, spreads: np.ndarray) -> np.ndarray:
    """Quantiles at ``LEVELS`` of errors ÷ spreads by horizon, all series and origins together.

    Parameters
    ----------
    errors, spreads : ndarray of float, shape (n, N, H)
        What came less what was expected, and what it is measured in; NaN is left out.

    Returns
    -------
    ndarray of float, shape (H, len(LEVELS))
        NaN where the errors are too few to tell.

    Examples
    --------
    >>> import numpy as np
    >>> from models.forecasters.forecasts import LEVELS
    >>> from models.forecasters.residual_ranges import error_ratios
    >>> errors = np.array([-0.02, 0.0, 0.04]).reshape(3, 1, 1)
    >>> float(error_ratios(errors, np.full((3, 1, 1), 0.02))[0, LEVELS.index(0.75)])
    2.0
    """
    return quantiles_of_samples((errors / spreads).reshape(-1, errors.shape[-1]).T, LEVELS)


def trailing_volatility(history: SeriesHistory) -> np.ndarray:
    """Sd of each series' last 60 one-session returns, known at the close, shape (T, N); NaN with fewer than 20."""
    returns = pd.DataFrame(history.log_closes()).diff()
    spread = returns.rolling(VOLATILITY_SESSIONS, min_periods=MIN_RETURNS).std()
    return np.asarray(spread.where(spread > 0.0), dtype="float64")


def _spread(history: SeriesHistory, forecasts: Forecasts) -> np.ndarray:
    rows = history.sessions.get_indexer(forecasts.sessions)
    ahead = np.sqrt(np.asarray(forecasts.horizons, dtype="float64"))
    return np.asarray(trailing_volatility(history)[rows][..., None] * ahead)
