"""Model costs: what a model takes to load and to score, measured here and now."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import DataError
from core.progress import ProgressCallback, silent
from models.checkpoint import load_checkpoint
from models.model import ScoreContext
from models.model_settings import Scoring
from models.threads import threads
from models.windows import Windows

__all__ = ["ModelCosts", "Timing", "measured_costs", "median_seconds"]

CALLS = 21  # of which the median is taken, after one that warms up
BUDGET_SECONDS = 3.0  # after which fewer calls do
MIN_CALLS = 3
THREADS = 1
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The median of some calls, in seconds."""

    seconds: float
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCosts:
    """What loading and scoring took.

    Parameters
    ----------
    measured : str
        When, in UTC.
    machine : dict of str to str
        Where.
    threads : int
        That computed.
    session : str
        The session that was scored, an ISO date.
    names : int
        Names with a window on it.
    load, one_name, whole_session : Timing
        The checkpoint read; the session of one name scored, and of all.
    peak_bytes : int or None
        Most memory that the process held while the session was first scored; None where the system does not say.
    grown_bytes : int or None
        How much of it the process did not hold before.
    """

    measured: str
    machine: dict[str, str]
    threads: int
    session: str
    names: int
    load: Timing
    one_name: Timing
    whole_session: Timing
    peak_bytes: int | None
    grown_bytes: int | None


def measured_costs(
    path: Path,
    windows: Windows,
    *,
    scoring: Scoring,
    machine: Mapping[str, str],
    progress: ProgressCallback = silent,
    clock: Clock = time.perf_counter,
) -> ModelCosts:
    """Load a checkpoint and score the last session that has names, on the processor and on one thread.

    Parameters
    ----------
    path : Path
        Weights and card, without suffix.
    windows : Windows
        Built with the model's scaler and lookback.
    scoring : {"exact", "long"}
        How sessions are scored.
    machine : mapping of str to str
        What this machine is.
    progress : callable
        Called as work advances.
    clock : callable
        Seconds.

    Raises
    ------
    DataError
        If no session has a name with a whole window.
    """
    rows = windows.mask.any(dim=1).nonzero()
    if not len(rows):
        raise DataError("no session of the bars has a name with a whole window: give the bars of the run")
    row = int(rows[-1])
    session, names = windows.sessions[[row]], windows.mask[row].nonzero()[:, 0]
    progress("measuring", 0, 3)
    model, how = load_checkpoint(path).model, ScoreContext(scoring=scoring, device="cpu")
    with threads(THREADS):
        load = median_seconds(lambda: load_checkpoint(path), clock)
        progress("measuring", 1, 3)
        peak = _peak(lambda: model.scores(windows, session, context=how))
        whole = median_seconds(lambda: model.scores(windows, session, context=how), clock)
        progress("measuring", 2, 3)
        alone = _one_name(windows, int(names[0]))
        one = median_seconds(lambda: model.scores(alone, session, context=how), clock)
    progress("measuring", 3, 3)
    return ModelCosts(
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=dict(machine),
        threads=THREADS,
        session=f"{session[0]:%Y-%m-%d}",
        names=len(names),
        load=load,
        one_name=one,
        whole_session=whole,
        peak_bytes=None if peak is None else peak[0],
        grown_bytes=None if peak is None else peak[1],
    )


def median_seconds(call: Callable[[], Any], clock: Clock) -> Timing:
    """The median of repeated calls after a first one: 21 of them, or as many as fit into three seconds, 3 at least."""
    call()
    begun = clock()
    seconds: list[float] = []
    while len(seconds) < CALLS and (len(seconds) < MIN_CALLS or clock() - begun < BUDGET_SECONDS):
        started = clock()
        call()
        seconds.append(clock() - started)
    return Timing(seconds=statistics.median(seconds), calls=len(seconds))


def _one_name(windows: Windows, place: int) -> Windows:
    """The windows of one name."""
    alone = slice(place, place + 1)
    parts = {name: getattr(windows, name)[:, alone].contiguous() for name in ("x", "y", "mask", "present")}
    return replace(windows, tickers=windows.tickers[alone], **parts)


def _peak(call: Callable[[], Any]) -> tuple[int, int] | None:
    """Peak memory of the process during a call, and how much it did not hold before; None unless on Linux."""
    before = _reset_peak()
    call()
    peak = None if before is None else _status_bytes("VmHWM")
    return None if before is None or peak is None else (peak, max(peak - before, 0))


def _reset_peak() -> int | None:
    """Set the highest mark that the system keeps of this process to what it holds now, which is given back."""
    try:
        RESET.write_text("5")
        return _status_bytes("VmRSS")
    except OSError:
        return None


def _status_bytes(key: str) -> int | None:
    lines = (line.split() for line in STATUS.read_text(encoding="utf-8").splitlines())
    return next((int(words[1]) * 1024 for words in lines if words[:1] == [f"{key}:"]), None)
