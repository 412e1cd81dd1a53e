"""Walk: plan the folds, compute them in worker processes, stitch their scores, judge them once a seed and report."""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from backtests.walks import FOLD_COLUMNS, SEED_COLUMNS, WalkStudy
from market.files import write_bytes, write_json
from market.panel import Panel
from portfolio.optimize import require_optimizer
from strategy.inputs import Inputs
from strategy.keeping import panel_files
from strategy.reporting import save_outcome
from strategy.runs import RunFolder, identity_of
from strategy.spec import StrategySpec
from strategy.standing import record_trial
from strategy.walking.fold import settings_of
from strategy.walking.plan import Fold, plan_folds
from strategy.walking.result import WalkForward, study_as_dict
from strategy.walking.settings import WalkOptions, WalkSettings
from strategy.walking.stitch import Judged, fold_rows, judge_walk, seed_row
from strategy.walking.words import plan_sentence
from strategy.walking.workers import FoldTask, run_folds

__all__ = ["walk"]

BARS = "bars_of_the_walk-"  # and more, removed when the walk ends, done or not, which ends the folds in work


def walk(
    spec: StrategySpec,
    bars: Panel | Inputs,
    *,
    settings: WalkSettings | None = None,
    options: WalkOptions | None = None,
) -> WalkForward:
    """Retrain on a moving span, judge only what comes after it, and report the stitched scores.

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
    options : WalkOptions, optional
        Store, workers and progress.

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
    options = options or WalkOptions()
    inputs = Inputs(panel=bars) if isinstance(bars, Panel) else bars
    settings = settings or WalkSettings()
    if options.resume is not None:
        settings = settings_of(options.resume)
    folds = plan_folds(spec, inputs.panel.sessions, settings)
    folders = _open_folders(spec, inputs.panel, settings, options)
    with ExitStack() as held:
        for folder in folders:
            held.enter_context(folder.locked())
        _compute(folders, folds, inputs.panel, options)
        study = _report(folders, folds, inputs, settings, options)
    return WalkForward(study=study, folders=folders, strategy=spec.name)


def _open_folders(
    spec: StrategySpec, panel: Panel, settings: WalkSettings, options: WalkOptions
) -> tuple[RunFolder, ...]:
    """Start one run a seed, or continue those of a walk whose spec, panel and code are the same."""
    fingerprint = panel.fingerprint()
    if options.resume is not None:
        folders = tuple(options.store.find(run) for run in options.resume.record["walk"]["runs"])
        for folder in folders:
            folder.check_identity(identity_of(folder.spec, fingerprint))
        return folders
    seeds = settings.seeds or (spec.training.seed,)
    specs = [spec.model_copy(update={"training": spec.training.model_copy(update={"seed": seed})}) for seed in seeds]
    folders = tuple(
        options.store.create(each, options.request, panel=fingerprint, command=options.command) for each in specs
    )
    for folder in folders:
        _describe(folder, folders, settings)
    return folders


def _describe(folder: RunFolder, folders: Sequence[RunFolder], settings: WalkSettings) -> None:
    """Record that a run is part of a walk, and of which: its settings belong to its identity as a trial."""
    record = folder.record
    record["identity"]["scores"] = settings.fingerprint()
    walked = {"settings": settings.model_dump(mode="json"), "runs": [each.run_id for each in folders]}
    write_json(folder.path / "run.json", record | {"scores": "walk-forward", "walk": walked})


def _compute(folders: Sequence[RunFolder], folds: Sequence[Fold], panel: Panel, options: WalkOptions) -> None:
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
        run_folds(tasks, bars=place, workers=options.workers, on=options.on, progress=options.progress)
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
    options: WalkOptions,
) -> WalkStudy:
    """Judge every seed, then write every report: each shows all seeds."""
    judged = list[Judged]()
    for folder in folders:
        options.progress("judging", len(judged), len(folders))
        judged.append(judge_walk(folder, inputs, folds, settings))
    study = _study(folders, folds, judged, settings)
    for folder, each in zip(folders, judged, strict=True):
        standing = record_trial(options.store, folder, each.outcome)
        save_outcome(folder, each.outcome, checkpoint=None, standing=standing, walk=study)
        write_json(folder.path / "walk.json", study_as_dict(study))
        folder.finish()
    options.progress("judging", len(folders), len(folders))
    return study


def _study(
    folders: Sequence[RunFolder], folds: Sequence[Fold], judged: Sequence[Judged], settings: WalkSettings
) -> WalkStudy:
    """Collect what the folds and seeds came to; paths, where there are any, over all seeds."""
    pairs = list(zip(folders, (each.outcome for each in judged), strict=True))
    rows = [row for folder, outcome in pairs for row in fold_rows(folder, outcome, folds, settings)]
    sharpes = [sharpe for each in judged for sharpe in each.path_sharpes]
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
