"""``quintile forecast rerank``: what an older system's results would choose by percentage-return error."""

import json
from pathlib import Path
from typing import Annotated

import typer

from quintile.cli.options import Json, Verbose

__all__ = ["RERANK_EXAMPLES", "rerank_command"]

RERANK_EXAMPLES = """\b
Examples:
  quintile forecast rerank old_results.json
  quintile forecast rerank old_results.json --json

The file: {"AAPL": {"toto": {"price_mae": 2.9, "pct_return_mae": 0.015}, "kronos": {…}}, "MSFT": {…}}"""


def rerank_command(
    results: Annotated[Path, typer.Argument(metavar="OLD_RESULTS.json", help="Errors by symbol and model.")],
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Choose by percentage-return error what was chosen by price error, and say what the file cannot show."""
    from backtests.forecasts.old_results import read_old_results, rerank
    from backtests.report.forecasts.rerank_words import rerank_findings, rerank_record, rerank_table
    from quintile.cli.console import table as drawn

    found = rerank(read_old_results(results))
    if as_json:
        print(json.dumps(rerank_record(found), indent=2))
        return
    columns, rows = rerank_table(found)
    drawn("Old results, re-ranked", list(columns), rows, in_parts=True)
    print("\n".join(rerank_findings(found)))
