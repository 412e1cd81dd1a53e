"""Rescored: whether a version scores its own test span on bars of today as it did when it was frozen."""

import pandas as pd

__all__ = ["rescored"]

SAME_SCORES = 1e-3  # of the standard deviation of a session's scores


def rescored(kept: pd.DataFrame, scores: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """The stamp RESCORED, where the test span is scored otherwise on the bars of today.

    Asked where no return moved and no code changed: then the names beside it are others, and so are ranks and z-scores.

    Parameters
    ----------
    kept, scores : DataFrame of float
        Scores of the test span as the version kept them, and on the bars of today; NaN where there is none.

    Returns
    -------
    tuple of (label, sentence)
        Empty where the same names have the same scores.
    """
    names = kept.columns.union(scores.columns)
    before, now = kept.reindex(columns=names), scores.reindex(index=kept.index, columns=names)
    gap, spread = (now - before).abs().max(axis=1), before.std(axis=1, ddof=1)
    other = (before.notna() != now.notna()).any(axis=1) | (gap > SAME_SCORES * spread)
    if not other.any():
        return ()
    words = f"{int(other.sum())} of {len(other)} sessions of the test span are scored otherwise on these bars"
    return (("RESCORED", f"{words}, first {other.idxmax():%Y-%m-%d}: another universe, or other data beside the bars"),)
