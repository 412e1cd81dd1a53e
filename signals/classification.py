"""Classification: scores as calls of the sign, judged as a classifier would be.

Rising is the positive class: a score above zero calls a rise, any other a fall. Returns of exactly zero are neither and
left out. Accuracy is a poor measure of a ranking; it is reported because users expect it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.intervals import hac_standard_error

__all__ = ["SignMetrics", "accuracy_by_session", "over_median", "sign_metrics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignMetrics:
    """Calls of the sign over all name-sessions; fractions, NaN where undefined.

    Parameters
    ----------
    accuracy, standard_error : float
        Share of right calls, and the HAC error of the mean over sessions of each session's share.
    precision, recall, f1 : float
        Of the rises: right among those called, called among those that came, and the harmonic mean of both.
    rising, called : float
        Share of returns that rose, and of scores that called a rise: calling every name a rise has accuracy ``rising``.
    count : int
        Name-sessions judged.
    """

    accuracy: float
    standard_error: float
    precision: float
    recall: float
    f1: float
    rising: float
    called: float
    count: int


def sign_metrics(scores: pd.DataFrame, forward: pd.DataFrame, *, horizon: int = 1) -> SignMetrics:
    """Judge the sign of scores against the sign of forward returns.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        Expected returns known at the close of each session; NaN where there is none.
    forward : DataFrame of float
        Forward returns by session of decision, on the same axes or more.
    horizon : int
        Sessions that each forward return spans; the error counts at least horizon − 1 lags.
    """
    judged, called, rose = _calls(scores, forward)
    right = (called == rose) & judged
    both, n_judged = int((called & rose).sum()), int(judged.sum())
    precision, recall = _share(both, int(called.sum())), _share(both, int(rose.sum()))
    return SignMetrics(
        accuracy=_share(int(right.sum()), n_judged),
        standard_error=hac_standard_error(_right_share(right, judged, scores.index), horizon=horizon),
        precision=precision,
        recall=recall,
        f1=2.0 * precision * recall / (precision + recall) if precision + recall > 0 else np.nan,
        rising=_share(int(rose.sum()), n_judged),
        called=_share(int(called.sum()), n_judged),
        count=n_judged,
    )


def accuracy_by_session(scores: pd.DataFrame, forward: pd.DataFrame) -> pd.Series:
    """Share of right calls of the sign in each session, as in ``sign_metrics``; NaN in one that judges no name."""
    judged, called, rose = _calls(scores, forward)
    return _right_share((called == rose) & judged, judged, scores.index)


def over_median(values: pd.DataFrame) -> pd.DataFrame:
    """Values less the median of their session: the call that a market-neutral book makes."""
    return values.sub(values.median(axis=1), axis=0)


def _calls(scores: pd.DataFrame, forward: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Name-sessions that are judged, those called a rise, and those that rose, shape (n_sessions, n_tickers)."""
    realised = forward.reindex(index=scores.index, columns=scores.columns).to_numpy(dtype=float)
    predicted = scores.to_numpy(dtype=float)
    judged = ~np.isnan(predicted) & ~np.isnan(realised) & (realised != 0.0)
    return judged, (predicted > 0) & judged, (realised > 0) & judged


def _right_share(right: np.ndarray, judged: np.ndarray, sessions: pd.Index) -> pd.Series:
    blank = np.full(len(judged), np.nan)
    share = np.divide(right.sum(axis=1), judged.sum(axis=1), out=blank, where=judged.any(axis=1))
    return pd.Series(share, index=sessions, name="accuracy")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else np.nan
