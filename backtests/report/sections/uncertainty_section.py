"""Section on uncertainty: whether the ranges of expected returns held, and what the distribution is worth."""

import math

from backtests.breakdown.range_study import OWN, RangeStudy
from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures.uncertainty_figures import level_figure
from backtests.report.formats import bps, count, percent, ranged
from backtests.report.page import Page
from backtests.report.sections.common_rows import horizon_words, overlap_words
from core.intervals import Interval
from models.uncertainty.conformal import NINETY, ONE_SIGMA

__all__ = ["uncertainty_section"]

SPREADS = {
    "constant": "the same for every name and session",
    "session": "the trailing dispersion of returns, the same for every name of a session",
    "head": "what the head log_variance gives the name",
    "dropout": "the sd of the name's expected return over passes with units left out",
}
CAUTION = (
    "The conformal rule promises these shares where validation and test returns come in any order alike. Names of "
    "one session move together and volatility comes in spells, so it does not hold here: the observed share counts."
)


def uncertainty_section(page: Page) -> Section | None:
    """Ranges of the expected returns; None for a model without."""
    study = page.evaluation.ranges
    if study is None:
        return None
    horizon = page.rules.horizon
    scaled = (
        f"Spread: {SPREADS[study.method]}. It is scaled on {count(study.n_residuals)} returns of "
        f"{count(study.n_validation)} validation sessions, and judged on {count(study.n_returns)} of "
        f"{count(study.n_sessions)} sessions after them."
    )
    part = Part(
        sentences=(scaled, CAUTION), pictures=(_curve(study),), tables=(_coverage(study, horizon), _scores(study))
    )
    return Section(slug="uncertainty", title="Uncertainty", lead=_lead(study), parts=(part,))


def _lead(study: RangeStudy) -> str:
    found = study.coverage[NINETY]
    held = f"The 90 % range of a return held {_shares(found)} of them"
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return f"{held}: too few sessions to say whether it is calibrated."
    if study.is_uncalibrated:
        return f"UNCALIBRATED: {held[:1].lower()}{held[1:]}, too {'many' if found.low > NINETY else 'few'}."
    return f"{held}, which 90 % is within."


def _curve(study: RangeStudy) -> Picture:
    half = study.curve.loc[study.curve.index < 0.5, "estimate"].iloc[-1]
    return Picture(
        title="Calibration curve of the predictive distribution",
        summary=f"Observed share of returns at or below each of {len(study.curve)} quantiles; {percent(half)} lie "
        "below the one of 49 %. Dashed: as nominal.",
        figure=level_figure(study.curve),
    )


def _coverage(study: RangeStudy, horizon: int) -> Table:
    names = {ONE_SIGMA: "One sigma", NINETY: "90 %"}
    rows = tuple(
        (names[level], percent(level, 2), percent(found.estimate, 1), ranged(found, 1, scale=100.0))
        for level, found in study.coverage.items()
    )
    note = (
        "Mean over sessions of the share of names whose return lies within; its 95 % range by HAC error over sessions."
        f"{overlap_words(horizon)} Sharpness: the 90 % range of a return over {horizon_words(horizon)} is "
        f"{percent(study.width, 2)} wide on average; narrower is better only where the share holds."
    )
    columns = ("Range", "Nominal", "Observed", "95 % range, %")
    return Table(caption="Returns within their range", columns=columns, rows=rows, note=note)


def _scores(study: RangeStudy) -> Table:
    rows = tuple(
        (
            name[:1].upper() + name[1:],
            bps(found.estimate, 2),
            "" if name == OWN else bps(study.differences[name].estimate, 3),
            "" if name == OWN else ranged(study.differences[name], 3, scale=1e4),
        )
        for name, found in study.crps.items()
    )
    note = (
        "CRPS: twice the mean pinball loss of 50 quantiles, in basis points of return, over the returns that every "
        "forecast has; lower is better. One spread for all keeps the expected return; historical volatility is a "
        "normal distribution of mean zero and the name's sd of its last 60 sessions. Differences are paired by session."
    )
    columns = ("Forecast", "CRPS", "Model less it", "95 % range, bps")
    return Table(caption="CRPS beside trivial forecasts", columns=columns, rows=rows, note=note)


def _shares(found: Interval) -> str:
    shown = percent(found.estimate, 1)
    return shown if not math.isfinite(found.low) else f"{shown} ({ranged(found, 1, scale=100.0)})"
