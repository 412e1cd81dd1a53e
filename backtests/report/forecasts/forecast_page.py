"""Forecast page: a study of forecasts as one self-contained page."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtests.forecasts.forecast_ranges import reached
from backtests.forecasts.forecast_results import BENCHMARK, ForecastResults, ForecastRow
from backtests.forecasts.forecast_score import ForecastScore
from backtests.report.forecasts.forecast_words import CONVENTIONS, by_horizon, by_symbol, error_table, findings
from models.forecasters.forecasts import ONE_SIGMA, Forecasts

if TYPE_CHECKING:
    from backtests.report.content import Part, Picture, Section, Table

__all__ = ["forecast_page"]

DRAWN = 5  # forecasters of one picture
DOTS_MOST = 40  # series of the picture by series
VOLATILITY = "historical_volatility"
PAST = 60  # sessions before the fan
LISTED = 200  # series of the table


def forecast_page(results: ForecastResults, *, command: str) -> str:
    """The page as HTML: skill, every measure, by horizon and by series, ranges, fan and residuals.

    Parameters
    ----------
    results : ForecastResults
        What was forecast.
    command : str
        What made it.
    """
    from backtests.report.html_page import HtmlPage, render_page
    from backtests.report.stamps import CONTAMINATED, SYNTHETIC

    panel, said = results.panel, findings(results)
    names = [str(ticker) for ticker in panel.tickers[:4]]
    page = HtmlPage(
        title=f"Forecasts of {', '.join(names)}{' and others' if len(panel.tickers) > len(names) else ''}",
        strategy="forecasts",
        verdict=" ".join(said[:2]),
        sections=_sections(results, said),
        stamps=(
            *((SYNTHETIC,) if panel.facts.synthetic else ()),
            *((CONTAMINATED,) if any(row.is_contaminated for row in results.rows) else ()),
        ),
        command=command,
    )
    return render_page(page)


def _sections(results: ForecastResults, said: list[str]) -> "tuple[Section, ...]":
    from backtests.report.content import Part, Section

    shown = results.selected or results.rows[0]
    span = f"{shown.test.sessions[0]:%Y-%m-%d} to {shown.test.sessions[-1]:%Y-%m-%d}"
    return (
        Section(slug="said", title="What it came to", lead=said[0], parts=(Part(sentences=tuple(said[1:])),)),
        Section(
            slug="errors",
            title="Every forecaster",
            lead=f"Test origins from {span}; {results.panel.facts.source}.",
            parts=(_skill_part(results), Part(tables=_errors(results))),
        ),
        Section(
            slug="shown",
            title=shown.name,
            lead="The model that erred least on validation." if results.selected else "A trivial forecast.",
            parts=(_shown_part(results, shown), _series_part(results, shown)),
        ),
        Section(
            slug="conventions",
            title="Conventions",
            lead=CONVENTIONS[0],
            parts=(Part(sentences=CONVENTIONS[1:]),),
        ),
    )


def _skill_part(results: ForecastResults) -> "Part":
    from backtests.report.content import Part, Picture
    from backtests.report.figures.dots_figures import dots_figure
    from backtests.report.figures.forecast_figures import skill_figure

    rows = [row for row in results.rows if row.name != BENCHMARK]
    skills = pd.DataFrame.from_dict(
        {row.name: row.test_score.skill.interval for row in rows}, orient="index", columns=["estimate", "low", "high"]
    )
    words = ", ".join(f"{name} {skill:+.2%}" for name, skill in skills["estimate"].items())
    trivial = tuple(row for row in rows if row.is_trivial)
    ahead = {row.name: _by_horizon_frame(results, row) for row in (*results.models[:DRAWN], *trivial)}
    return Part(
        pictures=(
            Picture(
                title="Skill over persistence",
                summary=f"Skill in mean absolute error of returns: {words}.",
                figure=dots_figure(skills, x_format="+.1%"),
            ),
            Picture(
                title="Skill by sessions ahead",
                summary=f"The same by horizon, of {', '.join(ahead)}; the scale is that of all but the worst.",
                figure=skill_figure(ahead),
            ),
        )
    )


def _by_horizon_frame(results: ForecastResults, row: ForecastRow) -> pd.DataFrame:
    found = {horizon: score.skill.interval for horizon, score in by_horizon(results, row).items()}
    return pd.DataFrame.from_dict(found, orient="index", columns=["estimate", "low", "high"])


def _shown_part(results: ForecastResults, row: ForecastRow) -> "Part":
    from backtests.report.content import Part, Picture
    from backtests.report.figures.forecast_figures import said_figure

    first = row.test.mean[:, :, 0], results.judged.outcomes[:, :, 0]
    pictures = [
        _residuals(results, row),
        Picture(
            title=f"Said and came, {row.test.horizons[0]} session ahead",
            summary=f"R² of returns {row.test_score.errors.r2_return:+.4f} over all horizons.",
            figure=said_figure(*first),
        ),
    ]
    if row.test.quantiles is not None:
        pictures = [_fan(results, row.test), *pictures, _calibration(results, row.test)]
    return Part(pictures=tuple(pictures))


def _residuals(results: ForecastResults, row: ForecastRow) -> "Picture":
    from backtests.report.content import Picture
    from backtests.report.figures.forecast_figures import residuals_figure

    shown = {each.name: each for each in (row, _row(results, BENCHMARK), results.best_trivial)}
    residuals = {name: (results.judged.outcomes - each.test.mean)[:, :, 0] for name, each in shown.items()}
    spreads = ", ".join(f"{name} {np.nanstd(values, ddof=1):.2%}" for name, values in residuals.items())
    return Picture(
        title=f"Residuals, {row.test.horizons[0]} session ahead",
        summary=f"Standard deviations: {spreads}.",
        figure=residuals_figure(residuals),
    )


def _row(results: ForecastResults, name: str) -> ForecastRow:
    return next(row for row in results.rows if row.name == name)


def _fan(results: ForecastResults, said: Forecasts) -> "Picture":
    from backtests.report.content import Picture
    from backtests.report.figures.forecast_figures import fan_figure

    ticker = said.tickers[0]
    known = np.flatnonzero(np.isfinite(said.mean[:, 0, 0]))
    row = int(known[-1]) if len(known) else len(said.sessions) - 1
    past = results.panel.close[ticker].loc[: said.sessions[row]].dropna().iloc[-PAST:]
    levels = {"low90": 0.05, "low68": ONE_SIGMA[0], "high68": ONE_SIGMA[1], "high90": 0.95}
    ahead = pd.DataFrame({name: said.quantile(level)[row, 0] for name, level in levels.items()}, said.horizons)
    ahead["middle"] = said.mean[row, 0]
    return Picture(
        title=f"{ticker} from {said.sessions[row]:%Y-%m-%d}",
        summary=f"Ranges of the price {said.horizons[-1]} sessions ahead, from the last test origin.",
        figure=fan_figure(past, (1.0 + ahead) * float(past.iloc[-1])),
    )


def _calibration(results: ForecastResults, said: Forecasts) -> "Picture":
    from backtests.report.content import Picture
    from backtests.report.figures.uncertainty_figures import level_figure

    curve, trivial = (
        reached(each.quantiles, results.judged.outcomes).dropna()
        for each in (said, _row(results, VOLATILITY).test)
        if each.quantiles is not None
    )
    frame = pd.DataFrame({"estimate": curve, "low": curve, "high": curve})
    return Picture(
        title="Calibration",
        summary=f"Outcomes at or below the 5 % quantile: {curve.get(0.05, np.nan):.1%}; of {VOLATILITY} "
        f"{trivial.get(0.05, np.nan):.1%}.",
        figure=level_figure(frame),
    )


def _errors(results: ForecastResults) -> "tuple[Table, ...]":
    """Every measure: skill and errors of returns, of prices, ranges, and what each costs."""
    from backtests.report.content import Table

    columns, rows = error_table(results)
    return tuple(
        Table(
            caption=caption,
            columns=(columns[0], *(columns[place] for place in places)),
            rows=tuple((row[0], *(row[place] for place in places)) for row in rows),
        )
        for caption, places in _grouped(columns).items()
    )


def _grouped(columns: Sequence[str]) -> dict[str, list[int]]:
    """The columns of each table, by its caption."""
    places = list(range(1, len(columns)))
    first, second, third = (columns.index(name) for name in ("R² of prices", "right direction", "parameters"))
    return {
        "Skill and errors of returns, on test": [place for place in places if place < first],
        "Errors of prices, and residuals": [place for place in places if first <= place < second],
        "Direction and ranges": [place for place in places if second <= place < third],
        "Size and time": [place for place in places if place >= third],
    }


def _series_part(results: ForecastResults, row: ForecastRow) -> "Part":
    from backtests.report.content import Part, Picture
    from backtests.report.figures.dots_figures import dots_figure

    scores = by_symbol(results, row)
    table = _symbols(results, scores)
    if not 1 < len(scores) <= DOTS_MOST:
        return Part(tables=(table,))
    skills = pd.DataFrame.from_dict(
        {name: score.skill.interval for name, score in scores.items()},
        orient="index",
        columns=["estimate", "low", "high"],
    )
    picture = Picture(
        title="Skill by series",
        summary=f"Of {row.name} over persistence, which stands at 0; {(skills['low'] > 0).sum()} ranges lie above it.",
        figure=dots_figure(skills, x_format="+.1%"),
    )
    return Part(pictures=(picture,), tables=(table,))


def _symbols(results: ForecastResults, scores: Mapping[str, ForecastScore]) -> "Table":
    from backtests.report.content import Table

    base = by_symbol(results, _row(results, BENCHMARK))
    cells = tuple(
        (
            name,
            f"{score.skill.interval.estimate:+.2%}",
            f"{score.skill.p_value:.3f}",
            f"{score.errors.pct_return_mae:.3%}",
            f"{base[name].errors.pct_return_mae:.3%}",
            f"{score.ranges.coverage_90:.1%}",
        )
        for name, score in list(scores.items())[:LISTED]
    )
    columns = ("series", "skill over persistence", "p", "MAE of returns", "persistence's", "within 90 %")
    note = f"The {LISTED} with the best skill, of {len(scores)}." if len(scores) > LISTED else ""
    return Table(caption="By series, the best skill first", columns=columns, rows=cells, note=note)
