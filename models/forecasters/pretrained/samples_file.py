"""Samples file: a forecaster that ran elsewhere, by the samples of returns that it left in a file.

So a model whose library does not install beside this one stands in the same table as the others.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import DataError
from models.forecasters.forecaster import NothingFitted, SeriesHistory
from models.forecasters.forecasts import LEVELS, Forecasts, quantiles_of_samples
from models.forecasters.pretrained.sample_table import SampleTable, read_samples
from models.forecasters.sample_means import mean_of_samples, trimming_words

__all__ = ["SamplesFile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesFile(NothingFitted):
    """Forecasts from a file of samples.

    Parameters
    ----------
    path : Path
        As :mod:`models.forecasters.pretrained.sample_table` reads it.
    trim : float
        Share of the samples left out at either end by what is expected.
    trained_until : date, optional
        The last day that the model's training may have seen, as the user says; None where nobody says.
    """

    path: Path
    trim: float = 0.0
    trained_until: dt.date | None = None

    def forecasts(self, history: SeriesHistory, rows: slice) -> Forecasts:
        """What the samples say at every origin of ``rows``; NaN at origins before the training ended that have none.

        Raises
        ------
        DataError
            If the file is wrong, its sessions are not those of the bars, or it lacks what is asked.
        """
        table, sessions, tickers = read_samples(self.path), history.sessions[rows], history.panel.tickers
        _require_sessions(table, history.sessions)
        place = [
            sessions.get_indexer(pd.DatetimeIndex(table.cells["session"])),
            tickers.get_indexer(pd.Index(table.cells["ticker"])),
            pd.Index(history.horizons).get_indexer(pd.Index(table.cells["horizon"])),
        ]
        asked = np.min(place, axis=0) >= 0
        at = tuple(each[asked] for each in place)
        shape = (len(sessions), len(tickers), len(history.horizons))
        mean, quantiles = np.full(shape, np.nan), np.full((*shape, len(LEVELS)), np.nan)
        mean[at] = mean_of_samples(table.returns[asked], trim=self.trim)
        quantiles[at] = quantiles_of_samples(table.returns[asked])
        said = Forecasts(sessions=sessions, tickers=tickers, horizons=history.horizons, mean=mean, quantiles=quantiles)
        self._require_all(said, np.isfinite(history.panel.close.to_numpy()[rows]))
        return said

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """The file, its samples and when the training ended."""
        n = read_samples(self.path).returns.shape[1]
        until = self.trained_until
        facts: dict[str, float | int | str] = {
            "pretrained": f"samples of {self.path.name}",
            "trained until": "unknown" if until is None else until.isoformat(),
            "samples": n,
        }
        return {**facts, "trimmed": trimming_words(self.trim, n)} if self.trim > 0.0 else facts

    def _require_all(self, said: Forecasts, printed: np.ndarray) -> None:
        """Refuse a file that leaves out some of what the others are judged on."""
        counted = said.sessions >= pd.Timestamp(self.trained_until or dt.date(1678, 1, 1))
        missing = ~np.isfinite(said.mean) & (printed & np.asarray(counted)[:, None])[..., None]
        if missing.any():
            row, series, ahead = (int(each) for each in np.argwhere(missing)[0])
            raise DataError(
                f"{self.path.name} lacks {missing.sum():,} of {missing.size:,} forecasts that are asked, the first "
                f"{said.sessions[row]:%Y-%m-%d} {said.tickers[series]} {said.horizons[ahead]} ahead: draw samples of "
                "every origin, ticker and horizon that is judged, so that no forecaster is judged on easier ones"
            )


def _require_sessions(table: SampleTable, sessions: pd.DatetimeIndex) -> None:
    """Refuse origins between the first and the last session of the bars that are none of them."""
    given = pd.DatetimeIndex(table.cells["session"]).unique()
    within = given[(given >= sessions[0]) & (given <= sessions[-1])]
    strangers = within.difference(sessions)
    if len(strangers):
        raise DataError(
            f"{table.origin} has samples of {strangers[0]:%Y-%m-%d}, which is no session of the bars "
            f"({len(strangers)} such): an origin is the session whose close the model read last"
        )
