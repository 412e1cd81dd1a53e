"""Differences report: an explanation as a page on disk."""

from dataclasses import replace
from pathlib import Path

from backtests.report.differences.differences_page import (
    DifferencesPage,
    DrawnPart,
    DrawnSide,
    render_differences,
)
from backtests.report.html_page import PAGE_MARK
from core.files import require_new, write_text
from live.differences.explanation import Explanation
from strategy.runs.result import ReportPath

__all__ = ["drawn_page", "write_page"]


def write_page(found: Explanation, path: Path, *, command: str = "") -> Explanation:
    """Write the page of an explanation, whole or not at all.

    Raises
    ------
    ValueError
        If the path holds anything but an earlier page.
    """
    require_new(path, what="--out", ours=PAGE_MARK)
    write_text(path, render_differences(drawn_page(found, command=command)))
    return replace(found, page=ReportPath(path))


def drawn_page(found: Explanation, *, command: str = "") -> DifferencesPage:
    """An explanation as what its page takes."""
    sides = tuple(
        DrawnSide(
            letter=letter,
            name=side.name,
            kind=side.kind,
            figures=side.figures,
            sharpe_error=side.sharpe_error,
            universe=side.universe,
            costs=side.costs,
            trials=side.trials,
        )
        for letter, side in found.sides
    )
    return DifferencesPage(
        sentence=found.sentence,
        sides=(sides[0], sides[1]),
        gap=found.gap,
        parts=tuple(DrawnPart(name=part.name, figures=part.figures, why=part.why) for part in found.parts),
        paths=found.paths,
        places=tuple(
            (
                f"{place.stage}, follows" if place.follows else place.stage,
                place.session,
                place.ticker,
                place.what,
                place.first,
                place.second,
            )
            for place in found.places
        ),
        remarks=found.remarks,
        sessions_per_year=found.sessions_per_year,
        synthetic=found.synthetic,
        command=command,
    )
