"""Cell verdicts: the word that the verdict's rule has for every run of a table, among all trials that are logged now.

A built-in market's being synthetic is set aside, for nothing on it would be evidence and the table asks whether the
rule would be fooled. On real bars the run's own verdict stands too, and the weaker word counts.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from backtests.verdict import Grounds, confidence_among, weigh
from strategy.runs.store import RunFolder, RunStore
from strategy.studies.model_table.market_facts import MarketFacts
from strategy.studies.model_table.session_values import SessionValues
from strategy.studies.model_table.table_cells import CellKey
from strategy.studies.model_table.two_way_errors import two_way_estimate
from strategy.trials.log import TrialKey, TrialLog, comparable, trial_sharpe

__all__ = ["WORDS", "cell_verdicts", "verdict_words"]

WORDS = ("NOT EVIDENCE", "WEAK", "EVIDENCE")  # the weakest first


def cell_verdicts(
    folders: Mapping[CellKey, RunFolder],
    values: Mapping[CellKey, SessionValues],
    facts: Mapping[str, MarketFacts],
    store: RunStore,
) -> dict[CellKey, str]:
    """The word of every run that was measured.

    Parameters
    ----------
    folders : mapping of (market, contender, seed) to RunFolder
        The runs.
    values : mapping of (market, contender, seed) to SessionValues
        What they came to.
    facts : mapping of str to MarketFacts
        By market.
    store : RunStore
        Its log says how many trials there are.
    """
    entries, words = TrialLog(store.root).entries(), dict[CellKey, str]()
    for key, each in values.items():
        folder, market = folders[key], facts[key[0]]
        trial = TrialKey.of(folder.record["identity"], each.net.index)
        year = each.sessions_per_year
        sharpes = tuple(trial_sharpe(entry, year) for entry in comparable(entries, trial).values())
        ic = two_way_estimate(pd.DataFrame(each.frame[["rank_ic"]]), horizon=folder.spec.label.horizon)
        grounds = Grounds(
            confidence=confidence_among(each.net, sharpes or (float("nan"),), sessions_per_year=year),
            executable=not folder.spec.execution.is_optimistic,
            ic_above_zero=ic.interval.low > 0.0,
            survivor_biased=market.survivor_biased and not market.synthetic,
        )
        own = WORDS[-1] if market.synthetic else str(folder.metrics["headline"]["verdict"])
        words[key] = min(weigh(grounds), own, key=WORDS.index)
    return words


def verdict_words(words: Sequence[str]) -> str:
    """The words of a model's runs, for a cell: one where all are alike, else how many are of each.

    Examples
    --------
    >>> from strategy.studies.model_table.cell_verdicts import verdict_words
    >>> verdict_words(["NOT EVIDENCE", "NOT EVIDENCE"]), verdict_words(["WEAK", "EVIDENCE", "WEAK"])
    ('NOT EVIDENCE', 'EVIDENCE 1 of 3, WEAK 2 of 3')
    """
    counts = Counter(words)
    if len(counts) == 1:
        return words[0]
    return ", ".join(f"{word} {counts[word]} of {len(words)}" for word in reversed(WORDS) if counts[word])
