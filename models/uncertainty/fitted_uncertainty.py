"""Fitted uncertainty: what the validation span says a spread must be multiplied by, as a checkpoint keeps it."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from core.errors import DataError
from models.uncertainty.conformal import MIN_RESIDUALS, NINETY, ONE_SIGMA, QUANTILE_LEVELS, conformal_quantile

__all__ = ["FittedUncertainty", "fit_uncertainty"]

METHODS = ("constant", "session", "head", "dropout")


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedUncertainty:
    """What a spread comes to on validation; residual: forward return less the expected one.

    Parameters
    ----------
    method : {"constant", "session", "head", "dropout"}
        What gives the spread.
    one_sigma, ninety : float
        Spreads on either side of the expected return that hold 68.27 and 90 % of validation residuals.
    quantiles : tuple of float
        Residual ÷ spread at ``QUANTILE_LEVELS``: with the expected return, the predictive distribution.
    constant_quantiles : tuple of float
        The residual itself at those levels, a simple return: the distribution of one spread for all, to compare with.
    n_residuals, n_sessions : int
        Names and sessions behind them, and sessions; the first are far from independent.
    """

    method: str
    one_sigma: float
    ninety: float
    quantiles: tuple[float, ...]
    constant_quantiles: tuple[float, ...]
    n_residuals: int
    n_sessions: int

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, was {self.method!r}")
        for name in ("quantiles", "constant_quantiles"):
            found = getattr(self, name)
            if len(found) != len(QUANTILE_LEVELS) or any(a > b for a, b in itertools.pairwise(found)):
                raise ValueError(f"{name} must be {len(QUANTILE_LEVELS)} numbers in order: fit them again")
        if not all(map(math.isfinite, (self.one_sigma, self.ninety, *self.quantiles, *self.constant_quantiles))):
            raise ValueError("ranges must be finite: fit them again on validation")
        if not all(isinstance(count, int) and count > 0 for count in (self.n_residuals, self.n_sessions)):
            raise ValueError("counts of residuals and sessions must be whole numbers above 0")
        if not 0.0 <= self.one_sigma <= self.ninety:
            raise ValueError(f"a 90 % range must hold the one of 68 %, were {self.ninety:g} and {self.one_sigma:g}")

    def as_card(self) -> dict[str, Any]:
        """Plain numbers for a checkpoint's card; they round-trip exactly through JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Self:
        """The value that ``as_card`` described."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in card.items()
        }
        return cls(**values)


def fit_uncertainty(
    method: str, *, expected: pd.DataFrame, forward: pd.DataFrame, spread: pd.DataFrame
) -> FittedUncertainty:
    """Conformalise a spread on the validation span.

    Parameters
    ----------
    method : {"constant", "session", "head", "dropout"}
        What gave the spread.
    expected : DataFrame of float, shape (n validation sessions, n_tickers)
        Expected returns over the label's horizon; NaN where there is none.
    forward : DataFrame of float
        Forward returns on the same axes; NaN where unknown.
    spread : DataFrame of float
        On the same axes, known at the close; NaN or not above 0 where there is none, which is left out.

    Raises
    ------
    DataError
        If frames differ in sessions or tickers, or too few names have all three.
    """
    for name, frame in (("forward", forward), ("spread", spread)):
        if not (frame.index.equals(expected.index) and frame.columns.equals(expected.columns)):
            raise DataError(f"expected and {name} differ in sessions or tickers: align them first")
    values, scale = (forward - expected).to_numpy(dtype=np.float64), spread.to_numpy(dtype=np.float64)
    known = np.isfinite(values) & (scale > 0.0) & np.isfinite(scale)
    residuals, relative = values[known], values[known] / scale[known]
    if len(residuals) < MIN_RESIDUALS:
        raise DataError(
            f"{len(residuals)} names and sessions of validation have a return and a spread of uncertainty.method "
            f"{method}, a range needs at least {MIN_RESIDUALS}: give more history, or set uncertainty.method to another"
        )
    sizes = np.abs(relative)
    return FittedUncertainty(
        method=method,
        one_sigma=conformal_quantile(sizes, ONE_SIGMA),
        ninety=conformal_quantile(sizes, NINETY),
        quantiles=tuple(conformal_quantile(relative, level) for level in QUANTILE_LEVELS),
        constant_quantiles=tuple(conformal_quantile(residuals, level) for level in QUANTILE_LEVELS),
        n_residuals=len(residuals),
        n_sessions=int(known.any(axis=1).sum()),
    )
