"""``quintile run``: bars, features, model, signal, books, backtests, report."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quintile.bar_requests import bars_request, outside_files, told_fields
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
    Split,
    Start,
    Strategy,
    Universe,
    Verbose,
    Vix,
    command_line,
    interruptible,
    run_store,
    show_run,
    told_options,
)
from quintile.cli.resumption import refuse_changed_bars, refuse_changed_spec
from quintile.cli.version_commands import Versions, run_frozen_command
from quintile.redrawn_board import redraw_board

if TYPE_CHECKING:
    from strategy.definitions.spec import StrategySpec
    from strategy.learning.given_model import GivenModel
    from strategy.runs.context import RunContext
    from strategy.runs.store import RunFolder, RunStore

__all__ = ["RUN_EXAMPLES", "run_command", "spec_of", "told_spec"]

HELD_DAYS = 130  # that a value of an outside table holds where the strategy does not say: a quarter and its filing


RUN_EXAMPLES = """\b
Examples:
  quintile run
  quintile run filter_negative --bars bars.parquet --universe top400 --split 2016-06-30,2016-12-31
  quintile run quintile_long_short --bars yfinance:AAPL,MSFT,NVDA --start 2015-01-01
  quintile run filter_negative --bars us --universe top400
  quintile run --bars bars.parquet --sectors sectors.csv --factors ff3.parquet
  quintile run --bars bars.parquet --hedge spy.parquet --set portfolio.builder=index_hedged --set portfolio.hedge=SPY
  quintile run --bars bars.parquet --outside vix=vix.csv --outside news=news.parquet
  quintile run --set model.hidden=64 --set portfolio.k=0.1 --out runs
  quintile run --set uncertainty.method=session
  quintile run filter_negative@1.0.0 --bars newer.parquet
  quintile run --bars us --memory 4GB
  quintile run --model latest --set portfolio.k=0.1
  quintile run --bars short.parquet --from latest --set training.learning_rate=1e-4
  quintile run --resume latest"""


def run_command(
    context: typer.Context,
    strategy: Strategy = "filter_negative",
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
    device: Annotated[str, typer.Option(help="Device of training and scoring: auto, cpu or cuda.")] = "auto",
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Features beyond this size go to a file, e.g. 4GB; half of the machine's memory by default.",
        ),
    ] = None,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Resume an unfinished run.")] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="RUN", help="Begin training with the weights of a run, or of a .safetensors file."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Do not train: use the model of a run, or a .safetensors file."),
    ] = None,
    versions: Versions = None,
    allow_drift: Annotated[
        bool, typer.Option("--allow-drift", help="Run a version although code has changed; stamps DRIFTED.")
    ] = False,
    csv: Csv = False,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train, backtest and report a strategy; NAME@VERSION runs a frozen version without training."""
    from core.memory import memory_of
    from strategy.learning.given_model import find_model

    told = told_options(context)
    if "@" in strategy:
        if split or set_ or resume or model or from_:
            raise ValueError(
                f"{strategy} is frozen: --split, --set, --resume, --from and --model do not go with a version"
            )
        shown = {"quiet": quiet or as_json, "as_json": as_json, "verbose": verbose}
        run_frozen_command(
            strategy,
            told_fields(told),
            versions=versions,
            allow_drift=allow_drift,
            store=run_store(out, csv=csv),
            **shown,
        )
        return

    store, limit = run_store(out, csv=csv), None if memory is None else memory_of(memory)
    _check_start(from_, model, resume)
    _check_model(model, split, resume, set_ or [])
    given = None if model is None else find_model(model, store)
    begun = None if from_ is None else find_model(from_, store)
    asked = _asked(store, strategy, resume, given, told)
    finished = _execute(asked, given, start=begun, device=device, memory=limit, quiet=quiet or as_json)
    redraw_board(store.root)
    show_run(finished, as_json=as_json, verbose=verbose)


def _asked(
    store: "RunStore", strategy: str, resume: str | None, given: "GivenModel | None", told: dict[str, Any]
) -> "tuple[StrategySpec, RunContext]":
    """The strategy and the bars that were asked for: those of a run that goes on, of a model's run, or as told."""
    from strategy.runs.context import RunContext
    from strategy.runs.own_bars import own_request

    folder = None if resume is None else store.find(resume)
    trained_by = None if given is None else given.folder
    if folder is not None:
        spec, request = _unfinished(folder, told), folder.request
    elif trained_by is not None:
        spec, request = told_spec(trained_by.spec, told), own_request(trained_by, told_fields(told))
    else:
        _check_bars_named(given, told)
        spec = spec_of(strategy, told.get("split"), told.get("set_") or [], told.get("outside") or ())
        request = bars_request(**({"bars": "builtin"} | told_fields(told)))
    return spec, RunContext(store=store, resume=folder, request=request, command=command_line())


def _check_start(from_: str | None, model: str | None, resume: str | None) -> None:
    """Refuse weights to begin with where nothing is begun."""
    if from_ is not None and model is not None:
        raise ValueError("--from does not go with --model: a given model is not trained")
    if from_ is not None and resume is not None:
        raise ValueError("--from does not go with --resume: a run that is resumed has the weights that it began with")


def _check_model(model: str | None, split: str | None, resume: str | None, assignments: list[str]) -> None:
    """Refuse options that would change how a given model was trained."""
    if model is None:
        return
    from strategy.run_model import BROUGHT, SCORING

    keys = {each: each.partition("=")[0].strip() for each in assignments}
    learned = [each for each, key in keys.items() if key.partition(".")[0].strip() in BROUGHT and key != SCORING]
    refused = [option for option, value in (("--split", split), ("--resume", resume)) if value]
    refused += [f"--set {each}" for each in learned]
    if refused:
        raise ValueError(f"{refused[0]} does not go with --model: a given model brings its own {', '.join(BROUGHT)}")


def _check_bars_named(given: "GivenModel | None", told: dict[str, Any]) -> None:
    """Refuse to take the built-in market for a model file that learned elsewhere and does not say where."""
    if given is None or "bars" in told:
        return
    from market.synthetic import synthetic_market

    if given.checkpoint.provenance.data_fingerprint != synthetic_market().panel.fingerprint():
        raise ValueError(f"{given.origin} did not learn on the built-in market: name bars with --bars")


def _unfinished(folder: "RunFolder", told: dict[str, Any]) -> "StrategySpec":
    """The strategy of a run that is resumed, once nothing else was told."""
    folder.check_resumable("run")
    folder.check_unfinished()
    refuse_changed_bars(folder, told)
    refuse_changed_spec(folder, told, told_spec(folder.spec, told))
    return folder.spec


def _execute(
    asked: "tuple[StrategySpec, RunContext]",
    given: "GivenModel | None",
    *,
    start: "GivenModel | None",
    device: str,
    memory: int | None,
    quiet: bool,
) -> "RunFolder":
    from market.inputs import load_inputs
    from quintile.progress_display import progress_bars
    from strategy.pipeline import run
    from strategy.run_model import run_model

    spec, context = asked
    with interruptible(), progress_bars(quiet=quiet) as progress:
        inputs = load_inputs(context.request, holdout=spec.holdout)
        context = replace(context, progress=progress)
        if given is not None:
            return run_model(spec, inputs, given, context=context, device=device).folder
        return run(spec, inputs, context=context, device=device, memory=memory, start=start).folder


def told_spec(own: "StrategySpec", told: dict[str, Any]) -> "StrategySpec":
    """A run's strategy with what was told of it: another strategy, --split, --set, --outside."""
    from strategy.definitions.spec import load_spec

    named = load_spec(told["strategy"]) if "strategy" in told else own
    return _changed(named, told.get("split"), told.get("set_") or [], told.get("outside") or ())


def spec_of(strategy: str, split: str | None, assignments: list[str], outside: Sequence[str] = ()) -> "StrategySpec":
    """The strategy with --split, --set and --outside applied."""
    from strategy.definitions.spec import load_spec

    return _changed(load_spec(strategy), split, assignments, outside)


def _changed(spec: "StrategySpec", split: str | None, assignments: list[str], outside: Sequence[str]) -> "StrategySpec":
    from strategy.definitions.spec import override

    spec = override(spec, assignments)
    unnamed = [name for name in outside_files(outside) if name not in spec.features.outside]
    spec = override(spec, {f"features.outside.{name}": HELD_DAYS for name in unnamed}) if unnamed else spec
    if split is None:
        return spec
    ends = [part.strip() for part in split.split(",")]
    if len(ends) != 2:
        raise ValueError(
            f"--split takes the last dates of training and validation, such as 2016-06-30,2016-12-31, was {split!r}"
        )
    return override(spec, [f'split.train_end="{ends[0]}"', f'split.validation_end="{ends[1]}"'])
