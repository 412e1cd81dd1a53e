"""Check words: what was forecast against what came, as sentences, rows, records and a page."""

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtests.forecasts.checked_forecasts import CheckedForecasts, CheckedSymbol
from backtests.forecasts.drift import MIN_ORIGINS, Drift
from backtests.report.formats import percent, ranged, ratio
from core.intervals import Interval

if TYPE_CHECKING:
    from backtests.report.content import Picture

__all__ = ["CHECK_CONVENTIONS", "check_findings", "check_page", "check_record", "check_table"]

COLUMNS = (
    "symbol",
    "forecaster",
    "verdict",
    "scored",
    "waiting",
    "MAE of returns",
    "when selected",
    "skill over persistence",
    "bias",
    "within 68 %",
    "within 90 %",
    "p of drift",
)
NAMED = 8  # symbols of a sentence
CHECK_CONVENTIONS = (
    "Scored are forecasts of which every session ahead has come and whose closes are still those of the bars, or those "
    "times one factor. Errors are percentage-return MAE, skill is over persistence, ranges are 95 % by HAC errors.",
    f"Tune again: errors above persistence's, or, beside persistence's, above those of validation; judged from "
    f"{MIN_ORIGINS} origins on by a bound that holds however often one looks, at 5 % over all symbols together.",
    "Market moves more: errors are above those of validation, but persistence errs as much more. Ranges do not hold: "
    "the share of outcomes within the 90 % range is not 90 %; `quintile forecast next` fits them anew each time.",
    "p of drift is of this look alone, against the validation error, which is the least of many and so too low: looked "
    "at often, it falls below 0.05 by chance.",
)


def check_findings(found: CheckedForecasts) -> list[str]:
    """What the check says, in plain sentences."""
    rows = [row for row in found.rows if row.is_in_force]
    judged = [row for row in rows if row.verdict != "too few"]
    said = [f"{sum(row.complete for row in rows)} forecasts of {len(rows)} symbols in force came whole."]
    if len(judged) < len(rows):
        said.append(f"Of {len(rows) - len(judged)} symbols fewer than {MIN_ORIGINS} have: nothing is said of drift.")
    if judged:
        better = sum(row.score is not None and row.score.skill.is_better for row in judged)
        said.append(f"Better than persistence beyond noise on {better} of {len(judged)} symbols.")
    tune = [row.symbol for row in found.to_tune]
    if tune:
        said.append(f"Tune again: {_named(tune)}: `quintile forecast tune --symbols {','.join(tune[:NAMED])} …`.")
    elif judged:
        said.append("None is to be tuned again.")
    for verdict, words in (
        ("market moves more", "Errors rose, and persistence's with them"),
        ("ranges do not hold", "The 90 % range does not hold 90 %"),
    ):
        names = [row.symbol for row in judged if row.verdict == verdict]
        if names:
            said.append(f"{words}: {_named(names)}.")
    return said + _not_scored(found)


def _not_scored(found: CheckedForecasts) -> list[str]:
    said = []
    restated = sum(row.restated for row in found.rows)
    if restated:
        names = [row.symbol for row in found.rows if row.restated]
        said.append(f"Not scored: {restated} forecasts from closes that were restated since ({_named(names)}).")
    late, scored = sum(row.late for row in found.rows), sum(row.origins - row.restated for row in found.rows)
    if late:
        said.append(
            f"REPLAYED: {late} of {scored} forecasts were said after their first session; they show what the "
            "configurations would have said, not what was known to anyone then."
        )
    said += [f"{row.symbol}: {row.note}." for row in found.rows if row.note]
    return said


def check_table(found: CheckedForecasts) -> tuple[tuple[str, ...], list[list[str]]]:
    """Headings and a row a symbol and configuration, those in force first, those to be tuned again on top."""
    ordered = sorted(found.rows, key=lambda row: (not row.is_in_force, row.verdict != "tune again", row.symbol))
    return COLUMNS, [_cells(row) for row in ordered]


def _cells(row: CheckedSymbol) -> list[str]:
    score = row.score
    return [
        row.symbol,
        row.forecaster if row.is_in_force else f"{row.forecaster} (before)",
        row.verdict,
        str(row.complete),
        str(row.waiting),
        percent(None if score is None else score.errors.pct_return_mae, 3),
        percent(row.error, 3),
        "n/a" if score is None else _range(score.skill.interval),
        _range(row.bias, digits=3),
        _range(row.within_68, digits=1),
        _range(row.within_90, digits=1),
        ratio(row.drift.p_value, 3),
    ]


def check_record(found: CheckedForecasts) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "tune_again": [row.symbol for row in found.to_tune],
        "alpha": found.alpha,
        "findings": check_findings(found),
        "symbols": [_record(row) for row in found.rows],
    }


def _record(row: CheckedSymbol) -> dict[str, Any]:
    names = ("symbol", "forecaster", "study", "origins", "complete", "waiting", "restated", "late", "error")
    told: dict[str, Any] = {name: getattr(row, name) for name in names}
    told |= {"in_force": row.is_in_force, "persistence_error": row.persistence_error}
    if row.score is not None:
        told |= {
            "pct_return_mae": _known(row.score.errors.pct_return_mae),
            "skill": _bounds(row.score.skill.interval),
            "p_value": _known(row.score.skill.p_value),
        }
    told |= {name: _bounds(getattr(row, name)) for name in ("bias", "within_68", "within_90")}
    told |= {name: _drift(getattr(row, name)) for name in ("drift", "relative", "worse")}
    return told | {"verdict": row.verdict, "note": row.note}


def check_page(found: CheckedForecasts, *, synthetic: bool, command: str) -> str:
    """The check as one self-contained page."""
    from backtests.report.content import Part, Section, Stamp, Table
    from backtests.report.html_page import HtmlPage, render_page
    from backtests.report.stamps import SYNTHETIC

    said, (columns, rows) = check_findings(found), check_table(found)
    late = [words for words in said if words.startswith("REPLAYED")]
    replayed = [Stamp(label="REPLAYED", severity="alarm", sentence=late[0].removeprefix("REPLAYED: "))] if late else []
    page = HtmlPage(
        title="Forecasts and what came",
        strategy="forecasts",
        verdict=" ".join(said[:3]),
        sections=(
            Section(slug="said", title="What it came to", lead=said[0], parts=(Part(sentences=tuple(said[1:])),)),
            Section(
                slug="symbols",
                title="Symbol by symbol",
                lead="Those to be tuned again first.",
                parts=(
                    Part(pictures=_pictures(found)),
                    Part(tables=(Table(caption="Said and came", columns=columns, rows=tuple(map(tuple, rows))),)),
                ),
            ),
            Section(
                slug="conventions",
                title="Conventions",
                lead=CHECK_CONVENTIONS[0],
                parts=(Part(sentences=CHECK_CONVENTIONS[1:]),),
            ),
        ),
        stamps=(*replayed, *((SYNTHETIC,) if synthetic else ())),
        command=command,
    )
    return render_page(page)


def _pictures(found: CheckedForecasts) -> "tuple[Picture, ...]":
    from backtests.report.content import Picture
    from backtests.report.figures.dots_figures import dots_figure

    rows = {row.symbol: row for row in found.rows if row.is_in_force and row.score is not None}
    wanted = {
        "Skill over persistence": {name: row.score.skill.interval for name, row in rows.items() if row.score},
        "Share within the 90 % range, less 90 %": {
            name: Interval(*(bound - 0.9 for bound in row.within_90)) for name, row in rows.items()
        },
    }
    pictures = []
    for title, intervals in wanted.items():
        frame = pd.DataFrame.from_dict(intervals, orient="index", columns=["estimate", "low", "high"]).dropna()
        if len(frame):
            words = ", ".join(f"{name} {percent(value)}" for name, value in frame["estimate"].items())
            pictures.append(Picture(title=title, summary=f"{words}.", figure=dots_figure(frame, x_format="+.1%")))
    return tuple(pictures)


def _range(bounds: Interval, digits: int = 2) -> str:
    inside = ranged(bounds, digits, scale=100.0)
    shown = percent(bounds.estimate, digits)
    return shown if inside == "n/a" else f"{shown} ({inside}\u00a0%)"


def _bounds(bounds: Interval) -> dict[str, float | None]:
    return {name: _known(value) for name, value in bounds._asdict().items()}


def _drift(found: Drift) -> dict[str, Any]:
    numbers = {name: _known(getattr(found, name)) for name in ("excess", "p_value", "low")}
    return {"n": found.n, **numbers, "alarm": found.is_alarm}


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
