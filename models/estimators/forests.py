"""Forests: trees of scikit-learn's on samples as float32, which none of them copies.

References
----------
L. Breiman (2001), "Random forests", Machine Learning 45.
P. Geurts, D. Ernst and L. Wehenkel (2006), "Extremely randomized trees", Machine Learning 63.
"""

from collections.abc import Callable, Mapping
from typing import Any

from models.estimators.samples import Samples

__all__ = ["FOREST_CLASSES", "boosted", "forest", "n_leaves"]

PARTS = 10  # that a forest is grown in, for its progress


def _extra_trees() -> type:
    from sklearn.ensemble import ExtraTreesRegressor

    found: type = ExtraTreesRegressor
    return found


def _random_forest() -> type:
    from sklearn.ensemble import RandomForestRegressor

    found: type = RandomForestRegressor
    return found


def _boosting() -> type:
    from sklearn.ensemble import HistGradientBoostingRegressor

    found: type = HistGradientBoostingRegressor
    return found


FOREST_CLASSES: Mapping[str, Callable[[], type]] = {
    "extra_trees": _extra_trees,
    "random_forest": _random_forest,
    "hist_gradient_boosting": _boosting,
}


def forest(samples: Samples, kind: Any, *, seed: int, progress: Callable[[int, int, str], None]) -> Any:
    """A forest, grown in parts; the trees are those of one call."""
    knobs = kind.knobs
    is_drawn = kind.estimator == "random_forest" or knobs["row_share"] < 1.0
    trees = FOREST_CLASSES[kind.estimator]()(
        max_depth=knobs["depth"],
        min_samples_leaf=knobs["min_leaf"],
        max_features=knobs["column_share"],
        bootstrap=is_drawn,
        max_samples=knobs["row_share"] if is_drawn else None,
        random_state=seed,
        n_jobs=1,
        warm_start=True,
    )
    counts = sorted({max(1, knobs["trees"] * part // PARTS) for part in range(1, PARTS + 1)})
    for count in counts:
        trees.set_params(n_estimators=count).fit(samples.x, samples.y)
        progress(count, knobs["trees"], "trees")
    return trees.set_params(warm_start=False)


def boosted(samples: Samples, kind: Any, *, seed: int, progress: Callable[[int, int, str], None]) -> Any:
    """Trees on a histogram of each column, each on what those before it left; grown in one go."""
    knobs = kind.knobs
    trees = FOREST_CLASSES[kind.estimator]()(
        max_iter=knobs["trees"],
        learning_rate=knobs["learning_rate"],
        max_leaf_nodes=knobs["leaves"],
        min_samples_leaf=knobs["min_leaf"],
        max_features=knobs["column_share"],
        early_stopping=False,
        random_state=seed,
    )
    trees.fit(samples.x, samples.y)
    progress(knobs["trees"], knobs["trees"], "trees")
    return trees


def n_leaves(trees: Any) -> int:
    """Leaves of all trees of a fitted forest."""
    if hasattr(trees, "estimators_"):
        return sum(int(tree.get_n_leaves()) for tree in trees.estimators_)
    return sum(predictor.get_n_leaf_nodes() for part in trees._predictors for predictor in part)
