"""Estimator settings: which cells of a window a sample holds; imports no torch."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from core.settings import Later
from models.model_settings import KindSettings

__all__ = ["EstimatorSettings"]


class EstimatorSettings(KindSettings):
    """A kind that is fitted on samples, one a name and session: the features it reads, and over how many sessions.

    A sample is the features of the decision's own session; with ``lags`` k those of the k last sessions of the window,
    its own session first. An autoregression is one return and its lags:

    Examples
    --------
    >>> autoregression = {"model.kind": "ridge", "model.columns": ["ret_1d"], "model.lags": 10}
    >>> qt.load_strategy("filter_negative", autoregression).model.lags
    10
    """

    lags: Later[int] = Field(
        default=1, ge=1, description="last sessions of the window that a sample holds, lookback at most"
    )
    columns: Later[tuple[str, ...]] = Field(
        default=(), description="features that a sample holds, in this order; all of the set where none is named"
    )

    @field_validator("columns")
    @classmethod
    def _check_columns(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(columns)) < len(columns):
            raise ValueError(f"columns must name each feature once, were {', '.join(columns)}")
        return columns

    @model_validator(mode="after")
    def _check_lags(self) -> Self:
        if self.lags > self.lookback:
            raise ValueError(f"lags must be at most lookback {self.lookback}, was {self.lags}")
        return self
