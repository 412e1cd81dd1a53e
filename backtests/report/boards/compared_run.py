"""Compared run: what a comparison reads of a run or a frozen version: conditions, verdict and series by session."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.conventions import SESSIONS_PER_YEAR

__all__ = ["ComparedRun"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ComparedRun:
    """One of the runs that are held against each other.

    Parameters
    ----------
    name, strategy : str
        The run's id or the version's name and number, and the strategy.
    headline : mapping
        Of ``metrics.json``, or of the version's lock.
    settings : mapping of str to str
        Spec and bars by dotted key, as words.
    panel : str
        Fingerprint of the bars.
    stamps : tuple of str
        What nobody may read past, beside the verdict.
    net : Series of float
        Simple return of each session, net of costs.
    ic : Series of float or None
        Rank IC of each session's scores; None where it was not kept.
    exposures, turnover : DataFrame and Series of float, or None
        ``gross`` and ``net`` decided at each close, fractions of equity, and one-way turnover at each session's fills;
        None where they were not kept.
    report : str
        Where its report is, below the store; empty where it has none.
    missing : tuple of str
        What was not kept, in sentences.
    """

    name: str
    strategy: str
    headline: Mapping[str, Any]
    settings: Mapping[str, str]
    panel: str
    stamps: tuple[str, ...]
    net: pd.Series
    ic: pd.Series | None = None
    exposures: pd.DataFrame | None = None
    turnover: pd.Series | None = None
    report: str = ""
    missing: tuple[str, ...] = ()

    @property
    def sessions_per_year(self) -> float:
        """By which its figures are annual; 252 where an older run does not say."""
        return float(self.headline.get("sessions_per_year") or SESSIONS_PER_YEAR)

    @property
    def horizon(self) -> int:
        """Sessions that its scores look ahead."""
        return int(self.headline.get("horizon") or 1)

    def word(self, key: str) -> str:
        """A word of the headline, or that it is not available."""
        value = self.headline.get(key)
        return str(value) if isinstance(value, str | int) else "n/a"
