"""Short filter: its effect on the book, when the level of the scores is known to a few basis points only."""

import pandas as pd

from backtests.engine.many_books import net_returns_of
from backtests.engine.overlay_loop import decide_book, traded_part
from backtests.judged_span import judged_span
from backtests.statistics.metrics import annual_return, sharpe_ratio, sharpe_standard_error
from market.inputs import Inputs
from portfolio.book_settings import BookSettings
from portfolio.rules import TradingRules

__all__ = ["short_filter_table", "unfiltered_returns"]


def short_filter_table(
    rules: TradingRules, inputs: Inputs, settings: BookSettings, *, scores: pd.DataFrame, level_error: float | None
) -> pd.DataFrame:
    """Compare the filter-negative book at the calibration level ± one standard error, and with shorts below the market.

    Parameters
    ----------
    rules : TradingRules
        Clock, costs and overlays.
    inputs : Inputs
        Bars and sectors.
    settings : BookSettings
        A filter-negative book.
    scores : DataFrame of float
        Calibrated expected returns, level a.
    level_error : float or None
        Standard error of a; None leaves the shifted books out.

    Returns
    -------
    DataFrame
        Index the book: ``short_names`` (mean per session), ``short_share`` of the bottom k, ``empty`` and ``thin``
        sessions (a leg without a name, with fewer than five), and net ``sharpe``, ``standard_error``,
        ``annual_return``.
    """
    shifts = {"below zero at a": 0.0}
    if level_error is not None:
        shifts = {"below zero at a − 1 SE": -level_error} | shifts | {"below zero at a + 1 SE": level_error}
    literal = settings.model_copy(update={"short_filter": "below_zero"})
    relative = settings.model_copy(update={"short_filter": "below_market"})
    cut = traded_part(inputs.panel, scores, book=settings)
    books = {
        name: decide_book(rules.with_book(literal), cut, scores + shift, sectors=inputs.sectors)
        for name, shift in shifts.items()
    }
    books["below market at a"] = decide_book(rules.with_book(relative), cut, scores, sectors=inputs.sectors)
    weights = {name: book.weights for name, book in books.items()}
    returns = net_returns_of(cut, weights, execution=rules.execution, costs=rules.costs)
    returns = returns[returns.index.isin(judged_span(scores, inputs.panel, rules).sessions)]
    year = inputs.panel.facts.sessions_per_year
    rows = {name: _row(book.diagnostics, returns[name], year) for name, book in books.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("book")


def unfiltered_returns(
    rules: TradingRules, inputs: Inputs, settings: BookSettings, *, scores: pd.DataFrame
) -> pd.DataFrame:
    """Net returns of a filter-negative book, and of the same book shorting all of the bottom k.

    Returns
    -------
    DataFrame of float, columns ``"with the filter"`` and ``"without the filter"``
        Net simple returns of each session, same legs, clock, costs and overlays.
    """
    cut = traded_part(inputs.panel, scores, book=settings)
    variants = {"with the filter": settings, "without the filter": settings.model_copy(update={"builder": "bottom_k"})}
    weights = {
        name: decide_book(rules.with_book(book), cut, scores, sectors=inputs.sectors).weights
        for name, book in variants.items()
    }
    returns = net_returns_of(cut, weights, execution=rules.execution, costs=rules.costs)
    return returns[returns.index.isin(judged_span(scores, inputs.panel, rules).sessions)]


def _row(diagnostics: pd.DataFrame, returns: pd.Series, sessions_per_year: float) -> dict[str, float]:
    decided = diagnostics[diagnostics["n_scored"] > 0]
    return {
        "short_names": float(decided["n_short"].mean()),
        "short_share": float(decided["n_short"].sum() / decided["names_a_side"].sum()),
        "empty": int(decided["empty_leg"].sum()),
        "thin": int(decided["thin_leg"].sum()),
        "sharpe": sharpe_ratio(returns, sessions_per_year=sessions_per_year),
        "standard_error": sharpe_standard_error(returns, sessions_per_year=sessions_per_year),
        "annual_return": annual_return(returns, sessions_per_year=sessions_per_year),
    }
