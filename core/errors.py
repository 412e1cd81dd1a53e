"""Errors: every failure a user can meet, in one small tree.

``ValueError`` is for a wrong argument; this tree is for data, files and engines. The command line prints one line each.

    QuintileError
    ├── DataError            bars, scores or members that cannot be used
    │   ├── BarsError        a column, price, date or ticker is wrong
    │   ├── SourceError      nothing usable came from a file or a vendor
    │   └── UniverseError    no or impossible membership
    ├── CheckpointError      model weights missing, corrupt or foreign
    ├── RunError             a run is missing, changed or cannot resume
    │   └── LooksSpentError  validation was asked as often as it may be
    ├── MissingExtraError    a library that is only installed on request
    ├── UnsupportedBookError a book the backtest engine cannot express
    └── ParityError          the two backtest engines disagree
"""

__all__ = [
    "BarsError",
    "CheckpointError",
    "DataError",
    "LooksSpentError",
    "MissingExtraError",
    "ParityError",
    "QuintileError",
    "RunError",
    "SourceError",
    "UniverseError",
    "UnsupportedBookError",
    "note_remedy",
    "noted_remedy",
]

REMEDY = "goes on with: "


class QuintileError(Exception):
    """Anything Quintile refuses to do, in one line that ends in the remedy."""


class DataError(QuintileError):
    """Data that cannot be used as given."""


class BarsError(DataError):
    """Bars with a wrong column, price, date or ticker."""


class SourceError(DataError):
    """A file or vendor that gave nothing usable."""


class UniverseError(DataError):
    """A universe that is empty, misaligned or impossible."""


class CheckpointError(QuintileError):
    """Model weights that are missing, corrupt or belong to something else."""


class RunError(QuintileError):
    """A run that is missing, has changed or cannot resume."""


class LooksSpentError(RunError):
    """A validation span that was asked about as often as it may be."""


class MissingExtraError(QuintileError):
    """A library that is only installed on request and is not there."""


class UnsupportedBookError(QuintileError):
    """A book that the backtest engine cannot express."""


class ParityError(QuintileError):
    """Two engines that ran the same book and disagree."""


def note_remedy(error: BaseException, command: str) -> None:
    """Note on an error the command with which what it ended goes on; the first one stays."""
    if noted_remedy(error) is None:
        error.add_note(f"{REMEDY}{command}")


def noted_remedy(error: BaseException) -> str | None:
    """The command that was noted on an error; None where nothing goes on."""
    notes = [note for note in getattr(error, "__notes__", ()) if note.startswith(REMEDY)]
    return notes[0].removeprefix(REMEDY) if notes else None
