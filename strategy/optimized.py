"""Optimized: what the report adds for a book that an optimiser weighed."""

from dataclasses import replace

import pandas as pd

from backtests.clusters import held_clusters
from backtests.result import BacktestResult
from backtests.studies import BookStudy
from market.panel import Panel
from portfolio.settings import BookSettings

__all__ = ["optimizer_note", "with_clusters"]


def with_clusters(study: BookStudy, book: BookSettings, *, result: BacktestResult, panel: Panel) -> BookStudy:
    """Return the study with the clusters of the names held last, where the book was optimised."""
    if not book.is_optimized:
        return study
    return replace(study, clusters=held_clusters(result.held_weights, panel, book.optimizer.window))


def optimizer_note(name: str, diagnostics: pd.DataFrame) -> str:
    """Return how often a book was rebalanced and how often held for want of a solution; empty without an optimiser."""
    if "solver_failed" not in diagnostics:
        return ""
    rebalanced, failed = int((diagnostics["n_scored"] > 0).sum()), int(diagnostics["solver_failed"].sum())
    return (
        f"{name}: weights optimised at {rebalanced} rebalances and held between; at {failed} more the optimiser found "
        "none within the limits and the book was held."
    )
