"""``quintile forecast compare``: two choices of forecasters side by side, judged on sessions that selected neither."""

import json
from pathlib import Path
from typing import Annotated

import typer

from quintile.cli.forecasts.forecast_options import ForecastStore
from quintile.cli.options import Json, Open, Verbose, command_line, show_file

__all__ = ["FORECAST_COMPARE_EXAMPLES", "compare_command"]

FORECAST_COMPARE_EXAMPLES = """\b
Examples:
  quintile forecast compare best latest
  quintile forecast compare best@2026-01-31 best --page compared.html
  quintile forecast compare old_results.json latest --json

Each side is a study, best, best@DATE, or a file of old results as `rerank` takes it."""

Told = Annotated[str, typer.Argument(help="A study, its first characters, latest, best, best@DATE or a file.")]


def compare_command(
    a: Told,
    b: Told,
    out: ForecastStore = Path("forecasts"),
    page: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Also draw a page.")] = None,
    open_: Open = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Compare two choices of forecasters by symbol: configurations, errors, and a paired test of them on test."""
    from backtests.forecasts.compared_forecasts import compare_sides
    from backtests.report.forecasts.compare_words import (
        compare_findings,
        compare_page,
        compare_record,
        compare_table,
        difference_words,
    )
    from backtests.report.html_page import PAGE_MARK
    from core.files import require_new, write_text
    from quintile.cli.console import table as drawn
    from strategy.forecasts.forecast_sides import side_of

    if page is not None:
        require_new(page, what="--page", ours=PAGE_MARK)
    found = compare_sides(side_of(out, a), side_of(out, b))
    if page is not None:
        write_text(page, compare_page(found, command=command_line()))
    if as_json:
        shown = {} if page is None else {"page": str(page)}
        print(json.dumps({**compare_record(found), **shown}, indent=2))
        return
    columns, rows = compare_table(found)
    drawn("A beside B", list(columns), rows, in_parts=True)
    print("\n".join([*difference_words(found), *compare_findings(found)]))
    if page is not None:
        show_file(page, open_=open_, as_json=False, quiet=False)
