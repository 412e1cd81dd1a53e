"""Sweep workers: train and judge points in this process or in several, on this machine or a Ray cluster.

A task is one training with every book on its scores. Each runs on one thread and reads the validation bars alone; the
numbers depend neither on how many workers there are nor on the order in which they end.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing.connection import wait
from pathlib import Path

from core.parallel import Workers, as_completed
from core.user_file import loaded_files
from models.threads import threads
from strategy.definitions.spec import StrategySpec
from strategy.learning.user_files import load_user_file
from strategy.runs.shared_folder import Shared
from strategy.sweeps.fitted_scores import fitted_scores, learned_part
from strategy.sweeps.point_judgement import judge_scores
from strategy.sweeps.sweep_estimate import first_estimate
from strategy.sweeps.sweep_folder import SweepFolder
from strategy.sweeps.sweep_plan import PlannedPoint
from strategy.sweeps.validation_bars import kept_bars

__all__ = ["SweepTask", "judge_all", "tasks_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepTask:
    """One training, and the strategies that trade its scores.

    Parameters
    ----------
    specs : tuple of StrategySpec
        They learn the same.
    bounds : tuple of float or None
        By epoch, of the median rule.
    with_training : bool
        Measure the rank IC on the training sessions too.
    """

    specs: tuple[StrategySpec, ...]
    bounds: tuple[float | None, ...] = ()
    with_training: bool = False


def tasks_of(
    points: Sequence[PlannedPoint],
    folder: SweepFolder,
    *,
    bounds: tuple[float | None, ...] = (),
    with_training: bool = False,
) -> list[SweepTask]:
    """The trainings that points still need, in the order of the points."""
    groups: dict[str, dict[str, StrategySpec]] = {}
    for point in points:
        for spec in point.specs:
            fingerprint = spec.fingerprint()
            if folder.points.read(fingerprint) is None:
                groups.setdefault(learned_part(spec), {})[fingerprint] = spec
    return [
        SweepTask(specs=tuple(specs.values()), bounds=bounds, with_training=with_training) for specs in groups.values()
    ]


def judge_all(
    tasks: Sequence[SweepTask],
    folder: SweepFolder,
    *,
    workers: Workers,
    meanwhile: Callable[[], object] = lambda: None,
) -> Iterator[SweepTask]:
    """Train and judge; yield every task as it is through, its judgements in the sweep's folder.

    Raises
    ------
    RunError
        If a worker was killed; what was judged is kept.
    """
    work = partial(_judge, Shared.of(folder.path), loaded_files())
    count = max(1, min(workers.count, len(tasks)))
    for task, _ in as_completed(work, tasks, workers=count, on=workers.on, meanwhile=meanwhile):
        yield task


def _judge(shared: Shared, user_files: tuple[Path, ...], task: SweepTask) -> None:
    """Train once and judge every book, each with one thread."""
    _end_with_parent()
    shared.check()
    for path in user_files:
        if path not in loaded_files():
            load_user_file(path)
    folder, bars, first = SweepFolder(shared.folder), kept_bars(shared.folder / "bars"), task.specs[0]
    estimate = first_estimate(folder.path)
    with threads(1):
        fit, scores = fitted_scores(
            first,
            bars,
            folder=folder.fit(learned_part(first)),
            bounds=task.bounds,
            with_training=task.with_training,
            say=None if estimate is None else estimate.keep,
        )
        for spec in task.specs:
            folder.points.write(*judge_scores(spec, bars, fit, scores))


@lru_cache(maxsize=1)
def _end_with_parent() -> None:
    """End this worker with the process that began it: one that was killed takes nothing from its workers any more.

    Ctrl-C, which the terminal tells every process, ends a worker without a word: its caller says how the sweep goes on.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        signal.signal(signal.SIGINT, lambda *_: os._exit(1))
        threading.Thread(target=_wait_for, args=(parent.sentinel,), daemon=True).start()


def _wait_for(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
