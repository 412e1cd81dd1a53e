"""Features: one short function each, grouped in named sets, every row from bars of its own past only."""

from signals.features.feature import Feature
from signals.features.gaps import fill_gaps
from signals.features.registry import FEATURE_SETS, compute_features, feature_table

__all__ = ["FEATURE_SETS", "Feature", "compute_features", "feature_table", "fill_gaps"]
