"""Risk overlays: a volatility target and kill switches, driven by the book's own past net returns.

Row *t* of every answer is known at the close of *t* and belongs to the weights decided there. The returns are given:
those of the unscaled book set the scale, those of the scaled book that no switch ever touched drive the switches, so
that a flat book can still see when to re-enter.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.conventions import SESSIONS_PER_YEAR
from core.rounding_error import ROUNDING, is_rounding
from market.panel import aligned_frame
from portfolio.book_settings import RiskSettings
from signals.features.trailing_windows import trailing_mean, trailing_std

__all__ = ["EVENT_COLUMNS", "Switches", "kill_switches", "scale_weights", "switch_off", "volatility_scale"]

EVENT_COLUMNS = ("session", "rule", "value", "threshold", "action", "sessions_out")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Switches:
    """What the kill switches say at each close.

    Parameters
    ----------
    out : Series of bool
        The book is to be flat.
    events : DataFrame
        One row for each time that a switch turned: ``session`` (at whose close), ``rule`` (daily loss, drawdown or
        Sharpe ratio), ``value`` and the ``threshold`` that it crossed, ``action`` (``"flat"`` and ``"re-enter"`` move
        the book; ``"flat already"`` and ``"still flat"`` do not, because another switch holds it flat),
        ``sessions_out`` (sessions that this switch kept the book flat; 0 when it fires).
    """

    out: pd.Series
    events: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Switch:
    """One machine: IN until ``trips``, then OUT until ``clears`` and ``rest`` sessions have passed.

    All arrays are of shape (n_sessions,); a value that is not available neither trips nor clears.
    """

    rule: str
    value: np.ndarray
    threshold: np.ndarray
    back_at: np.ndarray
    trips: np.ndarray
    clears: np.ndarray
    rest: int = 1


def volatility_scale(
    returns: pd.Series, risk: RiskSettings, *, sessions_per_year: float = SESSIONS_PER_YEAR
) -> pd.Series:
    """Factor that brings the book to its volatility target.

    Parameters
    ----------
    returns : Series of float
        Net returns of the unscaled book, known at each close; NaN before its first fill.
    risk : RiskSettings
        Target, window and bounds.
    sessions_per_year : float
        Of the bars: the target is annual.

    Returns
    -------
    Series of float
        Target ÷ (standard deviation of the last sessions, this one included, × √(sessions per year)), within the
        bounds; 1 until there are enough returns, and where they did not move.

    Raises
    ------
    ValueError
        If there is no target.
    """
    if risk.volatility_target is None:
        raise ValueError("volatility_target is missing: give the annual volatility to scale to")
    a_session = trailing_std(_column(returns), risk.target_sessions)[:, 0]
    moved = _moved(a_session, trailing_mean(_column(returns), risk.target_sessions)[:, 0])
    spread = a_session * np.sqrt(sessions_per_year)
    scale = np.divide(risk.volatility_target, spread, out=np.ones(len(spread)), where=moved)
    bounded = np.where(moved, np.clip(scale, risk.least_scale, risk.largest_scale), 1.0)
    return pd.Series(bounded, index=returns.index, name="scale")


def scale_weights(weights: pd.DataFrame, scale: pd.Series, *, max_net: float) -> tuple[pd.DataFrame, pd.Series]:
    """Scale weights by a factor that never lifts the net exposure above ``max_net``, and return both.

    Parameters
    ----------
    weights : DataFrame of float, shape (n_sessions, n_tickers)
        Weights decided at each close; rows of NaN stay NaN.
    scale : Series of float
        Wanted factor of the same sessions.
    max_net : float
        Net exposure that needs no borrowed cash. A book that is above it before scaling is never lifted further.
    """
    net = weights.sum(axis=1).to_numpy()
    room = np.divide(max_net, net, out=np.full(len(net), np.inf), where=net > 0)
    factor = np.minimum(scale.to_numpy(), np.maximum(room, np.minimum(scale.to_numpy(), 1.0)))
    scaled = aligned_frame(weights.to_numpy() * factor[:, None], pd.DatetimeIndex(weights.index), weights.columns)
    return scaled, pd.Series(factor, index=weights.index, name="scale")


def kill_switches(returns: pd.Series, risk: RiskSettings, *, sessions_per_year: float = SESSIONS_PER_YEAR) -> Switches:
    """Run every armed switch over the returns of the book that none of them touched.

    Parameters
    ----------
    returns : Series of float
        Net returns of the shadow book, known at each close; NaN before its first fill.
    risk : RiskSettings
        Thresholds and re-entry rules.
    sessions_per_year : float
        Of the bars: the floor of the Sharpe ratio is annual.

    Returns
    -------
    Switches
        The book is flat where any switch is out.
    """
    armed = list(_armed(returns.to_numpy(dtype=float), risk, sessions_per_year))
    states = np.column_stack([np.zeros(len(returns), dtype=bool), *map(_walk, armed)])[:, 1:]
    rows = [event for place, switch in enumerate(armed) for event in _events(switch, states, place)]
    events = pd.DataFrame(rows, columns=list(EVENT_COLUMNS)).sort_values("session", kind="stable", ignore_index=True)
    events["session"] = returns.index[events["session"].to_numpy(dtype=int)]
    return Switches(out=pd.Series(states.any(axis=1), index=returns.index, name="out"), events=events)


def switch_off(weights: pd.DataFrame, out: pd.Series, listed: pd.DataFrame) -> pd.DataFrame:
    """Hold the book flat while a switch is out, and restore it in the session of re-entry.

    A session without a decision decides too where the switch turns: it goes flat, or back to the last weights decided,
    less the names that are no longer listed.
    """
    gone = out.to_numpy()
    last = weights.ffill().where(listed, 0.0).where(weights.ffill().notna())
    returns_now = np.diff(gone.astype(int), prepend=0) == -1
    filled = np.where(returns_now[:, None], last.to_numpy(), weights.to_numpy())
    begun = weights.notna().any(axis=1).cummax().to_numpy()
    flat = (gone & begun)[:, None]
    return aligned_frame(np.where(flat, 0.0, filled), pd.DatetimeIndex(weights.index), weights.columns)


def _armed(returns: np.ndarray, risk: RiskSettings, sessions_per_year: float) -> Iterator[_Switch]:
    if risk.loss_sigmas is not None:
        yield _loss_switch(returns, risk.loss_sigmas, risk)
    if risk.drawdown_limit is not None:
        yield _drawdown_switch(returns, risk.drawdown_limit, risk)
    if risk.sharpe_floor is not None:
        yield _sharpe_switch(returns, risk.sharpe_floor, risk, sessions_per_year)


def _loss_switch(returns: np.ndarray, sigmas: float, risk: RiskSettings) -> _Switch:
    """A loss against the sessions before it: one that counted itself would widen its own bar."""
    before = np.full(len(returns), np.nan)
    before[1:] = trailing_std(_column(returns), risk.loss_sessions)[:-1, 0]
    trips = (returns < -sigmas * before) & (before > ROUNDING)
    return _Switch(
        rule="daily loss",
        value=returns,
        threshold=-sigmas * before,
        back_at=-sigmas * before,
        trips=trips,
        clears=~trips,
        rest=risk.loss_rest,
    )


def _drawdown_switch(returns: np.ndarray, limit: float, risk: RiskSettings) -> _Switch:
    wealth = np.cumprod(1.0 + np.nan_to_num(returns))
    depth = wealth / np.maximum(np.maximum.accumulate(wealth), 1.0) - 1.0
    return _Switch(
        rule="drawdown",
        value=depth,
        threshold=np.full(len(depth), -limit),
        back_at=np.full(len(depth), -risk.drawdown_reentry),
        trips=depth < -limit,
        clears=depth > -risk.drawdown_reentry,
    )


def _sharpe_switch(returns: np.ndarray, floor: float, risk: RiskSettings, sessions_per_year: float) -> _Switch:
    spread = trailing_std(_column(returns), risk.sharpe_sessions)[:, 0]
    mean = trailing_mean(_column(returns), risk.sharpe_sessions)[:, 0]
    per_session = np.divide(mean, spread, out=np.full(len(mean), np.nan), where=_moved(spread, mean))
    ratio = per_session * np.sqrt(sessions_per_year)
    return _Switch(
        rule="Sharpe ratio",
        value=ratio,
        threshold=np.full(len(ratio), floor),
        back_at=np.full(len(ratio), risk.sharpe_reentry),
        trips=ratio < floor,
        clears=ratio > risk.sharpe_reentry,
    )


def _walk(switch: _Switch) -> np.ndarray:
    """Sessions in which the switch is out."""
    out, rested = False, 0
    states = np.zeros(len(switch.trips), dtype=bool)
    for row in range(len(states)):
        if switch.trips[row]:
            out, rested = True, 0
        elif out:
            rested += 1
            out = not (switch.clears[row] and rested >= switch.rest)
        states[row] = out
    return states


def _events(switch: _Switch, states: np.ndarray, place: int) -> Iterator[tuple[object, ...]]:
    """Yield a row for each session in which the switch turned, and what that did to the book."""
    own, flat = states[:, place], np.asarray(states.any(axis=1))
    began = 0
    for row in np.flatnonzero(np.diff(own.astype(int), prepend=0)).tolist():
        if own[row]:
            began, action = row, "flat already" if row and flat[row - 1] else "flat"
            yield row, switch.rule, switch.value[row], switch.threshold[row], action, 0
        else:
            action = "still flat" if flat[row] else "re-enter"
            yield row, switch.rule, switch.value[row], switch.back_at[row], action, row - began


def _moved(deviation: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Whether there is a deviation, and more of one than the rounding of a constant."""
    moved: np.ndarray = ~np.isnan(deviation) & ~is_rounding(deviation, mean)
    return moved


def _column(returns: pd.Series | np.ndarray) -> np.ndarray:
    return np.asarray(returns, dtype=float)[:, None]
