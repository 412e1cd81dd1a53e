"""Measured process: one form of a model, loaded and timed in a process of its own.

``python -m live.latency.measured_process REQUEST ANSWER`` reads what to do and writes what it took. It imports what its
form needs and no more, so that start and memory are the form's: for ONNX that is numpy and onnxruntime.
"""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.files import read_json, write_json

__all__ = ["FORMS", "Score", "main", "measured", "timed"]

FORMS = ("torch", "onnx", "torchscript", "int8")
FILES = {"onnx": "model.onnx", "torchscript": "model.pt", "int8": "model.int8.pt"}
STATUS = Path("/proc/self/status")

Score = Callable[[], np.ndarray]  # expected returns of the session that is bound in it
Clocks = tuple[Callable[[], float], Callable[[], float]]
CLOCKS: Clocks = (time.perf_counter, time.process_time)  # on the wall, and of the processor
Prepared = Callable[[np.ndarray, np.ndarray], Score]


def measured(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a form took: seconds from the process's start, seconds of loading, seconds of every call, peak memory.

    Parameters
    ----------
    request : mapping
        ``form``; ``folder`` of its files; ``inputs``, an .npy of raw features (L, N, F); ``calls``, how many of how
        many names; ``threads``; ``begun``, the monotonic clock when the process was asked for.

    Returns
    -------
    dict
        ``start``, ``load`` and ``calls`` in seconds, ``processor`` of the same calls in seconds of all threads,
        ``peak_bytes`` (None unless on Linux), ``scores`` of all names.
    """
    prepared, load = _opened(request)
    start = time.monotonic() - float(request["begun"])
    features = np.load(request["inputs"], allow_pickle=False)
    universe = np.ones(features.shape[:2], dtype=bool)
    calls, processor, scores = {}, {}, np.empty(0)
    for names, count in sorted((int(names), count) for names, count in request["calls"].items()):
        alone = slice(0, names)
        score = prepared(np.ascontiguousarray(features[:, alone]), np.ascontiguousarray(universe[:, alone]))
        calls[str(names)], processor[str(names)] = timed(score, count)
        scores = score()
    return {
        "start": start,
        "load": load,
        "calls": calls,
        "processor": processor,
        "peak_bytes": _status_bytes("VmHWM"),
        "scores": [None if np.isnan(each) else each for each in scores[-1].tolist()],
    }


def timed(score: Score, count: int, *, clocks: Clocks = CLOCKS) -> tuple[list[float], list[float]]:
    """Seconds of each of ``count`` calls by both clocks, after two that warm up and do not count."""
    score(), score()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(count):
        begun = [clock() for clock in clocks]
        score()
        for kept, clock, first in zip(seconds, clocks, begun, strict=True):
            kept.append(clock() - first)
    return seconds


def _opened(request: Mapping[str, Any]) -> tuple[Prepared, float]:
    """The form in memory, and the seconds that its file took once its libraries were there."""
    form, folder, threads = request["form"], Path(request["folder"]), int(request["threads"])
    if form == "torch":
        return _own_scorer(folder, threads)
    if form == "onnx":
        return _onnx(folder / FILES[form], threads)
    from models.scripted_graph import scripted_graph

    begun = time.perf_counter()
    score = scripted_graph(folder / FILES[form], n_threads=threads)
    return (lambda features, universe: lambda: score(features, universe)), time.perf_counter() - begun


def _onnx(path: Path, threads: int) -> tuple[Prepared, float]:
    import onnxruntime

    begun = time.perf_counter()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])

    def prepared(features: np.ndarray, universe: np.ndarray) -> Score:
        given = {"features": features, "universe": universe}

        def score() -> np.ndarray:
            found: np.ndarray = session.run(["expected_returns"], given)[0]
            return found

        return score

    return prepared, time.perf_counter() - begun


def _own_scorer(folder: Path, threads: int) -> tuple[Prepared, float]:
    """What ``decide`` does from features to expected returns: scaling, windows, network, calibration."""
    from live.latency.own_scorer import own_scorer

    begun = time.perf_counter()
    return own_scorer(folder, n_threads=threads), time.perf_counter() - begun


def _status_bytes(key: str) -> int | None:
    """A size from the system's table of this process; an inherited mark of its parent is not in it."""
    if not STATUS.is_file():
        return None
    lines = (line.split() for line in STATUS.read_text(encoding="utf-8").splitlines())
    return next((int(words[1]) * 1024 for words in lines if words[:1] == [f"{key}:"]), None)


def main(words: list[str]) -> None:
    """Do what a request says, and write the answer."""
    request, answer = words
    write_json(answer, measured(read_json(request)))


if __name__ == "__main__":
    main(sys.argv[1:])
