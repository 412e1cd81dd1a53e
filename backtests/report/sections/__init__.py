"""What each section of the report holds, in the order of the page."""

from backtests.report.content import Section
from backtests.report.page import Page
from backtests.report.sections.attribution_section import attribution_section
from backtests.report.sections.baseline_section import baseline_section
from backtests.report.sections.books_section import exposure_section, performance_section, trading_section
from backtests.report.sections.clusters_section import clusters_section
from backtests.report.sections.ensemble_section import ensemble_section
from backtests.report.sections.facts_section import facts_section, reproduce_section, spec_section
from backtests.report.sections.front_section import front_cards, front_section
from backtests.report.sections.gates_section import gates_section
from backtests.report.sections.model_section import model_section
from backtests.report.sections.overlays_section import overlays_section
from backtests.report.sections.proof_section import proof_section, proof_stamp
from backtests.report.sections.regimes_section import regime_section
from backtests.report.sections.shorts_section import shorts_section
from backtests.report.sections.signal_section import signal_section
from backtests.report.sections.training_section import training_section
from backtests.report.sections.uncertainty_section import uncertainty_section
from backtests.report.sections.walk_section import walk_section
from backtests.report.sections.what_if_section import what_if_section

__all__ = ["all_sections", "front_cards", "proof_section", "proof_stamp"]


def all_sections(page: Page) -> tuple[Section, ...]:
    """Sections that this report has something to say in."""
    sections = (
        front_section(page),
        walk_section(page),
        baseline_section(page),
        gates_section(page),
        performance_section(page.books),
        attribution_section(page.books, is_synthetic=page.panel.facts.synthetic),
        what_if_section(page),
        regime_section(page.books, is_synthetic=page.panel.facts.synthetic),
        signal_section(page),
        uncertainty_section(page),
        ensemble_section(page),
        model_section(page),
        shorts_section(page),
        overlays_section(page.books),
        exposure_section(page.books),
        clusters_section(page.books),
        trading_section(page.books, page.rules.costs),
        training_section(page),
        proof_section(page.proof),
        facts_section(page),
        spec_section(page),
        reproduce_section(page),
    )
    return tuple(section for section in sections if section is not None)
