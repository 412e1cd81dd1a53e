"""Price forecasts: what a pretrained forecaster says of the closes to come, from its quantiles or from its samples."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from models.forecasters.forecasts import LEVELS, quantiles_of_samples
from models.forecasters.sample_means import mean_of_samples

__all__ = ["PriceForecasts", "at_levels"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriceForecasts:
    """Forecasts of the next H closes of B series.

    Parameters
    ----------
    point : ndarray of float, shape (B, H)
        What is expected.
    quantiles : ndarray of float, shape (B, H, len(LEVELS))
        At ``LEVELS``, rising along the last axis; NaN at levels that the model does not tell.
    """

    point: np.ndarray
    quantiles: np.ndarray

    @classmethod
    def of_quantiles(cls, quantiles: np.ndarray, given: np.ndarray) -> Self:
        """From quantiles (B, H, Q) at the levels ``given``: the median is expected."""
        found = at_levels(quantiles, given)
        return cls(point=found[..., LEVELS.index(0.5)].copy(), quantiles=found)

    @classmethod
    def of_samples(cls, samples: np.ndarray, *, trim: float) -> Self:
        """From samples (B, H, S): their trimmed mean is expected."""
        return cls(point=mean_of_samples(samples, trim=trim), quantiles=quantiles_of_samples(samples))


def at_levels(quantiles: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Quantiles at ``LEVELS`` from those at the levels ``given``, in between by lines, NaN beyond; made to rise."""
    rising = np.sort(quantiles, axis=-1)
    wanted = np.asarray(LEVELS)
    above = np.clip(np.searchsorted(given, wanted - 1e-9), 1, len(given) - 1)
    share = (wanted - given[above - 1]) / (given[above] - given[above - 1])
    found = rising[..., above - 1] * (1.0 - share) + rising[..., above] * share
    return np.where((wanted >= given[0] - 1e-9) & (wanted <= given[-1] + 1e-9), found, np.nan)
