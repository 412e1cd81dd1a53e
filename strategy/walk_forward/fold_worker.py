"""Fold worker: a process that computes one fold with one thread and reports progress in a small file.

Started by ``strategy.walk_forward.fold_workers`` as ``python -m strategy.walk_forward.fold_worker RUN FOLD BARS
PARENT [USER_FILE …]``.
"""

import os
import sys
import time
from pathlib import Path

from filelock import FileLock

from core.errors import QuintileError
from core.files import write_json
from strategy.frozen.archive import read_panel
from strategy.learning.user_files import load_user_file
from strategy.runs.store import RunFolder
from strategy.walk_forward.fold import run_fold
from strategy.walk_forward.fold_files import PROGRESS_FILE, FoldFiles

__all__ = ["main"]

NOTE_SECONDS = 0.5  # between two notes


class ProgressNotes:
    """Writes progress notes, at most two a second, and ends the process once nobody waits for it."""

    def __init__(self, path: Path, parent: int) -> None:
        self.path, self.parent, self.noted = path, parent, 0.0

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Write the progress of a stage."""
        if os.getppid() != self.parent:
            raise QuintileError("the walk that started this fold has ended")
        if time.monotonic() - self.noted < NOTE_SECONDS and stage != "training":
            return
        self.noted = time.monotonic()
        write_json(self.path, {"stage": stage, "done": done, "total": total, "note": note})


def main(arguments: list[str]) -> int:
    """Compute one fold; one line on standard error and 1 if it cannot be done."""
    run, number, bars, parent, *user_files = arguments
    folder, files = RunFolder(Path(run)), FoldFiles(Path(run), int(number))
    files.path.mkdir(parents=True, exist_ok=True)
    try:
        for path in user_files:
            load_user_file(path)
        with FileLock(files.path / ".lock"):  # of a worker that outlived its walk: it ends after its epoch
            run_fold(
                folder,
                int(number),
                read_panel(Path(bars)),
                progress=ProgressNotes(files.path / PROGRESS_FILE, int(parent)),
            )
    except (QuintileError, ValueError, OSError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"out of memory ({error}): use fewer workers, or a machine with more", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
