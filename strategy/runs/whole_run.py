"""Whole run: a run that is made in one go appears in its store when it is complete, and otherwise leaves nothing.

Nothing of a run of given scores, of a given model or of a frozen version is worth going on from: it is made in a folder
beside the store's runs, where nobody finds it, and moved among them at the end. A killed one is swept later.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from market.panel import Panel
from strategy.definitions.spec import StrategySpec
from strategy.runs.context import RunContext
from strategy.runs.log.run_log import kept_log
from strategy.runs.run_folder import LOCK_FILE, RunFolder, RunOrigin
from strategy.runs.store import RunStore

__all__ = ["kept_run", "whole_run"]

STAGING = ".evaluating"
SWEPT_AFTER = 3600.0  # seconds: by then a run that holds no lock is of a killed process


@contextmanager
def whole_run(spec: StrategySpec, panel: Panel, *, context: RunContext, origin: RunOrigin) -> Iterator[RunFolder]:
    """Yield a run's folder outside the store; it is moved into it when complete, and removed on any failure.

    The trial log of the store is written before: a result that was about to be shown counts.

    Parameters
    ----------
    spec : StrategySpec
        The strategy.
    panel : Panel
        The bars.
    context : RunContext
        Its store, request and command.
    origin : RunOrigin
        What the run is made of.
    """
    store = context.store
    staging = RunStore(store.root / STAGING, csv=store.csv)
    _sweep(staging.root)
    reserved = staging.reserve(spec, suffix=origin.suffix)
    folder = RunFolder(reserved.path, csv=store.csv, kept_in=store.root / spec.name)
    request = context.request.on_exchange(panel.facts.exchange)
    try:
        with folder.locked():
            folder.begin(spec, request, panel=panel.fingerprint(), command=context.command, origin=origin)
            with kept_log(context, folder):
                yield folder
            kept = kept_run(folder).path
            kept.parent.mkdir(parents=True, exist_ok=True)
            (folder.path / LOCK_FILE).unlink()
            folder.path.rename(kept)
    finally:
        shutil.rmtree(folder.path, ignore_errors=True)
        for left in (folder.path.parent, staging.root, store.root):
            with suppress(OSError):  # another process has a run there, or none is left
                left.rmdir()


def kept_run(folder: RunFolder) -> RunFolder:
    """The run's folder where it is once it is complete."""
    return RunFolder(folder.home / folder.run_id, csv=folder.csv)


def _sweep(staging: Path) -> None:
    """Remove what killed processes left long ago."""
    for lock in staging.glob(f"*/*/{LOCK_FILE}"):
        with suppress(OSError, Timeout):
            if time.time() - lock.stat().st_mtime > SWEPT_AFTER:
                with FileLock(lock, timeout=0):
                    shutil.rmtree(lock.parent, ignore_errors=True)
