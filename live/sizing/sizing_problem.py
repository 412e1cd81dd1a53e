"""Sizing problem: a book as the arrays that an agent learns on, its states standardised by the training span.

Built once for all agents and seeds; nothing of it depends on what an agent does.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.engine.ledger import ledger_bars
from core.errors import DataError
from live.sizing.causal_state import causal_state
from live.sizing.scaled_account import AccountBars, account_bars
from live.sizing.sized_book import SizedBook, Spans

__all__ = ["SizingProblem", "sizing_problem"]

CLIP = 5.0  # standard deviations
WANTED_SHARPE = 1.0  # annual Sharpe ratio of a book that the reward would hold as it is


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SizingProblem:
    """Arrays over the sessions of a book's bars.

    Parameters
    ----------
    book : SizedBook
        Whose problem it is.
    past : Series of float
        Net returns of the book as it is.
    spans : Spans
        Rows of the decisions.
    features : tuple of str
        Columns of the states, those left that moved in training.
    states : ndarray of float32, shape (n_sessions, n_features)
        Less the mean of training, ÷ its standard deviation, at most 5 to either side.
    weights : ndarray of float, shape (n_sessions, n_tickers)
        Decided, of the names that are ever held; NaN to hold.
    room : ndarray of float, shape (n_sessions,)
        Largest scale that the net exposure of each decision allows.
    bars : AccountBars
        Of the same names.
    delay : int
        Sessions between decision and fill.
    spread : float
        Standard deviation of the book's net returns in training, a session.
    aversion : float
        κ of the reward.
    """

    book: SizedBook
    past: pd.Series
    spans: Spans
    features: tuple[str, ...]
    states: np.ndarray
    weights: np.ndarray
    room: np.ndarray
    bars: AccountBars
    delay: int
    spread: float
    aversion: float

    def reward(self, earned: float) -> float:
        """Risk-adjusted net return: z − κ/2 z², z the net return from fill to fill ÷ ``spread``.

        κ is 1 ÷ √(sessions a year): then a constant exposure of 1 maximises the mean reward of a book whose annual
        Sharpe ratio is 1, more of a better one and less of a worse one.
        """
        z = earned / self.spread
        return z - 0.5 * self.aversion * z * z

    def held_scale(self, row: int, wanted: float) -> float:
        """The scale of a decision where the net exposure has no room for the wanted one, as in ``scale_weights``."""
        return min(wanted, max(float(self.room[row]), min(wanted, 1.0)))


def sizing_problem(book: SizedBook, *, planted: bool = False) -> SizingProblem:
    """Build the arrays of a book.

    Parameters
    ----------
    book : SizedBook
        Finished.
    planted : bool
        Add the future to the state.

    Raises
    ------
    DataError
        If it decides too few sessions, is flat, or a state is missing where one is needed.
    """
    spans, past = book.spans(), book.past_returns()
    train_returns = past.iloc[spans.train]
    state = causal_state(book, past, planted=planted)
    _check_known(book, state, spans)
    held = book.weights.columns[(book.weights.fillna(0.0) != 0.0).any()]
    weights = book.weights.reindex(index=past.index)
    net = weights.sum(axis=1).to_numpy()
    bars = ledger_bars(book.panel.of_tickers(held), book.execution, book.costs)
    features, states = _standardised(state, spans.train)
    return SizingProblem(
        book=book,
        past=past,
        spans=spans,
        features=features,
        states=states,
        weights=weights[held].to_numpy(dtype=float),
        room=np.divide(book.max_net, net, out=np.full(len(net), np.inf), where=net > 0),
        bars=account_bars(bars, book.costs),
        delay=book.execution.delay,
        spread=float(train_returns.std()),
        aversion=WANTED_SHARPE / float(np.sqrt(book.panel.facts.sessions_per_year)),
    )


def _standardised(state: pd.DataFrame, train: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """States by the mean and deviation of training; a column that did not move there is left out."""
    known = state.iloc[train]
    moving = [str(name) for name in state if known[name].max() > known[name].min()]
    scaled = (state[moving] - known[moving].mean()) / known[moving].std()
    return tuple(moving), scaled.clip(-CLIP, CLIP).to_numpy(dtype=np.float32)


def _check_known(book: SizedBook, state: pd.DataFrame, spans: Spans) -> None:
    rows = np.concatenate([spans.train, spans.validation, spans.test])
    missing = ~np.isfinite(state.iloc[rows].to_numpy())
    if missing.any():
        row, column = np.argwhere(missing)[0]
        raise DataError(
            f"{book.name}: {state.columns[column]} is not known on {state.index[rows[row]]:%Y-%m-%d}: mend the bars of "
            "that session and those before it"
        )
