"""Forecast words: what a study of forecasts says, as sentences and rows of text, the same on console and page."""

import math
from collections.abc import Sequence

from backtests.forecasts.forecast_results import BENCHMARK, ForecastResults, ForecastRow
from backtests.forecasts.forecast_score import ForecastScore, score_forecasts
from core.intervals import Interval

__all__ = ["CONVENTIONS", "by_horizon", "by_symbol", "error_rows", "error_table", "findings"]

ERROR_COLUMNS = (
    "forecaster",
    "skill over persistence",
    "p",
    "MAE of returns",
    "RMSE of returns",
    "R² of returns",
    "R² of prices",
    "price MAE",
    "MAPE",
    "MASE",
    "right direction",
    "within 1σ",
    "within 90 %",
    "CRPS",
    "test ÷ train RMSE",
    "parameters",
    "seconds",
)
CONVENTIONS = (
    "Skill is 1 − mean absolute error of returns ÷ persistence's, over all series and horizons, with its 95 % range by "
    "HAC errors over sessions; p is Diebold and Mariano's, two-sided.",
    "Persistence says that nothing moves. Its R² of prices is what any forecast of prices gets for free: an R² of "
    "prices means nothing without it beside.",
    "Models are sorted by their error on validation, which selected; test was judged once.",
    "Right direction is of the first horizon, with its binomial 95 % range, beside how often the return was above "
    "zero; a forecast of exactly zero has none.",
    "Ranges of a model that gives none are conformal, from its errors on validation; CRPS is twice the mean pinball "
    "loss of the nine deciles.",
)


def findings(results: ForecastResults) -> list[str]:
    """What the study says, in plain sentences."""
    models = results.models
    if not models:
        return ["Only trivial forecasts were asked."]
    said = [_beats(results, [row.name for row in models if row.test_score.skill.is_better])]
    if math.isfinite(results.best_p):
        word = "found" if results.best_p < 0.05 else "not found"
        said.append(
            f"That the best of {len(models)} model{'s' if len(models) > 1 else ''} is better than persistence beyond "
            f"what chance gives the best of so many: {word} (Hansen's p {results.best_p:.3f})."
        )
    base = next(row for row in results.rows if row.name == BENCHMARK).test_score.errors.r2_price
    selected, errors = models[0], models[0].test_score.errors
    said.append(
        f"{selected.name} erred least on validation; on test its R² of prices is {errors.r2_price:.4f}, persistence's "
        f"{base:.4f}, and its R² of returns {errors.r2_return:+.4f}."
    )
    said += [
        f"CONTAMINATED: {row.name} may have been trained on targets up to {row.facts.get('trained until')}; they are "
        "scored apart and select nothing."
        for row in models
        if row.is_contaminated
    ]
    return said + [f"{name} was not asked: {why}" for name, why in results.failed.items()]


def error_rows(results: ForecastResults) -> list[list[str]]:
    """A row a forecaster, trivial ones first, models by their validation error."""
    trivial = [row for row in results.rows if row.is_trivial]
    return [_cells(row) for row in (*trivial, *results.models)]


def error_table(results: ForecastResults) -> tuple[tuple[str, ...], list[list[str]]]:
    """Headings and rows of every measure."""
    return ERROR_COLUMNS, error_rows(results)


def by_horizon(results: ForecastResults, row: ForecastRow) -> dict[int, ForecastScore]:
    """The scores of one forecaster at every horizon."""
    return {horizon: score_forecasts(row.test, results.judged, horizon=horizon) for horizon in row.test.horizons}


def by_symbol(results: ForecastResults, row: ForecastRow) -> dict[str, ForecastScore]:
    """The scores of one forecaster on every series, the best skill first."""
    found = {str(ticker): score_forecasts(row.test, results.judged, ticker=ticker) for ticker in row.test.tickers}

    def skill(name: str) -> float:
        estimate = found[name].skill.interval.estimate
        return estimate if math.isfinite(estimate) else -math.inf

    return {name: found[name] for name in sorted(found, key=skill, reverse=True)}


def _beats(results: ForecastResults, better: Sequence[str]) -> str:
    n_series = len(results.panel.tickers)
    if n_series > 1 and (selected := results.selected) is not None:
        scores = by_symbol(results, selected).values()
        count = sum(score.skill.is_better for score in scores)
        return f"{_who(better)} persistence over all {n_series} series; {selected.name} does on {count} of them."
    return f"{_who(better)} persistence."


def _who(names: Sequence[str]) -> str:
    return f"{', '.join(names) or 'No model'} beat{'s' if len(names) < 2 else ''}"


def _cells(row: ForecastRow) -> list[str]:
    score, errors = row.test_score, row.test_score.errors
    return [
        row.name,
        "–" if row.name == BENCHMARK else _percent_range(score.skill.interval),
        "–" if row.name == BENCHMARK else _number(score.skill.p_value, ".3f"),
        _number(errors.pct_return_mae, ".3%"),
        _number(errors.rmse, ".3%"),
        _number(errors.r2_return, "+.4f"),
        _number(errors.r2_price, ".4f"),
        _number(errors.price_mae, ",.3f"),
        _number(errors.price_mape, ".3%"),
        _number(errors.mase, ".3f"),
        _direction(score),
        _number(score.ranges.coverage_1_sigma, ".1%"),
        _number(score.ranges.coverage_90, ".1%"),
        _number(score.ranges.crps, ".3%"),
        _number(row.overfitting, ".2f"),
        f"{row.facts.get('parameters', 0):,}",
        f"{row.seconds:.1f}",
    ]


def _direction(score: ForecastScore) -> str:
    found = score.direction
    if not found.n:
        return "–"
    low, high = found.share.low, found.share.high
    return f"{found.share.estimate:.1%} ({low:.1%} to {high:.1%}), up {found.always_up:.1%}"


def _percent_range(bounds: Interval) -> str:
    if not math.isfinite(bounds.estimate):
        return "n/a"
    if not math.isfinite(bounds.low):
        return f"{bounds.estimate:+.2%}"
    return f"{bounds.estimate:+.2%} ({bounds.low:+.2%} to {bounds.high:+.2%})"


def _number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "n/a"
