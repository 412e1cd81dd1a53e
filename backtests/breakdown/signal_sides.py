"""Signal sides: what the ends of a ranking earned against the middle of it, and what a signal knew in each regime."""

from collections.abc import Mapping

import pandas as pd

from backtests.statistics.regimes import MIN_REGIME_SESSIONS, UNLABELLED, regimes_in_order
from core.intervals import hac_standard_error
from signals.score_metrics import QuantileReturns, summarize_ic

__all__ = ["side_spreads", "signal_regimes"]


def side_spreads(quantiles: QuantileReturns, scores: pd.DataFrame, forward: pd.DataFrame) -> pd.DataFrame:
    """Return of the highest quantile less the market's, and of the market less the lowest quantile's.

    Parameters
    ----------
    quantiles : QuantileReturns
        Of these scores.
    scores, forward : DataFrame of float
        Scores, and forward returns by session of decision.

    Returns
    -------
    DataFrame of float, columns ``top_less_market`` and ``market_less_bottom``
        The market is the equal-weighted mean forward return of the names with a score, over the same sessions and
        fills; the two add up to the quantile spread. NaN in a session without quantiles.
    """
    realised, by_session = forward.reindex(index=scores.index, columns=scores.columns), quantiles.by_session
    market = realised.where(scores.notna()).mean(axis=1)
    return pd.DataFrame(
        {"top_less_market": by_session.iloc[:, -1] - market, "market_less_bottom": market - by_session.iloc[:, 0]}
    )


def signal_regimes(
    ic: pd.Series, accuracy: pd.Series, families: Mapping[str, pd.Series], *, horizon: int = 1
) -> dict[str, pd.DataFrame]:
    """Mean rank IC and mean accuracy in each regime of each family.

    Parameters
    ----------
    ic, accuracy : Series of float
        By session of decision; NaN where there is none.
    families : mapping of str to Series of str
        Regime of each session, by the name of the family.
    horizon : int
        Decisions that each forward return spans; errors count at least horizon − 1 lags.

    Returns
    -------
    dict of str to DataFrame, index regime
        ``sessions`` with an IC; ``rank_ic``, ``rank_ic_error``, ``hit_rate``, ``accuracy`` and ``accuracy_error``, NaN
        in a regime of fewer than 60 sessions, as ``regime_table`` has it. Sessions without a label are left out.
    """
    known = pd.DataFrame({"ic": ic, "accuracy": accuracy}).dropna(subset=["ic"])
    return {family: _by_regime(known, labels, horizon) for family, labels in families.items()}


def _by_regime(known: pd.DataFrame, labels: pd.Series, horizon: int) -> pd.DataFrame:
    regime = labels.reindex(known.index).fillna(UNLABELLED)
    rows = {name: _row(known[regime == name], horizon) for name in regimes_in_order(regime) if name != UNLABELLED}
    columns = ["sessions", "rank_ic", "rank_ic_error", "hit_rate", "accuracy", "accuracy_error"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("regime")


def _row(sessions: pd.DataFrame, horizon: int) -> tuple[float, ...]:
    nan = float("nan")
    if len(sessions) < MIN_REGIME_SESSIONS:
        return (len(sessions), nan, nan, nan, nan, nan)
    found, right = summarize_ic(sessions["ic"], horizon=horizon), sessions["accuracy"].dropna()
    return (
        len(sessions),
        found.mean,
        found.standard_error,
        found.hit_rate,
        float(right.mean()),
        hac_standard_error(right, horizon=horizon),
    )
