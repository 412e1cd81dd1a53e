"""Mapping: results come in order, from threads, processes or Ray, and no more are held than workers need."""

import os
import signal
import sys

import pytest

from market.errors import MissingExtraError, RunError
from market.mapping import cores, mapped


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


def test_one_worker_is_this_process() -> None:
    assert list(mapped(lambda item: os.getpid(), [1, 2], on="processes")) == [os.getpid()] * 2


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
        list(mapped(abs, [1], on="ray"))


def test_the_environment_limits_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert cores() == 1


@pytest.mark.slow
def test_a_killed_process_is_told() -> None:
    with pytest.raises(RunError, match="a worker was killed"):
        list(mapped(signal.raise_signal, [signal.SIGKILL] * 2, workers=2, on="processes"))


@pytest.mark.slow
def test_processes_and_ray_map_alike() -> None:
    assert list(mapped(abs, [-1, 2, -3], workers=2, on="processes")) == [1, 2, 3]
    pytest.importorskip("ray")
    assert list(mapped(divmod_by_three, [7, 8], workers=2, on="ray")) == [(2, 1), (2, 2)]


def divmod_by_three(number: int) -> tuple[int, int]:
    return divmod(number, 3)
