"""Forecasts: the returns that one forecaster expects of every series at every origin, and their quantiles.

Row *t* is said at the close of *t* from bars up to it. A return over h sessions is simple, from the price at which
the clock of the task starts to the price h sessions later; prices follow from it and are never forecast by themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
from scipy.special import ndtr

__all__ = ["DECILES", "LEVELS", "ONE_SIGMA", "Forecasts", "joined", "quantiles_of_samples"]

ONE_SIGMA = (float(ndtr(-1.0)), float(ndtr(1.0)))  # what a normal forecast gives between one sigma and one sigma
DECILES = tuple(
    round(0.1 * step, 1) for step in range(1, 10)
)  # what every pretrained forecaster gives: CRPS reads these
LEVELS = tuple(sorted({*DECILES, 0.05, 0.25, 0.75, 0.95, *ONE_SIGMA}))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecasts:
    """Forecasts of T origins × N series × H horizons.

    Parameters
    ----------
    sessions : DatetimeIndex
        The T origins: forecasts of row *t* are said at its close.
    tickers : Index
        The N series.
    horizons : tuple of int
        Sessions ahead, H of them, in rising order.
    mean : ndarray of float, shape (T, N, H)
        Expected simple return; NaN where nothing is said.
    quantiles : ndarray of float, shape (T, N, H, len(LEVELS)), optional
        Quantiles at ``LEVELS``, rising along the last axis; NaN where a level lies outside what the forecaster gives.

    Raises
    ------
    ValueError
        If shapes differ or horizons are not rising numbers from 1 on.
    """

    sessions: pd.DatetimeIndex
    tickers: pd.Index
    horizons: tuple[int, ...]
    mean: np.ndarray
    quantiles: np.ndarray | None = None

    def __post_init__(self) -> None:
        if not self.horizons or list(self.horizons) != sorted(set(self.horizons)) or self.horizons[0] < 1:
            raise ValueError(f"horizons must be rising whole numbers from 1 on, were {self.horizons}")
        shape = (len(self.sessions), len(self.tickers), len(self.horizons))
        if self.mean.shape != shape:
            raise ValueError(f"mean must have the shape {shape}, had {self.mean.shape}")
        if self.quantiles is not None and self.quantiles.shape != (*shape, len(LEVELS)):
            raise ValueError(f"quantiles must have the shape {(*shape, len(LEVELS))}, had {self.quantiles.shape}")

    def at(self, horizon: int) -> pd.DataFrame:
        """Expected returns over one horizon, sessions × tickers."""
        return pd.DataFrame(self.mean[:, :, self.horizons.index(horizon)], self.sessions, self.tickers)

    def quantile(self, level: float) -> np.ndarray:
        """The quantile at a level of ``LEVELS``, shape (T, N, H); NaN where the forecaster gives none."""
        if self.quantiles is None:
            return np.full_like(self.mean, np.nan)
        return np.asarray(self.quantiles[..., LEVELS.index(level)])

    def of(self, sessions: pd.DatetimeIndex) -> Self:
        """The same forecasts at some of the origins."""
        rows = self.sessions.get_indexer(sessions)
        if (rows < 0).any():
            raise ValueError(f"{(rows < 0).sum()} sessions are no origins of these forecasts")
        kept = None if self.quantiles is None else self.quantiles[rows]
        return replace(self, sessions=sessions, mean=self.mean[rows], quantiles=kept)

    def where(self, kept: np.ndarray) -> Self:
        """The same forecasts with nothing said at the origins that are not kept, a bool each."""
        hidden = None if self.quantiles is None else np.where(kept[:, None, None, None], self.quantiles, np.nan)
        return replace(self, mean=np.where(kept[:, None, None], self.mean, np.nan), quantiles=hidden)


def joined(parts: Sequence[Forecasts]) -> Forecasts:
    """Forecasts of one span after another as one; ranges only where all have them."""
    ranged = [part.quantiles for part in parts if part.quantiles is not None]
    return replace(
        parts[0],
        sessions=pd.DatetimeIndex(np.concatenate([part.sessions for part in parts]), name=parts[0].sessions.name),
        mean=np.concatenate([part.mean for part in parts]),
        quantiles=np.concatenate(ranged) if len(ranged) == len(parts) else None,
    )


def quantiles_of_samples(samples: np.ndarray, levels: Iterable[float] = LEVELS) -> np.ndarray:
    """Quantiles at ``levels`` of samples along the last axis, NaN left out: levels beyond what so few can tell are NaN.

    Of n samples the lowest stands for the level 1 / (n + 1) and the highest for n / (n + 1), so that a new draw of the
    same distribution lies below a quantile as often as its level says.

    Examples
    --------
    >>> import numpy as np
    >>> from models.forecasters.forecasts import quantiles_of_samples
    >>> quantiles_of_samples(np.array([3.0, 1.0, 2.0]), (0.05, 0.25, 0.5)).tolist()
    [nan, 1.0, 2.0]
    """
    wanted = np.asarray(tuple(levels))
    ordered = np.sort(samples, axis=-1)  # NaN last
    n = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    places = wanted * (n + 1) - 1.0
    within = (n > 0) & (places >= -1e-9) & (places <= n - 1 + 1e-9)
    below = np.clip(np.floor(places + 1e-9).astype(int), 0, np.maximum(n - 1, 0))
    above = np.minimum(below + 1, np.maximum(n - 1, 0))
    share = np.clip(places - below, 0.0, 1.0)
    low, high = (np.take_along_axis(ordered, each, axis=-1) for each in (below, above))
    return np.where(within, low * (1.0 - share) + high * share, np.nan)
