"""Report page: a page drawn as one HTML file, and restated when its look-ahead proof has said more."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from backtests.report.content import SEVERITIES
from backtests.report.html_page import HtmlPage, environment, render_page
from backtests.report.living.living_part import living_part
from backtests.report.page import Page
from backtests.report.run_provenance import ProofReport
from backtests.report.sections import all_sections, front_cards, printed_parts, proof_section, proof_stamp
from backtests.report.stamps import front_stamps
from core.files import write_text

__all__ = ["render_report", "restate_proof", "write_report"]

OPENING, CLOSING = Markup("<!-- proof: {} -->"), Markup("<!-- end of proof: {} -->")


def render_report(page: Page) -> str:
    """Render a report as one HTML page.

    Parameters
    ----------
    page : Page
        Everything on the page; the same input gives the same bytes.

    Returns
    -------
    str
        UTF-8 HTML of about 2 MB, most of it plotly.js, which works offline and makes no request.
    """
    return render_page(
        HtmlPage(
            title=_title(page),
            strategy=page.rules.name,
            verdict=page.verdict.sentence,
            sections=all_sections(page),
            stamps=front_stamps(page),
            cards=front_cards(page),
            command=page.provenance.command,
            proof=_proof_places(page.proof),
            paper=printed_parts(page),
            living=living_part(page),
        )
    )


def write_report(page: Page, path: str | Path) -> Path:
    """Render the report into ``path``, whole or not at all, and return the path.

    Raises
    ------
    OSError
        If the folder cannot be written; nothing is left behind and an older report stays as it was.
    """
    write_text(path, render_report(page))
    return Path(path)


def restate_proof(path: str | Path, proof: ProofReport | None) -> Path:
    """Say in a written report what a proof has found since; nothing else on the page changes.

    Parameters
    ----------
    path : str or Path
        A report that ``write_report`` wrote; replaced whole or not at all, and left alone where it says so already.
    proof : ProofReport or None
        None says UNPROVEN.

    Raises
    ------
    ValueError
        If the page has no place for a proof.
    """
    shown = written = Path(path).read_text(encoding="utf-8")
    for place, words in _proof_places(proof).items():
        shown = _replaced(shown, place, words)
    if shown != written:
        write_text(path, shown)
    return Path(path)


def _replaced(page: str, place: str, words: Markup) -> str:
    before, opened, rest = page.partition(OPENING.format(place))  # text from files is escaped: it cannot hold a mark
    _, closed, after = rest.partition(CLOSING.format(place))
    if not (opened and closed):
        raise ValueError("this report was drawn before proofs had a place in it: draw it again")
    return f"{before}{words}{after}"


def _proof_places(proof: ProofReport | None) -> dict[str, Markup]:
    """What the page says of its proof, between marks: the stamp at its severity, the section."""
    macros: Any = environment().get_template("macros.html").module
    stamp = proof_stamp(proof)
    shown = {stamp.severity: macros.show_stamp(stamp), "section": macros.show_section(proof_section(proof), {}, (), "")}
    return {
        place: OPENING.format(place) + shown.get(place, Markup("")) + CLOSING.format(place)
        for place in (*SEVERITIES, "section")
    }


def _title(page: Page) -> str:
    title, is_synthetic = page.provenance.title, page.panel.facts.synthetic
    return title if "SYNTHETIC" in title.upper() or not is_synthetic else f"SYNTHETIC: {title}"
