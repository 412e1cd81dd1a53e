"""A third ledger without shares: the value recursion of a book that fills at the close and misses nothing."""

import numpy as np


def recursion_equity(weights: np.ndarray, closes: np.ndarray, fee: float) -> np.ndarray:
    """Equity, starting from 1, of weights (sessions × tickers, no NaN) that trade at the close they are decided at.

    V[t] = V[t−1] (1 − c[t−1] + w[t−1]·r[t]);  c[t] = fee Σ |w[t] − w[t−1] (1 + r[t]) / (V[t] / V[t−1])|;
    equity[t] = V[t] (1 − c[t]).
    """
    value, cost = np.ones(len(weights)), np.empty(len(weights))
    cost[0] = fee * np.abs(weights[0]).sum()
    for t in range(1, len(weights)):
        move = closes[t] / closes[t - 1] - 1.0
        growth = 1.0 - cost[t - 1] + weights[t - 1] @ move
        value[t] = value[t - 1] * growth
        cost[t] = fee * np.abs(weights[t] - weights[t - 1] * (1.0 + move) / growth).sum()
    return value * (1.0 - cost)
