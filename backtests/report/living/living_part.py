"""Living part: what a report needs to let its reader move costs, clock, legs and names, offline and with no server."""

import hashlib
import re
from importlib import resources
from typing import Any

import numpy as np
from markupsafe import Markup

from backtests.evaluation import Evaluation
from backtests.judged_span import until_judged
from backtests.report.content import LivingPart
from backtests.report.formats import scientific
from backtests.report.html_page import environment
from backtests.report.living.carried_run import BARS, FINENESS, Fineness, order_choices, run_told
from backtests.report.living.number_code import CodedTable, Table, coded, packed, written
from backtests.report.living.setting_steps import sliders_of
from backtests.report.living.setting_twin import Carried, carried_of, kept_books, open_carried
from backtests.report.page import Page

__all__ = ["MAX_DATA", "MAX_DIFFERENCE", "living_part"]

MAX_DATA = 4_400_000  # characters; the rest of a page takes about 3.5 MB, so that all stays below 8
SCRIPTS = ("ledger.js", "living.js")
MAX_CELLS = 3_000_000  # names × sessions; more would never fit
MAX_DIFFERENCE = 1e-6  # of capital, between the page's curve and the run's
MAX_COARSE = 1e-4  # the same, where finer numbers do not fit
SETTABLE = re.compile(r"quintile (run|evaluate)\b(?! \S*@)")  # a frozen version takes no other settings


def living_part(page: Page) -> LivingPart | None:
    """Let the reader of a report keep the books of its run again under other settings.

    Parameters
    ----------
    page : Page
        Everything on the page; the same input gives the same bytes.

    Notes
    -----
    Numbers are rounded just so finely that the run's own curve moves by no more than a millionth of its capital; where
    those do not fit, as finely as fits, and by a ten-thousandth at most. The page says by how much.

    Returns
    -------
    LivingPart or None
        ``data`` is as ``number_code.written`` leaves it. None for an evaluation without decided weights; a run whose
        numbers would make the file too large gets one line that says so and no script.
    """
    evaluation = page.evaluation
    if not _has_weights(evaluation):
        return None
    found = _followed(evaluation, page.verdict.standing.sharpes)
    if isinstance(found, str):
        return LivingPart(html=Markup('<p class="sentence">{}</p>').format(found), script="", data="")
    blob, carried, difference = found
    macros: Any = environment().get_template("living/living.html").module
    html = macros.controls(
        sliders=sliders_of(carried),
        tickers=carried.header["tickers"],
        sectors=sorted({each for each in carried.header["sectors"] or () if each}),
        days=[f"{carried.sessions[carried.own.first]:%Y-%m-%d}", f"{carried.sessions[-1]:%Y-%m-%d}"],
        words=_words(carried, difference),
        command=_command(page),
        key=hashlib.sha256(blob).hexdigest()[:16],
    )
    return LivingPart(
        html=html,
        script="\n".join((_resource("vendor", "uPlot.iife.min.js"), *(_resource("living", name) for name in SCRIPTS))),
        data=written(blob),
        style="\n".join((_resource("vendor", "uPlot.min.css"), _resource("living", "living.css"))),
    )


def _has_weights(evaluation: Evaluation) -> bool:
    book = evaluation.books.get(evaluation.rules.name)
    if book is None or book.weights.empty:
        return False
    inputs = evaluation.inputs if evaluation.span is None else until_judged(evaluation.inputs, evaluation.span)
    return book.weights.index.equals(inputs.panel.sessions) and book.weights.columns.equals(inputs.panel.tickers)


def _followed(evaluation: Evaluation, sharpes: tuple[float, ...]) -> tuple[bytes, Carried, float] | str:
    """The blob that follows the run's curve closely with the longest order that fits; else why there is none."""
    sessions, choices = evaluation.inputs.panel.sessions, list(order_choices(evaluation))
    cells = len(evaluation.scores.columns) * int((sessions >= evaluation.scores.index[0]).sum())
    too_large = f"This run holds {cells:,} bars, too many to carry along in one file: there is nothing to move here."
    if cells > MAX_CELLS:
        return too_large
    differences = _differences(evaluation, sharpes, choices[-1])
    follow = {fineness: gap for fineness, gap in reversed(differences.items()) if gap <= MAX_COARSE}
    if not follow:
        missed = f"{scientific(min(differences.values()))} of capital"
        return f"The numbers that fit into a page miss the run's curve by {missed}: there is nothing to move here."
    for fineness, difference in follow.items():
        blob = _fitting(evaluation, sharpes, fineness, choices)
        if blob is not None:
            return blob, open_carried(blob), difference
    return too_large


def _differences(evaluation: Evaluation, sharpes: tuple[float, ...], reach: int | None) -> dict[Fineness, float]:
    """How far each fineness leaves the run's curve, from the coarsest to the first that follows it closely."""
    found = dict[Fineness, float]()
    for fineness in FINENESS:
        header, tables = run_told(evaluation, sharpes, fineness=fineness, reach=reach)
        carried = carried_of(header, {name: table.values for name, table in tables.items()})
        found[fineness] = _difference(evaluation, carried)
        if found[fineness] <= MAX_DIFFERENCE:
            break
    return found


def _fitting(
    evaluation: Evaluation, sharpes: tuple[float, ...], fineness: Fineness, choices: list[int | None]
) -> bytes | None:
    """The blob with the longest order that fits into a page; None where not even the shortest does."""
    header, tables = run_told(evaluation, sharpes, fineness=fineness, reach=choices[-1])
    shared: dict[str, Table | CodedTable] = {name: coded(table) for name, table in tables.items() if name in BARS}
    shortest = packed(header, {**tables, **shared})
    if not _fits(shortest):
        return None
    for reach in choices[:-1]:
        header, tables = run_told(evaluation, sharpes, fineness=fineness, reach=reach)
        blob = packed(header, {**tables, **shared})
        if _fits(blob):
            return blob
    return shortest


def _fits(blob: bytes) -> bool:
    return len(blob) * 5 / 4 <= MAX_DATA  # four bytes are five characters


def _difference(evaluation: Evaluation, carried: Carried) -> float:
    """Largest difference of the carried numbers' curve and the run's, of capital."""
    equity, own = evaluation.result.equity, carried.own
    record, _, _ = kept_books(carried, own)
    rows = carried.sessions.get_indexer(equity.index) - own.first
    return float(np.abs(record.equity[rows] - equity.to_numpy()).max() / evaluation.result.capital)


def _words(carried: Carried, difference: float) -> list[str]:
    """What cannot be moved here, what a name left out does, and how well the page follows the run."""
    book, grid = carried.header["book"], carried.header["grid"]
    replaced = "The next name in the order takes the place of one left out."
    words = [replaced if book["reach"] else "What a name left out would have held stays in cash."]
    if book["reach"] == 0:
        moved = "so k moves in steps" if len(book["steps"]) > 1 else "so k stays as it is"
        words.insert(0, f"The order of all names would make this file too large, {moved}.")
    elif book["reach"] is None:
        kept = f"This page cannot redo {book['kept']}, so k stays as it is and the legs scale the weights decided."
        words.insert(0, kept)
    if book["filters"]:
        words.append("Who passes the short filter is as the run decided.")
    digits = f"prices without a tick to {grid['bits'] + 1} binary digits"
    exact = "every price as it is" if all(grid["per_unit"]) else digits
    agreement = f"differs from the run's by {scientific(difference)} of capital at most; the page carries {exact}."
    return [*words, f"At the run's own settings this curve {agreement}"]


def _command(page: Page) -> str:
    """The run's command where settings can be added to it."""
    command = page.provenance.command
    return command if SETTABLE.match(command) else ""


def _resource(folder: str, name: str) -> str:
    return resources.files("backtests.report").joinpath(folder, name).read_text(encoding="utf-8")
