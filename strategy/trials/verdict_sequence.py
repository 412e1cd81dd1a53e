"""Verdict sequence: the test results of a log as one sequence of tests, and the place of a result in it."""

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from backtests.statistics.deflation import sharpe_confidence
from backtests.statistics.inference import probabilistic_sharpe_ratio
from backtests.statistics.metrics import Shape, shape
from backtests.statistics.online_error import OnlineTest, last_test
from core.conventions import SESSIONS_PER_YEAR
from strategy.trials.chained_log import Entry
from strategy.trials.log import COMPANION, TRIAL, TrialKey

__all__ = ["logged_p_value", "place_in_sequence", "shape_facts"]

NORMAL = Shape(0.0, 3.0)
TESTS = (TRIAL, COMPANION)  # a sweep's points never saw the test span


def place_in_sequence(
    entries: Iterable[Entry], key: TrialKey, net_returns: pd.Series, *, synthetic: bool
) -> OnlineTest:
    """Where a result stands in its log's sequence of tests.

    The sequence is that of the distinct trials, in the order in which they were first shown; those of synthetic markets
    are one of their own, since a planted signal would earn for the others. A discovery earns nothing for a test whose
    sessions overlap its own: they share data, on these bars or on others of those days.

    Parameters
    ----------
    entries : iterable of Entry
        Of the trial log, oldest first.
    key : TrialKey
        Of the result; the next test where the log does not count it.
    net_returns : Series of float
        Its net returns over the test span.
    synthetic : bool
        Its market is a simulated one.
    """
    tests = dict[TrialKey, float]()
    for entry in entries:
        if entry.kind in TESTS and bool(entry.facts.get("synthetic", False)) == synthetic:
            tests.setdefault(TrialKey.logged(entry), logged_p_value(entry))
    keys = list(tests)
    keys = [*keys[: keys.index(key)], key] if key in tests else [*keys, key]
    p_values = [*(tests[each] for each in keys[:-1]), 1.0 - probabilistic_sharpe_ratio(net_returns)]
    return last_test(p_values, [_overlapping(keys, place) for place in range(len(keys))])


def logged_p_value(entry: Entry) -> float:
    """One-sided p-value of a logged net Sharpe ratio, 1 − PSR; NaN where it has none.

    An entry from before skewness and kurtosis were kept is taken as normal.
    """
    facts = entry.facts
    sharpe, sessions, yearly = facts["sharpe"], facts["sessions"], facts.get("sessions_per_year", SESSIONS_PER_YEAR)
    skew, kurtosis = facts.get("skew"), facts.get("kurtosis")
    numbers = (sharpe, sessions, yearly, skew, kurtosis)
    if not all(number is None or type(number) in (int, float) for number in numbers) or not yearly:
        raise ValueError(f"entry {entry.sequence} of the trial log has no Sharpe ratio that can be read")
    if sharpe is None or sessions is None:
        return math.nan
    law = NORMAL if skew is None or kurtosis is None else Shape(float(skew), float(kurtosis))
    return 1.0 - sharpe_confidence(float(sharpe) / math.sqrt(yearly), int(sessions), law)


def shape_facts(net_returns: pd.Series) -> dict[str, float | None]:
    """Skewness and kurtosis as an entry keeps them; None with too few sessions."""
    law = shape(net_returns)
    known = math.isfinite(law.skewness) and math.isfinite(law.kurtosis)
    return {"skew": law.skewness, "kurtosis": law.kurtosis} if known else {"skew": None, "kurtosis": None}


def _overlapping(keys: Sequence[TrialKey], place: int) -> set[int]:
    """Earlier tests that share a session with one."""
    own = keys[place]
    return {other for other, each in enumerate(keys[:place]) if own.first <= each.last and each.first <= own.last}
