"""Measured forms: a version exported to every form it has, each timed in a process of its own, round after round.

The forms take turns: every round starts a fresh process for each, so that what else the machine does in a minute falls
on all of them. Features are drawn from the scaler's means and sds, since what a network is given does not change what
it takes; each form must give the expected returns that our own scoring gives, and by how much it differs is told.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import MissingExtraError, RunError
from core.files import read_json, write_bytes, write_json
from core.parallel import cores
from core.progress import ProgressCallback, silent
from live.latency.latency_table import SESSION_NAMES, LatencyRow, LatencyTable, latency_rows
from live.latency.measured_process import FILES, FORMS
from models.checkpoint import Checkpoint, load_checkpoint
from models.export.graph import ExportGraph, export_graph
from models.export.graph_files import onnx_bytes, torchscript_bytes
from models.export.int8_graph import int8_graph
from models.export.refusal import ExportError
from models.forecasters.forecast_extra import forecast_library
from models.windows import Scaler
from strategy.frozen.replay import intact_body
from strategy.frozen.versions import VersionFolder, plain
from strategy.runs.provenance import machine

__all__ = ["LatencySettings", "drawn_features", "measure_latency", "table_of"]

SEED = 7
TIMEOUT = 900  # seconds of one process
CALLS = {1: 100, 200: 20, 1695: 10}  # of one process


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySettings:
    """How latency is measured.

    Parameters
    ----------
    repeats : int
        Rounds; in each every form has a new process.
    n_threads : int
        Threads of every form; those that this process may use by default. Our own scoring takes one a session.
    calls : mapping of int to int
        Timed calls of a process for a session of so many names.
    """

    repeats: int = 5
    n_threads: int = field(default_factory=cores)
    calls: Mapping[int, int] = field(default_factory=lambda: dict(CALLS))

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise ValueError(f"repeats must be at least 1, was {self.repeats}")
        if not 1 <= self.n_threads <= 64:
            raise ValueError(f"threads must be 1 to 64, was {self.n_threads}")


def measure_latency(
    folder: VersionFolder, *, settings: LatencySettings | None = None, progress: ProgressCallback = silent
) -> LatencyTable:
    """Measure every form of a version.

    Parameters
    ----------
    folder : VersionFolder
        The version; its files are checked against its lock first.
    settings : LatencySettings, optional
        Rounds, threads and calls.
    progress : callable
        Called as forms are exported and processes end.

    Raises
    ------
    RunError
        If the version is not intact, or a process fails.
    """
    how = settings or LatencySettings()
    intact_body(folder)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        left_out = _export(load_checkpoint(folder.path / "model"), place, progress)
        forms = [form for form in FORMS if form not in left_out]
        answers, load_average = _rounds(folder, place, forms, how, progress)
    conditions = _conditions(how) | {"load_average": load_average}
    return table_of(folder, answers, left_out=left_out, conditions=conditions)


def table_of(
    folder: VersionFolder,
    answers: Mapping[str, list[dict[str, Any]]],
    *,
    left_out: Mapping[str, str],
    conditions: Mapping[str, Any],
) -> LatencyTable:
    """The table of what the processes of every form answered, round after round."""
    rows: list[LatencyRow] = []
    for form, given in answers.items():
        rows += latency_rows(form, given)
    own = _scores(answers["torch"][0])
    return LatencyTable(
        version=str(folder.version),
        lock=folder.sha256,
        rows=tuple(rows),
        peaks={form: _peak(given) for form, given in answers.items()},
        differences={form: _difference(_scores(given[0]), own) for form, given in answers.items()},
        left_out=left_out,
        conditions=conditions,
    )


def drawn_features(scaler: Scaler, *, lookback: int, names: int, seed: int = SEED) -> np.ndarray:
    """Raw features of one session's windows, float32 (lookback, names, n_features), drawn around the scaler's means."""
    shape = (lookback, names, len(scaler.names))
    drawn = np.random.default_rng(seed).standard_normal(shape) * np.array(scaler.sd) + np.array(scaler.mean)
    return np.asarray(drawn, dtype=np.float32)


def _export(checkpoint: Checkpoint, place: Path, progress: ProgressCallback) -> dict[str, str]:
    """Write the files of all forms and the features they are given; why a form has no file."""
    settings, left_out = checkpoint.model.settings.model, {}
    drawn = drawn_features(checkpoint.model.scaler, lookback=settings.lookback, names=max(SESSION_NAMES))
    np.save(place / "features.npy", drawn)
    try:
        graph = export_graph(checkpoint)
    except ExportError as error:
        return dict.fromkeys(FILES, plain(error))
    for done, (form, name) in enumerate(FILES.items(), start=1):
        try:
            write_bytes(place / name, EXPORTS[form](graph, settings.kind))
        except (ExportError, MissingExtraError) as error:
            left_out[form] = plain(error)
        progress("exporting", done, len(FILES), form)
    return left_out


def _onnx(graph: ExportGraph, kind: str) -> bytes:
    forecast_library("onnxruntime", extra="export")
    return onnx_bytes(graph, kind=kind)


EXPORTS: Mapping[str, Callable[[ExportGraph, str], bytes]] = {
    "onnx": _onnx,
    "torchscript": lambda graph, kind: torchscript_bytes(graph, kind=kind),
    "int8": lambda graph, kind: torchscript_bytes(graph, kind=kind, changed=int8_graph(graph, kind=kind)),
}


def _rounds(
    folder: VersionFolder, place: Path, forms: list[str], how: LatencySettings, progress: ProgressCallback
) -> tuple[dict[str, list[dict[str, Any]]], float | None]:
    """What every form's processes answered, and the highest load average that a round began with."""
    answers: dict[str, list[dict[str, Any]]] = {form: [] for form in forms}
    loads, total = [], how.repeats * len(forms)
    for turn in range(how.repeats):
        loads.append(os.getloadavg()[0] if hasattr(os, "getloadavg") else None)
        for form in forms:
            answers[form].append(_measured(form, folder, place, how))
            progress("measuring", sum(map(len, answers.values())), total, f"{form}, round {turn + 1}")
    known = [load for load in loads if load is not None]
    return answers, max(known, default=None)


def _measured(form: str, folder: VersionFolder, place: Path, how: LatencySettings) -> dict[str, Any]:
    """The answer of one process."""
    request, answer = place / "request.json", place / "answer.json"
    answer.unlink(missing_ok=True)
    facts = {
        "form": form,
        "folder": str(folder.path if form == "torch" else place),
        "inputs": str(place / "features.npy"),
        "calls": {str(names): count for names, count in how.calls.items()},
        "threads": how.n_threads,
        "begun": time.monotonic(),
    }
    write_json(request, facts)
    # -P: a folder of the user's that is called as one of ours is not imported
    command = [sys.executable, "-P", "-m", "live.latency.measured_process", str(request), str(answer)]
    environment = os.environ | {"OMP_NUM_THREADS": str(how.n_threads)}
    try:
        ran = subprocess.run(  # noqa: S603  this interpreter, a module of ours and two paths of ours
            command, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RunError(f"{form} took more than {TIMEOUT} s in its process: ask for fewer calls") from error
    if ran.returncode or not answer.is_file():
        said = (ran.stderr.strip().splitlines() or [f"exit {ran.returncode}"])[-1]
        raise RunError(
            f"{form} could not be measured in its process ({plain(said)}): repeat with --verbose"
        ) from RuntimeError(ran.stderr[-4_000:])
    return dict(read_json(answer))


def _conditions(how: LatencySettings) -> dict[str, Any]:
    facts = machine()
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": facts["system"],
        "processor": facts["processor"],
        "processors": facts["processors"],
        "threads": how.n_threads,
        "rounds": how.repeats,
        "torch": _version("torch"),
        "onnxruntime": _version("onnxruntime"),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _peak(answers: list[dict[str, Any]]) -> float | None:
    known = [float(answer["peak_bytes"]) for answer in answers if answer["peak_bytes"] is not None]
    return max(known, default=None)


def _scores(answer: Mapping[str, Any]) -> np.ndarray:
    return np.array(answer["scores"], dtype=float)


def _difference(scores: np.ndarray, own: np.ndarray) -> float:
    """Largest difference from our own scores, in their standard deviations (ddof=0); NaN where a name is missing."""
    gap, spread = np.abs(scores - own).max(), own.std()
    return float(gap / spread) if spread > 0.0 else float(gap)
