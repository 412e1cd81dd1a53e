"""Signal metrics the obvious way: one session, one quantile, one lag at a time."""

import numpy as np
import pandas as pd
from scipy import stats


def slow_ic(scores: pd.DataFrame, forward: pd.DataFrame, method: str) -> pd.Series:
    """Return the correlation of each session, by scipy."""
    correlate = {"spearman": stats.spearmanr, "pearson": stats.pearsonr}[method]
    values = {}
    for session in scores.index:
        pairs = pd.DataFrame({"x": scores.loc[session], "y": forward.loc[session]}).dropna()
        enough = len(pairs) >= 5 and min(len(set(pairs["x"])), len(set(pairs["y"]))) > 1
        values[session] = correlate(pairs["x"], pairs["y"]).statistic if enough else np.nan
    return pd.Series(values)


def slow_hac_error(numbers: np.ndarray, lags: int) -> float:
    """Return the Newey-West error of the mean as a double sum over pairs of sessions."""
    n, mean = len(numbers), numbers.mean()
    total = 0.0
    for i in range(n):
        for j in range(n):
            weight = max(0.0, 1.0 - abs(i - j) / (lags + 1.0))
            total += weight * (numbers[i] - mean) * (numbers[j] - mean)
    return float(np.sqrt(total / n / (n - 1)))


def slow_quantiles(scores: pd.DataFrame, forward: pd.DataFrame, n_quantiles: int) -> pd.DataFrame:
    """Return the mean forward return of each quantile, names sorted by (score, ticker)."""
    means = pd.DataFrame(np.nan, index=scores.index, columns=range(1, n_quantiles + 1))
    for session in scores.index:
        known = scores.loc[session].dropna()
        names = sorted(known.index, key=lambda ticker, known=known: (known[ticker], ticker))
        if len(names) < n_quantiles:
            continue
        for quantile in range(1, n_quantiles + 1):
            inside = [name for place, name in enumerate(names) if place * n_quantiles // len(names) == quantile - 1]
            means.loc[session, quantile] = forward.loc[session, inside].mean()
    return means
