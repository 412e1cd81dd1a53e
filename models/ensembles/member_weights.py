"""Member weights: how much each member counts, from scores of sessions that did not train it.

Both ways regress standardised labels on standardised scores, every session counting as much as another, through their
second moments: a K × K matrix for K members.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from models.ensembles.session_scale import z_scores

__all__ = ["Moments", "equal_weights", "fitted_weights", "session_moments", "stacked_weights"]

RANK_TOLERANCE = 1e-10  # of the largest eigenvalue: members that agree in every session


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Second moments of scores and labels, averaged over names and then over sessions.

    Parameters
    ----------
    scores : ndarray of float, shape (n_members, n_members)
        Mean product of two members' scores.
    labels : ndarray of float, shape (n_members,)
        Mean product of a member's score and the label.
    n_sessions : int
        Sessions behind them.
    """

    scores: np.ndarray
    labels: np.ndarray
    n_sessions: int


def session_moments(members: Sequence[np.ndarray], labels: np.ndarray) -> Moments:
    """Average the products of members' scores and labels.

    Parameters
    ----------
    members : sequence of ndarray of float, shape (n_sessions, n_tickers)
        Scores of each member; NaN where there is none. They are scaled within each session.
    labels : ndarray of float, shape (n_sessions, n_tickers)
        What was to be learned; NaN where unknown.
    """
    gram, moments, n_sessions = np.zeros((len(members), len(members))), np.zeros(len(members)), 0
    known = np.isfinite(labels) & np.all([np.isfinite(member) for member in members], axis=0)
    for row in np.flatnonzero(known.sum(axis=1) > 1):
        names = known[row]
        x = np.array([z_scores(member[row, names]) for member in members])
        y = z_scores(labels[row, names].astype(np.float64))
        gram += x @ x.T / x.shape[1]
        moments += x @ y / x.shape[1]
        n_sessions += 1
    count = max(n_sessions, 1)
    return Moments(scores=gram / count, labels=moments / count, n_sessions=n_sessions)


def fitted_weights(moments: Moments) -> tuple[float, ...] | None:
    """Non-negative weights of sum one whose combination follows the labels best; None where no member follows them.

    min ‖y − Σ wₘ zₘ‖² over w ≥ 0, then divided by their sum: among combinations without a short member its correlation
    with the labels is the highest. A sum of one within the regression would fit the scale of the labels instead, of
    which scores explain next to nothing.

    References
    ----------
    C. L. Lawson, R. J. Hanson (1974), "Solving least squares problems", chapter 23: non-negative least squares.
    """
    values, vectors = np.linalg.eigh(moments.scores)
    kept = values > RANK_TOLERANCE * max(values[-1], 0.0)
    if not kept.any():
        return None
    root = np.sqrt(values[kept])
    weights, _ = nnls(root[:, None] * vectors[:, kept].T, vectors[:, kept].T @ moments.labels / root)
    total = float(weights.sum())
    return tuple(float(weight / total) for weight in weights) if total > 0.0 else None


def stacked_weights(moments: Moments, *, penalty: float) -> tuple[float, ...] | None:
    """Weights of a ridge regression of labels on scores, of absolute sum one; None where all are zero.

    A weight may be negative: what that member says is then taken the other way round, where the others know it too.

    References
    ----------
    D. H. Wolpert (1992), "Stacked generalization", Neural Networks 5; L. Breiman (1996), "Stacked regressions",
    Machine Learning 24.
    """
    weights = np.linalg.solve(moments.scores + penalty * np.eye(len(moments.labels)), moments.labels)
    total = float(np.abs(weights).sum())
    return tuple(float(weight / total) for weight in weights) if total > 0.0 else None


def equal_weights(n_members: int) -> tuple[float, ...]:
    """As much for one as for another."""
    return (1.0 / n_members,) * n_members
