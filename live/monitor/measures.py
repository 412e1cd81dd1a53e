"""Measures: what a version's scores and book came to, session by session, on its test span and on unseen sessions.

Every measure is one number a session. Scores are held against forward returns of the strategy's own clock and horizon;
a session whose return has not ended is NaN.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.report.monitor.live_measure import Measure, Unit
from backtests.statistics.confidence_sequence import mean_confidence_sequence
from live.monitor.monitor_rule import ALPHA, WATCH_OTHERS, compared, decline_of
from signals.score_metrics import information_coefficient

__all__ = ["MEASURES", "made_measures", "score_numbers", "trading_numbers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureKind:
    """How a measure prints, which side is worse, and what the rule makes of it."""

    label: str
    unit: Unit
    worse: str
    role: str


MEASURES = {
    "rank_ic": MeasureKind(label="Rank IC", unit="ratio", worse="down", role="BROKEN"),
    "slope": MeasureKind(label="Calibration slope, 1 as promised", unit="ratio", worse="down", role="WATCH"),
    "level": MeasureKind(label="Calibration level, realised − expected", unit="bps", worse="both", role="WATCH"),
    "error": MeasureKind(label="Squared error over that of no forecast", unit="ratio", worse="up", role="WATCH"),
    "rmse": MeasureKind(label="Error of a forecast, root mean square", unit="bps", worse="up", role="shown"),
    "turnover": MeasureKind(label="Turnover a session, one way", unit="share", worse="up", role="WATCH"),
    "cost": MeasureKind(label="Cost a session", unit="bps", worse="up", role="WATCH"),
    "net": MeasureKind(label="Net return a session", unit="bps", worse="down", role="shown"),
}


def score_numbers(scores: pd.DataFrame, forward: pd.DataFrame, *, are_returns: bool = True) -> pd.DataFrame:
    """Rank IC, calibration and errors of each session, shape (n_sessions, 5).

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        Expected returns known at each close; NaN where there is none.
    forward : DataFrame of float
        What the same names earned, by session of decision; NaN where it is not known.
    are_returns : bool
        The scores are expected returns; where they are weighed by their uncertainty, all but the rank IC is NaN.

    Returns
    -------
    DataFrame
        ``rank_ic``; ``slope`` of returns on expected ones within the session; ``level``, the mean return less the mean
        expected one; ``error``, the squared error of demeaned returns over their own square; ``rmse``.
    """
    realised = forward.reindex(index=scores.index, columns=scores.columns)
    if scores.empty or realised.isna().all(axis=None) or scores.isna().all(axis=None):
        return pd.DataFrame(np.nan, index=scores.index, columns=["rank_ic", "slope", "level", "error", "rmse"])
    found = pd.DataFrame({"rank_ic": information_coefficient(scores, realised)})
    both = scores.notna() & realised.notna()
    e, r = scores.where(both), realised.where(both)
    e_away, r_away = e.sub(e.mean(axis=1), axis=0), r.sub(r.mean(axis=1), axis=0)
    e_power, r_power = (frame.pow(2).sum(axis=1, min_count=2) for frame in (e_away, r_away))
    found["slope"] = (e_away * r_away).sum(axis=1, min_count=2) / e_power.where(e_power > 0.0)
    found["level"] = r.mean(axis=1) - e.mean(axis=1)
    found["error"] = (r_away - e_away).pow(2).sum(axis=1, min_count=2) / r_power.where(r_power > 0.0)
    found["rmse"] = np.sqrt((r - e).pow(2).mean(axis=1))
    if not are_returns:
        found[["slope", "level", "error", "rmse"]] = np.nan
    return found


def trading_numbers(turnover: pd.Series, gross: pd.Series, net: pd.Series) -> pd.DataFrame:
    """Turnover, cost and net return of each session, fractions of equity."""
    return pd.DataFrame({"turnover": turnover, "cost": gross - net, "net": net})


def made_measures(test: pd.DataFrame, live: pd.DataFrame, *, horizon: int) -> dict[str, Measure]:
    """Every measure with its ranges and its call.

    Parameters
    ----------
    test, live : DataFrame of float
        Columns the names of ``MEASURES``, rows sessions.
    horizon : int
        Sessions that the numbers of scores look ahead; those of the book look at one.
    """
    return {
        name: _made(kind, test[name], live[name], horizon=1 if name in ("turnover", "cost", "net") else horizon)
        for name, kind in MEASURES.items()
    }


def _made(kind: MeasureKind, test: pd.Series, live: pd.Series, *, horizon: int) -> Measure:
    if kind.role == "BROKEN":
        difference, _ = compared(live, test, worse=kind.worse, horizon=horizon, alpha=ALPHA / 2.0)
        call = decline_of(live, test, horizon=horizon)
    else:
        difference, call = compared(live, test, worse=kind.worse, horizon=horizon, alpha=WATCH_OTHERS)
    return Measure(
        label=kind.label,
        unit=kind.unit,
        test=test,
        live=live,
        sequence=mean_confidence_sequence(live, horizon=horizon),
        difference=difference,
        call=None if kind.role == "shown" else call,
        role=kind.role,
        horizon=horizon,
    )
