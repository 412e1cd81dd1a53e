"""Section on the reference's gates and on the sign of the scores as a classifier."""

import math

from backtests.reference_gates import Gate
from backtests.report.content import Part, Section, Table
from backtests.report.formats import count, percent, plus_minus, ranged, ratio
from backtests.report.page import Page
from signals.classification import SignMetrics

__all__ = ["gates_section"]


def gates_section(page: Page) -> Section | None:
    """PASS or FAIL of each gate and the classification of the sign; None where neither was measured."""
    tables = []
    if page.gates:
        tables.append(_gates_table(page.gates))
    study = page.evaluation.signal.study
    if study is not None:
        tables.append(_sign_table({"Sign of the return": study.sign, "Side of the median": study.relative_sign}))
    if not tables:
        return None
    return Section(slug="gates", title="Gates", lead=_lead(page.gates), parts=(Part(tables=tuple(tables)),))


def _lead(gates: tuple[Gate, ...]) -> str:
    tally = {status: sum(gate.status == status for gate in gates) for status in ("PASS", "FAIL", "NOT MEASURED")}
    return (
        f"Of {count(len(gates))} gates, {count(tally['PASS'])} pass, {count(tally['FAIL'])} fail and "
        f"{count(tally['NOT MEASURED'])} are not measured. Gates are thresholds on point estimates, not evidence; the "
        "ranges say how precise each estimate is."
    )


def _gates_table(gates: tuple[Gate, ...]) -> Table:
    rows = tuple((gate.name, gate.asked, _measured(gate), _bounds(gate), gate.status) for gate in gates)
    columns = ("Gate", "Threshold", "Measured", "95 % range", "Status")
    details: dict[str, list[str]] = {}
    for gate in gates:
        details.setdefault(gate.detail, []).append(gate.name)
    note = " ".join(f"{', '.join(names)}: {detail}." for detail, names in details.items())
    return Table(caption="Gates of the strategy", columns=columns, rows=rows, note=note)


def _measured(gate: Gate) -> str:
    return percent(gate.measured) if gate.is_fraction else ratio(gate.measured)


def _bounds(gate: Gate) -> str:
    """The range of what was measured; empty where there is none."""
    if math.isnan(gate.interval.low):
        return ""
    return f"{ranged(gate.interval, 1, scale=100.0)} %" if gate.is_fraction else ranged(gate.interval)


def _sign_table(calls: dict[str, SignMetrics]) -> Table:
    rows = tuple(
        (
            name,
            f"{plus_minus(100 * found.accuracy, 100 * found.standard_error, 2)} %",
            percent(found.precision),
            percent(found.recall),
            percent(found.f1),
            percent(found.rising),
            percent(found.called),
            count(found.count),
        )
        for name, found in calls.items()
    )
    columns = ("Target", "Accuracy ± SE", "Precision", "Recall", "F1", "Rose", "Predicted up", "Name-sessions")
    return Table(
        caption="The scores as a classifier",
        columns=columns,
        rows=rows,
        note="Up is the positive class; returns of exactly zero are left out. Always predicting up would have the "
        "accuracy under “Rose”. Side of the median: scores and returns less the median of their session. ± is a HAC "
        "error over sessions.",
    )
