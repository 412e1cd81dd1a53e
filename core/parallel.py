"""Parallel maps: one function over many items, in threads, in processes or on a Ray cluster, in order or as completed.

Neither the backend nor the number of workers changes a number. At most one result more than there are workers is held,
so memory stays bounded however many items there are.
"""

import importlib.util
import logging
import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from core.errors import MissingExtraError, RunError

__all__ = ["BACKENDS", "PROCESS_BACKENDS", "Workers", "as_completed", "cores", "mapped", "require_backend"]

Item = TypeVar("Item")
Result = TypeVar("Result")

BACKENDS = ("threads", "processes", "ray")
PROCESS_BACKENDS = ("processes", "ray")
LIMITS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
POLL_SECONDS = 0.2  # between two looks at which have finished
ROOT = Path(__file__).resolve().parent.parent
KILLED = "a worker was killed, most likely for memory: free some, or use fewer workers"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Backend:
    """How to submit an item, take its result, and learn which of those pending are done."""

    submit: Callable[[Any], Any]
    result: Callable[[Any], Any]
    done: Callable[[list[Any]], Iterable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Workers beside this process; nothing here changes a number.

    Parameters
    ----------
    count : int
        Processes at once, each with one thread.
    on : {"processes", "ray"}
        Processes of this machine, or of a Ray cluster whose machines see the output folder under one path.

    Raises
    ------
    ValueError
        If there are fewer than one, or no such backend.
    MissingExtraError
        If Ray is asked for and not installed.
    """

    count: int = 1
    on: str = "processes"

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"workers must be at least 1, was {self.count}")
        require_backend(self.on, among=PROCESS_BACKENDS)  # before anything is read


def cores() -> int:
    """Count the cores this process may use: those it is bound to, fewer if the environment says so."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = [int(os.environ[name]) for name in LIMITS if os.environ.get(name, "").isdigit()]
    return max(1, min([bound, *limits]))


def require_backend(on: str, *, among: tuple[str, ...] = BACKENDS) -> None:
    """Refuse a backend that is not available, before any work is done.

    Raises
    ------
    ValueError
        If there is no such backend.
    MissingExtraError
        If Ray is asked for and not installed.
    """
    if on not in among:
        raise ValueError(f"on must be one of {', '.join(among)}, was {on!r}")
    if on == "ray" and importlib.util.find_spec("ray") is None:
        raise MissingExtraError("Ray is not installed: `pip install 'quintile[ray]'`, or use processes")


def mapped(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int = 1, on: str = "processes"
) -> Iterator[Result]:
    """Yield ``function(item)`` for every item, in order.

    Parameters
    ----------
    function : callable
        For processes and Ray it must be importable by name, as must what it is given and returns.
    items : iterable
        Read as workers become free.
    workers : int
        Items worked on at once, at least 1. One worker that is not on Ray is this process itself.
    on : str
        ``"threads"`` of this process, new ``"processes"``, or ``"ray"``: the cluster that RAY_ADDRESS names, else a
        local one that ends with the call. A Ray worker works in this process's folder, where its machine has it.

    Raises
    ------
    ValueError
        If there is no such backend, or no worker.
    MissingExtraError
        If Ray is asked for and not installed.
    RunError
        If a worker was killed.
    """
    _check(workers, on)
    if workers == 1 and on != "ray":
        return map(function, items)
    return _in_order(_backend(function, workers, on), items, workers)


def as_completed(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int = 1,
    on: str = "processes",
    meanwhile: Callable[[], object] = lambda: None,
) -> Iterator[tuple[Item, Result]]:
    """Yield every item with ``function(item)``, in the order in which they finish.

    Parameters
    ----------
    function, items, workers, on
        As for :func:`mapped`; one worker in processes is this process itself.
    meanwhile : callable
        Called a few times a second while others work.

    Raises
    ------
    ValueError, MissingExtraError, RunError
        As for :func:`mapped`.
    """
    _check(workers, on)
    if workers == 1 and on == "processes":
        return ((item, function(item)) for item in items)
    return _in_any_order(_backend(function, workers, on), items, workers, meanwhile)


def _check(workers: int, on: str) -> None:
    require_backend(on)
    if workers < 1:
        raise ValueError(f"workers must be at least 1, was {workers}")


def _in_order(opened: AbstractContextManager[_Backend], items: Iterable[Item], workers: int) -> Iterator[Any]:
    pending: deque[Any] = deque()
    with opened as backend:
        for item in items:
            pending.append(backend.submit(item))
            if len(pending) > workers:
                yield backend.result(pending.popleft())
        while pending:
            yield backend.result(pending.popleft())


def _in_any_order(
    opened: AbstractContextManager[_Backend], items: Iterable[Item], workers: int, meanwhile: Callable[[], object]
) -> Iterator[tuple[Item, Any]]:
    waiting, pending = iter(items), dict[Any, Item]()
    with opened as backend:
        while True:
            pending |= {backend.submit(item): item for item in islice(waiting, workers - len(pending))}
            if not pending:
                return
            for future in backend.done(list(pending)):
                yield pending.pop(future), backend.result(future)
            meanwhile()


def _backend(function: Callable[[Item], Result], workers: int, on: str) -> AbstractContextManager[_Backend]:
    if on == "ray":
        return _ray(function, workers)
    if on == "threads":
        return _pool(function, ThreadPoolExecutor(workers))
    # spawn: a forked copy of a process that has used torch or numba threads may hang
    return _pool(function, ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _print_aside))


def _print_aside() -> None:
    """What a worker prints, a user's own code in it, is no part of a command's answer."""
    sys.stdout = sys.stderr


@contextmanager
def _pool(function: Callable[[Item], Result], pool: Executor) -> Iterator[_Backend]:
    try:
        yield _Backend(submit=lambda item: pool.submit(function, item), result=Future.result, done=_done_futures)
    except BrokenProcessPool as error:
        raise RunError(KILLED) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _done_futures(pending: list[Future[Any]]) -> Iterable[Future[Any]]:
    return wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED).done


@contextmanager
def _ray(function: Callable[[Item], Result], workers: int) -> Iterator[_Backend]:
    import ray

    began = not ray.is_initialized()
    if began:
        local = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers, "include_dashboard": False}
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **local)
    # a killed task is not retried behind the caller's back; sources are imported from where this process has them
    sources = {"env_vars": {"PYTHONPATH": f"{ROOT}:${{PYTHONPATH}}"}}
    remote = ray.remote(max_retries=0, runtime_env=sources)(_called)
    try:
        yield _Backend(
            submit=partial(remote.remote, function, Path.cwd()),
            result=ray.get,
            done=lambda pending: ray.wait(pending, timeout=POLL_SECONDS)[0],
        )
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError, ray.exceptions.NodeDiedError) as error:
        raise RunError(KILLED) from error
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error  # its own message, without the other machine's traceback
    finally:
        if began:
            ray.shutdown()


def _called(function: Callable[[Item], Result], folder: Path, item: Item) -> Result:
    """Call in a Ray worker, where relative paths mean what they mean to the caller if the machine has the folder."""
    if folder.is_dir():
        os.chdir(folder)
    return function(item)
