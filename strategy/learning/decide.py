"""Decide: from bars and trained weights to scores, decided book and returns; nothing is trained here."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from backtests.engine.backtest import run_backtest
from backtests.engine.backtest_result import BacktestResult
from backtests.engine.overlay_loop import decide_book
from core.progress import ProgressCallback, silent
from market.panel import Panel
from market.returns import forward_returns
from models.checkpoint import Checkpoint
from models.windows import Windows, build_windows
from portfolio.book import Book
from strategy.definitions.spec import StrategySpec
from strategy.learning.learn import scores_of, test_sessions
from strategy.learning.training_data import model_features, tradable

__all__ = ["Recomputed", "decide", "decided_book", "frozen_scores", "frozen_windows", "recompute"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recomputed:
    """Every stage of a trained strategy, one after the other.

    Parameters
    ----------
    features : mapping of str to DataFrame
        What the model saw, all sessions of the bars.
    scores : DataFrame of float, shape (n_tested_sessions, n_tickers)
        Expected returns, known at each close.
    book : Book
        Decided weights and how they came about.
    result : BacktestResult
        What they earned.
    """

    features: Mapping[str, pd.DataFrame]
    scores: pd.DataFrame
    book: Book
    result: BacktestResult


def decide(spec: StrategySpec, panel: Panel, checkpoint: Checkpoint, *, sectors: pd.Series | None = None) -> pd.Series:
    """Target weights of the strategy after the close of the panel's last session.

    Parameters
    ----------
    spec : StrategySpec
        The strategy that the checkpoint was trained for.
    panel : Panel
        Bars up to the decision, reaching past the checkpoint's validation span.
    checkpoint : Checkpoint
        Trained and calibrated model.
    sectors : Series of str, optional
        Sector by ticker, for a sector-neutral book.

    Returns
    -------
    Series of float, shape (n_tickers,)
        Fractions of equity, 0 for a name that is not held; all NaN for no rebalance.
    """
    return decided_book(spec, panel, checkpoint, sectors=sectors).weights.iloc[-1]


def decided_book(spec: StrategySpec, panel: Panel, checkpoint: Checkpoint, *, sectors: pd.Series | None = None) -> Book:
    """The decisions of every session after the checkpoint's validation span; see ``decide``."""
    scores = _scores(spec, panel, checkpoint, features=model_features(spec, panel), device="auto")
    return decide_book(spec.rules, panel, scores, sectors=sectors)


def recompute(
    spec: StrategySpec,
    panel: Panel,
    checkpoint: Checkpoint,
    *,
    sectors: pd.Series | None = None,
    progress: ProgressCallback = silent,
) -> Recomputed:
    """Go the whole way from bars to returns, on the processor: its last bits are the ones a version keeps."""
    features = model_features(spec, panel)
    scores = _scores(spec, panel, checkpoint, features=features, device="cpu", progress=progress)
    book = decide_book(spec.rules, panel, scores, sectors=sectors)
    result = run_backtest(panel, book.weights, execution=spec.execution, costs=spec.costs)
    return Recomputed(features=features, scores=scores, book=book, result=result)


def frozen_scores(
    spec: StrategySpec, panel: Panel, checkpoint: Checkpoint, *, progress: ProgressCallback = silent
) -> pd.DataFrame:
    """The scores of every session after the checkpoint's validation span, on the processor."""
    features = model_features(spec, panel)
    return _scores(spec, panel, checkpoint, features=features, device="cpu", progress=progress)


def frozen_windows(
    spec: StrategySpec, panel: Panel, checkpoint: Checkpoint, *, features: Mapping[str, pd.DataFrame] | None = None
) -> Windows:
    """The windows that a trained model reads on these bars, of the bars' features or given ones, scaled as trained."""
    return build_windows(
        model_features(spec, panel) if features is None else features,
        targets=forward_returns(panel, spec.execution, horizon=spec.label.horizon),
        universe=tradable(panel),
        scaler=checkpoint.model.scaler,
        lookback=spec.model.lookback,
    )


def _scores(
    spec: StrategySpec,
    panel: Panel,
    checkpoint: Checkpoint,
    *,
    features: Mapping[str, pd.DataFrame],
    device: str,
    progress: ProgressCallback = silent,
) -> pd.DataFrame:
    windows, tested = frozen_windows(spec, panel, checkpoint, features=features), test_sessions(panel, checkpoint)
    return scores_of(checkpoint, windows, sessions=tested, spec=spec, device=device, progress=progress)
