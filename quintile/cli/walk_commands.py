"""``quintile walk``: walk-forward evaluation, retraining on a moving span."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quintile.bar_requests import bars_request
from quintile.cli.options import (
    Assignments,
    Bars,
    Benchmark,
    End,
    Factors,
    Hedge,
    Json,
    Out,
    PointInTime,
    Quiet,
    Sectors,
    Start,
    Strategy,
    Universe,
    Verbose,
    Vix,
    command_line,
    interruptible,
    run_store,
)
from quintile.cli.run_commands import spec_of

if TYPE_CHECKING:
    from core.parallel import Workers
    from strategy.definitions.spec import StrategySpec
    from strategy.runs.context import RunContext
    from strategy.walk_forward.walk_result import WalkForward
    from strategy.walk_forward.walk_settings import WalkSettings

__all__ = ["WALK_EXAMPLES", "walk_command"]

WALK_EXAMPLES = """\b
Examples:
  quintile walk
  quintile walk filter_negative --bars bars.parquet --universe top400 --train 756 --test 63
  quintile walk --bars bars.parquet --test 252 --first-test 2010-01-04 --expanding --seeds 1,2,3 --workers 2
  quintile walk quintile_long_short --learner ridge --train 504
  quintile walk --combinatorial 6,2
  quintile walk --on ray --workers 8 --out shared/runs
  quintile walk --resume latest"""


def walk_command(
    strategy: Strategy = "filter_negative",
    bars: Bars = "builtin",
    universe: Universe = "all",
    train: Annotated[
        int, typer.Option(metavar="SESSIONS", help="Length of a training span, validation included.")
    ] = 756,
    test: Annotated[
        int, typer.Option(metavar="SESSIONS", help="Length of a test span, until the next retraining.")
    ] = 63,
    validation: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the training span kept for validation, its end.")
    ] = 0.2,
    embargo: Annotated[int, typer.Option(metavar="SESSIONS", help="Sessions dropped beyond the purge.")] = 0,
    expanding: Annotated[
        bool, typer.Option("--expanding", help="Expand the training span instead of rolling it.")
    ] = False,
    first_test: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="First session of the first test span; earlier bars warm up features."),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="1,2,3", help="Seeds, one training each; the strategy's own by default.")
    ] = None,
    combinatorial: Annotated[
        str | None, typer.Option(metavar="N,K", help="Combinatorial purged splits instead: K test groups of N.")
    ] = None,
    learner: Annotated[
        str | None, typer.Option(help="model (the strategy's) or ridge; by default model, with --combinatorial ridge.")
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Parallel processes, one thread each; the numbers do not depend on it.")
    ] = 2,
    on: Annotated[str, typer.Option(help="Where to compute: processes or ray.")] = "processes",
    start: Start = None,
    end: End = None,
    benchmark: Benchmark = None,
    vix: Vix = None,
    sectors: Sectors = None,
    factors: Factors = None,
    hedge: Hedge = None,
    point_in_time: PointInTime = False,
    set_: Assignments = None,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Resume an unfinished walk.")] = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Walk forward: retrain on a moving span, test on what follows, report the stitched scores per seed."""
    from core.parallel import Workers
    from strategy.runs.context import RunContext
    from strategy.walk_forward.walk_settings import WalkSettings

    spans = {"train": train, "test": test, "validation": validation, "expanding": expanding, "embargo": embargo}
    store = run_store(out)
    if resume is None:
        spec, folder = spec_of(strategy, None, set_ or []), None
        settings = WalkSettings.of(
            {
                "retraining": spans,
                "first_test": first_test,
                "seeds": _numbers("--seeds", seeds),
                "combinatorial": _numbers("--combinatorial", combinatorial),
                "learner": learner,
            }
        )
        request = bars_request(
            bars,
            universe,
            start=start,
            end=end,
            benchmark=benchmark,
            vix=vix,
            point_in_time=point_in_time,
            sectors=sectors,
            factors=factors,
            hedge=hedge,
        )
    else:
        folder = store.find(resume)
        if "walk" not in folder.record:
            raise ValueError(f"{folder.run_id} is no walk: resume it with `{folder.resume_command}`")
        spec, request, settings = folder.spec, folder.request, None
    context = RunContext(store=store, resume=folder, request=request, command=command_line())
    finished = _execute(spec, settings, context, Workers(count=workers, on=on), quiet=quiet or as_json)
    print(json.dumps(finished.as_dict(), indent=2) if as_json else finished)


def _execute(
    spec: "StrategySpec", settings: "WalkSettings | None", context: "RunContext", workers: "Workers", *, quiet: bool
) -> "WalkForward":
    from market.inputs import load_inputs
    from quintile.progress_display import progress_bars
    from strategy.walk_forward.walk import walk

    with interruptible(context.store), progress_bars(quiet=quiet) as progress:
        inputs = load_inputs(context.request, holdout=spec.holdout)
        return walk(spec, inputs, settings=settings, context=replace(context, progress=progress), workers=workers)


def _numbers(option: str, text: str | None) -> tuple[int, ...]:
    try:
        return () if text is None else tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"{option} takes whole numbers with commas, such as 1,2,3, was {text!r}") from error
