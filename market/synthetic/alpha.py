"""The planted alpha: oracle scores as a function of three observables of the printed bars.

Row *t* reads rows *t* − 59 to *t* only. Within one session, over its eligible names, with z the z-score cut at ±3:

    m = z(log Cₜ₋₂₀ / Cₜ₋₅₀)                              momentum that skips the last twenty sessions
    d = z(log mean over 20 of (H − L) / C)                daily range
    a = z(log (mean over 20 of V / mean over 60 of V))    abnormal volume
    score = z(tanh m + 0.7 tanh a + 0.5 tanh m · tanh a − 0.85 max(d, 0))

Momentum: Jegadeesh and Titman 1993. High-volume premium: Gervais, Kaniel and Mingelgrin 2001. Momentum conditional on
volume: Lee and Swaminathan 2000. Low returns of volatile names only: Ang, Hodrick, Xing and Zhang 2006.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.panel import Panel, aligned_frame

__all__ = ["HISTORY", "Bars", "oracle_row", "oracle_scores"]

HISTORY = 90  # sessions since the first print before a name has a score
MIN_NAMES = 10  # below it a cross-section has no scores
MAX_Z = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Printed bars as arrays, shape (n_sessions, n_tickers).

    Parameters
    ----------
    close : array
        Last printed close, carried over sessions without a print; NaN before the first.
    spread : array
        (High − low) / close; NaN without a print.
    volume : array
        Whole shares; NaN without a print.
    """

    close: np.ndarray
    spread: np.ndarray
    volume: np.ndarray


def oracle_scores(panel: Panel) -> pd.DataFrame:
    """Recompute the oracle scores of a panel from its bars alone.

    Parameters
    ----------
    panel : Panel
        Bars from the first session of the built-in market on; a panel cut at its end gives the same rows.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        Mean 0 and standard deviation about 1 within a session, known at its close. NaN for a name without a print, in
        the first 89 sessions from its first print, and where fewer than ten names are eligible.
    """
    printed = panel.printed.to_numpy()
    rows = np.arange(len(printed))[:, None]
    first = np.where(printed.any(axis=0), printed.argmax(axis=0), len(printed))
    spread = (panel.high - panel.low) / panel.close
    bars = Bars(close=panel.close.ffill().to_numpy(), spread=spread.to_numpy(), volume=panel.volume.to_numpy())
    eligible = printed & (rows - first >= HISTORY - 1)
    scores = np.stack([oracle_row(bars, t, eligible[t]) for t in range(len(printed))])
    return aligned_frame(scores, panel.sessions, panel.tickers)


def oracle_row(bars: Bars, t: int, eligible: np.ndarray) -> np.ndarray:
    """Scores of row ``t``, shape (n_tickers,); NaN where not ``eligible``."""
    scores = np.full(len(eligible), np.nan)
    if eligible.sum() >= MIN_NAMES:
        scores[eligible] = _z(_combined(*_observables(bars, t, eligible)))
    return scores


def _observables(bars: Bars, t: int, eligible: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Momentum, range and abnormal volume of the eligible names."""
    momentum = np.log(bars.close[t - 20, eligible] / bars.close[t - 50, eligible])
    spread = _mean_of_printed(bars.spread[t - 19 : t + 1, eligible])
    volume = bars.volume[t - 59 : t + 1, eligible]
    abnormal = _mean_of_printed(volume[-20:]) / _mean_of_printed(volume)
    return _z(momentum), _z(np.log(spread)), _z(np.log(abnormal))


def _combined(momentum: np.ndarray, spread: np.ndarray, abnormal: np.ndarray) -> np.ndarray:
    trend, attention = np.tanh(momentum), np.tanh(abnormal)
    score = trend + 0.7 * attention + 0.5 * trend * attention - 0.85 * np.maximum(spread, 0.0)
    return np.asarray(score)


def _mean_of_printed(window: np.ndarray) -> np.ndarray:
    printed = ~np.isnan(window)
    total = np.where(printed, window, 0.0).sum(axis=0)
    return np.asarray(total / printed.sum(axis=0))  # an eligible name printed in the last row


def _z(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean()
    return np.asarray(np.clip(centred / centred.std(), -MAX_Z, MAX_Z))
