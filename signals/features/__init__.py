"""Features: one short function each, grouped in named sets, every row from bars of its own past only."""

from signals.features.cache import cache_home
from signals.features.computation import Computing
from signals.features.feature import Feature
from signals.features.feature_sets import register_feature_set
from signals.features.gaps import fill_gaps
from signals.features.kept import kept_features
from signals.features.print_windows import sessions_read
from signals.features.registry import FEATURE_SETS, compute_features, feature_table

__all__ = [
    "FEATURE_SETS",
    "Computing",
    "Feature",
    "cache_home",
    "compute_features",
    "feature_table",
    "fill_gaps",
    "kept_features",
    "register_feature_set",
    "sessions_read",
]
