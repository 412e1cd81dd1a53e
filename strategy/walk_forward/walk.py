"""Walk: plan the folds, compute them in worker processes, stitch their scores, judge them once a seed and report."""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from backtests.book_checks import check_book
from backtests.walk_study import FOLD_COLUMNS, SEED_COLUMNS, WalkStudy
from core.errors import RunError
from core.files import write_bytes, write_json
from core.parallel import Workers
from core.progress import ProgressCallback
from market.inputs import Inputs
from market.panel import Panel
from portfolio.optimizer import require_optimizer
from strategy.definitions.spec import StrategySpec
from strategy.epilogue import conclude
from strategy.frozen.archive import panel_files
from strategy.runs.beside import beside_fingerprint
from strategy.runs.context import RunContext
from strategy.runs.log.run_log import kept_log, logged
from strategy.runs.store import RunFolder, RunOrigin, identity_of
from strategy.walk_forward.fold import settings_of
from strategy.walk_forward.fold_checks import check_folds
from strategy.walk_forward.fold_workers import FoldTask, run_folds
from strategy.walk_forward.plan import Fold, plan_folds, plan_sentence
from strategy.walk_forward.stitch import SeedEvaluation, evaluate_seed, fold_rows, seed_row
from strategy.walk_forward.walk_result import WalkForward, study_as_dict
from strategy.walk_forward.walk_settings import WalkSettings

__all__ = ["walk"]

BARS = "bars_of_the_walk-"  # and more, removed when the walk ends, done or not, which ends the folds in work


def walk(
    spec: StrategySpec,
    bars: Panel | Inputs,
    *,
    settings: WalkSettings | None = None,
    context: RunContext | None = None,
    workers: Workers | None = None,
) -> WalkForward:
    """Walk forward: retrain on a moving span, evaluate only what comes after it, and report the stitched scores.

    Every fold is computed with one thread in a process of its own, from the bars up to the end of its test span:
    neither the number of workers nor where they are changes a bit. Each seed becomes a run with a report and counts as
    one trial.

    Parameters
    ----------
    spec : StrategySpec
        The strategy; its split is not used.
    bars : Panel or Inputs
        Daily bars with their universe.
    settings : WalkSettings, optional
        Spans, seeds and learner; those of the walk that is resumed, where one is.
    context : RunContext, optional
        Store, record and progress; any run of an unfinished walk to continue.
    workers : Workers, optional
        Two processes by default; on Ray every machine must see the store under the same path.

    Returns
    -------
    WalkForward
        Prints as a table.

    Raises
    ------
    DataError
        If the bars cannot carry the folds.
    RunError
        If a fold fails or keeps being killed, or an unfinished walk cannot be continued.
    MissingExtraError
        If the book is optimised and skfolio is not installed.
    """
    require_optimizer(spec.portfolio)  # before hours of training, not after
    context, workers = logged(context or RunContext()), workers or Workers(count=2)
    inputs = Inputs.of(bars)
    settings = settings or WalkSettings()
    if context.resume is not None:
        context.resume.check_resumable("walk")
        settings = settings_of(context.resume)
    if spec.uncertainty.weigh and settings.learner == "ridge":
        raise ValueError("uncertainty.weigh needs the model's own spread and ridge has none: unset it, or --learner")
    if spec.training.start:
        raise ValueError(
            f"training.start names the weights {spec.training.start[:12]}, and a walk fits every fold from the seed: "
            "unset the key, or use `quintile run --from`"
        )
    folds = plan_folds(spec, inputs.panel.sessions, settings)
    if context.resume is None:  # bars that cannot carry a fold leave no folder behind
        check_book(spec.rules.portfolio, inputs)
        check_folds(spec, inputs.panel, folds)
    folders = _open_folders(spec, inputs, settings, context)
    with ExitStack() as held:
        for folder in folders:
            held.enter_context(folder.locked())
        held.enter_context(kept_log(context, *folders))
        _compute(folders, folds, inputs.panel, workers, context.progress)
        study = _report(folders, folds, inputs, settings, context)
    return WalkForward(study=study, folders=folders, strategy=spec.name)


def _open_folders(
    spec: StrategySpec, inputs: Inputs, settings: WalkSettings, context: RunContext
) -> tuple[RunFolder, ...]:
    """Start one run a seed, or continue those of a walk whose spec, bars, what stands beside them and code are same."""
    panel, beside = inputs.panel, beside_fingerprint(inputs)
    fingerprint = panel.fingerprint()
    if context.resume is not None:
        return _resumed(context.resume, fingerprint, beside, settings)
    seeds = settings.seeds or (spec.training.seed,)
    specs = [spec.model_copy(update={"training": spec.training.model_copy(update={"seed": seed})}) for seed in seeds]
    folders = tuple(context.store.reserve(each) for each in specs)
    origin = _origin(folders, settings, beside)
    request = context.request.on_exchange(panel.facts.exchange)
    for each, folder in zip(specs, folders, strict=True):
        folder.begin(each, request, panel=fingerprint, command=context.command, origin=origin)
    return folders


def _resumed(begun: RunFolder, panel: str, beside: str, settings: WalkSettings) -> tuple[RunFolder, ...]:
    """The runs of a walk that goes on; one that was killed before it began with the others begins now."""
    walked, spec = begun.record["walk"]["runs"], begun.spec
    seeds = settings.seeds or (spec.training.seed,)
    if len(walked) != len(seeds) or any(Path(run).name != run for run in walked):
        raise RunError(f"{begun.path / 'run.json'} names {len(walked)} runs of {len(seeds)} seeds: restore it")
    folders = tuple(RunFolder(begun.home / run, csv=begun.csv) for run in walked)
    for seed, folder in zip(seeds, folders, strict=True):
        if not (folder.path / "run.json").is_file():
            own = spec.model_copy(update={"training": spec.training.model_copy(update={"seed": seed})})
            origin, command = _origin(folders, settings, beside), begun.record.get("command", "")
            folder.begin(own, begun.request, panel=panel, command=command, origin=origin)
        folder.check_same(identity_of(folder.spec, panel), beside=beside)
    return folders


def _origin(folders: Sequence[RunFolder], settings: WalkSettings, beside: str) -> RunOrigin:
    """Say that a run is part of a walk, and of which: its settings belong to its identity as a trial."""
    walked = {"settings": settings.model_dump(mode="json"), "runs": [each.run_id for each in folders]}
    record = {"scores": "walk-forward", "walk": walked, "beside": beside}
    return RunOrigin(identity={"scores": settings.fingerprint()}, record=record)


def _compute(
    folders: Sequence[RunFolder],
    folds: Sequence[Fold],
    panel: Panel,
    workers: Workers,
    progress: ProgressCallback,
) -> None:
    """Compute the folds that are not done yet; the bars lie beside them meanwhile."""
    tasks = [
        FoldTask(
            folder=RunFolder(folder.path.resolve()),
            number=fold.number,
            name=f"fold {fold.number} of {len(folds)}, seed {_seed(folder)},",
        )
        for folder in folders
        for fold in folds
    ]
    if all(task.files.is_complete for task in tasks):
        return
    run = folders[0].path.resolve()
    for left in run.glob(f"{BARS}*"):  # by a killed walk, whose folds it ends
        shutil.rmtree(left, ignore_errors=True)
    place = Path(tempfile.mkdtemp(prefix=BARS, dir=run))
    try:
        _write_bars(panel, place)
        run_folds(tasks, bars=place, workers=workers.count, on=workers.on, progress=progress)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _write_bars(panel: Panel, place: Path) -> None:
    for name, content in panel_files(panel).items():
        write_bytes(place / name, content)


def _report(
    folders: Sequence[RunFolder],
    folds: Sequence[Fold],
    inputs: Inputs,
    settings: WalkSettings,
    context: RunContext,
) -> WalkStudy:
    """Judge every seed, then write every report: each shows all seeds."""
    evaluated = list[SeedEvaluation]()
    for folder in folders:
        context.progress("evaluating", len(evaluated), len(folders))
        evaluated.append(evaluate_seed(folder, inputs, folds, settings))
    study = _study(folders, folds, evaluated, settings)
    for folder, each in zip(folders, evaluated, strict=True):
        write_json(folder.path / "walk.json", study_as_dict(study))
        conclude(context.store, folder, each.evaluation, walk=study)
    context.progress("evaluating", len(folders), len(folders))
    return study


def _study(
    folders: Sequence[RunFolder], folds: Sequence[Fold], evaluated: Sequence[SeedEvaluation], settings: WalkSettings
) -> WalkStudy:
    """Collect the results of folds and seeds; paths, where there are any, over all seeds."""
    pairs = list(zip(folders, (each.evaluation for each in evaluated), strict=True))
    rows = [row for folder, outcome in pairs for row in fold_rows(folder, outcome, folds, settings)]
    sharpes = [sharpe for each in evaluated for sharpe in each.path_sharpes]
    seeds = pd.DataFrame(
        [seed_row(*pair) for pair in pairs],
        index=pd.Index([_seed(folder) for folder in folders], name="seed"),
        columns=list(SEED_COLUMNS),
    )
    table = pd.DataFrame(rows, columns=list(FOLD_COLUMNS)).astype({"epochs": float, "best_epoch": float})
    paths = pd.Series(sharpes, dtype=float) if sharpes else None
    return WalkStudy(folds=table, seeds=seeds, plan=plan_sentence(settings, len(folds)), paths=paths)


def _seed(folder: RunFolder) -> int:
    return folder.spec.training.seed
