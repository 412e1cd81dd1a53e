"""Cell measures: the numbers of one cell. Every learner is evaluated on the same names and the same test sessions:

those names for which the network has a complete window and, on a built-in market, the oracle a score.
"""

import time

import pandas as pd

from backtests.engine.backtest import run_backtest
from backtests.statistics.inference import probabilistic_sharpe_ratio
from backtests.statistics.metrics import sharpe_ratio
from backtests.verdict import finite_or_none
from market.inputs import Inputs, load_inputs
from market.request import BarsRequest
from market.synthetic import SyntheticSettings, synthetic_market
from models.estimators.ridge_regression import fit_ridge, ridge_scores
from models.model import FitContext, ScoreContext, before_refit
from models.model_kinds import make_model
from models.model_settings import ModelSettings
from models.threads import threads
from portfolio.book import build_book
from signals.score_metrics import information_coefficient, score_correlation, summarize_ic
from strategy.learning.training_data import TrainingData, prepare_training_data
from strategy.studies.planted_alpha.cells import Cell, Numbers

__all__ = ["measure_cell"]


def measure_cell(cell: Cell) -> Numbers:
    """The numbers of a cell, computed with one thread.

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
        training_data = prepare_training_data(cell.spec, inputs.panel)
        scores, training = _scores(cell, training_data, inputs)
        scores = scores.where(_common_names(training_data, inputs))
        numbers = (
            _signal(scores, training_data, inputs)
            | _book(cell, scores.iloc[training_data.split.test], inputs)
            | training
        )
    finite: Numbers = finite_or_none(numbers | {"seconds": time.process_time() - started})
    return finite


def _inputs(market: SyntheticSettings | BarsRequest) -> Inputs:
    if isinstance(market, SyntheticSettings):
        made = synthetic_market(market)
        return Inputs(panel=made.panel, oracle=made.oracle)
    return load_inputs(market)


def _scores(cell: Cell, training_data: TrainingData, inputs: Inputs) -> tuple[pd.DataFrame, Numbers]:
    """Scores on the panel's axes, NaN before validation for a network, and what training logged."""
    if cell.learner == "oracle":
        if inputs.oracle is None:
            raise ValueError("real bars have no oracle: measure a network or ridge on them")
        return inputs.oracle, {}
    if cell.learner == "ridge":
        return ridge_scores(fit_ridge(training_data.windows, training_data.split), training_data.windows), {}
    windows, split = training_data.windows, training_data.split
    settings = ModelSettings(model=cell.spec.model, loss=cell.spec.loss, training=cell.spec.training)
    model = make_model(settings).fit(windows, split, context=FitContext(device="cpu"))
    later = windows.sessions[split.validation.start : split.test.stop]
    context = ScoreContext(device="cpu")
    scores = model.scores(windows, later, context=context).reindex(windows.sessions)
    if (judged := before_refit(model)) is not model:
        validated = windows.sessions[split.validation]
        scores.loc[validated] = judged.scores(windows, validated, context=context)
    epochs = model.card.history
    rank = "pearson" if cell.spec.loss.correlation == "pearson" else "rank"
    return scores, {
        "epochs": float(len(epochs)),
        "best_epoch": float(model.card.best_epoch),
        "rank_gradient": sum(epoch[f"{rank}_gradient"] for epoch in epochs) / len(epochs),
        "huber_gradient": sum(epoch["huber_gradient"] for epoch in epochs) / len(epochs),
    }


def _common_names(training_data: TrainingData, inputs: Inputs) -> pd.DataFrame:
    """The names of each session on which every learner is judged."""
    windows = training_data.windows
    complete = pd.DataFrame(windows.mask.cpu().numpy(), index=windows.sessions, columns=windows.tickers)
    return complete if inputs.oracle is None else complete & inputs.oracle.notna()


def _signal(scores: pd.DataFrame, training_data: TrainingData, inputs: Inputs) -> Numbers:
    tested, validated = (
        summarize_ic(information_coefficient(scores.iloc[rows], training_data.forward.iloc[rows]))
        for rows in (training_data.split.test, training_data.split.validation)
    )
    numbers: Numbers = {"ic": tested.mean, "ic_error": tested.standard_error, "ic_low": tested.interval.low}
    numbers |= {"validation_ic": validated.mean, "validation_error": validated.standard_error}
    if inputs.oracle is not None:
        rows = training_data.split.test
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
