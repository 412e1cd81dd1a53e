"""Paper session: what one call adds to a paper log, all of it or nothing: scores of the fills, then the decision."""

from dataclasses import dataclass

from market.panel import Panel
from strategy.frozen.run_version import FrozenStrategy
from strategy.trading.paper.decisions import PaperLog, append_decision, decide_session
from strategy.trading.paper.paper_scores import append_scores, score_sessions
from strategy.trials.chained_log import Entry

__all__ = ["PaperSession", "trade_session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSession:
    """What one call added to a paper log; it prints.

    Parameters
    ----------
    decision : Entry or None
        The committed decision; None if that close was decided before.
    n_scored : int
        Sessions that were scored.
    """

    decision: Entry | None
    n_scored: int

    def __str__(self) -> str:
        lines = [f"{self.n_scored} sessions scored"] if self.n_scored else []
        if self.decision is None:
            return "\n".join([*lines, "this close was decided before"])
        facts = self.decision.facts
        late = "; TOO LATE: its open has passed, it will not be traded" if facts["late"] else ""
        missed = f"; MISSED before it: {_listed(facts['missed'])}" if facts["missed"] else ""
        stamps = f"; {', '.join(facts['stamps'])}" if facts.get("stamps") else ""
        line = f"committed the decision of {facts['session']}, fills {facts['fills']}{late}{missed}{stamps}"
        return "\n".join([*lines, line])


def trade_session(log: PaperLog, frozen: FrozenStrategy, panel: Panel) -> PaperSession:
    """Score the fills of earlier decisions and commit that of the bars' last close, in one transaction.

    Everything is checked and computed first, so that what is refused adds nothing.

    Parameters
    ----------
    log : PaperLog
        Log of the version.
    frozen : FrozenStrategy
        The version, from ``open_frozen``.
    panel : Panel
        Bars that hold every decided session and end after the freeze, at a close that is past.

    Raises
    ------
    DataError, RunError
        As :func:`~strategy.trading.paper.decisions.commit_decision`.
    """
    decided = decide_session(log, frozen, panel)
    scores = score_sessions(log, frozen, panel)
    if decided is None and not scores:
        return PaperSession(decision=None, n_scored=0)
    with log.transaction() as held:
        n_scored = append_scores(held, scores)
        decision = None if decided is None else append_decision(held, log, frozen, decided)
    log.remember()
    return PaperSession(decision=decision, n_scored=n_scored)


def _listed(days: list[str]) -> str:
    more = f" and {len(days) - 3} more sessions" if len(days) > 3 else ""
    return f"{', '.join(days[:3])}{more}"
