"""Tuning words: what a study of tuned forecasters says, as sentences and rows of text, the same on console and page."""

import math

from backtests.forecasts.tuning_measures import SymbolMeasure, TuningMeasures
from backtests.report.forecasts.forecast_words import judged_so_far
from core.intervals import Interval

__all__ = ["TUNING_CONVENTIONS", "failure_table", "pick_table", "search_table", "symbol_table", "tuning_findings"]

NONE = "–"
SYMBOL_COLUMNS = (
    "symbol",
    "selected model",
    "skill over persistence",
    "p",
    "p by Holm",
    "over best trivial",
    "validation skill",
    "MAE of returns",
    "persistence's",
    "R² of returns",
    "R² of prices",
    "persistence's R²",
    "sessions",
    "parameters",
    "seconds",
    "its settings",
)
PICK_COLUMNS = ("symbol", "pick by returns", "MAE of returns", "pick by prices", "MAE of returns", "error is")
SEARCH_COLUMNS = ("symbol", "model", "least error", "settings", "trials", "fits", "seconds", "")
TUNING_CONVENTIONS = (
    "Settings are searched and models selected by the mean absolute error of percentage returns on validation; test "
    "was judged once, for the selected alone.",
    "Skill is 1 − mean absolute error of returns ÷ persistence's, which says that nothing moves; its 95 % range and p "
    "are by HAC errors over sessions (Diebold and Mariano), one-sided, and by Holm's rule among the symbols.",
    "An R² of prices means nothing without persistence's beside it: prices are explained by the price before.",
    "The best trivial forecast is that of persistence, drift, historical mean and EMA that erred least on validation.",
    "Pooled numbers count every session once, by the mean over its symbols: symbols of one session err together.",
    "A trial is one look at settings; settings that a search met before are not fitted again. Seconds are the fits'.",
)


def tuning_findings(measures: TuningMeasures) -> list[str]:
    """What a study says, in plain sentences, the headline first."""
    return [
        *_headline(measures),
        *_beating(measures),
        *_curse(measures),
        *_picks(measures),
        *_counted(measures),
        *_contaminated(measures),
        *_failed(measures),
    ]


def symbol_table(measures: TuningMeasures) -> tuple[tuple[str, ...], list[list[str]]]:
    """Headings, and a row a symbol, the best skill first; symbols that were not judged at the end."""
    rows = [_symbol_cells(row) for row in measures.symbols]
    for symbol in measures.results.failed:
        rows.append([symbol, "failed", *[NONE] * (len(SYMBOL_COLUMNS) - 2)])
    return SYMBOL_COLUMNS, rows


def search_table(measures: TuningMeasures) -> tuple[tuple[str, ...], list[list[str]]]:
    """Headings, and a row a symbol and model: what each search came to on validation."""
    rows = [
        [
            result.symbol,
            each.model,
            _percent(each.pct_return_mae),
            each.word.partition(":")[2] or NONE,
            str(each.trials),
            str(each.fits),
            f"{each.seconds:.1f}",
            "CONTAMINATED" if each.contaminated else "failed" if each.failure else "",
        ]
        for result in measures.results.symbols
        for each in result.searched
    ]
    return SEARCH_COLUMNS, rows


def pick_table(measures: TuningMeasures) -> tuple[tuple[str, ...], list[list[str]]]:
    """Headings, and a row a symbol whose picks by returns and by prices differ: their errors of returns on test."""
    rows = []
    for row in measures.symbols:
        ours, other = row.test.selected, row.test.price_pick
        if ours.word != other.word and ours.pct_return_mae and other.pct_return_mae:
            change = ours.pct_return_mae / other.pct_return_mae - 1.0
            told = [ours.word, _percent(ours.pct_return_mae), other.word, _percent(other.pct_return_mae)]
            rows.append([row.result.symbol, *told, f"{change:+.2%}"])
    return PICK_COLUMNS, rows


def failure_table(measures: TuningMeasures) -> tuple[tuple[str, ...], list[list[str]]]:
    """Headings, and a row a symbol or search that failed, with its reason."""
    rows = [[symbol, "all", why] for symbol, why in measures.results.failed.items()]
    rows += [
        [result.symbol, each.model, each.failure]
        for result in measures.results.symbols
        if not result.failure
        for each in result.searched
        if each.failure
    ]
    return ("symbol", "model", "why"), rows


def _headline(measures: TuningMeasures) -> list[str]:
    n, better = len(measures.symbols), measures.n_better
    if not n:
        return ["No symbol was judged on test."]
    of = f"of {n} symbol{'s' if n != 1 else ''}"
    noise = "beyond noise (one-sided at 5 %, by Holm's rule among the symbols)"
    if n == 1:
        row = measures.symbols[0]
        said = "beats" if row.is_better else "does not beat"
        return [f"{row.result.selected}, selected of {_models(measures)}, {said} persistence on {row.result.symbol}."]
    if better == 0:
        return [f"No model beats persistence on any {of} {noise}."]
    trivial = f"It beats the best trivial forecast too on {measures.n_better_than_trivial or 'none'} of these."
    return [
        f"No model beats persistence on {n - better} {of}; on {better} the selected does {noise}. {trivial}"
        if better < n
        else f"The selected beats persistence on all {n} symbols {noise}. {trivial}"
    ]


def _models(measures: TuningMeasures) -> str:
    n = len(measures.results.models)
    return f"{n} models" if n != 1 else "one model"


def _beating(measures: TuningMeasures) -> list[str]:
    rows = measures.symbols
    if not rows:
        return []
    less, alone = sum(row.errs_less for row in rows), sum(row.is_better for row in rows)
    low, high = measures.beating.low, measures.beating.high
    over_drift = sum((row.test.over_trivial or 0.0) > 0.0 for row in rows)
    return [
        f"The selected errs less than persistence on test on {less} of {len(rows)}, {measures.beating.estimate:.0%} "
        f"({low:.0%} to {high:.0%}, binomial, as if symbols were independent), and less than the best trivial forecast "
        f"on {over_drift}; taken alone, {alone} do so beyond noise, where chance gives {0.05 * len(rows):.1f}.",
        f"Over all sessions the selected's skill over persistence is {_range(measures.pooled.interval)}, p "
        f"{measures.pooled.p_value:.3f}, two-sided.",
    ]


def _curse(measures: TuningMeasures) -> list[str]:
    known = measures.curse.dropna()
    if known.empty:
        return []
    before, after = known["validation"].mean(), known["test"].mean()
    fell = int((known["test"] < known["validation"]).sum())
    return [
        f"Winner's curse: on validation, which selected them, the selected have a mean skill of {before:+.2%}; on test "
        f"{after:+.2%}. It is lower on test for {fell} of {len(known)}, by {_range(measures.lost)} on average."
    ]


def _picks(measures: TuningMeasures) -> list[str]:
    picks = measures.picks
    if not picks.n:
        return []
    if picks.same == picks.n:
        return [f"Selecting by price error would have picked the same forecaster for all {picks.n}."]
    said = (
        f"Selecting by error of returns rather than by price error changes the pick for {picks.n - picks.same} of "
        f"{picks.n}; on test, which selected neither, it errs less on {picks.improved} of these and more on "
        f"{picks.worsened} ({picks.worsened_beyond_noise} beyond noise)"
    )
    interval = picks.gain.interval
    if not math.isfinite(interval.low):
        return [f"{said}."]
    return [f"{said}: over all sessions the error is {_change(interval)}, p {picks.gain.p_value:.3f}, two-sided."]


def _change(gain: Interval) -> str:
    word = "lower" if gain.estimate >= 0.0 else "higher"
    sign = 1.0 if gain.estimate >= 0.0 else -1.0
    low, high = sorted((sign * gain.low, sign * gain.high))
    return f"{abs(gain.estimate):.3%} {word} ({low:+.3%} to {high:+.3%})"


def _counted(measures: TuningMeasures) -> list[str]:
    n = measures.results.judged
    return [judged_so_far(n)] if n else []


def _contaminated(measures: TuningMeasures) -> list[str]:
    return [
        f"CONTAMINATED: {model} may have been trained on validation targets of {n} symbol{'s' if n != 1 else ''}: "
        "its errors stand in the searches and select nothing."
        for model, n in measures.contaminated.items()
    ]


def _failed(measures: TuningMeasures) -> list[str]:
    return [f"{symbol} failed: {why}" for symbol, why in measures.results.failed.items()]


def _symbol_cells(row: SymbolMeasure) -> list[str]:
    test, said = row.test, row.test.selected
    return [
        row.result.symbol,
        row.result.selected.partition(":")[0],
        _range(row.skill),
        _number(test.p_better, ".3f"),
        _number(row.p_holm, ".3f"),
        _number(test.over_trivial, "+.2%"),
        _number(row.result.validation_skill, "+.2%"),
        _percent(said.pct_return_mae),
        _percent(test.persistence.pct_return_mae),
        _number(said.r2_return, "+.4f"),
        _number(said.r2_price, ".4f"),
        _number(test.persistence.r2_price, ".4f"),
        f"{test.n_sessions:,}",
        f"{said.parameters:,}",
        f"{said.seconds:.1f}",
        row.result.selected.partition(":")[2] or NONE,
    ]


def _range(bounds: Interval) -> str:
    if not math.isfinite(bounds.estimate):
        return "n/a"
    if not math.isfinite(bounds.low):
        return f"{bounds.estimate:+.2%}"
    return f"{bounds.estimate:+.2%} ({bounds.low:+.2%} to {bounds.high:+.2%})"


def _percent(value: float | None) -> str:
    return _number(value, ".3%")


def _number(value: float | None, form: str) -> str:
    return "n/a" if value is None or not math.isfinite(value) else format(value, form)
