"""A random evaluation with the page of its report: hostile names, noise for returns, no claim about any market."""

from dataclasses import replace

import numpy as np
import pandas as pd

from backtests.engine.backtest_result import BacktestResult
from backtests.evaluation import Evaluation, SignalEvaluation
from backtests.report.page import Page, page_of
from backtests.report.run_provenance import Fingerprints, Provenance, Span, Spans, TrainingReport
from backtests.verdict import Grounds, TrialStanding, Verdict, confidence_among
from market import Execution, Panel, PanelFacts
from market.inputs import Inputs
from market.universe import Survivorship
from portfolio.book import Book
from portfolio.book_settings import BookSettings
from portfolio.costs import Costs
from portfolio.rules import TradingRules
from signals.ic_decay import ICDecay
from signals.score_metrics import ScoreCorrelation, information_coefficient, quantile_returns, summarize_ic

EVIL = "<script>alert(1)</script>"
TICKERS = [EVIL, *"ABCDEFGHI"]
DECAY_FIELDS = ["mean", "standard_error", "hac_lags", "n_sessions"]
FACTS = PanelFacts(source="bars.parquet", adjustment="none", volume_basis="as traded", synthetic=True)
LEAD_IN = 400  # sessions of the bars before the test span


def random_frame(sessions: pd.Index, rng: np.random.Generator, scale: float = 0.02) -> pd.DataFrame:
    values = rng.normal(0, scale, (len(sessions), len(TICKERS)))
    return pd.DataFrame(values, sessions, pd.Index(TICKERS, name="ticker"))


def random_bars(sessions: pd.Index, rng: np.random.Generator, facts: PanelFacts = FACTS) -> Panel:
    price = 100 * np.exp(random_frame(sessions, rng).cumsum())
    shares = pd.DataFrame(1e5, price.index, price.columns)
    bars = dict.fromkeys(("open", "high", "low", "close"), price)
    return Panel(**bars, volume=shares, dollar_volume=price * 1e5, universe=shares > 0, facts=facts)


def random_result(sessions: pd.Index, rng: np.random.Generator, returns: pd.Series | None = None) -> BacktestResult:
    gross = pd.Series(rng.normal(0.0006, 0.008, len(sessions)), sessions) if returns is None else returns
    traded = pd.Series(rng.uniform(0.2, 0.4, len(sessions)), sessions)
    cost = 5e-4 * traded
    net = gross - cost if returns is None else returns
    return BacktestResult(
        execution=Execution(),
        costs=Costs(),
        capital=1e6,
        equity=1e6 * (1 + net).cumprod(),
        net_returns=net,
        gross_returns=gross,
        held_weights=random_frame(sessions, rng, 0.1),
        trades=pd.DataFrame({"ticker": TICKERS}),
        traded=traded,
        turnover=traded / 2,
        cost=cost,
        cost_parts=pd.DataFrame({"trade": cost, "impact": 0.0, "borrow": 0.0, "interest": 0.0}),
        unfilled=pd.DataFrame({"ticker": TICKERS[:3]}),
        cash_outs=pd.DataFrame(),
        margin_events=pd.DataFrame(),
        parity=2.5e-13,
        engine="vectorbt",
    )


def random_book(sessions: pd.Index, rng: np.random.Generator) -> Book:
    """A book of diagnostics: how many names it picked at each close."""
    names = rng.integers(0, 9, (len(sessions), 2))
    thin = names.min(axis=1) < 5
    legs = {"thin_leg": thin, "empty_leg": names.min(axis=1) == 0}
    counts = {"n_scored": 10, "n_long": names[:, 0], "n_short": names[:, 1]}
    return Book(weights=pd.DataFrame(), diagnostics=pd.DataFrame(counts | legs, sessions), stages={})


def random_signal(sessions: pd.Index, rng: np.random.Generator) -> SignalEvaluation:
    forward = random_frame(sessions, rng)
    scores = {"LSTM": forward + random_frame(sessions, rng, 0.1), "ridge": random_frame(sessions, rng)}
    ic = {name: information_coefficient(frame, forward) for name, frame in scores.items()}
    summary = summarize_ic(ic["LSTM"])
    single = pd.DataFrame({field: [getattr(summary, field)] * 2 for field in DECAY_FIELDS}, index=[1, 5])
    return SignalEvaluation(
        ic=ic,
        decay=ICDecay(single=single, cumulative=single),
        quantiles=quantile_returns(scores["LSTM"], forward),
        recovery={"LSTM": ScoreCorrelation(pearson=0.6, spearman=0.61, n_sessions=len(sessions))},
    )


def random_evaluation(n_sessions: int = 100, books: tuple[str, ...] = ("main", "other")) -> Evaluation:
    rng = np.random.default_rng(5)
    history = pd.bdate_range("2015-01-01", periods=n_sessions + LEAD_IN, name="session")
    sessions = history[LEAD_IN:]
    first, *others = books
    return Evaluation(
        rules=TradingRules(name=first, companions={name: BookSettings() for name in others}),
        inputs=Inputs(panel=random_bars(history, rng)),
        scores=random_frame(sessions, rng),
        signal=random_signal(sessions, rng),
        books={name: random_book(sessions, rng) for name in books},
        results={name: random_result(sessions, rng) for name in books},
        market=pd.Series(rng.normal(0.0003, 0.01, len(history)), history),
    )


def verdict_of(evaluation: Evaluation) -> Verdict:
    grounds = Grounds(confidence=confidence_among(evaluation.result.net_returns, (1.0,)))
    return Verdict(word="NOT EVIDENCE", sentence="Nothing is proven.", grounds=grounds, standing=TrialStanding())


def provenance_of(evaluation: Evaluation) -> Provenance:
    sessions = evaluation.scores.index
    epochs = pd.Index([1, 2, 3], name="epoch")
    losses = {"train_loss": [1.0, 0.9, 0.8], "validation_loss": [1.0, 0.95, 0.97]}
    learned = pd.DataFrame(losses | {"validation_rank_ic": [0.0, 0.02, 0.01], "learning_rate": 1e-3}, epochs)
    return Provenance(
        title="A book",
        spec=(("portfolio", "k", "0.2"),),
        spans=Spans(test=Span(first=sessions[0], last=sessions[-1], sessions=len(sessions))),
        fingerprints=Fingerprints(spec="a" * 64, panel="b" * 64),
        command="quintile run filter_negative --universe top400",
        training=TrainingReport(history=learned, best_epoch=2),
    )


def random_page(n_sessions: int = 100, books: tuple[str, ...] = ("main", "other")) -> Page:
    """The page of a random evaluation on bars that are said to lack the dead."""
    evaluation = random_evaluation(n_sessions, books)
    page = page_of(evaluation, verdict_of(evaluation), provenance_of(evaluation))
    return replace(page, survivorship=Survivorship(stamp="SURVIVOR-BIASED", evidence="The dead are missing."))


def with_evaluation(page: Page, **changes: object) -> Page:
    return replace(page, evaluation=replace(page.evaluation, **changes))


def with_facts(page: Page, facts: PanelFacts) -> Page:
    inputs = replace(page.evaluation.inputs, panel=replace(page.panel, facts=facts))
    return with_evaluation(page, inputs=inputs)


def with_provenance(page: Page, **changes: object) -> Page:
    return replace(page, provenance=replace(page.provenance, **changes))
