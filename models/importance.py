"""Importance: what a fitted model reads, by feature and by position in the sequence; on a stated sample of windows.

Permutation reassigns a feature's whole sequences among the names of one session, so that nothing but the owner of each
changes. Integrated gradients split each score's distance from the score of an average sequence over the cells of its
window; they are taken less their session's mean, because only differences between names rank. Features that are the
same number under two names are permuted and added up together.
"""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import torch

from core.errors import DataError
from core.progress import Count, counted
from models.bar_levels import divisor_places, divisors_of
from models.losses.rank_loss import MIN_NAMES, rank_correlations
from models.model import WindowScores
from models.threads import side_by_side, threads
from models.windows import Windows

__all__ = [
    "ImportanceSample",
    "SequenceImportance",
    "duplicate_features",
    "integrated_gradients",
    "permutation_importance",
    "position_blocks",
]

NODES = 8  # of Gauss-Legendre on the path from the average sequence: see ``completeness_error``
BLOCKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportanceSample:
    """The sample of windows; drawn from the seed alone.

    Parameters
    ----------
    n_sessions, n_names : int
        Sessions drawn for the permutation, and names drawn in each.
    gradient_sessions, gradient_names : int
        The same for integrated gradients, which cost more.
    seed : int
        Draws sessions, names and permutations.
    """

    n_sessions: int = 40
    n_names: int = 30
    gradient_sessions: int = 20
    gradient_names: int = 8
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SequenceImportance:
    """Shares of integrated gradients.

    Parameters
    ----------
    shares : DataFrame of float, shape (n_groups, n_blocks)
        Share of the summed absolute attributions by feature (joined with its duplicates) and block of positions,
        position 0 the oldest; all cells add up to 1.
    completeness_error : float
        Mean gap between the attributions' sum and the score's distance from the average sequence's score, over the mean
        distance: 0 if the integral were exact.
    n_windows : int
        Windows explained.
    """

    shares: pd.DataFrame
    completeness_error: float
    n_windows: int


def permutation_importance(
    model: WindowScores,
    windows: Windows,
    *,
    sessions: pd.DatetimeIndex,
    sample: ImportanceSample | None = None,
    progress: Count | None = None,
) -> pd.DataFrame:
    """Loss from permuting each feature within the session.

    Parameters
    ----------
    model : WindowScores
        What scores windows.
    windows : Windows
        Built with the model's scaler and lookback.
    sessions : DatetimeIndex
        Sessions that may be drawn, each among the windows' sessions.
    sample : ImportanceSample, optional
        How many are drawn.
    progress : callable, optional
        Called with the sessions done and their number.

    Returns
    -------
    DataFrame
        Index ``feature``, duplicates joined by ``" = "``. ``ic_lost``, mean rank IC with the true features less that
        with the feature permuted, over the drawn sessions; ``standard_error`` of that mean, sessions taken as
        independent; ``order_lost``, 1 − mean rank correlation of the scores before and after; ``n_sessions``. A feature
        that is the same for every name of a session has 0 throughout.

    Raises
    ------
    DataError
        If no session holds five names with a window and a forward return.

    References
    ----------
    Breiman, L., "Random Forests", Machine Learning, 2001, section 10.
    """
    sample = sample or ImportanceSample()
    rng = np.random.default_rng(sample.seed)
    groups = duplicate_features(windows)
    drawn = _drawn_rows(windows, sessions, sample.n_sessions, rng)
    permuted = (
        _permutations(*_sequences(windows, row, sample.n_names, rng), groups, rng)
        for row in counted(drawn.tolist(), progress)
    )
    results = list(side_by_side(partial(_losses, model), permuted, device=torch.device("cpu")))
    lost, disorder = (np.stack(column) for column in zip(*results, strict=True))
    return pd.DataFrame(
        {
            "ic_lost": lost.mean(axis=0),
            "standard_error": _standard_error(lost),
            "order_lost": disorder.mean(axis=0),
            "n_sessions": len(drawn),
        },
        index=_labels(windows, groups),
    )


def integrated_gradients(
    model: WindowScores,
    windows: Windows,
    *,
    sessions: pd.DatetimeIndex,
    sample: ImportanceSample | None = None,
    progress: Count | None = None,
) -> SequenceImportance:
    """Shares of the attributions by feature and by third of the sequence.

    The path runs from the sequence of training means (zeros after scaling) straight to the window. The model must be
    differentiable and compare no names, so that a score is the attributions of its own window.

    Parameters
    ----------
    model, windows, sessions, sample
        As for :func:`permutation_importance`.
    progress : callable, optional
        Called with the steps of the integral done and their number.

    References
    ----------
    Sundararajan, M., Taly, A. and Yan, Q., "Axiomatic Attribution for Deep Networks", ICML 2017, equation 1.
    """
    sample = sample or ImportanceSample()
    rng = np.random.default_rng(sample.seed)
    groups = duplicate_features(windows)
    rows = _drawn_rows(windows, sessions, sample.gradient_sessions, rng)
    blocks = [_sequences(windows, row, sample.gradient_names, rng)[0] for row in rows]
    x = torch.cat(blocks, dim=1)  # (L, all names, F)
    attributions = _attributions(model, x, progress)
    relative = torch.cat([part - part.mean(dim=1, keepdim=True) for part in _split(attributions, blocks)], dim=1)
    sizes = relative.abs().mean(dim=1).double().numpy()  # (L, F)
    edges = position_blocks(windows.lookback)
    table = {
        label: [sizes[start:stop, list(group)].sum() for group in groups] for label, (start, stop) in edges.items()
    }
    shares = pd.DataFrame(table, index=_labels(windows, groups))
    return SequenceImportance(
        shares=shares / shares.to_numpy().sum(),
        completeness_error=_completeness_error(model, x, attributions),
        n_windows=x.shape[1],
    )


def duplicate_features(windows: Windows) -> list[tuple[int, ...]]:
    """Group equal features, in order: places on the last axis of ``windows.x``."""
    groups: list[tuple[int, ...]] = []
    for place in range(windows.x.shape[2]):
        for k, group in enumerate(groups):
            if torch.equal(windows.x[:, :, group[0]], windows.x[:, :, place]):
                groups[k] = (*group, place)
                break
        else:
            groups.append((place,))
    return groups


def position_blocks(lookback: int) -> dict[str, tuple[int, int]]:
    """Thirds of the sequence by label, ``{"0–30": (0, 30), …}`` for 90 sessions; position 0 is the oldest."""
    edges = [round(lookback * k / BLOCKS) for k in range(BLOCKS + 1)]
    return {f"{start}–{stop}": (start, stop) for start, stop in pairwise(edges) if start < stop}


def _labels(windows: Windows, groups: list[tuple[int, ...]]) -> pd.Index:
    names = windows.scaler.names
    return pd.Index([" = ".join(names[place] for place in group) for group in groups], name="feature")


def _drawn_rows(windows: Windows, sessions: pd.DatetimeIndex, count: int, rng: np.random.Generator) -> np.ndarray:
    rows = windows.sessions.get_indexer(sessions)
    usable = rows[(windows.labelled[torch.as_tensor(rows)].sum(dim=1) >= MIN_NAMES).cpu().numpy()]
    if len(usable) == 0:
        raise DataError(f"no session holds {MIN_NAMES} names with a window and a forward return: give more bars")
    drawn: np.ndarray = np.sort(rng.choice(usable, size=min(count, len(usable)), replace=False))
    return drawn


def _sequences(windows: Windows, row: int, count: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows (L, N, F) and forward returns (N,) of some names of one session."""
    names = windows.labelled[row].nonzero().squeeze(1).cpu().numpy()
    picked = torch.as_tensor(np.sort(rng.choice(names, size=min(count, len(names)), replace=False)))
    picked = picked.to(windows.x.device)
    x = windows.x[row - windows.lookback + 1 : row + 1][:, picked].cpu()
    quotients = x - divisors_of(x[-1], divisor_places(windows.scaler.names))  # as a model reads them; read so again
    return quotients, windows.y[row, picked].cpu()


def _permutations(
    x: torch.Tensor, y: torch.Tensor, groups: list[tuple[int, ...]], rng: np.random.Generator
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Windows as they are and with each group permuted, and their forward returns."""
    variants = [x]
    for group in groups:
        order = torch.as_tensor(rng.permutation(x.shape[1]))
        permuted = x.clone()
        permuted[:, :, list(group)] = x[:, order][:, :, list(group)]
        variants.append(permuted)
    return variants, y


def _losses(model: WindowScores, permuted: tuple[list[torch.Tensor], torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Rank IC lost and order lost to each group, (n_groups,) each."""
    variants, y = permuted
    asked = variants if model.compares_names else [torch.cat(variants, dim=1)]  # side by side, where none sees another
    scores = torch.cat([model.score(each) for each in asked]).reshape(len(variants), -1)  # (1 + n_groups, N)
    everyone = torch.ones_like(scores, dtype=torch.bool)
    # rounding alone is not importance
    touched = np.array([not torch.equal(each, variants[0]) for each in variants[1:]])
    ic = rank_correlations(scores, y.expand_as(scores), everyone).double().numpy()
    order_kept = rank_correlations(scores, scores[:1].expand_as(scores), everyone).double().numpy()
    return np.where(touched, ic[0] - ic[1:], 0.0), np.where(touched, 1.0 - order_kept[1:], 0.0)


def _attributions(model: WindowScores, x: torch.Tensor, progress: Count | None) -> torch.Tensor:
    """Integrate the gradient along the straight path from zeros to ``x``, times ``x``: (L, N, F)."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    path = counted(((nodes + 1.0) / 2.0).tolist(), progress)
    total = torch.zeros_like(x)
    gradients = side_by_side(partial(_gradient, model, x), path, device=torch.device("cpu"))
    for weight, gradient in zip((weights / 2.0).tolist(), gradients, strict=True):
        total += weight * gradient
    return total * x


def _gradient(model: WindowScores, x: torch.Tensor, share: float) -> torch.Tensor:
    """Gradient of the summed scores at a share of the way from zeros to ``x``."""
    with torch.inference_mode(False), torch.enable_grad():
        point = (share * x).requires_grad_()
        (gradient,) = torch.autograd.grad(model.score(point).sum(), point)
    return gradient


def _completeness_error(model: WindowScores, x: torch.Tensor, attributions: torch.Tensor) -> float:
    with threads(1), torch.inference_mode():
        distance = model.score(x) - model.score(torch.zeros_like(x))
    gap = attributions.sum(dim=(0, 2)) - distance
    return float(gap.abs().mean() / distance.abs().mean())


def _split(joined: torch.Tensor, blocks: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    return torch.split(joined, [block.shape[1] for block in blocks], dim=1)


def _standard_error(draws: np.ndarray) -> np.ndarray:
    if len(draws) < 2:
        return np.full(draws.shape[1], np.nan)
    error: np.ndarray = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    return error
