"""Pipeline: the whole strategy on one screen, from bars to a finished run.

``decide`` and ``run`` share every step: what a backtest holds on a session is what ``decide`` says on the bars that end
there. There is no second code path.
"""

from dataclasses import dataclass, field

from market.panel import Panel
from models.scratch import Scratch
from portfolio.optimize import require_optimizer
from strategy.console import ProgressCallback, silent
from strategy.explaining import explain
from strategy.finished import Run
from strategy.inputs import Inputs
from strategy.learning import learn, prepare_lesson, ridge_baseline, scores_of, test_sessions
from strategy.memory import half_of_memory
from strategy.outcome import judge
from strategy.recompute import decide, decided_book
from strategy.reporting import save_outcome
from strategy.runs import RunFolder, RunRequest, RunStore, identity_of
from strategy.spec import StrategySpec
from strategy.standing import record_trial

__all__ = ["RunOptions", "decide", "decided_book", "run"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunOptions:
    """How a run is carried out; nothing here changes a number.

    Parameters
    ----------
    store : RunStore
        Where the run is written.
    folder : RunFolder or None
        An unfinished run to continue; None starts a new one.
    request : RunRequest
        Where the bars came from, for the record.
    device : {"auto", "cpu", "cuda"}
        Where to train and score.
    memory : int
        Bytes of scaled features that are kept in memory, half of the machine's by default; larger ones go to an unnamed
        file in the store.
    command : str
        What reproduces the run, for the record.
    progress : callable
        Called as work advances.
    """

    store: RunStore = field(default_factory=RunStore)
    folder: RunFolder | None = None
    request: RunRequest = field(default_factory=lambda: RunRequest(bars="given in Python"))
    device: str = "auto"
    memory: int = field(default_factory=half_of_memory)
    command: str = "strategy.run(spec, bars)"
    progress: ProgressCallback = silent

    def __post_init__(self) -> None:
        if self.device not in ("auto", "cpu", "cuda"):
            raise ValueError(f"device must be auto, cpu or cuda, was {self.device!r}")


def run(spec: StrategySpec, bars: Panel | Inputs, *, options: RunOptions | None = None) -> Run:
    """Train, score, build the books, backtest them and write the report.

    Parameters
    ----------
    spec : StrategySpec
        The strategy.
    bars : Panel or Inputs
        Daily bars with their universe; ``Inputs`` adds an oracle or a benchmark.
    options : RunOptions, optional
        Store, device and progress.

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
    ParityError
        If the two backtest engines disagree.
    MissingExtraError
        If the book is optimised and skfolio is not installed.
    """
    require_optimizer(spec.portfolio)  # before hours of training, not after
    options = options or RunOptions()
    inputs = Inputs(panel=bars) if isinstance(bars, Panel) else bars
    scratch = Scratch(folder=options.store.root, above=options.memory)
    # before the run has a folder: bars that cannot carry the strategy leave none behind
    lesson = prepare_lesson(spec, inputs.panel, scratch=scratch)
    folder = _open_folder(spec, inputs.panel, options)
    with folder.locked():
        identity, device, progress = folder.record["identity"], options.device, options.progress
        checkpoint = learn(spec, lesson, folder=folder.path, identity=identity, device=device, progress=progress)
        tested = test_sessions(inputs.panel, checkpoint)
        scores = scores_of(
            checkpoint,
            lesson.windows,
            sessions=tested,
            scoring=spec.model.scoring,
            device=device,
            progress=progress,
        )
        read = explain(checkpoint, lesson.windows, sessions=tested, progress=progress)
        ridge = {"ridge": ridge_baseline(lesson)}
        outcome = judge(spec, inputs, scores=scores, baselines=ridge, model=read, progress=progress)
        save_outcome(folder, outcome, checkpoint=checkpoint, standing=record_trial(options.store, folder, outcome))
        folder.finish()
    return Run(folder)


def _open_folder(spec: StrategySpec, panel: Panel, options: RunOptions) -> RunFolder:
    """Start a new run, or continue one whose spec, panel and code are the same."""
    fingerprint = panel.fingerprint()
    if options.folder is None:
        return options.store.create(spec, options.request, panel=fingerprint, command=options.command)
    options.folder.check_identity(identity_of(spec, fingerprint))
    return options.folder
