"""Shapley values: what each player of a game adds on average over every order in which the players may come.

They sum to the worth of all players together, a player that never adds anything gets 0, equal players get the same,
and no order of the players is preferred: the only division with these four properties.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from math import comb

import numpy as np

__all__ = ["MAX_PLAYERS", "shapley_values"]

MAX_PLAYERS = 10  # 1,024 coalitions


def shapley_values(players: Sequence[str], worth: Callable[[frozenset[str]], np.ndarray]) -> dict[str, np.ndarray]:
    """Share a worth among players.

    Parameters
    ----------
    players : sequence of str
        At most ten, each once.
    worth : callable
        The worth of a coalition, an array of one shape; it is asked about each of the 2^n coalitions once.

    Returns
    -------
    dict of str to ndarray
        By player; they sum to the worth of all less the worth of none, up to rounding.

    Raises
    ------
    ValueError
        If the players are too many or not different.

    References
    ----------
    Shapley, L. S., "A Value for n-Person Games", Contributions to the Theory of Games II, 1953, equation 13.

    Examples
    --------
    >>> import numpy as np
    >>> from live.differences.shapley_values import shapley_values
    >>> glove = lambda pair: np.array(float("left" in pair and len(pair) > 1))
    >>> {name: round(float(value), 4) for name, value in shapley_values(("left", "right", "other"), glove).items()}
    {'left': 0.6667, 'right': 0.1667, 'other': 0.1667}
    """
    if len(set(players)) != len(players) or len(players) > MAX_PLAYERS:
        raise ValueError(f"players must be at most {MAX_PLAYERS} different names, were {list(players)}")
    known = {group: np.asarray(worth(group), dtype=float) for group in _coalitions(players)}
    n = len(players)
    return {
        player: sum(
            (
                (known[group | {player}] - value) / (n * comb(n - 1, len(group)))
                for group, value in known.items()
                if player not in group
            ),
            start=np.zeros_like(known[frozenset()]),
        )
        for player in players
    }


def _coalitions(players: Sequence[str]) -> Iterator[frozenset[str]]:
    """Every set of players, the empty one first and the whole last."""
    for size in range(len(players) + 1):
        yield from map(frozenset, combinations(players, size))
