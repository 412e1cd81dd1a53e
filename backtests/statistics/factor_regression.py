"""Factor regression: alpha and betas of a book's returns on given factors, with HAC errors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.conventions import SESSIONS_PER_YEAR
from core.intervals import hac_interval, hac_lags_by_rule
from core.rounding_error import is_rounding, never_moves

__all__ = ["RISK_FREE", "FactorFit", "factor_fit"]

RISK_FREE = "rf"
MIN_COMMON_SESSIONS = 60


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FactorFit:
    """Least squares of excess returns on factor returns, with errors that allow for autocorrelation.

    Parameters
    ----------
    table : DataFrame, index ``alpha`` and the factors
        ``estimate`` (annualised alpha, sessions per year × intercept; betas), ``standard_error``, ``t``, and 95 %
        bounds ``low`` and ``high``.
    r_squared : float
        Share of the variance explained.
    sessions : int
        Sessions that the book and every factor have.
    first, last : Timestamp
        Of these.
    lags : int
        Autocovariances counted in the errors.
    """

    table: pd.DataFrame
    r_squared: float
    sessions: int
    first: pd.Timestamp
    last: pd.Timestamp
    lags: int

    def as_dict(self) -> dict[str, Any]:
        """Numbers by name, for ``metrics.json``."""
        span = {"first": f"{self.first:%Y-%m-%d}", "last": f"{self.last:%Y-%m-%d}", "sessions": self.sessions}
        return {"factors": self.table.to_dict(orient="index"), "r_squared": self.r_squared, "lags": self.lags, **span}


def factor_fit(
    returns: pd.Series, factors: pd.DataFrame, *, sessions_per_year: float = SESSIONS_PER_YEAR
) -> FactorFit | None:
    """Regress a book's returns on factor returns.

    Parameters
    ----------
    returns : Series of float
        Simple net return of each session.
    factors : DataFrame of float, shape (n_sessions, n_factors)
        Simple returns of each session. A column ``rf`` is the risk-free return and is taken off ``returns``.
    sessions_per_year : float
        By which alpha is annual.

    Returns
    -------
    FactorFit or None
        None with fewer than 60 common sessions, without a factor, or for some that are a combination of others.

    References
    ----------
    Newey, W. K. and West, K. D., "A simple, positive semi-definite, heteroskedasticity and autocorrelation consistent
    covariance matrix", Econometrica, 1987; Fama, E. F. and French, K. R., "Common risk factors in the returns on stocks
    and bonds", Journal of Financial Economics, 1993.
    """
    both = pd.concat([returns.rename("book"), factors], axis=1, join="inner").dropna()
    names = [name for name in factors.columns if name != RISK_FREE]
    x = np.column_stack([np.ones(len(both)), both[names].to_numpy(dtype=float)])  # (T, k)
    if not names or len(both) < MIN_COMMON_SESSIONS or np.linalg.matrix_rank(x) < x.shape[1]:
        return None
    y = (both["book"] - both.get(RISK_FREE, 0.0)).to_numpy(dtype=float)
    estimate, *_ = np.linalg.lstsq(x, y, rcond=None)
    residual = y - x @ estimate
    lags = hac_lags_by_rule(len(y))
    error = np.sqrt(np.diag(_covariance(x, residual, lags)))
    told = not is_rounding(residual.std(), np.abs(y).max())  # an exact fit has no error but rounding
    scale = np.array([sessions_per_year, *[1.0] * len(names)])
    table = pd.DataFrame(
        {"estimate": estimate * scale, "standard_error": error * scale, "t": np.where(told, estimate / error, np.nan)},
        index=pd.Index(["alpha", *names], name="factor"),
    )
    bounds = [
        hac_interval(mean, spread, lags=lags, n_sessions=len(y))
        for mean, spread in zip(table["estimate"], table["standard_error"], strict=True)
    ]
    table["low"], table["high"] = ([getattr(each, side) for each in bounds] for side in ("low", "high"))
    return FactorFit(
        table=table,
        r_squared=float(1.0 - residual.var() / y.var()) if not never_moves(y) else np.nan,
        sessions=len(y),
        first=both.index[0],
        last=both.index[-1],
        lags=lags,
    )


def _covariance(x: np.ndarray, residual: np.ndarray, lags: int) -> np.ndarray:
    """Covariance of the estimates: (X'X)⁻¹ S (X'X)⁻¹, S with Bartlett weights, times n ÷ (n − k)."""
    moments = x * residual[:, None]
    total = moments.T @ moments
    for lag in range(1, lags + 1):
        cross = moments[lag:].T @ moments[:-lag]
        total += (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    bread = np.linalg.inv(x.T @ x)
    n, k = x.shape
    return np.asarray(bread @ total @ bread * n / (n - k))
