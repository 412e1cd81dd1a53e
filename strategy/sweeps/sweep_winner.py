"""Sweep winner: the point with most of the objective on validation, run once on test by the ordinary pipeline.

The run is the one that ``quintile run`` makes with the point's settings. Its model is trained again, and must give the
validation scores of the point bit for bit. Where every point has several seeds, the winner is run with the first of
them: which one was told before anything was trained.
"""

import math
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backtests.report.sweeps.sweep_results import JUDGED, PROTECTED, Objective, PointResult, SweepWinner, objective_of
from core.errors import RunError
from core.files import file_sha256, read_json, write_json
from market.inputs import Inputs
from market.request import BarsRequest
from models.checkpoint import load_checkpoint
from models.networks.trained import resolve_device
from strategy.definitions.spec import StrategySpec, load_spec, override
from strategy.learning.learn import scores_of
from strategy.learning.training_data import kept_model_features, prepare_training_data
from strategy.pipeline import run
from strategy.runs.context import IN_MEMORY, RunContext
from strategy.runs.result import Run
from strategy.runs.store import DEFAULT_STORE, RunFolder, identity_of
from strategy.sweeps.fitted_scores import scores_sha256
from strategy.sweeps.sweep_keys import toml_word
from strategy.sweeps.sweep_plan import PlannedPoint
from strategy.sweeps.validation_bars import ValidationBars

__all__ = ["Told", "best_point", "judged_winner", "winner_command", "winner_spec"]

WINNER_FILE = "winner.json"
OPTIONS = ("universe", "start", "end", "benchmark", "vix", "sectors", "factors", "hedge", "exchange")
SWITCHES = ("point_in_time", "keep_thin_sessions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The words of a sweep that its winner's command repeats.

    Parameters
    ----------
    strategy : str
        A name or a file; empty for a strategy given in Python.
    assignments : tuple of str
        Of ``--set`` and ``--split``, as ``KEY=VALUE``.
    """

    strategy: str = ""
    assignments: tuple[str, ...] = ()


def best_point(results: Sequence[PointResult], objective: Objective) -> PointResult | None:
    """The point with most of the objective on validation; None where none has a number.

    Of two alike, such as points of one training that are chosen by rank IC, the one with the higher Sharpe ratio on
    validation, and then the earlier one.
    """
    found = [(objective_of(each, objective), each) for each in results if each.state in (JUDGED, PROTECTED)]
    known = [(value, each) for value, each in found if value is not None]

    def place(pair: tuple[float, PointResult]) -> tuple[float, float, int]:
        value, point = pair
        return value, -math.inf if point.sharpe is None else point.sharpe, -point.number

    return max(known, key=place)[1] if known else None


def winner_spec(point: PlannedPoint, *, refit: bool) -> tuple[StrategySpec, dict[str, Any], bool]:
    """The strategy that is run on test, what it sets beside the point, and whether it is refitted.

    A kind of model that is not trained by epochs has no refit: it is run as it was trained.
    """
    spec, beside = point.specs[0], dict[str, Any]()
    if len(point.specs) > 1:
        beside["training.seed"] = spec.training.seed
    if refit and spec.model.learns_by_epochs:
        return override(spec, {"training.refit": True}), beside | {"training.refit": True}, True
    return spec, beside, False


def winner_command(
    spec: StrategySpec, settings: Mapping[str, Any], *, told: Told, folder: Path, context: RunContext
) -> str:
    """The command line that makes the winner's run again, bit for bit; for bars given in Python, the call.

    Where the words of the sweep and the point's settings together mean another strategy than the one that won, the
    strategy file of the sweep's folder stands in their place.
    """
    if context.request.bars == IN_MEMORY:
        return f"qt.run(qt.load_strategy({str(folder / 'base.toml')!r}, {dict(settings)!r}), bars)"
    words = [f"{key}={toml_word(value)}" for key, value in settings.items()]
    named, assignments = told.strategy, [*told.assignments, *words]
    if not named or override(load_spec(named), assignments) != spec:
        named, assignments = str(folder / "base.toml"), words
    parts = ["quintile", "run", named, *_bars(context.request)]
    for each in assignments:
        parts += ["--set", each]
    if resolve_device("auto").type != "cpu":
        parts += ["--device", "cpu"]  # where the points were trained
    if context.store.root.resolve() != Path(DEFAULT_STORE).resolve():
        parts += ["--out", str(context.store.root)]
    return shlex.join(parts)


def judged_winner(
    point: PointResult,
    spec: StrategySpec,
    inputs: Inputs,
    *,
    bars: ValidationBars,
    folder: Path,
    context: RunContext,
) -> SweepWinner:
    """Run the winner once; a run that a kill left unfinished goes on.

    Parameters
    ----------
    point : PointResult
        The winner, on validation.
    spec : StrategySpec
        Of ``winner_spec``.
    inputs : Inputs
        All bars.
    bars : ValidationBars
        Those that it was chosen on.
    folder : Path
        Of the sweep.
    context : RunContext
        Store, request and progress of the run; its command is the winner's.

    Raises
    ------
    RunError
        If the run's model does not give the validation scores of the point.
    """
    refitted = spec.training.refit
    made = Run(_run_folder(spec, inputs, folder, context))
    same = None if refitted else _has_scores_of(made, spec, bars, point)
    if same is False:
        raise RunError(
            f"run {made.folder.run_id} does not give the scores of point {point.number}: code, libraries or the "
            "processor changed since it was judged; sweep anew"
        )
    return SweepWinner(
        point=point.number,
        settings=point.settings,
        run=made.folder.run_id,
        command=context.command,
        refitted=refitted,
        same_bits=same,
        scores=scores_sha256(made.scores),
        weights=file_sha256(made.folder.path / "model.safetensors"),
        headline=made.metrics["headline"],
    )


def _run_folder(spec: StrategySpec, inputs: Inputs, folder: Path, context: RunContext) -> RunFolder:
    """The winner's finished run: made now, or by this sweep before it was killed."""
    store, identity = context.store, identity_of(spec, inputs.panel.fingerprint())
    noted = folder / WINNER_FILE
    if not noted.is_file():
        write_json(noted, [each.run_id for each in store.folders()])
    before = set(read_json(noted, list[str]))
    own = [each for each in store.readable() if each.run_id not in before and each.record["identity"] == identity]
    finished = [each for each in own if each.is_complete]
    if finished:
        return finished[0]
    resumed = RunContext(
        store=store,
        request=context.request,
        command=context.command,
        progress=context.progress,
        resume=own[-1] if own else None,
    )
    return run(spec, inputs, context=resumed, device="cpu").folder


def _has_scores_of(made: Run, spec: StrategySpec, bars: ValidationBars, point: PointResult) -> bool | None:
    """Whether a run's model gives the validation scores that a point was judged by, bit for bit.

    None where the guard took the point's numbers away.
    """
    wanted = point.judgements[0].scores
    if not wanted:
        return None
    panel, checkpoint = bars.inputs.panel, load_checkpoint(made.folder.path / "model")
    features = kept_model_features(spec, panel)
    training_data = prepare_training_data(spec, panel, features=features, split=bars.split(spec))
    sessions = panel.sessions[training_data.split.validation]
    scores = scores_of(checkpoint, training_data.windows, sessions=sessions, spec=spec, device="cpu")
    return scores_sha256(scores) == wanted


def _bars(request: BarsRequest) -> list[str]:
    """The words of a request; nothing for bars that were given in Python."""
    if request.bars == IN_MEMORY:
        return []
    default, words = BarsRequest(), list[str]()
    for name in ("bars", *OPTIONS):
        value = getattr(request, name)
        if value != getattr(default, name):
            words += [f"--{name}", str(value)]
    words += [f"--{name.replace('_', '-')}" for name in SWITCHES if getattr(request, name)]
    for name, path in request.outside.items():
        words += ["--outside", f"{name}={os.fspath(path)}"]
    return words
