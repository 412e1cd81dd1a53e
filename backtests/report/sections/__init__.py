"""What each section of the report holds, in the order of the page."""

from collections.abc import Iterable
from dataclasses import replace

from backtests.report.content import Part, Section
from backtests.report.page import Page
from backtests.report.sections.attribution_section import attribution_section
from backtests.report.sections.baseline_section import baseline_section
from backtests.report.sections.book.names_section import names_section
from backtests.report.sections.book.paper_parts import paper_parts
from backtests.report.sections.books_section import exposure_section, performance_section, trading_section
from backtests.report.sections.clusters_section import clusters_section
from backtests.report.sections.ensemble_section import ensemble_section
from backtests.report.sections.facts_section import facts_section, reproduce_section, spec_section
from backtests.report.sections.front_section import books_table, front_cards, front_section, signal_table
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

__all__ = ["all_sections", "folded", "front_cards", "printed_parts", "proof_section", "proof_stamp"]

UNFOLDED = ("front", "proof")


def all_sections(page: Page) -> tuple[Section, ...]:
    """Sections that this report has something to say in; all but page one and the proof are folded."""
    is_synthetic = page.panel.facts.synthetic
    sections = (
        front_section(page),
        performance_section(page.books, page.evaluation.market),
        trading_section(page.books, page.rules.costs),
        names_section(page.books, is_synthetic=is_synthetic),
        walk_section(page),
        baseline_section(page),
        signal_section(page),
        attribution_section(page.books, is_synthetic=is_synthetic),
        regime_section(page.books, page.signal.regimes, is_synthetic=is_synthetic),
        what_if_section(page),
        gates_section(page),
        uncertainty_section(page),
        ensemble_section(page),
        model_section(page),
        shorts_section(page),
        overlays_section(page.books),
        exposure_section(page.books),
        clusters_section(page.books),
        training_section(page),
        proof_section(page.proof),
        facts_section(page),
        spec_section(page),
        reproduce_section(page),
    )
    return folded(sections)


def folded(sections: Iterable[Section | None]) -> tuple[Section, ...]:
    """The sections there are, all folded but page one and the proof."""
    return tuple(replace(each, folded=each.slug not in UNFOLDED) for each in sections if each is not None)


def printed_parts(page: Page) -> tuple[Part, ...]:
    """What a report prints under its curve."""
    return paper_parts(page, books_table(page), signal_table(page.signal))
