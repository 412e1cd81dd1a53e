import ctypes
import sys
from types import SimpleNamespace

import pytest

from core.allocator import MAX_KEPT_BYTES, keep_large_blocks


@pytest.fixture(autouse=True)
def ask_anew():
    keep_large_blocks.cache_clear()
    yield
    keep_large_blocks.cache_clear()


def library(monkeypatch, answers):
    """Put a C library in place that notes what it is asked and gives these answers."""
    asked, waiting = [], iter(answers)

    def mallopt(parameter, value):
        asked.append((parameter, value))
        return next(waiting)

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=mallopt))
    return asked


def test_large_blocks_are_kept_and_asked_for_once(monkeypatch):
    asked = library(monkeypatch, [1, 1])
    assert keep_large_blocks()
    assert keep_large_blocks()
    assert asked == [(-3, MAX_KEPT_BYTES), (-1, -1)]


def test_a_refused_threshold_leaves_the_heap_to_the_library(monkeypatch):
    asked = library(monkeypatch, [0])
    assert not keep_large_blocks()
    assert asked == [(-3, MAX_KEPT_BYTES)]


def test_other_systems_and_libraries_are_left_alone(monkeypatch):
    library(monkeypatch, [])
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    assert not keep_large_blocks()
    keep_large_blocks.cache_clear()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delattr(ctypes, "CDLL")
    assert not keep_large_blocks()
