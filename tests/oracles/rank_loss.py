"""The rank loss of one session written out in float64 loops, and its gradient by central differences."""

import math

import numpy as np


def average_ranks(values):
    """Rank from 1, one name at a time; ties share their mean rank."""
    return np.array([sum(v < x for v in values) + (sum(v == x for v in values) + 1) / 2 for x in values])


def soft_ranks(values, temperature):
    """Sum sigmoids of differences, a pair at a time."""
    return np.array([sum(_sigmoid((x - v) / temperature) for v in values) for x in values])


def session_loss(predictions, targets, *, temperature, rank_weight, huber_delta, rank_scale, correlation, target_sd):
    """Return (total, rank term, Huber term) of one session."""
    if correlation == "pearson":
        ranks, wanted, unit = predictions, targets, 1.0 if rank_scale == "raw" else target_sd
    elif rank_scale == "raw":
        ranks, wanted, unit = soft_ranks(predictions, temperature), soft_ranks(targets, temperature), 1.0
    else:
        z = (predictions - predictions.mean()) / predictions.std()
        ranks, wanted, unit = soft_ranks(z, temperature), average_ranks(targets), target_sd
    rank = 1.0 - np.corrcoef(ranks, wanted)[0, 1]
    huber = np.mean([_huber(p - t / unit, huber_delta / unit) for p, t in zip(predictions, targets, strict=True)])
    return rank_weight * rank + (1.0 - rank_weight) * huber, rank, huber


def session_gradient(predictions, targets, *, step=1e-6, **settings):
    """Return the central-difference gradient of the total with respect to the predictions."""
    gradient = np.zeros_like(predictions)
    for k in range(len(predictions)):
        up, down = predictions.copy(), predictions.copy()
        up[k] += step
        down[k] -= step
        gradient[k] = (session_loss(up, targets, **settings)[0] - session_loss(down, targets, **settings)[0]) / step / 2
    return gradient


def _sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))


def _huber(error, delta):
    return 0.5 * error**2 if abs(error) <= delta else delta * (abs(error) - 0.5 * delta)
