"""Quick evaluation: the numbers of one book and no study of it, for a question that is asked many times a day."""

import pandas as pd

from backtests.book_checks import check_book, check_due
from backtests.breadth import breadth_of
from backtests.engine.backtest import ledger_backtest
from backtests.engine.overlay_loop import decide_book
from backtests.evaluation import MODEL, Evaluation, SignalEvaluation, pace_of
from backtests.judged_span import JudgedSpan, judged_part, judged_scores, judged_span, until_judged
from market.equal_weight import equal_weight_market
from market.inputs import Inputs
from market.returns import forward_returns
from portfolio.rules import TradingRules
from signals.ic_decay import ICDecay
from signals.price_baselines import PRICE_BASELINES
from signals.score_metrics import QuantileReturns, information_coefficient

__all__ = ["LEFT_OUT", "quick_evaluation"]

LEFT_OUT = (
    "companion books",
    "books of baselines and of random ranks",
    "stress rows and what-ifs",
    "studies of signal and book",
    "the second engine",
    "report",
)


def quick_evaluation(rules: TradingRules, inputs: Inputs, *, scores: pd.DataFrame) -> Evaluation:
    """Measure scores, build the strategy's own book on them and backtest it by the ledger alone.

    Every figure is that of ``evaluate_scores``; what ``LEFT_OUT`` names is None or empty.

    Parameters
    ----------
    rules : TradingRules
        Book, overlays, clock, costs, and the horizon that scores are measured over.
    inputs : Inputs
        Bars with sectors and benchmark.
    scores : DataFrame of float, shape (n_tested_sessions, n_tickers)
        Known at each close, out of sample; NaN where there is none.
    """
    check_book(rules.portfolio, inputs)
    span = judged_span(scores, inputs.panel, rules)
    seen, scores = until_judged(inputs, span), judged_scores(scores, span)
    panel = seen.panel
    book = decide_book(rules, panel, scores, sectors=inputs.sectors)
    check_due(panel, book.weights, rules.execution)
    whole = ledger_backtest(panel, book.weights, execution=rules.execution, costs=rules.costs)
    result = judged_part(whole, span)
    return Evaluation(
        rules=rules,
        inputs=inputs,
        scores=scores,
        signal=_signal(rules, seen, scores, span),
        books={rules.name: book},
        results={rules.name: result},
        market=equal_weight_market(panel),
        breadth=breadth_of(scores, panel, span, held_weights=result.held_weights),
        span=span.with_returns(whole.net_returns),
    )


def _signal(rules: TradingRules, inputs: Inputs, scores: pd.DataFrame, span: JudgedSpan) -> SignalEvaluation:
    """The IC of the scores and of the first price baseline, which the verdict compares them with."""
    panel, horizon = inputs.panel, rules.horizon
    forward = forward_returns(panel, rules.execution, horizon=horizon).loc[scores.index]
    name, rule = next(iter(PRICE_BASELINES.items()))
    compared = {MODEL: scores, name: rule(panel).loc[scores.index].where(scores.notna())}
    pace, until_next = pace_of(rules, inputs, scores, span)
    return SignalEvaluation(
        ic={each: information_coefficient(theirs, forward) for each, theirs in compared.items()},
        decay=ICDecay(single=pd.DataFrame(), cumulative=pd.DataFrame()),
        quantiles=QuantileReturns(by_session=pd.DataFrame(), summary=pd.DataFrame()),
        horizon=horizon,
        pace=pace,
        until_next=until_next,
    )
