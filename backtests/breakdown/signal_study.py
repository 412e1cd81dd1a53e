"""Signal study: what the report shows of a signal and of the model behind it beyond the headline, measured once.

The arithmetic lives in ``signals`` and ``models``; here it is only put together.
"""

from dataclasses import dataclass

import pandas as pd

from backtests.breakdown.signal_sides import side_spreads
from market import Panel
from signals.classification import SignMetrics, accuracy_by_session, over_median, sign_metrics
from signals.distribution import histogram, leg_hits, rank_stability, session_percentiles
from signals.groups import ic_by_group, size_terciles
from signals.score_metrics import information_coefficient, quantile_returns

__all__ = ["ModelStudy", "SignalStudy", "signal_study"]

DECILES = 10
STABILITY_LAGS = (1, 5, 20)  # sessions, and the label's horizon


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalStudy:
    """Tables and series that describe scores over the scored sessions.

    Parameters
    ----------
    ic_histogram : DataFrame
        ``signals.distribution.histogram`` of the rank IC.
    by_size : DataFrame
        ``ic_by_group`` over terciles of trailing dollar volume.
    by_sector : DataFrame or None
        The same over sectors; None where sectors are not known.
    legs : DataFrame
        ``leg_hits``: hit rates of the long against the short side.
    percentiles : DataFrame
        ``session_percentiles`` of the scores.
    spreads : DataFrame
        ``predicted`` and ``realised`` return of the top less the bottom quintile, each session.
    calibration : DataFrame
        ``QuantileReturns.summary`` by decile, predicted beside realised.
    stability : DataFrame
        ``rank_stability`` of the scores.
    sign, relative_sign : SignMetrics
        Sign of the scores against that of the returns; and both against the median of their session.
    accuracy : Series
        ``accuracy_by_session`` of the side of the median.
    pearson : Series
        Pearson IC of each session, beside the rank IC.
    sides : DataFrame
        ``side_spreads`` of the quintiles.
    """

    ic_histogram: pd.DataFrame
    by_size: pd.DataFrame
    by_sector: pd.DataFrame | None
    legs: pd.DataFrame
    percentiles: pd.DataFrame
    spreads: pd.DataFrame
    calibration: pd.DataFrame
    stability: pd.DataFrame
    sign: SignMetrics
    relative_sign: SignMetrics
    accuracy: pd.Series
    pearson: pd.Series
    sides: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelStudy:
    """Feature importance of a model, on a sample of its windows, by ``models.importance``.

    Parameters
    ----------
    permutation : DataFrame
        Index feature: ``ic_lost``, ``standard_error``, ``order_lost``, ``n_sessions``.
    shares : DataFrame or None, shape (n_features, n_blocks)
        Shares of integrated gradients by feature and block of positions, 0 the oldest; None for a model without
        gradients.
    completeness_error : float
        Relative error of the integral.
    n_windows : int
        Windows behind ``shares``.
    feature_stability : DataFrame, shape (n_features, n_lags)
        Mean rank autocorrelation of each feature by lag; NaN for one that is the same for every name.
    level_error : float
        Standard error of the calibration's level, a simple return over the label's horizon.
    """

    permutation: pd.DataFrame
    shares: pd.DataFrame | None
    completeness_error: float
    n_windows: int
    feature_stability: pd.DataFrame
    level_error: float


def signal_study(
    scores: pd.DataFrame,
    forward: pd.DataFrame,
    panel: Panel,
    *,
    sectors: pd.Series | None = None,
    horizon: int = 1,
) -> SignalStudy:
    """Measure scores beyond their rank IC.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_tested_sessions, n_tickers)
        Expected returns known at each close, out of sample.
    forward : DataFrame of float
        Forward returns by session of decision.
    panel : Panel
        Bars, for sizes.
    sectors : Series of str, optional
        Sector by ticker.
    horizon : int
        Sessions that each forward return spans; every error counts at least horizon − 1 lags.
    """
    ic, quintiles = information_coefficient(scores, forward), quantile_returns(scores, forward)
    spreads = {"predicted": quantile_returns(scores, scores).spread, "realised": quintiles.spread}
    relative = over_median(scores), over_median(forward.where(scores.notna()))
    return SignalStudy(
        ic_histogram=histogram(ic),
        by_size=ic_by_group(scores, forward, size_terciles(panel), horizon=horizon),
        by_sector=None if sectors is None else ic_by_group(scores, forward, sectors, horizon=horizon),
        legs=leg_hits(scores, forward, horizon=horizon),
        percentiles=session_percentiles(scores),
        spreads=pd.DataFrame(spreads),
        calibration=quantile_returns(scores, forward, n_quantiles=DECILES, predicted=scores, horizon=horizon).summary,
        stability=rank_stability(scores, lags=sorted({*STABILITY_LAGS, horizon})),
        sign=sign_metrics(scores, forward, horizon=horizon),
        relative_sign=sign_metrics(*relative, horizon=horizon),
        accuracy=accuracy_by_session(*relative),
        pearson=information_coefficient(scores, forward, method="pearson"),
        sides=side_spreads(quintiles, scores, forward),
    )
