"""``evaluate`` given scores, ``decide`` the next session's book, write a ``new`` strategy file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quintile.bar_requests import bars_request, told_fields
from quintile.cli.options import (
    Assignments,
    Bars,
    Benchmark,
    Csv,
    ExchangeCode,
    Factors,
    Hedge,
    Json,
    KeepThin,
    Out,
    Outside,
    PointInTime,
    Quiet,
    RunId,
    Sectors,
    Universe,
    Verbose,
    command_line,
    print_path,
    run_store,
    show_run,
    told_options,
)
from quintile.redrawn_board import redraw_board

if TYPE_CHECKING:
    from strategy.runs.store import RunFolder
    from strategy.trading.decision import Decision

__all__ = ["DECIDE_EXAMPLES", "EVALUATE_EXAMPLES", "NEW_EXAMPLES", "decide_command", "evaluate_command", "new_command"]

EVALUATE_EXAMPLES = """\b
Examples:
  quintile evaluate scores.parquet --bars bars.parquet --universe top400
  quintile evaluate scores.parquet --bars bars.parquet --quick
  quintile evaluate scores.csv --bars bars.csv --strategy filter_negative --set portfolio.k=0.1
  quintile evaluate reversal.parquet --bars bars.parquet --execution close --set costs.trade_bps=0"""
DECIDE_EXAMPLES = """\b
Examples:
  quintile decide latest
  quintile decide latest --bars latest.parquet
  quintile decide 20261121 --bars latest.parquet --holdings today.csv --export trades.csv --export book.json"""
NEW_EXAMPLES = """\b
Examples:
  quintile new my_strategy
  quintile new slow_book --like quintile_long_short --out strategies"""


def evaluate_command(
    scores: Annotated[
        Path, typer.Argument(help="Wide (sessions × tickers) or long (date,ticker,score); .parquet or .csv.")
    ],
    bars: Bars,
    universe: Universe = "all",
    execution: Annotated[str, typer.Option(help="Fill of a decision: next_open, next_close or close.")] = "next_open",
    strategy: Annotated[
        str, typer.Option(help="Strategy whose book, delay and costs are used.")
    ] = "quintile_long_short",
    set_: Assignments = None,
    start: Annotated[
        str | None, typer.Option(metavar="DATE", help="First session judged; bars keep their history before it.")
    ] = None,
    end: Annotated[str | None, typer.Option(metavar="DATE", help="Last session whose scores are judged.")] = None,
    benchmark: Benchmark = None,
    sectors: Sectors = None,
    factors: Factors = None,
    hedge: Hedge = None,
    point_in_time: PointInTime = False,
    exchange: ExchangeCode = None,
    keep_thin_sessions: KeepThin = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Numbers only, in seconds: no random books, studies, stress rows or report.")
    ] = False,
    csv: Csv = False,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Evaluate your own scores: IC, books, backtests and report, without a model."""
    from market.inputs import load_inputs
    from quintile.progress_display import progress_bars
    from signals.score_file import cut_scores, read_scores
    from strategy.definitions.spec import load_spec, override
    from strategy.evaluate import evaluate
    from strategy.runs.context import RunContext

    spec = override(load_spec(strategy), [f'execution.fill="{execution}"', *(set_ or [])])
    given = cut_scores(read_scores(scores), start, end)  # a wrong file fails before the bars are loaded
    request = bars_request(
        bars,
        universe,
        benchmark=benchmark,
        point_in_time=point_in_time,
        exchange=exchange,
        keep_thin_sessions=keep_thin_sessions,
        sectors=sectors,
        factors=factors,
        hedge=hedge,
    )
    place, typed = run_store(out, csv=csv), command_line()
    with progress_bars(quiet=quiet or as_json or quick) as progress:
        context = RunContext(store=place, request=request, command=typed, progress=progress)
        finished = evaluate(given, load_inputs(request), spec=spec, context=context, quick=quick, name=scores.name)
    redraw_board(place.root)
    show_run(finished.folder, as_json=as_json, verbose=verbose)


def decide_command(
    context: typer.Context,
    run: RunId = "latest",
    bars: Annotated[
        str | None, typer.Option(help="Bars up to the last close, as run takes them; the run's own by default.")
    ] = None,
    universe: Annotated[str | None, typer.Option(help="Universe of the bars; the run's own by default.")] = None,
    sectors: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Current sectors; the run's own by default.")
    ] = None,
    hedge: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Bars of the hedge; the run's own by default.")
    ] = None,
    outside: Outside = None,
    holdings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV of positions: ticker and shares or weight; row $CASH for cash."),
    ] = None,
    equity: Annotated[float | None, typer.Option(help="Account value; by default that of the holdings.")] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="DATE", help="Date by which the bars must be current; today by default.")
    ] = None,
    exchange: ExchangeCode = None,
    export: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Export to .csv, .parquet or .json; repeatable.")
    ] = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Decide the next session's target weights and the orders from holdings, with what blocks them.

    Without --export, .csv, .parquet and .json are written to decisions/ in the run's folder.
    """
    from core.files import require_apart, require_new
    from market.inputs import load_inputs
    from strategy.runs.own_bars import decision_request
    from strategy.trading.decision import export_decision, scorer_of
    from strategy.trading.holdings import read_holdings
    from strategy.trading.run_decision import run_decision

    for path in export or ():
        require_apart(path, bars, holdings, sectors, hedge, what="--export")
        require_new(path, what="--export")
    folder = run_store(out).find(run)
    scorer_of(folder)  # a run without a model fails before the bars are loaded
    held = None if holdings is None else read_holdings(holdings)
    request = decision_request(folder, told_fields(told_options(context)))
    inputs = load_inputs(request, holdout=folder.spec.holdout if bars is None else None)
    decision = run_decision(folder, inputs, request=request, holdings=held, equity=equity, as_of=as_of)
    paths = [export_decision(decision, path) for path in export or _default_exports(folder, decision)]
    print(json.dumps(decision.as_dict(), indent=2) if as_json else decision)
    if not as_json and not quiet:
        print("\n".join(f"written  {path}" for path in paths))


def new_command(
    name: Annotated[str, typer.Argument(help="Name: lower-case letters, digits and underscores.")],
    like: Annotated[str, typer.Option(help="Strategy to copy.")] = "filter_negative",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the new file.")] = Path(),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write a new strategy file, every key with its meaning."""
    from strategy.definitions.scaffold import new_strategy

    print_path(new_strategy(name, folder=out, like=like), as_json=as_json, quiet=quiet)


def _default_exports(folder: "RunFolder", decision: "Decision") -> list[Path]:
    stem = folder.path / "decisions" / f"{decision.decided:%Y-%m-%d}"
    return [stem.with_suffix(suffix) for suffix in (".csv", ".parquet", ".json")]
