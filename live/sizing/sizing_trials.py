"""Sizing trials: every sized book of a test span is logged before it is shown, and counted once."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from backtests.engine.backtest_result import BacktestResult
from backtests.statistics.metrics import sharpe_ratio
from live.sizing.sized_book import SizedBook
from strategy.trials.log import TrialKey, TrialLog, comparable, distinct, trial_kind
from strategy.trials.verdict_sequence import shape_facts

__all__ = ["count_trials"]


def count_trials(book: SizedBook, results: Mapping[str, tuple[BacktestResult, tuple[str, ...]]], log: TrialLog) -> int:
    """Log what is not logged yet; return how many trials are comparable to these, these included.

    Parameters
    ----------
    book : SizedBook
        The book, with the fingerprints of its strategy and bars.
    results : mapping of str to (BacktestResult, tuple of str)
        By the name of the way to size, with the fingerprints of the trainings behind it.
    log : TrialLog
        Of the user's store.
    """
    keys = {}
    for name, (result, prints) in results.items():
        tried = {**book.identity, "model": f"size-book:{hashlib.sha256(' '.join(prints).encode()).hexdigest()}"}
        keys[name] = TrialKey.of(tried, result.net_returns.index)
    known = distinct(log.entries())
    for name, key in keys.items():
        if key not in known:
            net, year = results[name][0].net_returns, results[name][0].sessions_per_year
            sharpe = sharpe_ratio(net, sessions_per_year=year)
            facts = {"sharpe": sharpe if np.isfinite(sharpe) else None, "sessions": len(net)}
            facts |= {"sessions_per_year": year, "synthetic": book.panel.facts.synthetic, **shape_facts(net)}
            log.append(
                trial_kind(), strategy=book.strategy, run=f"size-book {book.name}, {name}", key=asdict(key), **facts
            )
    entries = log.entries()
    return len({other for key in keys.values() for other in comparable(entries, key)} | set(keys.values()))
