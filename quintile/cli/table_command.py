"""``quintile models table``: models × losses × seeds beside ridge, on null, planted and given bars."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quintile.bar_requests import bars_request, told_fields
from quintile.cli.options import (
    Assignments,
    End,
    ExchangeCode,
    Json,
    KeepThin,
    Out,
    PointInTime,
    Quiet,
    Start,
    Verbose,
    command_line,
    run_store,
    told_options,
)

if TYPE_CHECKING:
    from market.request import BarsRequest
    from strategy.studies.model_table.table_settings import TableSettings

__all__ = ["TABLE_EXAMPLES", "table_command"]

TABLE_EXAMPLES = """\b
Examples:
  quintile models table
  quintile models table --models ridge,lightgbm,lstm,gru --losses default,listnet --seeds 1,2,3 --workers 2
  quintile models table --models lightgbm:leaves=7,lstm:hidden=64,mine.toml --markets planted
  quintile models table --bars us --universe top400 --seeds 1,2,3 --full
  quintile models table --docs docs

Every cell is a run of --out, counted as a trial. Repeat an interrupted command to resume it: finished runs are kept,
and a killed one goes on. Numbers do not depend on --workers."""


def table_command(
    context: typer.Context,
    models: Annotated[
        str,
        typer.Option(
            metavar="LIST", help="Kinds, with keys behind colons, shipped strategies or TOML files; ridge joins."
        ),
    ] = "ridge,lightgbm,lstm,gru",
    losses: Annotated[
        str,
        typer.Option(metavar="LIST", help="default, or terms with weights: listnet, huber=0.3+listnet=0.7."),
    ] = "default",
    seeds: Annotated[
        str, typer.Option(metavar="LIST", help="Seeds, each a training and, but for --bars, a market.")
    ] = "1,2,3,4,5",
    markets: Annotated[
        str | None, typer.Option(metavar="LIST", help="null, planted, bars; bars alone where --bars are given.")
    ] = None,
    names: Annotated[int, typer.Option(min=20, max=1000, help="Names of the null and planted markets.")] = 200,
    sessions: Annotated[int, typer.Option(min=300, max=5000, help="Sessions of the null and planted markets.")] = 1500,
    planted_ic: Annotated[
        float, typer.Option("--planted-ic", min=0.001, max=0.10, help="Strength of the planted alpha.")
    ] = 0.05,
    full: Annotated[bool, typer.Option("--full", help="Networks of their full size; small ones by default.")] = False,
    bars: Annotated[str | None, typer.Option(help="Bars to compare on: as --bars of run.")] = None,
    universe: Annotated[str, typer.Option(help="Universe of --bars: all, topN or a member file.")] = "all",
    start: Start = None,
    end: End = None,
    point_in_time: PointInTime = False,
    exchange: ExchangeCode = None,
    keep_thin_sessions: KeepThin = False,
    set_: Assignments = None,
    workers: Annotated[int, typer.Option(min=1, help="Parallel processes, one thread each.")] = 2,
    on: Annotated[str, typer.Option(help="Where to compute: processes or ray.")] = "processes",
    page: Annotated[Path, typer.Option(metavar="DIR", help="Folder of page and JSON.")] = Path("model_table"),
    docs: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write the table as Markdown with its picture here.")
    ] = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare models with ridge: rank IC and its parts, Sharpe ratio, each with a range over seeds and sessions."""
    from core.parallel import Workers
    from quintile.progress_display import progress_bars
    from strategy.studies.model_table.contenders import contenders, words_of
    from strategy.studies.model_table.model_table_pages import write_docs, write_table
    from strategy.studies.model_table.table_run import TableContext, model_table

    told = told_options(context)
    chosen = contenders(words_of(models), words_of(losses), assignments=set_ or [], full=full)
    settings = _settings(told, markets, seeds, (names, sessions, planted_ic))
    where, command = Workers(count=workers, on=on), command_line()
    try:
        with progress_bars(quiet=quiet or as_json) as progress:
            asked = TableContext(store=run_store(out), command=command, workers=where, progress=progress)
            table = model_table(chosen, settings, context=asked)
    except KeyboardInterrupt as interrupt:
        print(f"quintile: interrupted; repeat the command to resume, finished runs are in {out}", file=sys.stderr)
        raise typer.Exit(130) from interrupt
    paths = [*write_table(table, page, command=command)]
    if docs is not None:
        paths += write_docs(table, docs, command=command)
    if as_json:
        print(json.dumps(table.as_json() | {"pages": [str(path) for path in paths]}, indent=2))
        return
    _print(table)
    print("\n".join(str(path) for path in paths))


def _print(table: Any) -> None:
    from quintile.cli.console import table as drawn
    from strategy.studies.model_table.table_words import findings, shown_tables

    for shown in shown_tables(table):
        drawn(shown.title, shown.columns, shown.rows, in_parts=True)
        print()
    print("\n".join(findings(table)))


def _settings(told: dict[str, Any], markets: str | None, seeds: str, size: tuple[int, int, float]) -> "TableSettings":
    from strategy.studies.model_table.table_settings import TableSettings

    request = _request(told)
    default = "null,planted" if request is None else "bars"
    names, sessions, planted_ic = size
    wanted = tuple(part.strip() for part in (default if markets is None else markets).split(",") if part.strip())
    return TableSettings(
        markets=wanted,
        seeds=_numbers(seeds),
        n_tickers=names,
        n_sessions=sessions,
        planted_ic=planted_ic,
        bars=request,
    )


def _request(told: dict[str, Any]) -> "BarsRequest | None":
    """The request of the given bars; checked before hours of training."""
    fields = told_fields(told)
    if "bars" not in fields:
        if fields:
            raise ValueError(f"--{next(iter(fields)).replace('_', '-')} is of given bars: name them with --bars")
        return None
    from market.inputs import load_inputs

    request = bars_request(**fields)
    load_inputs(request)
    return request


def _numbers(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts) or len(set(parts)) < len(parts):
        raise ValueError(f"--seeds takes different whole numbers such as 1,2,3, was {text!r}")
    return tuple(int(part) for part in parts)
