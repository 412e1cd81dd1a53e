"""Sized book: a finished book with the bars, clock and costs that it is held under, and the spans of a study of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine.backtest import run_backtest
from backtests.engine.backtest_result import BacktestResult
from backtests.engine.many_books import net_returns_of
from core.errors import DataError
from market.panel import Panel
from market.returns import Execution
from portfolio.costs import Costs
from portfolio.risk import scale_weights

__all__ = ["HISTORY", "MIN_DECISIONS", "WARM_UP", "SizedBook", "Spans"]

HISTORY = 80  # sessions of bars kept before the first decision, for what is known of the market
WARM_UP = 41  # decisions before the first that is sized: the longest trailing window, and the first fill
TRAIN, VALIDATION = 0.5, 0.2  # of the decisions that are sized; the rest is test
MIN_DECISIONS = 240  # that are sized: 120 of training, 48 of validation, 72 of test


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """Decisions of each span, as rows of the panel: sorted, apart, training first.

    Parameters
    ----------
    train, validation, test : ndarray of int
        So many sessions lie between two spans that no fill of one is in the next.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SizedBook:
    """A finished book.

    Parameters
    ----------
    name : str
        For people.
    panel : Panel
        Bars from some sessions before the first decision on.
    weights : DataFrame of float, shape (n_decisions, n_tickers)
        Decided at the close of each session, NaN in a whole row to hold; fractions of equity.
    execution, costs : Execution, Costs
        Clock and costs of its fills.
    scores : DataFrame of float or None
        What it was decided from, for the rank IC that is known by then.
    horizon : int
        Sessions that the scores look ahead.
    cash_buffer : float
        Fraction of equity that no scale may lift the net exposure into.
    strategy : str
        Whose book it is, for the trial log.
    identity : mapping of str to str
        Fingerprints of strategy and bars, ``"spec"`` and ``"panel"``; empty for a made book, which is no trial.
    facts : mapping of str to object
        What decides it, for the fingerprint of a training.
    remarks : tuple of str
        What must stand beside the numbers.
    """

    name: str
    panel: Panel
    weights: pd.DataFrame
    execution: Execution
    costs: Costs
    scores: pd.DataFrame | None = None
    horizon: int = 1
    cash_buffer: float = 0.0
    strategy: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def max_net(self) -> float:
        """Net exposure that no scale lifts the book above; without a bound where it may borrow."""
        return np.inf if self.costs.may_borrow else 1.0 - self.cash_buffer

    def spans(self) -> Spans:
        """Training, validation and test, apart in time.

        Raises
        ------
        DataError
            If the book decides too few sessions.
        """
        delay = self.execution.delay
        rows = self.panel.sessions.get_indexer(self.weights.index)
        sized = rows[rows + delay + 1 < len(self.panel.sessions)][WARM_UP + delay + self.horizon :]
        if len(sized) < MIN_DECISIONS:
            raise DataError(
                f"{self.name} decides {len(self.weights)} sessions, {len(sized)} once warmed up, and sizing needs "
                f"{MIN_DECISIONS} to learn, choose and test on: run it with an earlier --split, or on longer bars"
            )
        first, last = int(TRAIN * len(sized)), int((TRAIN + VALIDATION) * len(sized))
        gap = delay + 1
        return Spans(train=sized[: first - gap], validation=sized[first : last - gap], test=sized[last:])

    def scaled(self, rows: np.ndarray, scale: np.ndarray) -> pd.DataFrame:
        """Weights of some decisions times a factor, which never lifts the net exposure above ``max_net``."""
        sessions = self.panel.sessions[rows]
        wanted = pd.Series(scale, index=sessions)
        return scale_weights(self.weights.loc[sessions], wanted, max_net=self.max_net)[0]

    def backtest(self, rows: np.ndarray, scale: np.ndarray) -> BacktestResult:
        """Hold the scaled book from cash over some decisions, by the engine, to the session of the last one's fill."""
        last = self.panel.sessions[rows[-1] + self.execution.delay]
        weights = self.scaled(rows, scale)
        return run_backtest(self.panel.until(last), weights, execution=self.execution, costs=self.costs)

    def past_returns(self) -> pd.Series:
        """Net returns of the book as it is on all sessions, known at each close; NaN before its first fill.

        Raises
        ------
        DataError
            If a return is missing after it, as that of a book is which lost all its equity.
        """
        kept = net_returns_of(self.panel, {"book": self.weights}, execution=self.execution, costs=self.costs)
        net = kept["book"].loc[kept["book"].first_valid_index() :]
        if net.isna().any():
            raise DataError(
                f"{self.name} has no return on {net.index[net.isna()][0]:%Y-%m-%d}, where its equity is lost: choose "
                "another book"
            )
        return net.reindex(self.panel.sessions)
