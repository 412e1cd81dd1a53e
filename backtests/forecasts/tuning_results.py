"""Tuning results: what the searches of a study found for every symbol, and what the selected came to on test.

Errors are of returns as fractions, 0.01 is one per cent, unless they are named a price's; None is what cannot be said.
Everything here comes out of JSON and goes into it; seconds are the only numbers that differ between two runs of a plan.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["JudgedForecaster", "SearchedForecaster", "StudyResults", "SymbolResult", "SymbolTest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedForecaster:
    """What the search of one forecaster for one symbol came to, on validation.

    Parameters
    ----------
    model : str
        The word that was searched, such as ``"arima"``.
    word : str
        The settings with the least error of returns, such as ``"arima:p=1:q=0"``; empty where it failed.
    pct_return_mae, price_mae : float or None
        Their validation errors.
    price_word : str
        The settings with the least price error of the same trials.
    price_word_pct_return_mae, price_word_price_mae : float or None
        Their validation errors.
    trials, fits : int
        Settings looked at, and those that differed and were fitted.
    contaminated : bool
        Every validation target may have been in its training: its errors select nothing.
    failure : str
        Why it has no result; empty where it has.
    seconds : float
        Of the fits.
    """

    model: str
    word: str = ""
    pct_return_mae: float | None = None
    price_mae: float | None = None
    price_word: str = ""
    price_word_pct_return_mae: float | None = None
    price_word_price_mae: float | None = None
    trials: int = 0
    fits: int = 0
    contaminated: bool = False
    failure: str = ""
    seconds: float = 0.0

    @property
    def selects(self) -> bool:
        """Whether it can be selected."""
        return self.pct_return_mae is not None and not self.contaminated and not self.failure


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedForecaster:
    """One forecaster on the test span of one symbol.

    Parameters
    ----------
    word : str
        What it is.
    pct_return_mae, price_mae, r2_return, r2_price : float or None
        A price's R² is never shown without persistence's beside it.
    parameters : int
        Numbers fitted or trained elsewhere.
    seconds : float
        Fitting and forecasting.
    """

    word: str
    pct_return_mae: float | None
    price_mae: float | None
    r2_return: float | None
    r2_price: float | None
    parameters: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolTest:
    """What was judged on the test span of one symbol: the selected, the pick by price error, and persistence.

    Parameters
    ----------
    first, last : str
        First and last origin, ISO dates.
    n_sessions : int
        Origins at which both the selected and persistence were judged.
    selected, price_pick, persistence : JudgedForecaster
        The forecasters; the first two may be the same.
    skill, skill_low, skill_high : float or None
        Of the selected over persistence, with its 95 % range.
    statistic, p_better : float or None
        Diebold and Mariano's, and its p against "not better than persistence", one-sided.
    contaminated : int
        Test origins whose targets the selected may have seen; they are in no number here.
    best_trivial : str
        The trivial forecast that erred least on validation; empty where it is not known.
    over_trivial, p_over_trivial : float or None
        Skill of the selected over that one, and its p, one-sided.
    """

    first: str
    last: str
    n_sessions: int
    selected: JudgedForecaster
    price_pick: JudgedForecaster
    persistence: JudgedForecaster
    skill: float | None
    skill_low: float | None
    skill_high: float | None
    statistic: float | None
    p_better: float | None
    contaminated: int = 0
    best_trivial: str = ""
    over_trivial: float | None = None
    p_over_trivial: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolResult:
    """Everything that a study found for one symbol.

    Parameters
    ----------
    symbol : str
        As the bars call it.
    bars : str
        Fingerprint of its bars alone; empty where there are none.
    searched : tuple of SearchedForecaster
        A search a model.
    selected, price_pick : str
        The words with the least validation error of returns and of prices over all models; empty where none can be.
    persistence_validation : float or None
        Persistence's validation error of returns.
    test : SymbolTest, optional
        None before it was judged, or where it cannot be.
    failure : str
        Why it has no selection or no test; empty where it has.
    """

    symbol: str
    bars: str = ""
    searched: tuple[SearchedForecaster, ...] = ()
    selected: str = ""
    price_pick: str = ""
    persistence_validation: float | None = None
    test: SymbolTest | None = None
    failure: str = ""

    @property
    def selection(self) -> SearchedForecaster | None:
        """The search that found the selected; None without one."""
        return next((each for each in self.searched if each.selects and each.word == self.selected), None)

    @property
    def validation_skill(self) -> float:
        """1 − validation error of the selected ÷ persistence's: what selection saw; NaN without one."""
        found, base = self.selection, self.persistence_validation
        if found is None or found.pct_return_mae is None or not base:
            return math.nan
        return 1.0 - found.pct_return_mae / base


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResults:
    """A study: its plan, and a result a symbol as far as it is.

    Parameters
    ----------
    study : str
        Id, which is a hash of the plan behind a readable word.
    source : str
        Where the bars come from.
    synthetic : bool
        The bars are simulated.
    bars, code : str
        Fingerprints of the bars of all symbols, and of the code that forecast.
    settings : mapping of str to object
        Horizons, clock, spans and seed.
    models : tuple of str
        Words that were searched.
    trials : int
        Of each search.
    symbols : tuple of SymbolResult
        In the order of the plan.
    asked : int
        Symbols of the plan: fewer are in ``symbols`` while it is under way.
    judged : int
        Forecasters that have been judged on a test span overlapping this one, of these bars, in all.
    """

    study: str
    source: str
    synthetic: bool
    bars: str
    code: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    trials: int = 0
    symbols: tuple[SymbolResult, ...] = ()
    asked: int = 0
    judged: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether every symbol of the plan has a result."""
        return len(self.symbols) == self.asked

    @property
    def tested(self) -> tuple[SymbolResult, ...]:
        """The symbols whose selected forecaster was judged on test."""
        return tuple(each for each in self.symbols if each.test is not None)

    @property
    def failed(self) -> Mapping[str, str]:
        """Symbols without a selection or a test, and why."""
        return {each.symbol: each.failure for each in self.symbols if each.failure}
