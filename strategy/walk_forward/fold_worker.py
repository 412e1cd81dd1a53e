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
from strategy.runs.log.run_log import KeptLog, RunLog, opening_lines
from strategy.runs.store import RunFolder
from strategy.walk_forward.fold import run_fold
from strategy.walk_forward.fold_files import PROGRESS_FILE, FoldFiles

__all__ = ["main"]

NOTE_SECONDS = 0.5  # between two notes


class ProgressNotes:
    """Writes progress notes, at most two a second, and ends the process once nobody waits for it.

    What the first fold says of a long training stands in its notes from then on.
    """

    def __init__(self, path: Path, parent: int, *, is_first: bool) -> None:
        self.path, self.parent, self.noted, self.said = path, parent, 0.0, ""
        self.say = self._say if is_first else None

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Write the progress of a stage."""
        if os.getppid() != self.parent:
            raise QuintileError("the walk that started this fold has ended")
        if time.monotonic() - self.noted < NOTE_SECONDS and stage != "training":
            return
        self.noted = time.monotonic()
        write_json(self.path, {"stage": stage, "done": done, "total": total, "note": note, "said": self.said})

    def _say(self, words: str) -> None:
        self.said = words
        self("training", 0, 1)


def main(arguments: list[str]) -> int:
    """Compute one fold; one line on standard error and 1 if it cannot be done."""
    run, number, bars, parent, *user_files = arguments
    folder, files = RunFolder(Path(run)), FoldFiles(Path(run), int(number))
    files.path.mkdir(parents=True, exist_ok=True)
    try:
        for path in user_files:
            load_user_file(path)
        with FileLock(files.path / ".lock"):  # of a worker that outlived its walk: it ends after its epoch
            notes = ProgressNotes(files.path / PROGRESS_FILE, int(parent), is_first=int(number) == 1)
            log, what = RunLog(notes), f"computes fold {number} of {folder.run_id}"
            with KeptLog(log, [files.path], opening_lines(what, "a worker of its walk", "cpu")):
                run_fold(folder, int(number), read_panel(Path(bars)), progress=log)
    except (QuintileError, ValueError, OSError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"out of memory ({error}): use fewer workers, or a machine with more", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
