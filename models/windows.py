"""Windows: features and forward returns as tensors; a window is a view, never a copy.

Row *t* of ``x`` holds features known at the close of *t*; the window of a decision at *t* is rows *t* − lookback + 1 to
*t*. ``x`` is time first, (session, ticker, feature), so that one session's cross-section of windows is one contiguous
slice in the order a recurrent network reads it. A sample is one session's cross-section under a mask.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import torch

from core.errors import DataError
from models.bar_levels import anchored, divisor_places
from models.scratch import Scratch, feature_store

__all__ = ["Scaler", "Windows", "build_windows", "check_scaled", "fit_scaler"]

WINSOR_PERCENTILES = (1.0, 99.0)
LEVEL_SESSIONS = 20  # a level's scale is that of its change over so many
MAX_LOGARITHM = 745.0  # of any float64

Features = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaler:
    """Winsor bounds, mean and sd of each feature, and the scale of the targets; fitted on training rows only.

    Levels of bars (``models.bar_levels``) keep their level: no bounds, no mean, and one sd for what is divided by one.

    Parameters
    ----------
    names : tuple of str
        Features in the order of the last axis of ``Windows.x``.
    lower, upper : tuple of float
        1st and 99th percentile, applied first.
    mean, sd : tuple of float
        Of the winsorized feature.
    target_sd : float
        Root mean within-session variance of the targets (ddof=1), a simple return.
    """

    names: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    target_sd: float

    def __post_init__(self) -> None:
        columns = (self.lower, self.upper, self.mean, self.sd)
        if any(len(column) != len(self.names) for column in columns):
            raise ValueError(f"scaler must hold four numbers for each of {len(self.names)} features")
        if not np.isfinite([*sum(columns, ()), self.target_sd]).all():
            raise ValueError("scaler must hold finite numbers: fit it again on training rows")
        if min((*self.sd, self.target_sd)) <= 0.0:
            raise ValueError("scaler must have positive scales: fit it again on training rows")

    def scaled(self, name: str, frame: pd.DataFrame) -> np.ndarray:
        """Winsorize one feature, then z-score it, float64 of shape (n_sessions, n_tickers); NaN stays."""
        k = self.names.index(name)
        clipped = np.clip(frame.to_numpy(dtype=np.float64), self.lower[k], self.upper[k])
        return np.asarray((clipped - self.mean[k]) / self.sd[k])

    def as_card(self) -> dict[str, Any]:
        """Plain numbers for a checkpoint's card; they round-trip exactly through JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Self:
        """Rebuild the scaler that ``as_card`` described."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in card.items()
        }
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """Tensors of one panel; the only form in which networks see features.

    Parameters
    ----------
    x : Tensor of float32, shape (n_sessions, n_tickers, n_features)
        Scaled features. 0 where missing: no valid window contains such a cell, and where an unrolled sequence passes
        over one, its scores are masked until ``lookback`` complete sessions have followed.
    y : Tensor of float32, shape (n_sessions, n_tickers)
        Forward return of the decision at each row; NaN where unknown.
    mask : Tensor of bool, shape (n_sessions, n_tickers)
        The name is in the universe and all features of all ``lookback`` sessions are present.
    present : Tensor of bool, shape (n_sessions, n_tickers)
        The name is in the universe and all features of the row itself are present.
    scaler : Scaler
        What scaled ``x``.
    lookback : int
        Sessions in a window, at least 1.
    sessions : DatetimeIndex
        Rows.
    tickers : Index
        Columns.
    """

    x: torch.Tensor
    y: torch.Tensor
    mask: torch.Tensor
    present: torch.Tensor
    scaler: Scaler
    lookback: int
    sessions: pd.DatetimeIndex
    tickers: pd.Index

    @property
    def labelled(self) -> torch.Tensor:
        """Bool (n_sessions, n_tickers): a valid window whose forward return is known."""
        return self.mask & torch.isfinite(self.y)

    @property
    def samples(self) -> torch.Tensor:
        """All windows as a view of ``x``, shape (n_sessions − lookback + 1, n_tickers, lookback, n_features).

        Sample *i* is the decision at row *i* + lookback − 1.
        """
        return self.x.unfold(0, self.lookback, 1).transpose(2, 3)

    def to(self, device: torch.device) -> "Windows":
        """Move the windows to another device."""
        moved = {name: getattr(self, name).to(device) for name in ("x", "y", "mask", "present")}
        return replace(self, **moved)


def fit_scaler(
    features: Features,
    *,
    targets: pd.DataFrame,
    universe: pd.DataFrame,
    rows: slice,
    target_sd: float | None = None,
) -> Scaler:
    """Fit winsor bounds, means and sds on the training rows' universe, in float64.

    Parameters
    ----------
    features : mapping of str to DataFrame of float, shape (n_sessions, n_tickers)
        Row *t* known at the close of *t*; NaN where not available, which is left out.
    targets : DataFrame of float
        Forward returns.
    universe : DataFrame of bool
        Eligible names.
    rows : slice
        Training rows; no other row is read.
    target_sd : float, optional
        Scale of the targets; their sd within sessions by default, which needs several names.

    Raises
    ------
    DataError
        If a feature has no value, an infinite one or a single one over the training rows, or targets have no spread.
    """
    aligned = _aligned(features, targets=targets, universe=universe)
    eligible = universe.iloc[rows].to_numpy(dtype=bool)

    names = tuple(features)
    divisors = dict(zip(names, divisor_places(names), strict=True))

    def moments(name: str, frame: pd.DataFrame) -> tuple[float, float, float, float]:
        if divisors[name] >= 0:
            divisor = features[names[divisors[name]]].iloc[rows].to_numpy(dtype=np.float64)
            return _level_moments(name, divisor, eligible)
        return _moments(name, frame.iloc[rows].to_numpy(dtype=np.float64)[eligible])

    columns = [moments(name, frame) for name, frame in aligned]
    lower, upper, mean, sd = zip(*columns, strict=True)
    if target_sd is None:
        target_sd = _cross_sectional_sd(targets.iloc[rows].to_numpy(dtype=np.float64), eligible)
    return Scaler(names=tuple(features), lower=lower, upper=upper, mean=mean, sd=sd, target_sd=target_sd)


def build_windows(
    features: Features,
    *,
    targets: pd.DataFrame,
    universe: pd.DataFrame,
    scaler: Scaler,
    lookback: int,
    scratch: Scratch | None = None,
) -> Windows:
    """Build the tensors that networks train on and predict from.

    Parameters
    ----------
    features, targets, universe
        As for ``fit_scaler``; targets may be NaN throughout where only scores are wanted.
    scaler : Scaler
        Fitted on training rows, with the same features.
    lookback : int
        Sessions in a window, at least 1.
    scratch : Scratch, optional
        Where ``x`` goes if it is too large for memory; the same bits. Features are read once, one after the other: a
        mapping that makes a frame when asked needs memory for one.

    Raises
    ------
    DataError
        If frames differ in sessions or tickers, features differ from the scaler's, or a value is infinite.
    """
    if lookback < 1:
        raise ValueError(f"lookback must be at least 1 session, was {lookback}")
    aligned = _aligned(features, targets=targets, universe=universe)
    if tuple(features) != scaler.names:
        raise DataError(f"features {list(features)} must be the scaler's {list(scaler.names)}, in that order")
    store = feature_store((*targets.shape, len(features)), scratch)
    complete = np.ones(targets.shape, dtype=bool)
    for name, frame in aligned:
        scaled = scaler.scaled(name, anchored(name, _without_infinities(name, frame), features))
        missing = np.isnan(scaled)
        complete &= ~missing
        store.add(np.where(missing, 0.0, scaled))
    eligible = universe.to_numpy(dtype=bool)
    return Windows(
        x=store.tensor(),
        y=torch.from_numpy(np.array(targets, dtype=np.float32, order="C")),
        mask=torch.from_numpy(eligible & _complete_runs(complete, lookback)),
        present=torch.from_numpy(eligible & complete),
        scaler=scaler,
        lookback=lookback,
        sessions=pd.DatetimeIndex(targets.index),
        tickers=targets.columns,
    )


def check_scaled(windows: Windows, sessions: pd.DatetimeIndex, *, scaler: Scaler, lookback: int) -> None:
    """Refuse windows that a fitted model cannot read, or that do not hold a session.

    Raises
    ------
    ValueError
        If the windows were built otherwise, or end before a session.
    """
    if windows.lookback != lookback:
        raise ValueError(f"windows have a lookback of {windows.lookback} sessions, the model {lookback}: rebuild them")
    if windows.scaler != scaler:
        raise ValueError("windows were scaled by another scaler than the model's: rebuild them with model.scaler")
    strangers = sessions.difference(windows.sessions)
    if len(strangers):
        raise ValueError(f"no windows for session {strangers[0]:%Y-%m-%d}: build them from bars that reach it")


def _aligned(
    features: Features, *, targets: pd.DataFrame, universe: pd.DataFrame
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Features with their names, each read and checked when its turn comes; the universe is checked now."""
    if not features:
        raise DataError("features must hold at least one frame, held none")
    _check_axes("universe", universe, targets)

    def checked() -> Iterator[tuple[str, pd.DataFrame]]:
        for name, frame in features.items():
            _check_axes(name, frame, targets)
            yield name, frame

    return checked()


def _check_axes(name: str, frame: pd.DataFrame, targets: pd.DataFrame) -> None:
    if not (frame.index.equals(targets.index) and frame.columns.equals(targets.columns)):
        raise DataError(f"{name} and targets differ in sessions or tickers: align them first")


def _moments(name: str, values: np.ndarray) -> tuple[float, float, float, float]:
    """Winsor bounds, mean and sd of one feature's training values."""
    known = values[~np.isnan(values)]
    if known.size == 0:
        raise DataError(
            f"feature {name} has no value in the training rows: give more history, start training later, or choose "
            "another feature set with --set features.set=NAME"
        )
    if np.isinf(known).any():
        raise DataError(f"feature {name} holds infinite values: repair its formula or the bars")
    lower, upper = np.percentile(known, WINSOR_PERCENTILES)
    if lower == upper:
        raise DataError(
            f"feature {name} is constant ({lower:g}) in the training rows: choose another feature set with "
            "--set features.set=NAME"
        )
    clipped = np.clip(known, lower, upper)
    return float(lower), float(upper), float(clipped.mean()), float(clipped.std())


def _level_moments(name: str, divisor: np.ndarray, eligible: np.ndarray) -> tuple[float, float, float, float]:
    """Of a level of bars: no winsor, no mean, and the sd of its divisor's change, so that windows can be divided."""
    change = (divisor[LEVEL_SESSIONS:] - divisor[:-LEVEL_SESSIONS])[eligible[LEVEL_SESSIONS:]]
    sd = _moments(name, change)[3]
    return -MAX_LOGARITHM, MAX_LOGARITHM, 0.0, sd


def _cross_sectional_sd(targets: np.ndarray, eligible: np.ndarray) -> float:
    """Root of the mean within-session variance (ddof=1) over sessions with two names or more."""
    frame = pd.DataFrame(np.where(eligible, targets, np.nan))
    variance = float(frame.var(axis=1, ddof=1).mean())
    if not variance > 0.0:
        raise DataError(f"targets have no spread within training sessions (variance {variance:g}): check the bars")
    return math.sqrt(variance)


def _without_infinities(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    if np.isinf(frame.to_numpy(dtype=np.float64)).any():
        raise DataError(f"feature {name} holds infinite values: repair its formula or the bars")
    return frame


def _complete_runs(complete: np.ndarray, lookback: int) -> np.ndarray:
    """Whether each cell ends a run of ``lookback`` complete sessions."""
    counted = np.cumsum(complete, axis=0, dtype=np.int64)
    counted[lookback:] -= counted[:-lookback].copy()
    return np.equal(counted, lookback)
