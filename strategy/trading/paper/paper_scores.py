"""Paper scores: the returns of committed decisions, one entry per session, by the engine of every backtest."""

from typing import Any

from backtests.engine.backtest import run_backtest
from backtests.engine.backtest_result import BacktestResult
from market.panel import Panel
from strategy.frozen.run_version import RESTATED_TOLERANCE, FrozenStrategy
from strategy.trading.paper.decisions import PaperLog, committed_weights, stamped
from strategy.trials.chained_log import Entry, Transaction
from strategy.trials.paper_log import RESTATED, SCORE

__all__ = [
    "RESTATED",
    "SCORE",
    "append_scores",
    "paper_backtest",
    "score_fills",
    "score_sessions",
    "scored",
    "session_facts",
]

NUMBERS = ("net", "gross", "turnover", "cost")
YEAR = "sessions_per_year"


def score_fills(log: PaperLog, frozen: FrozenStrategy, panel: Panel) -> int:
    """Score every session since the last scored one, and count them.

    A scored session is never written again. Where the bars now give it another return, that is written beside it.

    Parameters
    ----------
    log : PaperLog
        With decisions.
    frozen : FrozenStrategy
        The version; its execution and costs score.
    panel : Panel
        Bars that hold every decided session.
    """
    scores = score_sessions(log, frozen, panel)
    if not scores:
        return 0
    with log.transaction() as held:
        n_scored = append_scores(held, scores)
    log.remember()
    return n_scored


def score_sessions(log: PaperLog, frozen: FrozenStrategy, panel: Panel) -> list[dict[str, Any]]:
    """What each session since the first fill comes to on these bars, as the log keeps it."""
    result = paper_backtest(log, frozen, panel)
    return [] if result is None else [facts | stamped(frozen) for facts in session_facts(result)]


def append_scores(held: Transaction, scores: list[dict[str, Any]]) -> int:
    """Append what a log that is held alone lacks of the scores, and count the sessions that were not scored before."""
    known = {entry.facts["session"]: entry.facts for entry in held.entries if entry.kind == SCORE}
    noted = {entry.facts["session"] for entry in held.entries if entry.kind == RESTATED}
    for facts in scores:
        before = known.get(facts["session"])
        if before and facts["session"] not in noted and abs(before["net"] - facts["net"]) > RESTATED_TOLERANCE:
            held.append(RESTATED, session=facts["session"], written=before["net"], now=facts["net"])
    fresh = [facts for facts in scores if facts["session"] not in known]
    for facts in fresh:
        held.append(SCORE, **facts)
    return len(fresh)


def paper_backtest(log: PaperLog, frozen: FrozenStrategy, panel: Panel) -> BacktestResult | None:
    """The backtest of the decisions that were committed in time; None before the first fill."""
    weights = committed_weights(log, panel)
    spec = frozen.spec
    if not len(weights.loc[: panel.sessions[-1 - spec.execution.delay]]):
        return None
    return run_backtest(panel, weights, execution=spec.execution, costs=spec.costs)


def session_facts(result: BacktestResult) -> list[dict[str, Any]]:
    """The numbers of each session as the log keeps them."""
    lines = (result.net_returns, result.gross_returns, result.turnover, result.cost)
    rows = zip(*(line.tolist() for line in lines), strict=True)
    return [
        {"session": f"{session:%Y-%m-%d}", **dict(zip(NUMBERS, row, strict=True)), YEAR: result.sessions_per_year}
        for session, row in zip(result.net_returns.index, rows, strict=True)
    ]


def scored(log: PaperLog) -> list[Entry]:
    """The scored sessions of a log, oldest first."""
    return [entry for entry in log.entries() if entry.kind == SCORE]
