"""``quintile forecast next``: the coming sessions by the configurations in force, said once and kept."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quintile.cli.forecasts.forecast_options import ForecastStore
from quintile.cli.options import (
    Bars,
    End,
    ExchangeCode,
    Json,
    Open,
    Quiet,
    Start,
    Verbose,
    command_line,
    interruptible,
    show_file,
)

if TYPE_CHECKING:
    from strategy.forecasts.next_forecasts import NextForecasts

__all__ = ["NEXT_EXAMPLES", "next_command"]

NEXT_EXAMPLES = """\b
Examples:
  quintile forecast next --bars bars.parquet
  quintile forecast next --bars bars.parquet --symbols AAPL,MSFT --page next.html

The same bars and configurations say the same again; what was said stays for `quintile forecast check`."""


def next_command(
    symbols: Annotated[
        str, typer.Option(metavar="LIST", help="Symbols parted by commas, a file with one a line, or all in force.")
    ] = "all",
    bars: Bars = "builtin",
    start: Start = None,
    end: End = None,
    exchange: ExchangeCode = None,
    out: ForecastStore = Path("forecasts"),
    page: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Also draw a page of fans.")] = None,
    open_: Open = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Forecast the coming sessions by the configurations in force, with ranges, and keep what was said."""
    from backtests.report.forecasts.next_words import next_page
    from backtests.report.html_page import PAGE_MARK
    from core.files import require_new, write_text
    from market.inputs import load_inputs
    from market.request import BarsRequest
    from quintile.cli.forecasts.told_lists import told_symbols
    from quintile.progress_display import progress_bars
    from strategy.forecasts.best_log import BestLog
    from strategy.forecasts.next_forecasts import NextLog, say_next

    if page is not None:
        require_new(page, what="--page", ours=PAGE_MARK)
    state, named = BestLog(out).state(), told_symbols(symbols)
    if not state:
        raise ValueError(f"nothing is in force in {out}: `quintile forecast best --apply` puts a study in force")
    panel = load_inputs(BarsRequest(bars=bars, start=start, end=end, exchange=exchange)).panel
    with interruptible(), progress_bars(quiet=quiet or as_json) as progress:
        found = say_next(NextLog(out), panel, state, named or tuple(state), progress=progress)
    if not found.said:
        symbol, why = next(iter(found.failed.items()))
        more = f"; so for {len(found.failed) - 1} more" if len(found.failed) > 1 else ""
        raise ValueError(f"nothing was forecast: {symbol}: {why}{more}")
    if page is not None:
        write_text(page, next_page(found.said, panel, _notes(found), command=command_line()))
    _show(found, page=page, as_json=as_json)
    if page is not None and not as_json:
        show_file(page, open_=open_, as_json=False, quiet=quiet)


def _notes(found: "NextForecasts") -> dict[str, str]:
    """What is to be said of symbols."""
    ended = {
        symbol: f"its bars end {early} session{'' if early == 1 else 's'} before the others"
        for symbol, early in found.ended.items()
    }
    late = {each.symbol: "said after its first session: a replay, no forecast" for each in found.said if each.late}
    joined = {symbol: "; ".join(filter(None, (ended.get(symbol), late.get(symbol)))) for symbol in {**ended, **late}}
    return {**joined, **{symbol: f"not forecast: {why}" for symbol, why in found.failed.items()}}


def _show(found: "NextForecasts", *, page: Path | None, as_json: bool) -> None:
    from backtests.report.forecasts.next_words import next_record, next_rows
    from quintile.cli.console import table as drawn

    if as_json:
        told = {"forecasts": next_record(found.said), "known": found.known, "notes": _notes(found)}
        print(json.dumps(told | ({} if page is None else {"page": str(page)}), indent=2))
        return
    columns, rows = next_rows(found.said)
    drawn("The coming sessions", list(columns), rows, in_parts=True)
    for symbol, note in _notes(found).items():
        print(f"{symbol}: {note}")
    fresh = len(found.said) - found.known
    print(
        f"{fresh} forecast{'' if fresh == 1 else 's'} kept" + (f", {found.known} known before" if found.known else "")
    )
