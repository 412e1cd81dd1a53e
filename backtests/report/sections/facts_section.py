"""Sections on where the numbers come from: data, strategy, and the command that reproduces them."""

from backtests.report.content import Part, Section, Table
from backtests.report.formats import count
from backtests.report.judged_words import judged_words, missing_words
from backtests.report.page import Page
from backtests.report.run_provenance import Span
from backtests.report.sections.common_rows import fill_words, span_words
from backtests.report.stamps import survivorship_stamp

__all__ = ["facts_section", "reproduce_section", "spec_section"]


def facts_section(page: Page) -> Section:
    """Source, bases, universe, survivorship, spans and notes of the bars."""
    tables = [Table(caption="Bars and spans", columns=("Fact", "Value"), rows=_data_rows(page), wordy=True)]
    notes = (*page.panel.facts.notes, *page.notes, *missing_words(page.evaluation))
    if notes:
        rows = tuple((str(place), note) for place, note in enumerate(notes, start=1))
        tables.append(
            Table(caption="Notes of the loader and of the run", columns=("No.", "Note"), rows=rows, wordy=True)
        )
    return Section(
        slug="facts",
        title="Data facts",
        lead="Source, basis and spans of the bars, and the notes of the run.",
        parts=(Part(tables=tuple(tables)),),
    )


def spec_section(page: Page) -> Section:
    """Every setting of the strategy."""
    rows = tuple((section if section else ".", key, value) for section, key, value in page.provenance.spec)
    table = Table(caption=f"Settings of {page.rules.name}", columns=("Section", "Key", "Value"), rows=rows, wordy=True)
    return Section(
        slug="spec",
        title="The strategy",
        lead="Every setting; their sha256 is the identity of the strategy.",
        parts=(Part(tables=(table,)),),
    )


def reproduce_section(page: Page) -> Section:
    """Fingerprints of everything that went in; the page prints the command under them."""
    prints = page.provenance.fingerprints
    named = (("Strategy", prints.spec), ("Bars", prints.panel), ("Source", prints.code), ("Commit", prints.commit))
    rows = tuple((name, value or "not recorded") for name, value in named)
    table = Table(caption="Fingerprints, sha256", columns=("Of", "Value"), rows=rows, wordy=True)
    return Section(
        slug="reproduce",
        title="How to reproduce",
        lead="Same source, bars, settings, machine and thread count: the same numbers.",
        parts=(Part(tables=(table,)),),
    )


def _data_rows(page: Page) -> tuple[tuple[str, str], ...]:
    facts, spans, survivorship = page.panel.facts, page.provenance.spans, survivorship_stamp(page.survivorship)
    return (
        ("Source", facts.source),
        ("Adjustment", facts.adjustment),
        ("Volume basis", facts.volume_basis),
        ("Calendar", facts.session_words),
        ("Point in time", "declared by the source" if facts.point_in_time else "not declared"),
        ("Names", count(len(page.panel.tickers.difference(list(page.panel.facts.beside))))),
        ("Universe", facts.universe),
        (f"Survivorship: {survivorship.label}", survivorship.sentence),
        ("Train", _span_words(spans.train)),
        ("Validation", _span_words(spans.validation)),
        ("Test, evaluated here", span_words(spans.test)),
        *((f"Judged, {place}", words) for place, words in enumerate(judged_words(page.evaluation), start=1)),
        ("Fills", fill_words(page.rules.execution)),
        ("Costs", str(page.rules.costs)),
        *((f"Engine, {name}", book.result.engine) for name, book in page.books.items()),
        ("Trials counted", count(page.verdict.standing.recorded)),
        *page.provenance.machine,
    )


def _span_words(span: Span | None) -> str:
    return "none" if span is None else span_words(span)
