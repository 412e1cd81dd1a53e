"""Context of a run: its store, what is recorded of its bars, and its progress; nothing here changes a number."""

from dataclasses import dataclass, field

from core.progress import ProgressCallback, silent
from market.request import BarsRequest
from strategy.runs.store import RunFolder, RunStore

__all__ = ["IN_MEMORY", "RunContext"]

IN_MEMORY = "given in Python"  # where bars came from that nothing loads again


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunContext:
    """Store, record and progress of a run.

    Parameters
    ----------
    store : RunStore
        Where the run is written.
    request : BarsRequest
        Where the bars came from, for the record.
    command : str
        Command that reproduces the run, for the record.
    progress : callable
        Called as work advances.
    resume : RunFolder or None
        An unfinished run to continue; None starts a new one.
    """

    store: RunStore = field(default_factory=RunStore)
    request: BarsRequest = field(default_factory=lambda: BarsRequest(bars=IN_MEMORY))
    command: str = "given in Python"
    progress: ProgressCallback = silent
    resume: RunFolder | None = None
