"""Causal state: what an agent may know of a book and its market at each close, and nothing later.

Row *t* reads bars, returns and rank ICs that are known at the close of *t*. The scale that is held and the drawdown of
the scaled book, which depend on what the agent did, are added by the environment.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from core.errors import DataError
from live.sizing.sized_book import SizedBook
from market.equal_weight import equal_weight_market
from market.returns import forward_returns
from signals.features.trailing_windows import trailing_max, trailing_mean, trailing_std
from signals.score_metrics import information_coefficient

__all__ = ["PLANTED", "causal_state", "fill_to_fill", "known_ic"]

SHORT, MIDDLE, LONG = 10, 20, 40  # sessions of trailing windows
MIN_ICS = 10  # of the long window
PLANTED = "planted future"  # the one column that looks ahead, on purpose, where it is asked for


def causal_state(book: SizedBook, past: pd.Series, *, planted: bool = False) -> pd.DataFrame:
    """The state of every session, not yet standardised.

    Parameters
    ----------
    book : SizedBook
        The book and its bars.
    past : Series of float
        Net returns of the book as it is, see ``SizedBook.past_returns``.
    planted : bool
        Add the future: what the book as it is earns from the fill of this decision to the next fill, before costs.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_features)
        On the sessions of the bars; NaN where a window is not full.

    Raises
    ------
    DataError
        If the book did not move for as long as the longest window.
    """
    spread, widest = _over(trailing_std, past, LONG), _over(trailing_max, past.abs(), LONG)
    if (widest == 0.0).any():
        still = widest.index[widest == 0.0][0]
        raise DataError(
            f"{book.name} is flat: it did not move in the {LONG} sessions to {still:%Y-%m-%d}, and there is nothing to "
            "size: choose another book"
        )
    market = equal_weight_market(book.panel)
    gross = book.weights.abs().sum(axis=1, skipna=False).reindex(past.index).ffill()
    wealth = (1.0 + past.fillna(0.0)).cumprod()
    moves = (book.panel.close / book.panel.close.shift(1) - 1.0).where(book.panel.universe)
    state = {
        "book volatility": _over(trailing_std, past, MIDDLE),
        "book volatility, short ÷ long": _over(trailing_std, past, SHORT) / spread,
        "book return": past / spread,
        "book trend": _over(trailing_mean, past, LONG) / spread,
        "book drawdown": wealth / wealth.cummax().clip(lower=1.0) - 1.0,
        "dispersion": _over(trailing_mean, moves.std(axis=1), SHORT),
        "market volatility": _over(trailing_std, market, MIDDLE),
        "market trend": _over(trailing_mean, market, LONG) / _over(trailing_std, market, LONG),
        "gross exposure": gross,
        "cost of a change": book.costs.trade_fraction * gross / spread,
    }
    if book.scores is not None:
        state["rank IC known"] = known_ic(book).rolling(LONG, min_periods=MIN_ICS).mean()
    if planted:
        state[PLANTED] = fill_to_fill(book)
    return pd.DataFrame(state, index=past.index)


def _over(window: Callable[[np.ndarray, int], np.ndarray], values: pd.Series, sessions: int) -> pd.Series:
    """A figure of the last sessions, this one included; NaN where one of them is missing."""
    return pd.Series(window(values.to_numpy(dtype=float)[:, None], sessions)[:, 0], index=values.index)


def known_ic(book: SizedBook) -> pd.Series:
    """Rank IC by the session at whose close it is known: that of the last fill which its forward returns read."""
    if book.scores is None:
        raise ValueError(f"{book.name} has no scores: it has no rank IC")
    forward = forward_returns(book.panel, book.execution, horizon=book.horizon)
    ic = information_coefficient(book.scores, forward).reindex(book.panel.sessions)
    return ic.shift(book.execution.delay + book.horizon)


def fill_to_fill(book: SizedBook) -> pd.Series:
    """What the decided weights of each session earn before costs from their fill to the next: the future."""
    forward = forward_returns(book.panel, book.execution, horizon=1)
    weights = book.weights.reindex(book.panel.sessions)
    earned = (weights.to_numpy() * np.nan_to_num(forward.to_numpy())).sum(axis=1)
    return pd.Series(earned, index=book.panel.sessions)
