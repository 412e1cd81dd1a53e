"""``quintile forecast check``: what was forecast against what came, and what to tune again."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from quintile.cli.forecasts.forecast_options import ForecastStore
from quintile.cli.options import Bars, End, ExchangeCode, Json, Open, Start, Verbose, command_line, show_file

__all__ = ["CHECK_EXAMPLES", "check_command"]

CHECK_EXAMPLES = """\b
Examples:
  quintile forecast check --bars newer.parquet
  quintile forecast check --bars newer.parquet --fail-on-drift
  quintile forecast check --bars newer.parquet --page check.html --json"""


def check_command(
    bars: Bars = "builtin",
    start: Start = None,
    end: End = None,
    exchange: ExchangeCode = None,
    out: ForecastStore = Path("forecasts"),
    page: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Also draw a page.")] = None,
    fail_on_drift: Annotated[
        bool, typer.Option("--fail-on-drift", help="Leave with status 1 if a symbol is to be tuned again.")
    ] = False,
    open_: Open = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Hold what `quintile forecast next` said against what came: errors, ranges, drift, and what to tune again."""
    from backtests.forecasts.checked_forecasts import check_forecasts
    from backtests.report.forecasts.check_words import check_findings, check_page, check_record, check_table
    from backtests.report.html_page import PAGE_MARK
    from core.files import require_new, write_text
    from market.inputs import load_inputs
    from market.request import BarsRequest
    from quintile.cli.console import table as drawn
    from strategy.forecasts.best_log import BestLog
    from strategy.forecasts.next_forecasts import NextLog

    if page is not None:
        require_new(page, what="--page", ours=PAGE_MARK)
    said = NextLog(out).said()
    if not said:
        raise ValueError(f"nothing was forecast in {out}: `quintile forecast next` says what is to come")
    in_force = {symbol: each.sha256 for symbol, each in BestLog(out).state().items()}
    panel = load_inputs(BarsRequest(bars=bars, start=start, end=end, exchange=exchange)).panel
    found = check_forecasts(said, panel, in_force)
    if page is not None:
        write_text(page, check_page(found, synthetic=panel.facts.synthetic, command=command_line()))
    if as_json:
        print(json.dumps(check_record(found) | ({} if page is None else {"page": str(page)}), indent=2))
    else:
        columns, rows = check_table(found)
        drawn("Said and came", list(columns), rows, in_parts=True)
        print("\n".join(check_findings(found)))
        if page is not None:
            show_file(page, open_=open_, as_json=False, quiet=False)
    if fail_on_drift and found.to_tune:
        print(f"quintile: to be tuned again: {', '.join(row.symbol for row in found.to_tune)}", file=sys.stderr)
        raise typer.Exit(1)
