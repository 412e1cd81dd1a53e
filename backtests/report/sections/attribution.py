"""Section on where the return came from: long and short side, and the market under both."""

from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures import legs_figure
from backtests.report.formats import percent, ratio
from backtests.report.inputs import ReportInput
from backtests.studies import BookStudy

__all__ = ["attribution_section"]

PARTS = {"long": "Long side", "short": "Short side", "costs": "Costs", "net": "Net"}


def attribution_section(report: ReportInput) -> Section | None:
    """Return what each side of each book earned; None where no book was studied."""
    studies = {name: book.study for name, book in report.books.items() if book.study is not None}
    if not studies:
        return None
    pictures = tuple(_picture(name, study) for name, study in studies.items())
    tables = tuple(_table(name, study) for name, study in studies.items())
    first, study = next(iter(studies.items()))
    annual = study.attribution["annual"]
    lead = (
        f"A year of {first} came to {percent(annual['net'])}: {percent(annual['long'])} from the long side, "
        f"{percent(annual['short'])} from the short side, {percent(annual['costs'], 2)} for costs."
    )
    part = Part(pictures=pictures, tables=tables, beside=True)
    return Section(slug="attribution", title="Long and short side", lead=lead, parts=(part,))


def _picture(name: str, study: BookStudy) -> Picture:
    total = study.legs.sum()
    return Picture(
        title=f"What each side of {name} added",
        summary=f"Running sums of contributions to the return of each session: long {percent(total['long'])}, short "
        f"{percent(total['short'])}, costs {percent(total['costs'])}.",
        figure=legs_figure(study.legs),
    )


def _table(name: str, study: BookStudy) -> Table:
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
        columns=("Part", "A year", "Sharpe", "Beta", "Alpha a year", "Sessions up"),
        rows=rows,
        note="A year is mean × 252, so the parts add up; beta and alpha of each contribution to the equal-weighted "
        "universe. A name's night counts for the side it was held on, its day for the side held after the fill.",
    )
