"""Synthetic settings: the built-in market's seed, size and strength of the planted alpha."""

import pandas as pd
from pydantic import Field, field_validator

from core.settings import Settings

__all__ = ["SyntheticSettings"]


class SyntheticSettings(Settings):
    """Seed, size and planted information coefficient of a built-in market.

    Parameters
    ----------
    seed : int
        Another seed is another market with the same properties.
    n_tickers : int
        Names that are listed at some time, 20 to 1,000.
    n_sessions : int
        Business days, 150 to 5,000; oracle scores begin after 90 of them.
    planted_ic : float
        Mean rank IC of the oracle scores at the default label, 0 to 0.10; 0 is the null market.
    first_session : str
        ISO date; the first session is the first business day from it on.

    Examples
    --------
    >>> qt.SyntheticSettings(planted_ic=0.0).n_tickers
    240
    """

    seed: int = Field(default=1, ge=0)
    n_tickers: int = Field(default=240, ge=20, le=1000)
    n_sessions: int = Field(default=1500, ge=150, le=5000)
    planted_ic: float = Field(default=0.045, ge=0.0, le=0.10)
    first_session: str = "2015-01-02"

    @field_validator("first_session")
    @classmethod
    def _is_a_date(cls, value: str) -> str:
        if pd.isna(pd.to_datetime(value, format="%Y-%m-%d", errors="coerce")):
            raise ValueError(f"first_session must be a date like 2015-01-02, was {value!r}")
        return value
