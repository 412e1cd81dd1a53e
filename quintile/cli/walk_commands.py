"""``quintile walk``: walk-forward evaluation, retraining on a moving span."""

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
    Out,
    Outside,
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
    told_options,
)
from quintile.cli.resumption import refuse_changed_bars, refuse_changed_spec, refuse_option
from quintile.cli.run_commands import spec_of, told_spec
from quintile.redrawn_board import redraw_board

if TYPE_CHECKING:
    from core.parallel import Workers
    from strategy.definitions.spec import StrategySpec
    from strategy.runs.context import RunContext
    from strategy.runs.store import RunFolder
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
    context: typer.Context,
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
    outside: Outside = None,
    point_in_time: PointInTime = False,
    exchange: ExchangeCode = None,
    keep_thin_sessions: KeepThin = False,
    set_: Assignments = None,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Resume an unfinished walk.")] = None,
    csv: Csv = False,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Walk forward: retrain on a moving span, test on what follows, report the stitched scores per seed."""
    from core.parallel import Workers
    from strategy.runs.context import RunContext
    from strategy.walk_forward.walk_settings import WalkSettings

    told, store = told_options(context), run_store(out, csv=csv)
    if resume is None:
        spec, folder = spec_of(strategy, None, set_ or [], outside or ()), None
        spans = {"train": train, "test": test, "validation": validation, "expanding": expanding, "embargo": embargo}
        settings = WalkSettings.of({"retraining": spans, **_choices(told)})
        request = bars_request(**({"bars": "builtin"} | told_fields(told)))
    else:
        folder, settings = store.find(resume), None
        _check_resumed(folder, told)
        spec, request = folder.spec, folder.request
    walked = RunContext(store=store, resume=folder, request=request, command=command_line())
    finished = _execute(spec, settings, walked, Workers(count=workers, on=on), quiet=quiet or as_json)
    redraw_board(store.root)
    print(json.dumps(finished.as_dict(), indent=2) if as_json else finished)


def _choices(told: dict[str, Any]) -> dict[str, Any]:
    """The settings of a walk beside its spans."""
    return {
        "first_test": told.get("first_test"),
        "seeds": _numbers("--seeds", told.get("seeds")),
        "combinatorial": _numbers("--combinatorial", told.get("combinatorial")),
        "learner": told.get("learner"),
    }


def _check_resumed(folder: "RunFolder", told: dict[str, Any]) -> None:
    """Refuse to resume what is no walk, or with anything told that the walk did not begin with."""
    from strategy.walk_forward.fold import settings_of
    from strategy.walk_forward.walk_settings import WalkSettings

    folder.check_resumable("walk")
    folder.check_unfinished()
    refuse_changed_bars(folder, told)
    wanted = told_spec(folder.spec, told)
    seeded = wanted.training.model_copy(update={"seed": folder.spec.training.seed})  # one run a seed
    refuse_changed_spec(folder, told, wanted.model_copy(update={"training": seeded}))
    began = settings_of(folder)
    own = began.model_dump(mode="json")
    for option in (*own["retraining"], *_choices({})):
        if option in told:
            part = {"retraining": own["retraining"] | {option: told[option]}}
            changed = part if option in own["retraining"] else _choices({option: told[option]})
            if WalkSettings.of(own | {key: value for key, value in changed.items() if value}) != began:
                raise refuse_option(
                    folder, f"--{option.replace('_', '-')}", own["retraining"].get(option, own.get(option))
                )


def _execute(
    spec: "StrategySpec", settings: "WalkSettings | None", context: "RunContext", workers: "Workers", *, quiet: bool
) -> "WalkForward":
    from market.inputs import load_inputs
    from quintile.progress_display import progress_bars
    from strategy.walk_forward.walk import walk

    with interruptible(), progress_bars(quiet=quiet) as progress:
        inputs = load_inputs(context.request, holdout=spec.holdout)
        return walk(spec, inputs, settings=settings, context=replace(context, progress=progress), workers=workers)


def _numbers(option: str, text: str | None) -> tuple[int, ...]:
    try:
        return () if text is None else tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"{option} takes whole numbers with commas, such as 1,2,3, was {text!r}") from error
