"""Said forecasts: what was forecast of one symbol at one origin, as it is kept, and as arrays to judge it by."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from models.forecasters.forecasts import LEVELS, Forecasts

__all__ = ["KEPT_CLOSES", "SaidForecast", "stacked_forecasts"]

KEPT_CLOSES = 3  # up to the origin: they tell a split or dividend from a restatement


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidForecast:
    """A forecast of one symbol, said at one origin for some sessions ahead.

    Parameters
    ----------
    symbol, forecaster : str
        Of whom, and by which word.
    configuration, study : str
        Hash of the configuration in force, and the study that selected it.
    error : float
        Validation percentage-return MAE that it was selected by.
    persistence_error : float or None
        Persistence's on the same rows.
    clock : {"close", "next_open"}
        Where the returns start.
    origin : str
        Session at whose close it was said, ISO date.
    bars : str
        Fingerprint of the symbol's bars up to it.
    closes : tuple of float
        The last three closes up to the origin, its own at the end.
    horizons : tuple of int
        Sessions ahead.
    sessions : tuple of (str or None)
        The dates on which they end, ISO; None where no calendar tells.
    mean : tuple of float
        Expected simple return, by horizon.
    quantiles : tuple of tuple of (float or None)
        At ``LEVELS``, by horizon; None where nothing is told.
    said : str
        When, ISO, UTC.
    late : bool
        The first of the sessions had opened by then: a replay, not a forecast.
    """

    symbol: str
    forecaster: str
    configuration: str
    study: str
    error: float
    persistence_error: float | None
    clock: str
    origin: str
    bars: str
    closes: tuple[float, ...]
    horizons: tuple[int, ...]
    sessions: tuple[str | None, ...]
    mean: tuple[float, ...]
    quantiles: tuple[tuple[float | None, ...], ...]
    said: str
    late: bool

    @property
    def close(self) -> float:
        """The close at the origin."""
        return self.closes[-1]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What is forecast once: symbol, origin, configuration and bars."""
        return self.symbol, self.origin, self.configuration, self.bars

    def quantile(self, level: float) -> tuple[float | None, ...]:
        """The return at a level of ``LEVELS``, by horizon."""
        return tuple(each[LEVELS.index(level)] for each in self.quantiles)

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Any) -> Self:
        """What ``as_dict`` described.

        Raises
        ------
        ValueError
            If it is nothing of the kind.
        """
        try:
            told = {name: facts[name] for name in cls.__slots__}
            for name in ("closes", "horizons", "sessions", "mean", "quantiles"):
                told[name] = tuple(told[name])
            found = cls(**told | {"quantiles": tuple(map(tuple, told["quantiles"]))})
            dt.date.fromisoformat(found.origin)
            counted = {len(found.horizons), len(found.sessions), len(found.mean), len(found.quantiles)}
            if len(counted) != 1 or not found.closes or any(len(each) != len(LEVELS) for each in found.quantiles):
                raise ValueError("lengths differ")
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"a forecast was changed after it was said, or is none ({error})") from error
        return found


def stacked_forecasts(said: Sequence[SaidForecast]) -> Forecasts:
    """Forecasts of one symbol by one configuration as arrays, in the order of their origins."""
    ordered = sorted(said, key=lambda each: each.origin)
    return Forecasts(
        sessions=pd.DatetimeIndex([each.origin for each in ordered]),
        tickers=pd.Index([ordered[0].symbol]),
        horizons=ordered[0].horizons,
        mean=np.array([[each.mean] for each in ordered], dtype="float64"),
        quantiles=np.array([[each.quantiles] for each in ordered], dtype="float64"),
    )
