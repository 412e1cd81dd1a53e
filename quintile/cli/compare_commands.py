"""``quintile compare-books``: every book builder on the same scores."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quintile.bar_requests import bars_request, told_fields
from quintile.cli.options import (
    Assignments,
    Bars,
    End,
    ExchangeCode,
    Hedge,
    Json,
    KeepThin,
    Out,
    PointInTime,
    Quiet,
    Sectors,
    Split,
    Start,
    Universe,
    Verbose,
    command_line,
    run_store,
    told_options,
)
from quintile.cli.run_commands import spec_of
from quintile.redrawn_board import redraw_board

if TYPE_CHECKING:
    import pandas as pd

    from core.progress import ProgressCallback
    from market.inputs import Inputs
    from market.request import BarsRequest
    from strategy.definitions.spec import StrategySpec
    from strategy.runs.store import RunFolder, RunStore
    from strategy.studies.book_comparison import BookComparison

__all__ = ["COMPARE_EXAMPLES", "compare_books_command"]

COMPARE_EXAMPLES = """\b
Examples:
  quintile compare-books
  quintile compare-books filter_negative --bars bars.parquet --universe top400
  quintile compare-books 20261121
  quintile compare-books latest --optimised
  quintile compare-books filter_negative latest --json"""

SHARES = ("annual_return", "volatility", "max_drawdown", "turnover", "cost_drag", "gross", "net", "long", "short")


def compare_books_command(
    context: typer.Context,
    strategy: Annotated[
        str, typer.Argument(help="A shipped strategy, a TOML file, or a run, which says its strategy.")
    ] = "filter_negative",
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="A finished run of the strategy; without one, train it first.")
    ] = None,
    bars: Bars = "builtin",
    universe: Universe = "all",
    split: Split = None,
    start: Start = None,
    end: End = None,
    sectors: Sectors = None,
    hedge: Hedge = None,
    optimised: Annotated[
        bool, typer.Option("--optimised", help="Add mean-variance, mean-CVaR, risk parity and HRP; needs skfolio.")
    ] = False,
    point_in_time: PointInTime = False,
    exchange: ExchangeCode = None,
    keep_thin_sessions: KeepThin = False,
    set_: Assignments = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare every book builder on the same scores: table, equity curves; each book counts as a trial."""
    from quintile.progress_display import progress_bars
    from strategy.studies.book_comparison import compare_books, write_comparison

    store, told = run_store(out), told_options(context)
    folder = _finished(store, run, strategy)
    with progress_bars(quiet=quiet or as_json) as progress:
        if folder is None:
            request = bars_request(**({"bars": "builtin"} | told_fields(told)))
            folder, inputs = _learned(spec_of(strategy, split, set_ or []), request, store, progress)
        elif set_ or split:
            raise ValueError(f"run {folder.run_id} is finished: --set and --split do not go with a run")
        else:
            inputs = _own_inputs(folder, told)
        comparison = compare_books(folder, store=store, inputs=inputs, optimised=optimised, progress=progress)
    page = write_comparison(comparison, folder, command=command_line())
    if as_json:
        print(json.dumps(comparison.as_dict() | {"run": folder.run_id, "page": str(page)}, indent=2))
    else:
        _print(comparison, verbose=verbose)
        print(f"page  {page}")


def _learned(
    spec: "StrategySpec", request: "BarsRequest", store: "RunStore", progress: "ProgressCallback"
) -> tuple["RunFolder", "Inputs"]:
    from market.inputs import load_inputs
    from strategy.pipeline import run
    from strategy.runs.context import RunContext

    inputs = load_inputs(request, holdout=spec.holdout)
    context = RunContext(store=store, request=request, command=command_line(), progress=progress)
    folder = run(spec, inputs, context=context).folder
    redraw_board(store.root)
    return folder, inputs


def _own_inputs(folder: "RunFolder", told: dict[str, Any]) -> "Inputs":
    from market.inputs import load_inputs
    from strategy.runs.own_bars import same_request

    folder.check_complete()
    own = same_request(folder, told_fields(told))
    return load_inputs(own, holdout=folder.spec.holdout)


def _finished(store: "RunStore", run: str | None, strategy: str) -> "RunFolder | None":
    """The run that was named, by itself or after its strategy; None where a strategy is to be trained."""
    from strategy.definitions.spec import shipped_strategies

    if run is None:
        is_strategy = strategy in shipped_strategies() or Path(strategy).suffix == ".toml" or Path(strategy).exists()
        known = [] if is_strategy else store.folders()
        is_run = (
            strategy == "latest" or strategy[:1].isdigit() or any(each.run_id.startswith(strategy) for each in known)
        )
        return store.find(strategy) if is_run and not is_strategy else None
    folder = store.find(run)
    if folder.spec.name != Path(strategy).stem:
        raise ValueError(f"run {folder.run_id} is one of {folder.spec.name}, not of {strategy}: name its strategy")
    return folder


def _print(comparison: "BookComparison", *, verbose: bool) -> None:
    from quintile.cli.console import table

    print(comparison.sentence)
    rows = comparison.table.iterrows()
    cells = {str(name): _every_cell(row) if verbose else _main_cells(row) for name, row in rows}
    drawn = [[name, *row.values()] for name, row in cells.items()]
    table("", ["book", *next(iter(cells.values()))], drawn, in_parts=True)
    print(f"{comparison.conditions}; {comparison.timing}")
    for name, why in comparison.refused.items():
        print(f"{name} was refused: {why}")


def _main_cells(row: "pd.Series") -> dict[str, str]:
    """The columns that matter most; the page has the rest."""
    return {
        "Sharpe net": f"{row['sharpe']:.2f} ± {row['standard_error']:.2f}",
        "lead": "–" if row["gap"] != row["gap"] else f"{row['gap']:.2f}",
        "95 % of it": _bounds(row["gap_low"], row["gap_high"]),
        "verdict": str(row["verdict"]),
        "95 %": _bounds(row["sharpe_low"], row["sharpe_high"]),
        "deflated": _cell("deflated", row["deflated"]),
        "drawdown": _cell("max_drawdown", row["max_drawdown"]),
        "net": _cell("net", row["net"]),
    }


def _every_cell(row: "pd.Series") -> dict[str, str]:
    return {str(key).replace("_", " "): _cell(key, value) for key, value in row.items()}


def _bounds(low: float, high: float) -> str:
    return "–" if low != low else f"{low:.2f} to {high:.2f}"


def _cell(key: object, value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    if value != value:
        return "n/a"
    return f"{value:.1%}" if key in SHARES else f"{value:.2f}"
