"""Convention words: how the figures of a report are taken, each said once on the page."""

from backtests.report.content import Part
from backtests.report.page import Page
from backtests.report.sections.common_rows import (
    IC_CONVENTION,
    RANGE_CONVENTION,
    overlap_words,
    return_conventions,
)

__all__ = ["PARITY_CONVENTION", "convention_sentences", "conventions_part"]

PARITY_CONVENTION = (
    "Orders carried are order-sessions without a print. Engine parity is the largest equity difference of the two "
    "engines ÷ starting capital."
)


def conventions_part(page: Page) -> Part:
    """The conventions as a part of page one, closed until it is asked for."""
    return Part(heading="Conventions", sentences=convention_sentences(page), folded=True)


def convention_sentences(page: Page) -> tuple[str, ...]:
    """Returns and Sharpe ratios, ranges, information coefficients, orders and engines."""
    return (
        return_conventions(page.sessions_per_year),
        RANGE_CONVENTION,
        f"{IC_CONVENTION}{overlap_words(page.signal.evaluation.horizon)}",
        PARITY_CONVENTION,
    )
