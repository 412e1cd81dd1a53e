"""Slow twins of the reference table: rank IC session by session, its Newey-West t, equal-weight statistics."""

import numpy as np
import pandas as pd


def session_rank_correlations(scores: pd.DataFrame, outcomes: pd.DataFrame) -> pd.Series:
    """Spearman correlation of each session's cross-section, average ranks, NaN pairs left out."""
    found = {}
    for session in scores.index:
        pair = pd.DataFrame({"score": scores.loc[session], "outcome": outcomes.loc[session]}).dropna()
        if len(pair) >= 10:
            ranks = pair.rank()
            found[session] = np.corrcoef(ranks["score"], ranks["outcome"])[0, 1]
    return pd.Series(found)


def newey_west_t(values: pd.Series, lags: int) -> float:
    """Mean over its standard error with Bartlett weights."""
    deviation = (values - values.mean()).to_numpy()
    variance = deviation @ deviation / len(deviation)
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * (deviation[lag:] @ deviation[:-lag]) / len(deviation)
    return float(values.mean() / np.sqrt(variance / len(values)))


def yearly_sharpe(returns: pd.Series) -> float:
    return float(returns.mean() / returns.std(ddof=1) * np.sqrt(252))
