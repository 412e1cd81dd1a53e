"""Tree graph: a forest as arrays of nodes, walked one level after the other by all samples at once.

A leaf leads to itself, so that every sample takes as many steps as the deepest tree has levels. Thresholds are compared
in float64, as both libraries do; samples hold no missing value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from models.export.refusal import ExportError

__all__ = ["ForestNodes", "Node", "TreeScores", "trees_of"]


@dataclass(frozen=True, slots=True)
class Node:
    """One node: a question with the places of both answers, or a leaf, which leads to itself."""

    feature: int
    threshold: float
    left: int
    right: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestNodes:
    """A forest: score = base + scale · Σ value of the leaf of each tree.

    Parameters
    ----------
    trees : tuple of tuple of Node
        Nodes of each tree, its root first; places count within the tree.
    depth : int
        Levels of the deepest.
    base, scale : float
        As above.
    """

    trees: tuple[tuple[Node, ...], ...]
    depth: int
    base: float = 0.0
    scale: float = 1.0


class TreeScores(nn.Module):
    """The sum of trees.

    Parameters
    ----------
    forest : ForestNodes
        Its trees.
    """

    feature: torch.Tensor
    threshold: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor
    value: torch.Tensor
    roots: torch.Tensor

    def __init__(self, forest: ForestNodes) -> None:
        super().__init__()
        sizes = torch.tensor([0, *(len(tree) for tree in forest.trees)]).cumsum(dim=0)
        nodes = [(node, int(first)) for tree, first in zip(forest.trees, sizes, strict=False) for node in tree]
        self.register_buffer("feature", torch.tensor([node.feature for node, _ in nodes]))
        self.register_buffer("threshold", torch.tensor([node.threshold for node, _ in nodes], dtype=torch.float64))
        self.register_buffer("left", torch.tensor([node.left + first for node, first in nodes]))
        self.register_buffer("right", torch.tensor([node.right + first for node, first in nodes]))
        self.register_buffer("value", torch.tensor([node.value for node, _ in nodes], dtype=torch.float64))
        self.register_buffer("roots", sizes[:-1])
        self.depth, self.base, self.scale = forest.depth, forest.base, forest.scale

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Scores (n,) of samples (n, width)."""
        x = samples.double()
        at = self.roots + torch.zeros_like(x[:, :1], dtype=torch.int64)  # (n, trees)
        for _ in range(self.depth):
            goes_left = x.gather(1, self.feature[at]) <= self.threshold[at]
            at = torch.where(goes_left, self.left[at], self.right[at])
        return self.base + self.scale * self.value[at].sum(dim=1)


def trees_of(predictor: Any) -> ForestNodes | None:
    """The forest of a fitted estimator of LightGBM's or scikit-learn's; None for one that is none.

    Raises
    ------
    ExportError
        If a tree asks what the graph cannot.
    """
    if hasattr(predictor, "booster"):
        trees = [_boosted(each["tree_structure"]) for each in predictor.booster.dump_model()["tree_info"]]
        return _forest(trees)
    forest: Any = getattr(predictor, "estimator", None)
    if hasattr(forest, "_predictors"):
        trees = [_histogram(each.nodes) for part in forest._predictors for each in part]
        return _forest(trees, base=float(forest._baseline_prediction.reshape(-1)[0]))
    if hasattr(forest, "estimators_") and all(hasattr(each, "tree_") for each in forest.estimators_):
        trees = [_grown(each.tree_) for each in forest.estimators_]
        return _forest(trees, scale=1.0 / len(trees))
    return None


def _forest(trees: list[list[Node]], *, base: float = 0.0, scale: float = 1.0) -> ForestNodes:
    kept = tuple(tuple(tree) for tree in trees)
    return ForestNodes(trees=kept, depth=max(map(_depth, kept), default=0), base=base, scale=scale)


def _depth(tree: tuple[Node, ...]) -> int:
    """Questions on the way to the deepest leaf."""
    deepest, walked = 0, [(0, 0)]
    while walked:
        place, depth = walked.pop()
        node = tree[place]
        deepest = max(deepest, depth)
        walked += [(child, depth + 1) for child in (node.left, node.right) if child != place]
    return deepest


def _boosted(root: dict[str, Any]) -> list[Node]:
    """Nodes of a tree of LightGBM's."""
    found = list(_walked(root))
    places = {id(node): place for place, node in enumerate(found)}
    nodes = []
    for place, node in enumerate(found):
        if "split_feature" not in node:
            nodes.append(Node(0, 0.0, place, place, float(node["leaf_value"])))
            continue
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            raise ExportError("kind lightgbm holds a tree that asks for categories or missing zeros: no graph of it")
        left, right = (places[id(node[side])] for side in ("left_child", "right_child"))
        nodes.append(Node(int(node["split_feature"]), float(node["threshold"]), left, right, 0.0))
    return nodes


def _walked(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    open_nodes = [root]
    while open_nodes:
        node = open_nodes.pop()
        yield node
        open_nodes += [node[side] for side in ("left_child", "right_child") if side in node]


def _histogram(table: Any) -> list[Node]:
    """Nodes of a tree of scikit-learn's histogram boosting."""
    nodes = []
    for place, row in enumerate(table):
        if row["is_leaf"]:
            nodes.append(Node(0, 0.0, place, place, float(row["value"])))
            continue
        if row["is_categorical"]:
            raise ExportError("kind sklearn holds a tree that asks for categories: no graph of it")
        nodes.append(
            Node(int(row["feature_idx"]), float(row["num_threshold"]), int(row["left"]), int(row["right"]), 0.0)
        )
    return nodes


def _grown(tree: Any) -> list[Node]:
    """Nodes of a tree of scikit-learn's forests."""
    values, nodes = tree.value.reshape(-1), []
    for place, (left, right) in enumerate(zip(tree.children_left, tree.children_right, strict=True)):
        if left == right:
            nodes.append(Node(0, 0.0, place, place, float(values[place])))
        else:
            feature, threshold = int(tree.feature[place]), float(tree.threshold[place])
            nodes.append(Node(feature, threshold, int(left), int(right), 0.0))
    return nodes
