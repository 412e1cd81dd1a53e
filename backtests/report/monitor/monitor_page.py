"""Monitor page: the verdict, the rank IC with its always-valid range, calibration, features and the book."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtests.report.content import HEATS, Card, Part, Picture, Section, Severity, Stamp, Table
from backtests.report.formats import ratio
from backtests.report.html_page import HtmlPage, render_page
from backtests.report.monitor.live_measure import printed
from backtests.report.monitor.monitor_figures import calibration_figure, course_figure, sequence_figure
from backtests.report.monitor.monitored_version import MonitoredVersion, Verdict
from backtests.report.stamps import SYNTHETIC

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["monitor_page"]

SEVERITY: "Mapping[Verdict, Severity]" = {
    "HOLDING": "note",
    "TOO EARLY": "caution",
    "WATCH": "caution",
    "BROKEN": "alarm",
}
LONGEST = 24  # windows of features that are shown, the latest
HEAT_STEPS = (1.0, 2.0, 4.0)  # of a distance over its usual one, from which a cell is shaded darker
CONVENTIONS = (
    "Frozen weights score bars that they had not seen; nothing is trained, chosen or counted as a trial.",
    "Rank IC: Spearman correlation of scores and forward returns within a session, at the strategy's own clock.",
    "Always-valid range: 95 of 100 streams stay inside at all sessions together (asymptotic confidence sequence, "
    "Waudby-Smith et al. 2024, with a HAC deviation).",
    "BROKEN: the rank IC lies below what came before it, always-valid at 5 % over the whole path, or fewer than half "
    "of the names are scored, from 20 unseen sessions on. WATCH: anything else that the rule names. HOLDING: nothing "
    "of either.",
    "PSI and KS of the latest 20 sessions against the training sessions; a feature is called where its distance over "
    "its usual one is above that of every feature in every earlier window, and its PSI is at least 0.25.",
)


def monitor_page(found: MonitoredVersion) -> str:
    """The page as HTML.

    Parameters
    ----------
    found : MonitoredVersion
        What was found.
    """
    page = HtmlPage(
        title=f"{found.version} on unseen sessions",
        strategy=f"{found.kind}, frozen until {found.seen_until:%Y-%m-%d}, lock {found.lock[:12]}",
        verdict=found.sentence,
        sections=(
            _front(found),
            _measures(found),
            _calibration(found),
            _features(found),
            _book(found),
            Section(
                slug="conventions", title="Conventions", lead=CONVENTIONS[0], parts=(Part(sentences=CONVENTIONS[1:]),)
            ),
        ),
        stamps=_stamps(found),
        cards=_cards(found),
        command=found.command,
    )
    return render_page(page)


def _stamps(found: MonitoredVersion) -> tuple[Stamp, ...]:
    own = Stamp(label=found.verdict, severity=SEVERITY[found.verdict], sentence=f"{found.sentence}.")
    return ((SYNTHETIC,) if found.synthetic else ()) + (own,)


def _cards(found: MonitoredVersion) -> tuple[Card, ...]:
    names = {"rank_ic": "Rank IC", "slope": "Calibration slope", "turnover": "Turnover", "net": "Net return"}
    cards = []
    for name, label in names.items():
        each = found.measures[name]
        detail = f"{each.row()[2]} always-valid; test span {printed(each.test.mean(), each.unit)}"
        cards.append(Card(label=label, value=printed(each.live.mean(), each.unit), detail=detail))
    return tuple(cards)


def _front(found: MonitoredVersion) -> Section:
    ic = found.measures["rank_ic"]
    words = (
        f"Mean rank IC {ratio(ic.live.mean(), 4)} over {ic.n} sessions, range {ic.row()[2]}; test span "
        f"{ratio(ic.test.mean(), 4)} over {int(ic.test.count())}."
    )
    figure = sequence_figure(ic.sequence, test_mean=float(ic.test.mean()), y_format=".3f")
    rows = tuple((each.grade, each.about, each.words) for each in found.findings) or (("–", "–", "nothing"),)
    table = Table(caption="What the rule says", columns=("grade", "about", "what"), rows=rows, wordy=True)
    picture = Picture(title="Rank IC since the freeze", summary=words, figure=figure)
    said = Part(sentences=(found.evidence, *found.facts(), *found.remarks), tables=(table,))
    lead = f"{found.span}, {len(found.sessions)} sessions of {found.bars}; the version saw sessions until "
    return Section(
        slug="front",
        title="Since the freeze",
        lead=f"{lead}{found.seen_until:%Y-%m-%d}.",
        parts=(Part(pictures=(picture,)), said),
    )


def _measures(found: MonitoredVersion) -> Section:
    columns = ("measure", "live", "always-valid range", "test span", "sessions", "rule")
    rows = tuple(each.row() for each in found.measures.values())
    table = Table(caption="Every measure", columns=columns, rows=rows, note="Means of daily numbers.")
    lead = "Each is held against the test span, whose own error counts; only the rank IC can say BROKEN."
    return Section(slug="measures", title="Measures", lead=lead, parts=(Part(tables=(table,)),))


def _calibration(found: MonitoredVersion) -> Section:
    slope = found.measures["slope"]
    lead = f"One unit of expected return earned {slope.row()[1]} since, {slope.row()[3]} in the test span."
    parts = [Part(sentences=() if found.quantiles else ("Too few sessions for quantiles of the scores.",))]
    if found.quantiles:
        picture = Picture(title="Expected and realised", summary=lead, figure=calibration_figure(found.quantiles))
        parts = [Part(pictures=(picture,), tables=(_quantile_table(found),))]
    return Section(slug="calibration", title="Calibration", lead=lead, parts=tuple(parts))


def _quantile_table(found: MonitoredVersion) -> Table:
    rows = [
        (
            f"{name}, {label} of {len(table)}",
            *(printed(row[key], "bps") for key in ("mean_predicted", "mean_realised", "standard_error")),
        )
        for name, table in found.quantiles.items()
        for label, row in table.iterrows()
    ]
    columns = ("span and quantile", "expected", "realised", "standard error")
    return Table(
        caption="By quantile of the scores, 1 the lowest", columns=columns, rows=tuple(rows), note="HAC errors."
    )


def _features(found: MonitoredVersion) -> Section:
    drift = found.drift
    lead = f"{found.drift_words[:1].upper()}{found.drift_words[1:]}."
    if drift is None:
        return Section(slug="features", title="Features", lead=lead)
    ordered = drift.features.sort_values("ratio", ascending=False)
    columns = ("feature", "PSI", "usual", "highest before", "KS", "usual", "highest before", "over usual", "missing")
    rows = tuple(
        (
            str(name),
            *(ratio(row[key]) for key in ("psi", "usual_psi", "highest_psi", "ks", "usual_ks", "highest_ks", "ratio")),
            printed(row["missing"], "share"),
        )
        for name, row in ordered.iterrows()
    )
    note = (
        f"The latest {drift.n_sessions} sessions against training; usual: median of {drift.n_windows} earlier windows."
    )
    latest = Table(caption="Distance from the training sessions", columns=columns, rows=rows, note=note)
    return Section(
        slug="features", title="Features", lead=lead, parts=(Part(tables=(latest, _heat_table(found, ordered))),)
    )


def _heat_table(found: MonitoredVersion, ordered: pd.DataFrame) -> Table:
    """PSI of each feature in each window since, shaded by how many times the usual one it is."""
    assert found.drift is not None
    blocks = found.drift.blocks.iloc[-LONGEST:]
    usual = ordered["usual_psi"]
    rows = tuple((str(name), *(ratio(value) for value in blocks[name])) for name in ordered.index)
    heat = tuple(tuple(_shade(value, usual[name]) for value in blocks[name]) for name in ordered.index)
    columns = ("feature", *(f"{session:%Y-%m-%d}" for session in blocks.index))
    note = "PSI by window, named by its last session; shaded from once, twice and four times the usual one on."
    return Table(caption="PSI through time", columns=columns, rows=rows, note=note, heat=heat)


def _shade(value: float, usual: float) -> int:
    if not (np.isfinite(value) and usual > 0.0):
        return 0
    return -min(sum(value / usual > step for step in HEAT_STEPS), HEATS)


def _book(found: MonitoredVersion) -> Section:
    pictures = tuple(
        Picture(
            title=f"{each.label}{unit}",
            summary=f"{each.row()[1]} since, {each.row()[3]} in the test span; trailing means over 20 sessions.",
            figure=course_figure(each.test * scale, each.live * scale, y_format=y_format),
        )
        for each, scale, y_format, unit in (
            (found.measures["turnover"], 1.0, ".1%", ""),
            (found.measures["cost"], 1e4, ".2f", ", bps"),
        )
    )
    turned = found.switches.events or ("No switch turned.",)
    overlays = Part(heading="Risk overlays", sentences=(f"State: {found.switches}.", *turned))
    lead = f"Turnover {found.measures['turnover'].row()[1]} and cost {found.measures['cost'].row()[1]} a session since."
    return Section(slug="book", title="Book", lead=lead, parts=(Part(pictures=pictures), overlays))
