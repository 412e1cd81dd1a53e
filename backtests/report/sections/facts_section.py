"""Sections on where the numbers come from: data, strategy, and the command that makes them again."""

from backtests.report.content import Part, Section, Table
from backtests.report.formats import count
from backtests.report.report_input import ReportInput, Span
from backtests.report.sections.common_rows import fill_words, span_words, trials_words

__all__ = ["facts_section", "reproduce_section", "spec_section"]


def facts_section(report: ReportInput) -> Section:
    """Return source, bases, universe, survivorship, spans and notes of the bars."""
    tables = [Table(caption="Bars and spans", columns=("Fact", "Value"), rows=_data_rows(report), wordy=True)]
    notes = (*report.facts.notes, *report.notes)
    if notes:
        rows = tuple((str(place), note) for place, note in enumerate(notes, start=1))
        tables.append(
            Table(caption="Notes of the loader and of the run", columns=("No.", "Note"), rows=rows, wordy=True)
        )
    return Section(
        slug="facts",
        title="Data facts",
        lead="What the numbers stand on.",
        parts=(Part(tables=tuple(tables)),),
    )


def spec_section(report: ReportInput) -> Section:
    """Return every setting of the strategy."""
    rows = tuple((section if section else ".", key, value) for section, key, value in report.spec)
    table = Table(caption=f"Settings of {report.strategy}", columns=("Section", "Key", "Value"), rows=rows, wordy=True)
    return Section(
        slug="spec",
        title="The strategy",
        lead="All of its numbers; the sha256 of these settings is its identity.",
        parts=(Part(tables=(table,)),),
    )


def reproduce_section(report: ReportInput) -> Section:
    """Return the identities of everything that went in; the page prints the command under them."""
    prints = report.fingerprints
    named = (("Strategy", prints.spec), ("Bars", prints.panel), ("Source", prints.code), ("Commit", prints.commit))
    rows = tuple((name, value or "not recorded") for name, value in named)
    table = Table(caption="Fingerprints, sha256", columns=("Of", "Value"), rows=rows, wordy=True)
    return Section(
        slug="reproduce",
        title="How to reproduce",
        lead="Same source, bars, settings, machine and thread count: the same numbers.",
        parts=(Part(tables=(table,)),),
    )


def _data_rows(report: ReportInput) -> tuple[tuple[str, str], ...]:
    facts = report.facts
    return (
        ("Source", facts.source),
        ("Adjustment", facts.adjustment),
        ("Volume basis", facts.volume_basis),
        ("Point in time", "declared by the source" if facts.point_in_time else "not declared"),
        ("Names", count(report.n_tickers)),
        ("Universe", facts.universe),
        (f"Survivorship: {report.survivorship.label}", report.survivorship.sentence),
        ("Train", _span_words(report.spans.train)),
        ("Validation", _span_words(report.spans.validation)),
        ("Test, judged here", span_words(report.spans.test)),
        ("Fills", fill_words(report.execution)),
        ("Costs", report.costs),
        *((f"Engine, {name}", book.result.engine) for name, book in report.books.items()),
        ("Trials counted", trials_words(report.n_trials)),
    )


def _span_words(span: Span | None) -> str:
    return "none" if span is None else span_words(span)
