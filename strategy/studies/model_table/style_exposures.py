"""Style exposures: six factors of each name from its daily bars, and the rank IC that is left once they are taken out.

Row *t* of every exposure is known at the close of *t*. Fixed, not fitted: a table that chose its factors would be a
model of its own.

References
----------
Fama, E. F. and French, K. R., "Common risk factors in the returns on stocks and bonds", 1993 (size). Jegadeesh, N. and
Titman, S., 1993 (momentum). Jegadeesh, N., 1990 (reversal). Ang, A. et al., 2006 (volatility). Frazzini, A. and
Pedersen, L. H., 2014 (beta). Amihud, Y., "Illiquidity and stock returns", 2002.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from market.panel import Panel, aligned_frame
from portfolio.trailing_risk import close_returns, trailing_beta, trailing_volatility
from signals.features.trailing_windows import trailing_mean
from signals.rows import MIN_NAMES, row_ranks

__all__ = ["STYLES", "style_exposures", "style_residual_ic"]

YEAR, QUARTER, MONTH = 252, 63, 21
STYLES = ("size", "momentum", "reversal", "volatility", "beta", "liquidity")


def style_exposures(panel: Panel) -> Mapping[str, pd.DataFrame]:
    """Exposures of every name to the six styles, each of shape (n_sessions, n_tickers), not standardised.

    ``size`` is the mean dollar volume of a quarter, for bars hold no shares outstanding; ``momentum`` the return of
    the year but its last month; ``reversal`` that of the last month; ``volatility`` the deviation of a quarter's
    returns; ``beta`` of a year's to the equal-weighted universe; ``liquidity`` Amihud's mean of |return| ÷ dollar
    volume over a quarter. NaN where the window reaches before the first print. Ranks alone are read.
    """
    traded, close = panel.dollar_volume, panel.close.ffill()
    dollars = traded.to_numpy(dtype=float)
    impact = np.divide(
        np.abs(close_returns(panel)), dollars, out=np.full(dollars.shape, np.nan), where=np.nan_to_num(dollars) > 0.0
    )
    return {
        "size": _mean_of_prints(panel, dollars),
        "momentum": close.shift(MONTH) / close.shift(YEAR) - 1.0,
        "reversal": close / close.shift(MONTH) - 1.0,
        "volatility": trailing_volatility(panel, QUARTER),
        "beta": trailing_beta(panel, YEAR),
        "liquidity": _mean_of_prints(panel, impact),
    }


def style_residual_ic(scores: pd.DataFrame, forward: pd.DataFrame, exposures: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Partial rank correlation of scores and forward returns of each session, the styles held fixed.

    Scores, returns and exposures are ranked among the names that have them all; the residuals of a linear regression of
    either on the ranked exposures are correlated.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_scored_sessions, n_tickers)
        Known at each close.
    forward : DataFrame of float
        Forward returns by session of decision.
    exposures : mapping of str to DataFrame
        Of the same axes or longer.

    Returns
    -------
    Series of float, shape (n_scored_sessions,)
        NaN with fewer names than ``MIN_NAMES`` and one for each style, or where nothing is left to correlate.
    """
    others = [each.reindex(index=scores.index, columns=scores.columns) for each in (forward, *exposures.values())]
    numbers = np.stack([frame.to_numpy(dtype=float) for frame in (scores, *others)])  # (2 + K, T, N)
    known = np.isfinite(numbers).all(axis=0)
    ranks = np.stack([row_ranks(np.where(known, each, np.nan)) for each in numbers])
    values = [_partial(ranks[:, row, known[row]]) for row in range(len(scores))]
    return pd.Series(values, index=scores.index, name="style_ic")


def _partial(ranks: np.ndarray) -> float:
    """Correlation of the first two rows, (2 + K, n), given the others."""
    styles, count = len(ranks) - 2, ranks.shape[1]
    if count < MIN_NAMES + styles:
        return float("nan")
    ranks = ranks - ranks.mean(axis=1, keepdims=True)
    basis, triangle = np.linalg.qr(ranks[2:].T)
    told = np.abs(np.diag(triangle)) > 1e-9 * count**1.5  # a style that varies no more adds nothing
    basis = basis[:, told]
    own, earned = ranks[:2] - (ranks[:2] @ basis) @ basis.T
    scale = float(np.sqrt((own @ own) * (earned @ earned)))
    left = min(float(own @ own), float(earned @ earned))
    return float(own @ earned) / scale if left > 1e-9 * count**3 else float("nan")


def _mean_of_prints(panel: Panel, values: np.ndarray) -> pd.DataFrame:
    """Mean over a quarter's prints, at least half of which must be there."""
    known = np.isfinite(values)
    share = trailing_mean(known.astype(float), QUARTER)
    total = trailing_mean(np.where(known, values, 0.0), QUARTER)
    mean = np.divide(total, share, out=np.full(values.shape, np.nan), where=share >= 0.5)
    return aligned_frame(mean, panel.sessions, panel.tickers)
