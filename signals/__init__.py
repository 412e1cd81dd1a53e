"""Features from bars, cross-section tools, and the only home of signal metrics."""

from signals.cross_section import centered_rank, demean, neutralize, rank, session_mean, winsorize, zscore
from signals.features import (
    FEATURE_SETS,
    Computing,
    Feature,
    compute_features,
    feature_table,
    fill_gaps,
    register_feature_set,
)
from signals.features.feature import feature
from signals.score_metrics import (
    ICDecay,
    ICSummary,
    QuantileReturns,
    ScoreCorrelation,
    ic_by_quarter,
    ic_decay,
    information_coefficient,
    quantile_returns,
    rank_autocorrelation,
    score_correlation,
    summarize_ic,
)

__all__ = [
    "FEATURE_SETS",
    "Computing",
    "Feature",
    "ICDecay",
    "ICSummary",
    "QuantileReturns",
    "ScoreCorrelation",
    "centered_rank",
    "compute_features",
    "demean",
    "feature",
    "feature_table",
    "fill_gaps",
    "ic_by_quarter",
    "ic_decay",
    "information_coefficient",
    "neutralize",
    "quantile_returns",
    "rank",
    "rank_autocorrelation",
    "register_feature_set",
    "score_correlation",
    "session_mean",
    "summarize_ic",
    "winsorize",
    "zscore",
]
