"""Forecast words: what a study of forecasts says, as sentences and rows of text, the same on console and page."""

import math
from collections.abc import Sequence

from backtests.forecasts.forecast_results import BENCHMARK, ForecastResults, ForecastRow
from backtests.forecasts.forecast_score import ForecastScore, score_forecasts
from backtests.report.forecasts.power_words import power_sentence
from core.intervals import Interval

__all__ = ["CONVENTIONS", "by_horizon", "by_symbol", "error_table", "findings", "judged_so_far"]

ERROR_COLUMNS = (
    "forecaster",
    "skill over persistence",
    "p",
    "skill over the best trivial",
    "MAE of returns",
    "MSE of returns",
    "RMSE of returns",
    "R² of returns",
    "R² of prices",
    "price MAE",
    "MAPE",
    "MASE",
    "mean residual",
    "sd of residuals",
    "test ÷ train RMSE",
    "right direction",
    "within 1σ",
    "within 90 %",
    "width of 90 %",
    "pinball",
    "CRPS",
    "CRPS skill",
    "parameters",
    "seconds",
)
CHANCE = 0.05  # of being called better than persistence without being it
CONVENTIONS = (
    "Skill is 1 − mean absolute error of returns ÷ persistence's, over all series and horizons, with its 95 % range by "
    "HAC errors over sessions; p is Diebold and Mariano's, two-sided.",
    "Persistence says that nothing moves. Its R² of prices is what any forecast of prices gets for free: an R² of "
    "prices means nothing without it beside.",
    "The best trivial forecast is the one of the five that erred least on validation; where prices rise that is drift, "
    "and a model that beats persistence alone may know no more than that.",
    "Models are sorted by their error on validation, which selected; test was judged once.",
    "Right direction is of the first horizon, with its binomial 95 % range, beside how often the return was above "
    "zero; a forecast of exactly zero has none.",
    "Ranges of a model that gives none are conformal, from its errors on validation; CRPS is twice the mean pinball "
    "loss of the nine deciles, its skill over persistence with ranges of its own past returns.",
)


def findings(results: ForecastResults) -> list[str]:
    """What the results say, in plain sentences, the headline first."""
    if not results.models:
        return ["Only trivial forecasts were asked."]
    return [
        _beats(results, [row.name for row in results.models if row.test_score.skill.is_better]),
        *_over_best_trivial(results),
        *_best_of_many(results),
        _prices_explained(results),
        *_too_small_to_see(results),
        *_contaminated(results),
        *([] if results.n_judged is None else [judged_so_far(results.n_judged)]),
        *_ensembles(results),
        *(f"{name} was not asked: {why}" for name, why in results.failed.items()),
    ]


def judged_so_far(n: int) -> str:
    """How many forecasters have been judged on a test span: the more, the better the best looks by chance."""
    return f"{n} forecaster{'s have' if n != 1 else ' has'} been judged on this span of these bars so far."


def error_table(results: ForecastResults) -> tuple[tuple[str, ...], list[list[str]]]:
    """Headings of every measure, and a row a forecaster: trivial ones first, models by their validation error."""
    trivial = [row for row in results.rows if row.is_trivial]
    return ERROR_COLUMNS, [_cells(results, row) for row in (*trivial, *results.models)]


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
        return (
            f"{_who(better)} persistence over all {n_series} series; {selected.name} does on {count} of them, where "
            f"chance alone gives {CHANCE * n_series:.1f}."
        )
    return f"{_who(better)} persistence."


def _over_best_trivial(results: ForecastResults) -> list[str]:
    """Where prices rise, persistence is the wrong thing to beat: the best trivial forecast is told beside it."""
    best = results.best_trivial
    if best.name == BENCHMARK or (selected := results.selected) is None:
        return []
    better = [row.name for row in results.models if results.over_best_trivial(row).is_better]
    over = results.over_best_trivial(selected)
    return [
        f"{best.name}, the trivial forecast that erred least on validation, has a skill of "
        f"{_percent_range(best.test_score.skill.interval)} itself. {_who(better)} it; {selected.name}'s skill over it "
        f"is {_percent_range(over.interval)}."
    ]


def _best_of_many(results: ForecastResults) -> list[str]:
    if not math.isfinite(results.best_p):
        return []
    n_models, word = len(results.models), "found" if results.best_p < CHANCE else "not found"
    return [
        f"That the best of {n_models} model{'s' if n_models > 1 else ''} is better than persistence beyond what chance "
        f"gives the best of so many: {word} (Hansen's p {results.best_p:.3f})."
    ]


def _prices_explained(results: ForecastResults) -> str:
    base = next(row for row in results.rows if row.name == BENCHMARK).test_score.errors.r2_price
    selected, errors = results.models[0], results.models[0].test_score.errors
    return (
        f"{selected.name} erred least on validation; on test its R² of prices is {errors.r2_price:.4f}, persistence's "
        f"{base:.4f}, and its R² of returns {errors.r2_return:+.4f}."
    )


def _too_small_to_see(results: ForecastResults) -> list[str]:
    selected = results.selected
    if selected is None or selected.test_score.skill.is_better:
        return []
    sentence = power_sentence(selected.name, selected.test_score.skill)
    return [sentence] if sentence else []


def _contaminated(results: ForecastResults) -> list[str]:
    """Which models may have seen their targets, and what they came to on those."""
    return [
        *(
            f"CONTAMINATED: {row.name} may have been trained on {_seen(row)}; they are scored apart (MAE of returns "
            f"{seen.errors.pct_return_mae:.3%}, skill over persistence {_percent_range(seen.skill.interval)}) and "
            "select nothing."
            for row in results.models
            if (seen := row.contaminated_score) is not None
        ),
        *(
            f"{row.name} may have been trained on targets of validation, so that it is never selected."
            for row in results.models
            if not row.may_be_selected and not row.is_contaminated
        ),
    ]


def _ensembles(results: ForecastResults) -> list[str]:
    """What each ensemble weighs or leaves out; an ensemble says so among its facts."""
    told = [(row.name, row.facts) for row in results.models]
    return [
        *(f"{name} leaves out {facts['trimmed']}." for name, facts in told if "trimmed" in facts),
        *(
            f"{name} weighs {facts['weights']}{', ' if 'validation' in facts else ''}{facts.get('validation', '')}."
            for name, facts in told
            if "weights" in facts
        ),
    ]


def _seen(row: ForecastRow) -> str:
    until = row.facts.get("trained until")
    if until == "unknown":
        return "all targets, for nobody says when its training ended"
    return f"targets before {until}" if until else "some targets"


def _who(names: Sequence[str]) -> str:
    return f"{', '.join(names) or 'No model'} beat{'s' if len(names) < 2 else ''}"


def _cells(results: ForecastResults, row: ForecastRow) -> list[str]:
    score, errors, ranges = row.test_score, row.test_score.errors, row.test_score.ranges
    is_base, is_best = row.name == BENCHMARK, row.name == results.best_trivial.name
    return [
        row.name,
        "–" if is_base else _percent_range(score.skill.interval),
        "–" if is_base else _number(score.skill.p_value, ".3f"),
        "–" if is_best else _percent_range(results.over_best_trivial(row).interval),
        _number(errors.pct_return_mae, ".3%"),
        _number(errors.mse, ".3e"),
        _number(errors.rmse, ".3%"),
        _number(errors.r2_return, "+.4f"),
        _number(errors.r2_price, ".4f"),
        _number(errors.price_mae, ",.3f"),
        _number(errors.price_mape, ".3%"),
        _number(errors.mase, ".3f"),
        _number(errors.mean_residual, "+.3%"),
        _number(errors.sd_residual, ".3%"),
        _number(row.overfitting, ".2f"),
        _direction(score),
        _number(ranges.coverage_1_sigma, ".1%"),
        _number(ranges.coverage_90, ".1%"),
        _number(ranges.width_90, ".2%"),
        _number(ranges.pinball, ".3%"),
        _number(ranges.crps, ".3%"),
        _number(ranges.crps_skill, "+.2%"),
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
