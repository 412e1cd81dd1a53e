"""``quintile sweep``: many settings of a strategy, judged on validation; the winner judged once on test."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quintile.bar_requests import bars_request, told_fields
from quintile.cli.options import (
    Assignments,
    Bars,
    Benchmark,
    Csv,
    End,
    ExchangeCode,
    Factors,
    Hedge,
    Json,
    KeepThin,
    Open,
    Out,
    Outside,
    PointInTime,
    Quiet,
    Sectors,
    Split,
    Start,
    Strategy,
    Universe,
    Verbose,
    Vix,
    command_line,
    interruptible,
    run_store,
    show_file,
    told_options,
)
from quintile.cli.run_commands import spec_of
from quintile.redrawn_board import redraw_board

if TYPE_CHECKING:
    from strategy.definitions.spec import StrategySpec
    from strategy.sweeps.sweep_plan import Plan
    from strategy.sweeps.sweep_result import Sweep
    from strategy.sweeps.sweep_run import SweepContext

__all__ = ["SWEEP_EXAMPLES", "sweep_command"]

SWEEP_EXAMPLES = """\b
Examples:
  quintile sweep quintile_long_short --grid sweep.toml
  quintile sweep filter_negative --grid sweep.toml --bars bars.parquet --universe top400 --workers 2
  quintile sweep --trials 60
  quintile sweep --grid sweep.toml --trials 60 --objective sharpe --refit
  quintile sweep --grid sweep.toml --seeds 0,1,2
  quintile sweep --grid sweep.toml --trials 400 --guard
  quintile sweep --grid sweep.toml --trials 60 --resume

\b
sweep.toml:
  [grid]                      every combination of the lists; with --trials, choices of the search
  model.kind = ["lstm", "ridge"]
  model.hidden = [64, 128]
  [search]                    ranges, for --trials
  training.learning_rate = {low = 1e-4, high = 1e-2, log = true}

Points see validation alone. Each is a trial in the log. The winner is run once on test."""

SHOWN = 10  # points


def sweep_command(
    context: typer.Context,
    strategy: Strategy = "filter_negative",
    grid: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What is tried: a TOML file of lists, points or ranges.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(metavar="N", help="Search so many points with Optuna in place of a whole grid.")
    ] = None,
    objective: Annotated[
        str, typer.Option(help="What the winner has most of, on validation: rank_ic or sharpe.")
    ] = "rank_ic",
    seeds: Annotated[
        str | None, typer.Option(metavar="0,1,2", help="Train every point with each seed; its number is the mean.")
    ] = None,
    refit: Annotated[
        bool, typer.Option("--refit", help="Train the winner anew on training and validation before its test.")
    ] = False,
    guard: Annotated[
        bool, typer.Option("--guard", help="Answer through Thresholdout once the looks at validation are spent.")
    ] = False,
    looks: Annotated[
        int | None,
        typer.Option(metavar="N", help="Looks at this validation span; by default one for each of its sessions."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search.")] = 0,
    prune: Annotated[
        bool, typer.Option("--prune/--no-prune", help="Stop trainings of a search that are below the median.")
    ] = True,
    workers: Annotated[
        int, typer.Option(help="Parallel processes, one thread each; the numbers do not depend on it.")
    ] = 2,
    on: Annotated[str, typer.Option(help="Where to compute: processes or ray.")] = "processes",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the same sweep where it was stopped.")] = False,
    bars: Bars = "builtin",
    universe: Universe = "all",
    split: Split = None,
    start: Start = None,
    end: End = None,
    benchmark: Benchmark = None,
    vix: Vix = None,
    sectors: Sectors = None,
    factors: Factors = None,
    hedge: Hedge = None,
    outside: Outside = None,
    point_in_time: PointInTime = False,
    exchange: ExchangeCode = None,
    keep_thin_sessions: KeepThin = False,
    set_: Assignments = None,
    csv: Csv = False,
    out: Out = Path("runs"),
    open_: Open = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Try many settings of a strategy on validation, and judge the best one once on test."""
    from core.parallel import Workers
    from strategy.runs.context import RunContext
    from strategy.sweeps.sweep_run import SweepContext
    from strategy.sweeps.sweep_winner import Told

    told, some = told_options(context), Workers(count=workers, on=on)
    plan = _plan(
        grid,
        trials=trials,
        objective=objective,
        seeds=_seeds(seeds),
        refit=refit,
        prune=prune,
        seed=seed,
        guard={"protect": True} if guard else {},
        looks=looks,
    )
    spec = spec_of(strategy, split, set_ or [], outside or ())
    request = bars_request(**({"bars": "builtin"} | told_fields(told)))
    run = RunContext(store=run_store(out, csv=csv), request=request, command=command_line())
    words = Told(strategy=strategy, assignments=(*(set_ or ()), *_split_words(spec, split)))
    found = _execute(spec, plan, SweepContext(run=run, workers=some, told=words, resume=resume), quiet=quiet or as_json)
    redraw_board(out)
    if as_json:
        print(json.dumps(found.record | {"folder": str(found.folder), "page": str(found.report)}, indent=2))
        return
    _show(found, verbose=verbose)
    show_file(Path(found.report), open_=open_, as_json=False, quiet=quiet)


def _plan(grid: Path | None, *, guard: dict[str, Any], looks: int | None, **told: Any) -> "Plan":
    """What is tried: the file, and what was told beside it."""
    from core.files import read_toml
    from strategy.sweeps.sweep_plan import Plan

    table = {} if grid is None else read_toml(grid)
    return Plan.read(table, guard=guard | ({} if looks is None else {"looks": looks}), **told)


def _seeds(text: str | None) -> tuple[int, ...]:
    try:
        return () if text is None else tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"--seeds takes whole numbers with commas, such as 0,1,2, was {text!r}") from error


def _split_words(spec: "StrategySpec", split: str | None) -> list[str]:
    if split is None:
        return []
    return [f'split.train_end="{spec.split.train_end}"', f'split.validation_end="{spec.split.validation_end}"']


def _execute(spec: "StrategySpec", plan: "Plan", context: "SweepContext", *, quiet: bool) -> "Sweep":
    from market.inputs import load_inputs
    from quintile.progress_display import progress_bars
    from strategy.sweeps.sweep_run import sweep

    with interruptible(), progress_bars(quiet=quiet) as progress:
        inputs = load_inputs(context.run.request, holdout=spec.holdout)
        return sweep(spec, inputs, plan, context=replace(context, run=replace(context.run, progress=progress)))


def _show(found: "Sweep", *, verbose: bool) -> None:
    """Print the best points and what the sweep came to."""
    from backtests.report.sweeps.sweep_words import settings_line
    from quintile.cli.console import table

    record = found.record
    names = ("rank_ic", "sharpe") if record["objective"] == "rank_ic" else ("sharpe", "rank_ic")
    rows = sorted(record["table"], key=lambda row: tuple(_low_last(row[name]) for name in names))
    shown = rows if verbose else rows[:SHOWN]
    cells = [
        [
            str(row["number"]),
            settings_line(row["settings"]),
            _number(row["rank_ic"], row["rank_ic_error"], 4),
            _number(row["sharpe"], row["sharpe_error"], 2),
            row["failure"] or row["state"],
        ]
        for row in shown
    ]
    title = "Points" if len(shown) == len(rows) else f"The best {len(shown)} of {len(rows)} points"
    columns = ["point", "settings", "rank IC", "Sharpe, net", "state"]
    table(f"{title}, on validation {' to '.join(record['validation'])}", columns, cells, in_parts=True)
    print("\n".join([*found.findings, f"again  {record['winner']['command']}"]))


def _low_last(value: float | None) -> float:
    return float("inf") if value is None else -value


def _number(value: float | None, error: float | None, digits: int) -> str:
    if value is None:
        return "–"
    return f"{value:.{digits}f}" + ("" if error is None else f" ± {error:.{digits}f}")
