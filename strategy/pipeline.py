"""Pipeline: the whole strategy on one screen, from bars to a finished run.

``decide`` and ``run`` share every step: what a backtest holds on a session is what ``decide`` says on the bars that end
there. There is no second code path.
"""

import numpy as np

from backtests.book_checks import check_book
from backtests.evaluation import evaluate_scores
from core.memory import half_of_memory
from market.inputs import Inputs
from market.panel import Panel
from models.networks.network_model import device_name
from models.scratch import Scratch
from portfolio.optimizer import require_optimizer
from strategy.definitions.spec import StrategySpec
from strategy.epilogue import Remarks, conclude
from strategy.learning.decide import decide, decided_book
from strategy.learning.explain import explain
from strategy.learning.given_model import GivenModel
from strategy.learning.learn import learn, ridge_baseline, scores_of, test_sessions
from strategy.learning.member_study import with_members
from strategy.learning.return_ranges import with_ranges
from strategy.learning.training_checks import check_optimizer_window, check_test_rows
from strategy.learning.training_data import (
    TrainingData,
    kept_model_features,
    prepare_training_data,
    prepare_tuning_data,
)
from strategy.learning.warm_start import begins_with, check_start, keep_start, kept_start, start_notes, start_record
from strategy.runs.beside import beside_fingerprint
from strategy.runs.context import RunContext
from strategy.runs.log.run_log import kept_log, logged
from strategy.runs.result import Run
from strategy.runs.store import RunFolder, RunOrigin, identity_of

__all__ = ["decide", "decided_book", "run"]

DEVICES = ("auto", "cpu", "cuda")


def run(
    spec: StrategySpec,
    bars: Panel | Inputs,
    *,
    context: RunContext | None = None,
    device: str = "auto",
    memory: int | None = None,
    start: GivenModel | None = None,
) -> Run:
    """Train, score, build the books, backtest them and write the report.

    Parameters
    ----------
    spec : StrategySpec
        The strategy.
    bars : Panel or Inputs
        Daily bars with their universe; ``Inputs`` adds an oracle or a benchmark.
    context : RunContext, optional
        Store, record and progress; an unfinished run to continue.
    device : {"auto", "cpu", "cuda"}
        Where to train and score.
    memory : int, optional
        Bytes of scaled features that are kept in memory, half of the machine's by default; larger ones go to an unnamed
        file in the store.
    start : GivenModel, optional
        What training begins with in place of weights drawn from the seed, see ``strategy.learning.warm_start``; a run
        that is continued has its own.

    Returns
    -------
    Run
        Prints as a table and knows its files.

    Raises
    ------
    DataError
        If the bars cannot carry the strategy.
    RunError
        If an unfinished run cannot be continued.
    CheckpointError
        If training cannot begin with the given weights.
    ParityError
        If the two backtest engines disagree.
    MissingExtraError
        If the book is optimised and skfolio is not installed.
    """
    if device not in DEVICES:
        raise ValueError(f"device must be auto, cpu or cuda, was {device!r}")
    require_optimizer(spec.portfolio)  # before hours of training, not after
    context = logged(context or RunContext())
    inputs, progress = Inputs.of(bars), context.progress
    check_book(spec.rules.portfolio, inputs)
    scratch = Scratch(folder=context.store.root, above=half_of_memory() if memory is None else memory)
    start = start if context.resume is None else kept_start(context.resume)
    spec = spec if start is None else begins_with(spec, start)
    # before the run has a folder: bars that cannot carry the strategy leave none behind
    training_data = _prepared(spec, inputs.panel, start, scratch)
    folder = _open_folder(spec, inputs, context, start)
    with folder.locked(), kept_log(context, folder, device=device_name(device)):
        identity = folder.record["identity"]
        checkpoint = learn(spec, training_data, folder=folder.path, identity=identity, device=device, progress=progress)
        tested = test_sessions(inputs.panel, checkpoint)
        scores = scores_of(
            checkpoint,
            training_data.windows,
            sessions=tested,
            spec=spec,
            device=device,
            progress=progress,
        )
        read = explain(checkpoint, training_data.windows, sessions=tested, progress=progress)
        ridge = {} if spec.model.kind == "ridge" else {"ridge": ridge_baseline(training_data)}
        evaluation = evaluate_scores(spec.rules, inputs, scores=scores, baselines=ridge, model=read, progress=progress)
        evaluation = with_members(
            evaluation, checkpoint, training_data.windows, scoring=spec.model.scored, device=device
        )
        evaluation = with_ranges(evaluation, spec, checkpoint, training_data.windows, device=device)
        progress("report", 0, 1)
        remarks = Remarks(notes=start_notes(start))
        made = conclude(context.store, folder, evaluation, checkpoint=checkpoint, remarks=remarks)
        progress("report", 1, 1)
        return made


def _prepared(spec: StrategySpec, panel: Panel, start: GivenModel | None, scratch: Scratch) -> TrainingData:
    """What is learned from, once nothing is left that would stop the run after hours of training."""
    check_start(spec, panel, start)
    features = kept_model_features(spec, panel)
    made = (
        prepare_training_data(spec, panel, features=features, scratch=scratch)
        if start is None
        else prepare_tuning_data(spec, panel, start.checkpoint.model, features=features, scratch=scratch)
    )
    test = made.split.test
    check_test_rows(made.windows, test, delay=spec.execution.delay)
    check_optimizer_window(spec, panel, np.arange(test.start, test.stop))
    return made


def _open_folder(spec: StrategySpec, inputs: Inputs, context: RunContext, start: GivenModel | None) -> RunFolder:
    """Start a new run, or continue a training whose spec, bars, what stands beside them and code are the same."""
    panel, beside = inputs.panel, beside_fingerprint(inputs)
    fingerprint = panel.fingerprint()
    if context.resume is None:
        begun = {} if start is None else start_record(start)
        request = context.request.on_exchange(panel.facts.exchange)
        origin = RunOrigin(record={"beside": beside} | begun)
        folder = context.store.create(spec, request, panel=fingerprint, command=context.command, origin=origin)
        if start is not None:
            keep_start(folder, start)
        return folder
    context.resume.check_resumable("run")
    context.resume.check_same(identity_of(spec, fingerprint), beside=beside)
    return context.resume
