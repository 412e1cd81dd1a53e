"""TensorBoard files: one folder of events a run, replaced whole; written by tensorboardX, the extra ``tensorboard``.

Values are float32 in an event file. The folder names its run and the digest of what was exported, so that the same
export is made once and no folder of anything else is replaced.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import MissingExtraError, RunError, SourceError
from core.files import read_json, write_json
from strategy.tracking.tracked_run import TrackedRun, cut_text

__all__ = ["require_tensorboard", "write_events"]

MARK = "quintile.json"
MAX_PARAM = 1_000  # characters of a setting in the table of hyperparameters


def require_tensorboard() -> Any:
    """The library that writes event files.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import tensorboardX
    except ImportError as missing:
        raise MissingExtraError("tensorboardX is not installed: `pip install 'quintile[tensorboard]'`") from missing
    return tensorboardX


def write_events(run: TrackedRun, into: Path) -> bool:
    """Write a run's events into ``<into>/<strategy>/<run id>``; False where the same lie there already.

    Parameters
    ----------
    run : TrackedRun
        What is written.
    into : Path
        The folder that ``tensorboard --logdir`` is given.

    Raises
    ------
    MissingExtraError
        If tensorboardX is not installed.
    RunError
        If a folder of that name holds something else.
    """
    library, target = require_tensorboard(), into / run.strategy / run.run
    mark = {"run": run.run, "digest": run.digest}
    if target.exists():
        known = _mark(target)
        if known.get("run") != run.run:
            raise RunError(f"{target} holds something else than events of run {run.run}: choose another --into")
        if known == mark:
            return False
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{run.run}.", suffix=".partial", dir=target.parent))
    try:
        _write(library, run, made)
        write_json(made / MARK, mark)
        made.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        made.rename(target)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return True


def _write(library: Any, run: TrackedRun, folder: Path) -> None:
    """Write every event in this thread: the library's writer has one of its own, in which a full disk is never told."""
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto import event_pb2

    writer = EventsWriter(str(folder / "events"))
    try:
        for summary, step, time in _summaries(library.summary, run):
            event = event_pb2.Event(wall_time=time, step=step, summary=summary)
            writer.write_event(event)
    finally:
        writer.close()


def _summaries(library: Any, run: TrackedRun) -> Iterator[tuple[Any, int, float]]:
    """What an export says, each with its step and time: settings, curves, headline numbers, verdict and tags."""
    ended = run.ended.timestamp()
    params = {name: cut_text(value, MAX_PARAM) for name, value in run.params.items()}
    yield from ((summary, 0, ended) for summary in library.hparams(params, dict(run.metrics)))
    for name, points in run.curves.items():
        yield from ((library.scalar(name, point.value), point.step, point.time) for point in points)
    yield from ((library.scalar(name, value), 0, ended) for name, value in run.metrics.items())
    yield library.text("verdict", run.sentence), 0, ended
    rows = "\n".join(f"| {name} | {value.replace('|', '/')} |" for name, value in run.tags.items())
    yield library.text("tags", f"| tag | value |\n|---|---|\n{rows}"), 0, ended


def _mark(folder: Path) -> dict[str, Any]:
    try:
        found = read_json(folder / MARK)
    except (OSError, SourceError):
        return {}
    return found if isinstance(found, dict) else {}
