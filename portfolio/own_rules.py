"""Own rules: book rules by name, those that come with Quintile and those that a user's file registers.

A rule turns the scores of a close into the target weights of that close, and nothing else decides a row: what a book
remembers is smoothing, rank gate and sleeves. A rule is called with many sessions at once, because that is fast, and
with a few of them alone, because that is how one that reads its neighbours is found out.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from core.user_file import docstring_of, named_failures, source_sha256
from market.panel import aligned_frame

__all__ = ["SHIPPED_RULES", "book_rule", "check_rule", "own_rule_words", "own_sources", "own_targets"]

SHIPPED_RULES = (
    "quintile_long_short",
    "filter_negative",
    "bottom_k",
    "confidence",
    "index_hedged",
    "long_only",
    "mean_variance",
    "mean_cvar",
    "risk_parity",
    "hrp",
)
SAMPLED = (0.0, 0.25, 0.5, 0.75, 1.0)  # places among the scored sessions at which two are decided alone
ROUNDING = 1e-12  # of equity: a sum over names may run in another order on fewer sessions

Rule = Callable[[pd.DataFrame, Any], pd.DataFrame]
Decorated = TypeVar("Decorated", bound=Rule)


@dataclass(frozen=True, slots=True)
class _OwnRule:
    function: Rule
    source: str


_own: dict[str, _OwnRule] = {}


def book_rule(name: str) -> Callable[[Decorated], Decorated]:
    """Make the decorated function a book rule, ``[portfolio] builder = name``, in this process.

    The function takes ``(scores, settings)`` and gives target weights on the same sessions and tickers. ``scores`` are
    the expected returns of the names that may be held, NaN for all others; ``settings`` is the ``BookSettings`` of the
    book, whose ``k``, ``long`` and ``short`` it may read. Weights are fractions of equity, negative for a short; a row
    of NaN is no rebalance. A row must come from the scores of its own session alone.

    Smoothing, gate, neutrality, overlays and limits follow as for every rule. The default limit of a position is the
    larger of 3 % and 1.5 × the leg ÷ ``k`` names: a rule that holds fewer sets ``max_position``.

    Parameters
    ----------
    name : str
        Lower-case words joined by underscores; not a shipped rule. Registering a name again replaces its rule.

    Returns
    -------
    callable
        Gives the function back as it was.

    Raises
    ------
    ValueError
        If the name is taken or not a word, or the function has no source.

    Examples
    --------
    >>> @qt.book_rule("by_rank")
    ... def by_rank(scores, settings):
    ...     place = scores.rank(axis=1, pct=True) - 0.5
    ...     return place.sub(place.mean(axis=1), axis=0).div(place.abs().sum(axis=1), axis=0)
    >>> qt.BookSettings(builder="by_rank", max_position=0.1).builder
    'by_rank'
    """
    if name in SHIPPED_RULES or not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
        shipped = ", ".join(SHIPPED_RULES)
        raise ValueError(f"{name!r} cannot name your book rule: choose a lower-case word other than {shipped}")

    def registered(function: Decorated) -> Decorated:
        _own[name] = _OwnRule(function, source_sha256(function, what=f"book rule {name}"))
        return function

    return registered


def check_rule(name: str) -> str:
    """The name of a rule that there is.

    Raises
    ------
    ValueError
        If there is none; it names those there are.
    """
    if name not in (*SHIPPED_RULES, *_own):
        raise ValueError(
            f"must be one of {', '.join((*SHIPPED_RULES, *_own))}, was {name!r}: a rule of your own is known once its "
            "file is loaded (`quintile --models FILE …`)"
        )
    return name


def own_rule_words(name: str) -> str:
    """First line of what a user wrote about a rule."""
    rule = _own.get(name)
    written = docstring_of(rule.function).splitlines() if rule else []
    return f"{written[0] if written else 'No description.'} (The book rule {name} is your own.)"


def own_sources() -> dict[str, str]:
    """Sha256 of the source of every registered rule, by ``book_rule/name``."""
    return {f"book_rule/{name}": rule.source for name, rule in _own.items()}


def own_targets(name: str, scores: pd.DataFrame, settings: Any) -> pd.DataFrame:
    """Target weights of a user's rule, checked.

    Parameters
    ----------
    name : str
        Of a registered rule.
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        Expected returns of the eligible names, known at each close; NaN elsewhere.
    settings : BookSettings
        Handed on to the rule.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        Fractions of equity, 0 for names without a score; a row of NaN is no rebalance, and so is one without a score.

    Raises
    ------
    ValueError
        If the rule is unknown or fails, its weights have other axes or are not numbers, a name without a score has a
        weight or one with a score has none, or a row depends on other rows.
    """
    check_rule(name)
    weights = _decided(name, scores, settings)
    rows = np.flatnonzero(scores.notna().any(axis=1).to_numpy())
    for first in sorted({int(place * max(len(rows) - 2, 0)) for place in SAMPLED}):
        alone = rows[first : first + 2]
        if len(alone) < len(scores):
            _check_alone(name, scores.iloc[alone], settings, weights.iloc[alone])
    return weights


def _decided(name: str, scores: pd.DataFrame, settings: Any) -> pd.DataFrame:
    with named_failures(f"book rule {name}"):
        given = _own[name].function(scores.copy(), settings)
        values = np.array(given.to_numpy(), dtype=float)
        same_axes = given.index.equals(scores.index) and given.columns.equals(scores.columns)
    if not same_axes:
        raise ValueError(f"book rule {name} changed the axes: give weights on the sessions and tickers of the scores")
    scored = scores.notna().to_numpy()
    values[~scored.any(axis=1)] = np.nan
    decided = ~np.isnan(values).all(axis=1, keepdims=True)
    _refuse(name, scores, np.isinf(values), "an infinite weight")
    _refuse(name, scores, decided & scored & np.isnan(values), "a row that is neither complete nor all NaN")
    _refuse(name, scores, ~scored & ~np.isnan(values) & (values != 0.0), "a weight to a name that has no score")
    whole = np.where(decided, np.where(scored, values, 0.0), np.nan)
    return aligned_frame(whole, pd.DatetimeIndex(scores.index), scores.columns)


def _refuse(name: str, scores: pd.DataFrame, wrong: np.ndarray, what: str) -> None:
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"book rule {name} gives {what}: {scores.columns[column]} at the close of {scores.index[row]:%Y-%m-%d}"
        )


def _check_alone(name: str, scores: pd.DataFrame, settings: Any, expected: pd.DataFrame) -> None:
    """Decide two sessions without the others."""
    found = _decided(name, scores, settings).to_numpy()
    same = np.isclose(found, expected.to_numpy(), rtol=0.0, atol=ROUNDING, equal_nan=True)
    if not same.all():
        row = int(np.argwhere(~same)[0][0])
        raise ValueError(
            f"book rule {name} decides {scores.index[row]:%Y-%m-%d} otherwise when other sessions are left out: a row "
            "must come from its own scores alone (a book's memory is smoothing, rank_gate and label.horizon)"
        )
