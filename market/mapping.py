"""Mapping: one function over many items, in threads, in processes or on a Ray cluster, with the results in order.

Which of the three, and how many workers, changes no number. At most one result more than there are workers is held, so
that memory stays bounded however many items there are.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from market.errors import MissingExtraError, RunError

__all__ = ["PLACES", "cores", "mapped"]

Item = TypeVar("Item")
Result = TypeVar("Result")

PLACES = ("threads", "processes", "ray")
LIMITS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")


def cores() -> int:
    """Return the number of cores that this process may use: those it is bound to, fewer if the environment says so."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = [int(os.environ[name]) for name in LIMITS if os.environ.get(name, "").isdigit()]
    return max(1, min([bound, *asked]))


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
        Items worked on at a time, at least 1. One worker that is not on Ray is this process itself.
    on : str
        ``"threads"`` of this process, new ``"processes"``, or ``"ray"``: the cluster that RAY_ADDRESS names, else a
        local one that ends with the call.

    Raises
    ------
    ValueError
        If there is no such place, or no worker.
    MissingExtraError
        If Ray is asked for and not installed.
    RunError
        If a worker was killed.
    """
    if on not in PLACES:
        raise ValueError(f"on must be one of {', '.join(PLACES)}, was {on!r}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, was {workers}")
    if on == "ray":
        return _on_ray(function, items, workers)
    if workers == 1:
        return map(function, items)
    if on == "threads":
        return _pooled(ThreadPoolExecutor(workers), function, items, workers)
    # spawn: a forked copy of a process that has used torch or numba threads may hang
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    return _pooled(pool, function, items, workers)


def _pooled(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    try:
        yield from _in_order(lambda item: pool.submit(function, item), Future.result, items, workers)
    except BrokenProcessPool as error:
        raise RunError("a worker was killed, most likely for memory: free some, or use fewer workers") from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _on_ray(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("Ray is not installed: `pip install 'quintile[ray]'`, or use processes") from error
    began = not ray.is_initialized()
    if began:
        local = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers, "include_dashboard": False}
        ray.init(log_to_driver=False, **local)
    try:
        yield from _in_order(ray.remote(function).remote, ray.get, items, workers)
    except ray.exceptions.WorkerCrashedError as error:
        raise RunError("a worker was killed, most likely for memory: free some, or use fewer workers") from error
    finally:
        if began:
            ray.shutdown()


def _in_order(
    ask: Callable[[Item], Any], take: Callable[[Any], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    asked: deque[Any] = deque()
    for item in items:
        asked.append(ask(item))
        if len(asked) > workers:
            yield take(asked.popleft())
    while asked:
        yield take(asked.popleft())
