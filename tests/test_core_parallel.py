"""Mapping: results come in order, from threads, processes or Ray, and no more are held than workers need."""

import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from core.errors import MissingExtraError, RunError
from core.parallel import PROCESS_BACKENDS, as_completed, cores, mapped, require_backend


def test_results_come_in_order_and_items_are_read_as_needed() -> None:
    read = []

    def items():
        for item in range(20):
            read.append(item)
            yield item

    results = mapped(lambda item: item * item, items(), workers=3, on="threads")
    assert next(results) == 0
    assert len(read) == 4
    assert list(results) == [item * item for item in range(1, 20)]


def test_whoever_finishes_first_comes_first_and_the_next_begins() -> None:
    last_began, looks = Event(), []

    def work(item: int) -> int:
        if item == 0:
            last_began.wait(5)
        if item == 3:
            last_began.set()
        return -item

    found = list(as_completed(work, range(4), workers=2, on="threads", meanwhile=lambda: looks.append(1)))
    assert [item for item, _ in found][:2] == [1, 2]
    assert sorted(found) == [(item, -item) for item in range(4)]
    assert looks


def test_at_most_as_many_are_worked_on_as_there_are_workers() -> None:
    read = []
    results = as_completed(abs, (read.append(item) or item for item in range(9)), workers=3, on="threads")
    next(results)
    assert len(read) == 3


def test_one_worker_is_this_process() -> None:
    assert list(mapped(lambda item: os.getpid(), [1, 2], on="processes")) == [os.getpid()] * 2
    assert list(as_completed(lambda item: os.getpid(), [1, 2])) == [(1, os.getpid()), (2, os.getpid())]


def test_an_error_of_a_worker_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        list(mapped(lambda item: 1 / item, [1, 0], workers=2, on="threads"))


def test_unknown_places_and_no_workers_are_refused() -> None:
    with pytest.raises(ValueError, match="on must be one of threads, processes, ray, was 'cloud'"):
        mapped(abs, [], on="cloud")
    with pytest.raises(ValueError, match="workers must be at least 1, was 0"):
        mapped(abs, [], workers=0)


def test_ray_is_asked_for_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'quintile\[ray\]'"):
        mapped(abs, [1], on="ray")


def test_some_work_cannot_be_done_in_threads() -> None:
    with pytest.raises(ValueError, match="on must be one of processes, ray, was 'threads'"):
        require_backend("threads", among=PROCESS_BACKENDS)


def test_the_environment_limits_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert cores() == 1


@pytest.fixture(scope="module", params=["processes", "ray"])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return where; Ray runs already, in this folder, and is skipped where it is not installed."""
    if request.param == "processes":
        yield "processes"
        return
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'quintile[ray]'")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield "ray"
    assert ray.is_initialized()  # whoever began it ends it
    ray.shutdown()


@pytest.mark.slow
def test_a_killed_worker_is_told_in_one_line(elsewhere: str) -> None:
    with pytest.raises(RunError, match=r"\Aa worker was killed, most likely for memory: [^\n]*\Z"):
        list(mapped(signal.raise_signal, [signal.SIGKILL] * 2, workers=2, on=elsewhere))


@pytest.mark.slow
def test_an_error_elsewhere_keeps_its_words(elsewhere: str) -> None:
    with pytest.raises(RunError, match=r"\Ano item 2: give another\Z"):
        list(mapped(refusing, [1, 2], workers=2, on=elsewhere))


@pytest.mark.slow
def test_processes_and_ray_map_alike(elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(mapped(partial(divmod, 7), [2, 3], workers=2, on=elsewhere)) == [(3, 1), (2, 1)]
    assert sorted(as_completed(abs, [-1, 2, -3], workers=2, on=elsewhere)) == [(-3, 3), (-1, 1), (2, 2)]
    Path("here").touch()
    assert list(mapped(Path.exists, [Path("here")] * 2, workers=2, on=elsewhere)) == [True, True]


def refusing(item: int) -> int:
    if item == 2:
        raise RunError("no item 2: give another")
    return item
