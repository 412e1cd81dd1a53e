"""Tree sizes: how many trees a fitted estimator holds, their leaves, and how deep they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["TreeSizes", "tree_sizes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSizes:
    """Size of a forest.

    Parameters
    ----------
    trees : int
        How many.
    leaves : int
        Of all trees.
    depth : int
        Questions on the way to the deepest leaf; 0 where no tree asks any.
    """

    trees: int
    leaves: int
    depth: int


def tree_sizes(predictor: Any) -> TreeSizes | None:
    """The trees of a fitted estimator, LightGBM's or scikit-learn's; None for one that is no forest.

    Parameters
    ----------
    predictor : Predictor
        Of a ``FittedEstimator``.
    """
    sizes = list(_sizes(predictor))
    if not sizes:
        return None
    leaves, depths = zip(*sizes, strict=True)
    return TreeSizes(trees=len(sizes), leaves=sum(leaves), depth=max(depths))


def _sizes(predictor: Any) -> Iterator[tuple[int, int]]:
    """Leaves and depth of each tree."""
    if hasattr(predictor, "booster"):
        for tree in predictor.booster.dump_model()["tree_info"]:
            yield tree["num_leaves"], _depth(tree["tree_structure"])
        return
    forest: Any = getattr(predictor, "estimator", None)
    if hasattr(forest, "_predictors"):
        for each in (each for part in forest._predictors for each in part):
            yield each.get_n_leaf_nodes(), each.get_max_depth()
    elif hasattr(forest, "estimators_"):
        for each in forest.estimators_:
            yield int(each.get_n_leaves()), int(each.get_depth())


def _depth(root: dict[str, Any]) -> int:
    """Depth of a tree of LightGBM's, which may be deeper than calls are."""
    deepest, open_nodes = 0, [(root, 0)]
    while open_nodes:
        node, depth = open_nodes.pop()
        deepest = max(deepest, depth)
        open_nodes += [(node[side], depth + 1) for side in ("left_child", "right_child") if side in node]
    return deepest
