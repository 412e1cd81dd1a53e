"""What each section of the report holds, in the order of the page."""

from backtests.report.content import Section
from backtests.report.inputs import ReportInput
from backtests.report.sections.attribution import attribution_section
from backtests.report.sections.books import exposure_section, performance_section, trading_section
from backtests.report.sections.clusters import clusters_section
from backtests.report.sections.facts import facts_section, reproduce_section, spec_section
from backtests.report.sections.front import front_cards, front_section, front_stamps
from backtests.report.sections.gates import gates_section
from backtests.report.sections.model import model_section
from backtests.report.sections.overlays import overlays_section
from backtests.report.sections.proof import proof_section, proof_stamp
from backtests.report.sections.regimes import regime_section
from backtests.report.sections.shorts import shorts_section
from backtests.report.sections.signal import signal_section
from backtests.report.sections.training import training_section
from backtests.report.sections.walk import walk_section
from backtests.report.sections.wall import wall_section
from backtests.report.sections.what_if import what_if_section

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
