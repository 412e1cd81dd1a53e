"""Luck: books on the strategy's own scores with the names behind them exchanged, as persistent as the scores are.

Ranks drawn anew at every close would be averaged away by smoothing and pay more in costs than any book would: nearly
every persistent score would pass for skill beside them. So each book is given the evaluated scores themselves, each
name's whole path handed to another name (``signals.handed_on``), and everything else is the strategy's own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from backtests.engine.many_books import net_returns_of
from backtests.engine.overlay_loop import decide_picked, decide_weights
from core.parallel import cores, mapped
from market.inputs import Inputs
from market.panel import aligned_frame
from portfolio.book import Picks, pick_names
from portfolio.rules import TradingRules
from signals.handed_on import PathExchange
from signals.score_metrics import rank_autocorrelation

__all__ = ["Luck", "Pace", "draw_luck"]

MAX_WORKERS = 4  # books decided beside each other: each holds several arrays of the panel's size
MEASURED = 5  # books whose pace is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How slowly ranks move and how much a book trades on them.

    Parameters
    ----------
    autocorrelation : float
        Mean rank correlation of the scores with those of the scored session before; NaN where there is none.
    turnover : float
        Mean one-way change of the decided weights from one decision to the next, a fraction of equity.
    """

    autocorrelation: float
    turnover: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Luck:
    """Net returns of lucky books, and their pace beside the book's own.

    Parameters
    ----------
    returns : DataFrame of float, shape (n_sessions, n_books)
        Net simple returns of each.
    own, drawn : Pace or None
        Of the strategy's own book, and the mean of the first five drawn.
    """

    returns: pd.DataFrame
    own: Pace | None = None
    drawn: Pace | None = None


def draw_luck(rules: TradingRules, inputs: Inputs, *, scores: pd.DataFrame, seeds: Iterable[int]) -> Luck:
    """Trade the scores with their names exchanged, one book a seed.

    Parameters
    ----------
    rules : TradingRules
        Book, overlays, clock and costs of every book.
    inputs : Inputs
        Bars, from ``traded_part`` on, and sectors.
    scores : DataFrame of float, shape (n_tested_sessions, n_tickers)
        The evaluated scores.
    seeds : iterable of int
        Of the order of the names; consumed lazily.
    """
    picks = pick_names(scores, inputs.panel, rules.portfolio, costs=rules.costs, sectors=inputs.sectors)
    book = _LuckyBook(rules, inputs, picks)
    # a solver silences warnings for its whole process, so optimised books are decided one by one
    workers = 1 if rules.portfolio.is_optimized else min(cores(), MAX_WORKERS)
    turnovers: list[float] = []
    weights = _watched(mapped(book.weights, seeds, workers=workers, on="threads"), turnovers)
    returns = net_returns_of(inputs.panel, weights, execution=rules.execution, costs=rules.costs)
    own = decide_picked(rules, inputs.panel, picks, sectors=inputs.sectors)
    persistent = [_autocorrelation(book.scores(seed)) for seed in range(MEASURED)]
    return Luck(
        returns=returns,
        own=Pace(autocorrelation=_autocorrelation(picks.eligible), turnover=_turnover(own)),
        drawn=Pace(autocorrelation=float(np.mean(persistent)), turnover=float(np.mean(turnovers))),
    )


class _LuckyBook:
    """The strategy's book with its names exchanged, by seed."""

    def __init__(self, rules: TradingRules, inputs: Inputs, picks: Picks) -> None:
        self._rules, self._inputs, self._picks = rules, inputs, picks
        self._exchange = PathExchange(picks.eligible.notna().to_numpy())

    def scores(self, seed: int) -> pd.DataFrame:
        """The scores that a lucky book trades on."""
        return self._handed(self._picks.eligible, seed)

    def weights(self, seed: int) -> pd.DataFrame:
        """Its decided weights: from its targets, which are those of the scores handed on, where they read no more."""
        rules, panel, sectors = self._rules, self._inputs.panel, self._inputs.sectors
        if not rules.portfolio.weighs_scores_alone:
            return decide_weights(rules, panel, self.scores(seed), sectors=sectors)
        eligible = self.scores(seed) if rules.portfolio.rank_gate > 0 else self._picks.eligible
        handed = replace(self._picks, target=self._handed(self._picks.target, seed), eligible=eligible)
        return decide_picked(rules, panel, handed, sectors=sectors)

    def _handed(self, frame: pd.DataFrame, seed: int) -> pd.DataFrame:
        order = np.random.default_rng(seed).permutation(frame.shape[1])
        handed = self._exchange.handed(np.ascontiguousarray(frame.to_numpy()), order)
        return aligned_frame(handed, pd.DatetimeIndex(frame.index), frame.columns)


def _watched(books: Iterable[pd.DataFrame], turnovers: list[float]) -> Iterator[pd.DataFrame]:
    """Pass decided weights on, and note the turnover of the first few."""
    for weights in books:
        if len(turnovers) < MEASURED:
            turnovers.append(_turnover(weights))
        yield weights


def _turnover(weights: pd.DataFrame) -> float:
    decided = weights.to_numpy()[~np.isnan(weights.to_numpy()).any(axis=1)]
    return float(np.abs(np.diff(decided, axis=0)).sum(axis=1).mean() / 2.0) if len(decided) > 1 else np.nan


def _autocorrelation(scores: pd.DataFrame) -> float:
    scored = scores.dropna(how="all")
    return float(rank_autocorrelation(scored).mean()) if len(scored) > 1 else np.nan
