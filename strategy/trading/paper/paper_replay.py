"""Paper replay: every committed decision and every score of a paper log, recomputed from the bars."""

from collections.abc import Iterator

import pandas as pd

from market.panel import Panel
from strategy.frozen.run_version import RESTATED_TOLERANCE, FrozenStrategy
from strategy.learning.decide import decided_book
from strategy.trading.paper.decisions import PaperLog, committed_weights, decisions
from strategy.trading.paper.paper_scores import NUMBERS, paper_backtest, scored, session_facts

__all__ = ["replay_paper"]


def replay_paper(log: PaperLog, frozen: FrozenStrategy, panel: Panel) -> list[str]:
    """Every difference between a paper log and what the version decides and earns on these bars.

    A decision is a row of the book on the whole bars: what is decided at a close does not depend on later ones.

    Parameters
    ----------
    log : PaperLog
        Log of the version.
    frozen : FrozenStrategy
        The version.
    panel : Panel
        Bars that hold every decided session.

    Raises
    ------
    DataError
        If they lack one, or a name that was wanted.
    """
    committed_weights(log, panel)
    return [*_other_decisions(log, frozen, panel), *_other_scores(log, frozen, panel)]


def _other_decisions(log: PaperLog, frozen: FrozenStrategy, panel: Panel) -> Iterator[str]:
    book = decided_book(frozen.spec, frozen.on_own_year(panel), frozen.checkpoint, sectors=frozen.sectors)
    for entry in decisions(log):
        if entry.facts["session"] not in book.weights.index:
            yield f"decision of {entry.facts['session']}: the bars begin later"
            continue
        written = pd.Series(entry.facts["weights"], dtype=float).reindex(panel.tickers, fill_value=0.0)
        gap = (book.weights.loc[entry.facts["session"]] - written).abs()
        if not gap.max() <= RESTATED_TOLERANCE:
            ticker = gap.idxmax()
            yield (
                f"decision of {entry.facts['session']}: {ticker} was {written[ticker]:.6f}, is "
                f"{book.weights.loc[entry.facts['session'], ticker]:.6f}"
            )


def _other_scores(log: PaperLog, frozen: FrozenStrategy, panel: Panel) -> Iterator[str]:
    result = paper_backtest(log, frozen, panel)
    again = {} if result is None else {facts["session"]: facts for facts in session_facts(result)}
    for entry in scored(log):
        now = again.get(entry.facts["session"])
        if now is None:
            yield f"score of {entry.facts['session']}: the bars do not reach it"
            continue
        for name in NUMBERS:
            if not abs(now[name] - entry.facts[name]) <= RESTATED_TOLERANCE:
                yield f"score of {entry.facts['session']}: {name} was {entry.facts[name]:.8f}, is {now[name]:.8f}"
