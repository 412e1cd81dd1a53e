"""``quintile models card``: what a trained model is, what it costs and how it learned, as one page and as JSON."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quintile.cli.options import (
    Json,
    Open,
    Out,
    Quiet,
    Verbose,
    Versions,
    command_line,
    interruptible,
    run_store,
    show_file,
)

if TYPE_CHECKING:
    from strategy.studies.model_card.card_subject import CardSubject

__all__ = ["CARD_EXAMPLES", "card_command"]

CARD_EXAMPLES = """\b
Examples:
  quintile models card
  quintile models card 20261121 --page card.html --open
  quintile models card filter_negative@1.1.0 --json

Times and memory are measured on this machine when the command runs; the bars of the run must be at hand for them."""
FILE_NAME = "model_card.html"


def card_command(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Id of a run, its first characters, latest, or NAME@VERSION.")
    ] = "latest",
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Path of the HTML page; beside the run's report by default."),
    ] = None,
    open_: Open = False,
    versions: Versions = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write a model's card: layers, parameters, memory, latency, training, inputs, and its lead over ridge."""
    from backtests.report.card_page import card_sentence, cost_sentence, write_card
    from quintile.progress_display import progress_bars
    from strategy.studies.model_card.card_facts import card_facts

    subject, home = _subject(run, out, versions)
    if page is not None:
        _require_page(page, subject.path.parent)
    with interruptible(), progress_bars(quiet=quiet or as_json) as progress:
        facts = card_facts(subject, progress=progress)
        path = write_card(facts, home / FILE_NAME if page is None else page, command=command_line())
    if as_json:
        print(json.dumps(facts.as_json() | {"page": str(path)}, indent=2))
        return
    if not quiet:
        print(card_sentence(facts))
        print(cost_sentence(facts))
    show_file(path, open_=open_, as_json=False, quiet=quiet)


def _subject(run: str, out: Path, versions: Path | None) -> "tuple[CardSubject, Path]":
    """The model that was named, and the folder of its page."""
    from quintile.cli.version_commands import find
    from strategy.studies.model_card.card_subject import run_subject, version_subject

    if "@" not in run:
        folder = run_store(out).find(run)
        return run_subject(folder), folder.path
    version = find(run, versions)
    return version_subject(version), out / version.version.name / str(version.version)


def _require_page(page: Path, *inputs: Path) -> None:
    from backtests.report.card_page import PAGE_TITLE
    from core.files import require_apart, require_new

    if page.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--page is an HTML page, was {page}: give it a name that ends in .html")
    require_apart(page, *inputs, what="--page")
    require_new(page, what="--page", ours=PAGE_TITLE)
