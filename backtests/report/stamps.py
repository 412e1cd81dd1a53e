"""Stamps of page one: what a reader must not miss about bars, clock, verdict, trials and hold-out."""

from collections.abc import Mapping

from backtests.breadth import Breadth
from backtests.report.content import SEVERITIES, Severity, Stamp
from backtests.report.page import Page
from backtests.verdict import COLLAPSED, Verdict
from backtests.verdict_words import breadth_words
from backtests.walk_study import WalkStudy
from market.exchange_fit import frequency_of
from market.panel import Panel
from market.universe import Survivorship

__all__ = ["CONTAMINATED", "OPTIMISTIC", "SYNTHETIC", "frequency_stamps", "front_stamps", "survivorship_stamp"]

SYNTHETIC = Stamp(
    label="SYNTHETIC",
    severity="alarm",
    sentence="These bars come from the built-in market with a planted signal; they say nothing about a real one.",
)
OPTIMISTIC = Stamp(
    label="OPTIMISTIC",
    severity="alarm",
    sentence="Orders fill at the very close that decided them, which nobody can trade: returns are overstated.",
)
CONTAMINATED = Stamp(
    label="CONTAMINATED",
    severity="alarm",
    sentence="A pretrained forecaster may have been trained on returns of this test; those are scored apart and select "
    "nothing.",
)
TODAYS_SECTORS = Stamp(
    label="TODAY'S SECTORS",
    severity="caution",
    sentence="The book is sector-neutral by one list of sectors, which was not yet known on past sessions.",
)
VERDICT_SEVERITY: Mapping[str, Severity] = {"NOT EVIDENCE": "alarm", "WEAK": "caution", "EVIDENCE": "note"}


def front_stamps(page: Page) -> tuple[Stamp, ...]:
    """Every stamp of the front page, the gravest first."""
    is_synthetic = page.panel.facts.synthetic
    stamps = [
        *([SYNTHETIC] if is_synthetic else []),
        *frequency_stamps(page.panel),
        *([OPTIMISTIC] if page.rules.execution.is_optimistic else []),
        *([] if page.walk is None else [_walk_stamp(page.walk)]),
        survivorship_stamp(page.survivorship),
        *_verdict_stamps(page.verdict),
        *_breadth_stamps(page.evaluation.breadth),
        *([TODAYS_SECTORS] if page.rules.portfolio.neutral == "sector" and not is_synthetic else []),
    ]
    return tuple(sorted(stamps, key=lambda stamp: SEVERITIES.index(stamp.severity)))


def frequency_stamps(panel: Panel) -> list[Stamp]:
    """A caution on bars that are not daily; none on daily ones."""
    kind = frequency_of(panel.facts.sessions_per_year)
    if kind == "daily":
        return []
    sentence = (
        f"These bars are not daily: there are {panel.facts.sessions_per_year:g} a year, by which every annual figure "
        "is made. Where this page says session, or daily, read bar."
    )
    return [Stamp(label=f"{kind} bars".upper(), severity="caution", sentence=sentence)]


def survivorship_stamp(found: Survivorship) -> Stamp:
    """Whether the bars hold the names that died, with the evidence; only a plausible declaration is no caution."""
    label = "SURVIVORSHIP UNKNOWN" if found.stamp == "UNKNOWN" else found.stamp
    severity: Severity = "note" if found.stamp == "DECLARED POINT-IN-TIME" else "caution"
    return Stamp(label=label, severity=severity, sentence=found.evidence)


def _verdict_stamps(verdict: Verdict) -> tuple[Stamp, ...]:
    own = Stamp(
        label=verdict.word,
        severity=VERDICT_SEVERITY[verdict.word],
        sentence="The verdict on these numbers; the sentence below the stamps gives the reasons.",
    )
    standing = verdict.standing
    named = [Stamp(label=label, severity="alarm", sentence=sentence) for label, sentence in standing.stamps]
    opened = [Stamp(label="HOLD-OUT OPENED", severity="caution", sentence=f"{each}.") for each in standing.openings]
    return (own, *named, *opened)


def _breadth_stamps(breadth: Breadth | None) -> list[Stamp]:
    """That too few names were scored for too long, if so."""
    if breadth is None or not breadth.collapsed:
        return []
    return [Stamp(label=COLLAPSED, severity="alarm", sentence=breadth_words(breadth))]


def _walk_stamp(study: WalkStudy) -> Stamp:
    """The retraining schedule; splits that train on later sessions are no track record."""
    if study.paths is None:
        return Stamp(label="WALK-FORWARD", severity="note", sentence=study.plan)
    return Stamp(label="COMBINATORIAL", severity="caution", sentence=study.plan)
