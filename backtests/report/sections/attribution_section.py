"""Section on return attribution: long and short side, sectors, given factors, and the market."""

from collections.abc import Iterator, Mapping

import pandas as pd

from backtests.breakdown.book_study import BookStudy
from backtests.report.book_report import BookReport
from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures.holdings_figures import legs_figure
from backtests.report.figures.what_if_figures import factors_figure, sectors_figure
from backtests.report.formats import count, date, percent, ranged, ratio
from backtests.report.sections.common_rows import TODAYS_SECTORS
from backtests.statistics.factor_regression import FactorFit
from core.intervals import Interval

__all__ = ["attribution_section"]

PARTS = {"long": "Long side", "short": "Short side", "costs": "Costs", "net": "Net"}


def attribution_section(books: Mapping[str, BookReport], *, is_synthetic: bool) -> Section | None:
    """Contribution of each side of each book; None where no book was studied."""
    studies = {name: book.study for name, book in books.items() if book.study is not None}
    if not studies:
        return None
    pictures = tuple(_picture(name, study) for name, study in studies.items())
    year = next(iter(books.values())).net.sessions_per_year
    tables = tuple(_table(name, study, year) for name, study in studies.items())
    first, study = next(iter(studies.items()))
    annual = study.attribution["annual"]
    lead = (
        f"{first} earned {percent(annual['net'])} per year: {percent(annual['long'])} on the long side, "
        f"{percent(annual['short'])} on the short side, {percent(annual['costs'], 2)} in costs."
    )
    parts = (
        Part(pictures=pictures, tables=tables, beside=True),
        *_sector_parts(studies, year, is_synthetic=is_synthetic),
        *_factor_parts(studies),
    )
    return Section(slug="attribution", title="Return attribution", lead=lead, parts=parts)


def _picture(name: str, study: BookStudy) -> Picture:
    total = study.legs.sum()
    return Picture(
        title=f"Contribution of each side of {name}",
        summary=f"Running sums of contributions to the return of each session: long {percent(total['long'])}, short "
        f"{percent(total['short'])}, costs {percent(total['costs'])}.",
        figure=legs_figure(study.legs),
    )


def _table(name: str, study: BookStudy, year: float) -> Table:
    rows = tuple(
        (
            PARTS[str(part)],
            percent(row["annual"], 2),
            ratio(row["sharpe"]) if part != "costs" else "",
            ratio(row["beta"]) if part != "costs" else "",
            percent(row["alpha"]) if part != "costs" else "",
            percent(row["share_positive"]) if part != "costs" else "",
        )
        for part, row in study.attribution.iterrows()
    )
    return Table(
        caption=f"Attribution of {name}",
        columns=("Part", "Annual", "Sharpe", "Beta", "Alpha, annualised", "Sessions up"),
        rows=rows,
        note=f"Annual is mean × {year:.5g}, so the parts add up; beta and alpha of each contribution are to the "
        "equal-weighted universe. A name's overnight return counts for the side held before the fill, its intraday "
        "return for the side held after it.",
    )


def _sector_parts(studies: Mapping[str, BookStudy], year: float, *, is_synthetic: bool) -> Iterator[Part]:
    tables = {name: study.sectors for name, study in studies.items() if study.sectors is not None}
    known = {name: table for name, table in tables.items() if len(table)}
    if known:
        yield Part(
            heading="By sector",
            sentences=() if is_synthetic else (TODAYS_SECTORS,),
            pictures=tuple(_sector_picture(name, table) for name, table in known.items()),
            tables=tuple(_sector_table(name, table, year) for name, table in known.items()),
            beside=True,
        )


def _sector_picture(name: str, table: pd.DataFrame) -> Picture:
    widest = str(table["net"].abs().idxmax())
    return Picture(
        title=f"What {name} held in each sector",
        summary=f"Mean long and short weight at the close. The largest mean net weight is {widest}, "
        f"{percent(table['net'][widest])}; the largest of any session is {percent(table['largest'].max())}, "
        f"{table['largest'].idxmax()}.",
        figure=sectors_figure(table),
    )


def _sector_table(name: str, table: pd.DataFrame, year: float) -> Table:
    rows = tuple(
        (str(sector), *(percent(row[column]) for column in ("gross", "net", "largest")), percent(row["annual"], 2))
        for sector, row in table.iterrows()
    )
    return Table(
        caption=f"Sectors of {name}",
        columns=("Sector", "Mean gross", "Mean net", "Largest net", "Contribution, annualised"),
        rows=rows,
        note=f"Weights at the close, of equity. Contribution to the gross return, mean × {year:.5g}: the parts add up.",
    )


def _factor_parts(studies: Mapping[str, BookStudy]) -> Iterator[Part]:
    known = {name: study.factors for name, study in studies.items() if study.factors is not None}
    if known:
        yield Part(
            heading="Against given factors",
            pictures=tuple(_factor_picture(name, fit) for name, fit in known.items()),
            tables=tuple(_factor_table(name, fit) for name, fit in known.items()),
            beside=True,
        )


def _factor_picture(name: str, fit: FactorFit) -> Picture:
    alpha = fit.table.T["alpha"]
    bounds = ranged(_bounds(alpha), 1, scale=100.0)
    return Picture(
        title=f"Betas of {name} to the factors, 95 % bounds",
        summary=f"The factors explain {percent(fit.r_squared)} of the variance; alpha is "
        f"{percent(alpha['estimate'])} per year ({bounds} %, t = {ratio(alpha['t'])}).",
        figure=factors_figure(fit.table),
    )


def _factor_table(name: str, fit: FactorFit) -> Table:
    rows = tuple(
        (
            "alpha, annualised" if factor == "alpha" else str(factor),
            percent(row["estimate"]) if factor == "alpha" else ratio(row["estimate"], 3),
            f"{ranged(_bounds(row), 1, scale=100.0)} %" if factor == "alpha" else ranged(_bounds(row), 3),
            ratio(row["t"]),
        )
        for factor, row in fit.table.iterrows()
    )
    return Table(
        caption=f"Factor regression of {name}",
        columns=("Factor", "Estimate", "95 % bounds", "t"),
        rows=rows,
        note=f"Net returns, less rf where the file has it, on {count(fit.sessions)} sessions from {date(fit.first)} to "
        f"{date(fit.last)} that both have; R² {ratio(fit.r_squared, 3)}. Newey–West errors, {fit.lags} lags; bounds "
        "with Kiefer and Vogelsang's critical value.",
    )


def _bounds(row: pd.Series) -> Interval:
    return Interval(row["estimate"], row["low"], row["high"])
