"""Measure: what one cell comes to. Every learner is judged on the same names and the same test sessions.

The names are those for which the network has a complete window and, on a built-in market, the oracle a score.
"""

import time

import pandas as pd

from backtests.engine import run_backtest
from backtests.inference import probabilistic_sharpe_ratio
from backtests.metrics import sharpe_ratio
from market.synthetic import SyntheticSettings, synthetic_market
from models.baselines import fit_ridge, ridge_scores
from models.predict import predict_scores
from models.settings import ModelSettings
from models.threads import threads
from models.train import train_network
from portfolio.book import build_book
from signals.evaluation import information_coefficient, score_correlation, summarize_ic
from strategy.inputs import Inputs, load_inputs
from strategy.instrument.cells import Cell, Numbers
from strategy.learning import Lesson, prepare_lesson
from strategy.runs import RunRequest
from strategy.verdict import finite_or_none

__all__ = ["measure"]


def measure(cell: Cell) -> Numbers:
    """Return the numbers of a cell, computed with one thread.

    Returns
    -------
    dict of str to float or None
        ``ic``, ``ic_error`` and ``ic_low`` (mean daily rank IC of the test span, its HAC standard error and lower 95 %
        bound), ``validation_ic`` and ``validation_error``, ``sharpe`` (annual, net), ``psr`` (probability that the true
        Sharpe ratio is above 0), ``sessions`` (with a return), ``oracle_correlation`` (mean within-session correlation
        with the oracle scores), ``seconds`` of one processor; for a network also ``epochs``, ``best_epoch``,
        ``rank_gradient`` and ``huber_gradient`` (means over its epochs of the norms that training logs).

    Raises
    ------
    DataError
        If the bars cannot carry the strategy.
    """
    started = time.process_time()
    with threads(1):
        inputs = _inputs(cell.market)
        lesson = prepare_lesson(cell.spec, inputs.panel)
        scores, training = _scores(cell, lesson, inputs)
        scores = scores.where(_judged(lesson, inputs))
        numbers = _signal(scores, lesson, inputs) | _book(cell, scores.iloc[lesson.split.test], inputs) | training
    told: Numbers = finite_or_none(numbers | {"seconds": time.process_time() - started})
    return told


def _inputs(market: SyntheticSettings | RunRequest) -> Inputs:
    if isinstance(market, SyntheticSettings):
        made = synthetic_market(market)
        return Inputs(panel=made.panel, oracle=made.oracle)
    return load_inputs(market)


def _scores(cell: Cell, lesson: Lesson, inputs: Inputs) -> tuple[pd.DataFrame, Numbers]:
    """Return scores on the panel's axes, NaN before validation for a network, and what training logged."""
    if cell.learner == "oracle":
        if inputs.oracle is None:
            raise ValueError("real bars have no oracle: measure a network or ridge on them")
        return inputs.oracle, {}
    if cell.learner == "ridge":
        return ridge_scores(fit_ridge(lesson.windows, lesson.split), lesson.windows), {}
    windows, split = lesson.windows, lesson.split
    settings = ModelSettings(network=cell.spec.model, loss=cell.spec.loss, training=cell.spec.training)
    model = train_network(windows, split, settings=settings, device="cpu")
    later = windows.sessions[split.validation.start : split.test.stop]
    scores = predict_scores(model, windows, sessions=later, device="cpu").reindex(windows.sessions)
    epochs = model.history
    return scores, {
        "epochs": float(len(epochs)),
        "best_epoch": float(model.best_epoch),
        "rank_gradient": sum(epoch.rank_gradient for epoch in epochs) / len(epochs),
        "huber_gradient": sum(epoch.huber_gradient for epoch in epochs) / len(epochs),
    }


def _judged(lesson: Lesson, inputs: Inputs) -> pd.DataFrame:
    """Return the names of each session on which every learner is judged."""
    windows = lesson.windows
    complete = pd.DataFrame(windows.mask.cpu().numpy(), index=windows.sessions, columns=windows.tickers)
    return complete if inputs.oracle is None else complete & inputs.oracle.notna()


def _signal(scores: pd.DataFrame, lesson: Lesson, inputs: Inputs) -> Numbers:
    tested, validated = (
        summarize_ic(information_coefficient(scores.iloc[rows], lesson.forward.iloc[rows]))
        for rows in (lesson.split.test, lesson.split.validation)
    )
    numbers: Numbers = {"ic": tested.mean, "ic_error": tested.standard_error, "ic_low": tested.interval.low}
    numbers |= {"validation_ic": validated.mean, "validation_error": validated.standard_error}
    if inputs.oracle is not None:
        rows = lesson.split.test
        numbers["oracle_correlation"] = score_correlation(scores.iloc[rows], inputs.oracle.iloc[rows]).pearson
    return numbers


def _book(cell: Cell, scores: pd.DataFrame, inputs: Inputs) -> Numbers:
    spec, panel = cell.spec, inputs.panel
    book = build_book(scores, panel, spec.portfolio, costs=spec.costs)
    net = run_backtest(panel, book.weights, execution=spec.execution, costs=spec.costs).net_returns
    return {
        "sharpe": sharpe_ratio(net),
        "psr": probabilistic_sharpe_ratio(net),
        "sessions": float(net.notna().sum()),
    }
