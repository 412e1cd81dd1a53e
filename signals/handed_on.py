"""Handed-on scores: each name's whole path of scores handed to another name, for scores as persistent and skill-less.

What is handed on keeps its sessions, so every path keeps its autocorrelation at every lag, and each session keeps its
scores; only the names behind them are others. If the scores know nothing of the names, every such order of the names is
as likely as the true one: a permutation test, whatever the dependence in time. A bet that many names share, such as one
on a sector, is scattered over names that do not share it.

References
----------
Fisher, R. A., "The Design of Experiments", 1935, chapter 3; Lehmann, E. L. and Romano, J. P., "Testing Statistical
Hypotheses", chapter 15, 2005 (exact level of permutation tests).
"""

import numpy as np

__all__ = ["PathExchange"]


class PathExchange:
    """Hands what is known of each session on, for any number of orders of the names.

    Parameters
    ----------
    known : ndarray of bool, shape (n_sessions, n_tickers)
        Names that have a value in the session. They give and take among themselves.

    Examples
    --------
    >>> exchange = PathExchange(np.array([[True, True, True], [True, False, True]]))
    >>> scores = np.array([[1.0, 2.0, 3.0], [4.0, np.nan, 6.0]])
    >>> exchange.handed(scores, np.array([1, 2, 0])).tolist()
    [[2.0, 3.0, 1.0], [6.0, nan, 4.0]]
    """

    def __init__(self, known: np.ndarray) -> None:
        self._known, self._places = known.ravel(), np.flatnonzero(known)
        self._names = self._places % max(known.shape[1], 1)
        self._starts = self._places - self._names

    def handed(self, values: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Hand values on: each known one is taken by another name of its session; what is not known stays as it is.

        Parameters
        ----------
        values : ndarray of float, shape (n_sessions, n_tickers)
            Scores, or weights that were made of them.
        order : ndarray of int, shape (n_tickers,)
            An order of the names. A name takes from the one that the order puts in its place, or from the next one in
            that cycle that has a value: the same one session after session, until one of those comes or goes.
        """
        handed: np.ndarray = values.copy()
        handed.reshape(-1)[self._places] = values.reshape(-1)[self._donors(order)]
        return handed

    def _donors(self, order: np.ndarray) -> np.ndarray:
        """Flat places that the known values come from."""
        places: np.ndarray = self._starts + order[self._names]
        astray = np.flatnonzero(~self._known[places])
        while astray.size:
            places[astray] = self._starts[astray] + order[places[astray] - self._starts[astray]]
            astray = astray[~self._known[places[astray]]]
        return places
