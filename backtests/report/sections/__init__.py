"""What each section of the report holds, in the order of the page."""

from backtests.report.content import Section
from backtests.report.report_input import ReportInput
from backtests.report.sections.attribution_section import attribution_section
from backtests.report.sections.baseline_section import wall_section
from backtests.report.sections.books_section import exposure_section, performance_section, trading_section
from backtests.report.sections.clusters_section import clusters_section
from backtests.report.sections.facts_section import facts_section, reproduce_section, spec_section
from backtests.report.sections.front_section import front_cards, front_section, front_stamps
from backtests.report.sections.gates_section import gates_section
from backtests.report.sections.model_section import model_section
from backtests.report.sections.overlays_section import overlays_section
from backtests.report.sections.proof_section import proof_section, proof_stamp
from backtests.report.sections.regimes_section import regime_section
from backtests.report.sections.shorts_section import shorts_section
from backtests.report.sections.signal_section import signal_section
from backtests.report.sections.training_section import training_section
from backtests.report.sections.walk_section import walk_section
from backtests.report.sections.what_if_section import what_if_section

__all__ = ["all_sections", "front_cards", "front_stamps", "proof_section", "proof_stamp"]


def all_sections(report: ReportInput) -> tuple[Section, ...]:
    """Return the sections that this report has something to say in."""
    sections = (
        front_section(report),
        walk_section(report),
        wall_section(report),
        gates_section(report),
        performance_section(report),
        attribution_section(report),
        what_if_section(report),
        regime_section(report),
        signal_section(report),
        model_section(report),
        shorts_section(report),
        overlays_section(report),
        exposure_section(report),
        clusters_section(report),
        trading_section(report),
        training_section(report),
        proof_section(report.proof),
        facts_section(report),
        spec_section(report),
        reproduce_section(report),
    )
    return tuple(section for section in sections if section is not None)
