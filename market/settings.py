"""Settings: the base of every section that a strategy file may hold.

A section is frozen, compares by value and refuses keys it does not know.
"""

from pydantic import BaseModel, ConfigDict

__all__ = ["Settings"]


class Settings(BaseModel):
    """A named group of numbers read from a strategy file; frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
