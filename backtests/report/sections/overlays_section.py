"""Section on risk overlays: the factor of the volatility target, and every event of the kill switches."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from backtests.report.book_report import BookReport
from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures.curves_figures import scale_figure, switches_figure
from backtests.report.formats import count, date, percent, ratio

__all__ = ["overlays_section"]

MAX_EVENTS = 500
CONVENTION = (
    "Values are those of the scaled book before any switch, net of costs, known at the close of the session; the "
    "action trades at the next fill. flat already, still flat: another switch held the book flat, so nothing traded. "
    "Sessions out count the closes at which this switch kept the book flat."
)


def overlays_section(books: Mapping[str, BookReport]) -> Section | None:
    """Effect of the overlays on each book; None where none is on."""
    parts = tuple(part for name, book in books.items() for part in _parts(name, book))
    if not parts:
        return None
    return Section(
        slug="overlays",
        title="Risk overlays",
        lead="Effect of the volatility target and the kill switches on the weights; the costs of the trades they cause "
        "are in the returns above.",
        parts=parts,
    )


def _parts(name: str, book: BookReport) -> Iterator[Part]:
    pictures = tuple(_pictures(name, book))
    if pictures:
        tables = () if book.book.events is None else (_table(name, book.book.events),)
        yield Part(heading=name, pictures=pictures, tables=tables)


def _pictures(name: str, book: BookReport) -> Iterator[Picture]:
    if book.book.events is not None:
        out = book.diagnostics["out"]
        fired = int((book.book.events["action"] == "flat").sum())
        yield Picture(
            title=f"{name}: equity with kill switches",
            summary=f"The book was emptied {count(fired)} times and flat after {count(out.sum())} of {count(len(out))} "
            f"closes ({percent(out.mean())}). Down: emptied. Up: held again.",
            figure=switches_figure(book.result.net_returns, book.book.events),
        )
    if "scale" in book.diagnostics:
        scale = book.diagnostics["scale"]
        yield Picture(
            title=f"{name}: factor of the volatility target",
            summary=f"Mean {ratio(scale.mean())}, from {ratio(scale.min())} to {ratio(scale.max())}; 1 until there is "
            "enough history, and never so high that cash is borrowed without a rate for it.",
            figure=scale_figure(scale),
        )


def _table(name: str, events: pd.DataFrame) -> Table:
    shown = events.tail(MAX_EVENTS)
    cut = "" if len(shown) == len(events) else f" The last {count(MAX_EVENTS)} of {count(len(events))}."
    return Table(
        caption=f"{name}: every event of the kill switches",
        columns=("Session", "Rule", "Value", "Threshold", "Action", "Sessions out"),
        rows=tuple(_row(event) for event in shown.to_dict(orient="records")),
        note=CONVENTION + cut,
        folded=len(shown) > 20,
    )


def _row(event: Mapping[Hashable, Any]) -> tuple[str, ...]:
    return (
        date(event["session"]),
        str(event["rule"]),
        _measured(event["rule"], event["value"]),
        _measured(event["rule"], event["threshold"]),
        str(event["action"]),
        count(event["sessions_out"]),
    )


def _measured(rule: object, number: float) -> str:
    return ratio(number) if rule == "Sharpe ratio" else percent(number, 2)
