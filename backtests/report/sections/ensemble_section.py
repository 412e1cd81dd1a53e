"""Section on an ensemble: its members, what each counts, how alike they err, and what combining brought."""

import pandas as pd

from backtests.breakdown.ensemble_study import EnsembleStudy
from backtests.report.content import Part, Section, Table
from backtests.report.formats import plus_minus, ranged, ratio
from backtests.report.page import Page

__all__ = ["ensemble_section"]


def ensemble_section(page: Page) -> Section | None:
    """The members of the model; None for a single one."""
    study = page.evaluation.ensemble
    if study is None:
        return None
    correlations = [
        _correlation_table("Correlation of the members' scores", study.score_correlation),
        _correlation_table("Correlation of the members' errors", study.error_correlation, note=ERRORS),
    ]
    part = Part(tables=(_member_table(study), *correlations))
    return Section(slug="ensemble", title="Ensemble", lead=_lead(study), parts=(part,))


ERRORS = (
    "Error: return less score, both z-scored within the session; mean over sessions of the correlation. Members that "
    "know next to nothing of returns share the return, so that even independent ones have a correlation near one half."
)


def _lead(study: EnsembleStudy) -> str:
    gap, best = study.lead.interval, study.best
    measured = f"{ranged(gap, 4)} of rank IC, paired by session over the test span"
    if gap.low > 0.0:
        return f"The ensemble beats {best}, its best member on validation, by {measured}."
    if gap.high < 0.0:
        return f"The ensemble is worse than {best}, its best member on validation: {measured}."
    return f"Whether the ensemble beats {best}, its best member on validation, cannot be told: {measured}."


def _member_table(study: EnsembleStudy) -> Table:
    rows = tuple(
        (
            str(name),
            str(row["kind"]),
            ratio(row["weight"], 3),
            ratio(row["validation_ic"], 4),
            plus_minus(row["ic"], row["standard_error"], 4),
        )
        for name, row in study.members.iterrows()
    )
    columns = ("Member", "Kind", "Weight", "Validation rank IC", "Rank IC ± SE")
    note = (
        f"Combined by {study.combine}. A member with several seeds is their mean. Rank IC ± HAC standard error, out of "
        "sample."
    )
    return Table(caption="Members", columns=columns, rows=rows, note=note)


def _correlation_table(caption: str, found: pd.DataFrame, note: str = "") -> Table:
    rows = tuple(
        (str(name), *(ratio(value, 3) for value in row))
        for name, row in zip(found.index, found.to_numpy(), strict=True)
    )
    return Table(caption=caption, columns=("Member", *map(str, found.columns)), rows=rows, note=note)
