"""Paper parts: what a report prints under its curve, so that the whole fits on two pages of A4."""

from dataclasses import replace

from backtests.report.content import Part, Table
from backtests.report.formats import count, percent
from backtests.report.page import Page
from backtests.report.sections.book.convention_words import convention_sentences
from backtests.report.sections.book.names_section import held_table
from backtests.report.sections.book.returns_parts import monthly_table
from backtests.report.sections.common_rows import facts_of, fill_words, span_words

__all__ = ["paper_parts"]

N_YEARS, N_NAMES, N_BOOKS, N_SCORES = 15, 8, 3, 6  # rows and columns that a page of paper has room for
PRINTED = ("Ticker", "Sector", "Mean long", "Mean short", "Contribution")
MAX_WORDS = 240  # characters of a cell


def paper_parts(page: Page, books: Table, signal: Table) -> tuple[Part, ...]:
    """Monthly returns, costs, information coefficients, holdings, conventions and provenance.

    Parameters
    ----------
    page : Page
        Everything on the page.
    books, signal : Table
        The tables of books and of scores of page one.
    """
    name, book = next(iter(page.books.items()))
    months = monthly_table(name, book.result.net_returns)
    cut = len(months.rows) > N_YEARS
    note = f"The last {N_YEARS} years; the report has them all." if cut else ""
    months = replace(months, rows=months.rows[-N_YEARS:], heat=months.heat[-N_YEARS:], note=note)
    return (
        Part(sentences=(facts_of(page),), tables=(months,)),
        Part(tables=(_narrow(books), _costs_table(page), *_holdings(page, name)), beside=True),
        Part(tables=(replace(signal, rows=signal.rows[:N_SCORES], note=""),)),
        Part(heading="Conventions", sentences=convention_sentences(page)),
        Part(tables=(_provenance_table(page),)),
    )


def _narrow(books: Table) -> Table:
    rows = tuple(row[: N_BOOKS + 1] for row in books.rows)
    return replace(books, columns=books.columns[: N_BOOKS + 1], rows=rows, note="")


def _costs_table(page: Page) -> Table:
    """What the strategy's own book was charged, by kind, a year."""
    name, book = next(iter(page.books.items()))
    year, parts = page.sessions_per_year, book.result.cost_parts
    rows = [(str(kind).capitalize(), percent(year * float(parts[kind].mean()), 2)) for kind in parts.columns]
    rows.append(("All, annualised", percent(year * float(book.result.cost.mean()), 2)))
    rows.append(("Turnover per session, one way", percent(book.trading.mean_turnover, 2)))
    return Table(caption=f"Costs of {name}, of equity per year", columns=("Kind", "Charged"), rows=tuple(rows))


def _holdings(page: Page, name: str) -> tuple[Table, ...]:
    """The largest positions, by sector, weight and contribution."""
    study = page.books[name].study
    if study is None or study.names is None or study.names.table.empty:
        return ()
    held = held_table(name, study.names, N_NAMES)
    places = [held.columns.index(column) for column in PRINTED]
    rows = tuple(tuple(row[place] for place in places) for row in held.rows)
    return (replace(held, columns=PRINTED, rows=rows),)


def _provenance_table(page: Page) -> Table:
    spans, prints = page.provenance.spans, page.provenance.fingerprints
    identities = (prints.spec, prints.panel, prints.code)
    trained = {"Train": spans.train, "Validation": spans.validation, "Test": spans.test}
    rows = (
        ("Bars", page.panel.facts.source),
        ("Universe", page.panel.facts.universe),
        *((word, span_words(span)) for word, span in trained.items() if span is not None),
        ("Fills and costs", f"{fill_words(page.rules.execution)}; {page.rules.costs}"),
        ("Trials", count(page.verdict.standing.recorded)),
        ("Strategy, bars, source", " · ".join(each[:16] or "not recorded" for each in identities)),
        ("Commit", prints.commit or "not recorded"),
        *page.provenance.machine,
        ("Command", page.provenance.command),
    )
    return Table(
        caption="Provenance",
        columns=("Of", "Value"),
        rows=tuple((word, _cut(value)) for word, value in rows),
        wordy=True,
    )


def _cut(words: str) -> str:
    return words if len(words) <= MAX_WORDS else f"{words[: MAX_WORDS - 1]}…"
