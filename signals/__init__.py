"""Features from bars, cross-section tools, and the only home of signal metrics."""

from signals.features import FEATURE_SETS, compute_features, feature_table, register_feature_set
from signals.features.feature import feature
from signals.score_metrics import quantile_returns

__all__ = [
    "FEATURE_SETS",
    "compute_features",
    "feature",
    "feature_table",
    "quantile_returns",
    "register_feature_set",
]
