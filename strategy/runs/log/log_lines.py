"""Log lines: the form of a run's ``run.log``, and what a reader makes of it.

A line is a UTC time, a stage and a message, two spaces apart. An epoch is a line of ``name=value``, to six digits. A
writer that was killed leaves at most one cut line, the last: readers skip a line without its end, and one that the next
writer marked as cut. Imports no torch.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from core.errors import RunError
from core.terminal import printable
from models.networks.watched_epoch import WatchedEpoch

__all__ = ["CUT", "EPOCH", "LOG_FILE", "LogLine", "epochs_of", "message_of", "parsed_lines", "read_log", "written_line"]

LOG_FILE = "run.log"
CUT = " (cut)"  # ends a line that a killed writer began
EPOCH = "epoch"  # the stage of a line of numbers
MAX_MESSAGE = 2_000  # characters
MAX_BYTES = 2**26  # that are read: the last of a longer file
LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)  (\S+(?: \S+)*)  +(.*)")
WHOLE = ("epoch", "epochs")  # numbers of an epoch without decimals


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a run's log.

    Parameters
    ----------
    time : datetime
        When it was written, UTC.
    stage : str
        What the run was at.
    message : str
        What was to be said.
    """

    time: datetime
    stage: str
    message: str

    def __str__(self) -> str:
        return f"{_stamp(self.time)}  {self.stage:<10}  {self.message}"


def written_line(time: datetime, stage: str, message: str) -> str:
    """A line as it is written, its end included; what a file or a user named moves no terminal and breaks no line."""
    words, name = (" ".join(printable(text).split()) for text in (message, stage))
    kept = words if len(words) <= MAX_MESSAGE else f"{words[: MAX_MESSAGE - 2]} …"
    return f"{LogLine(time=time, stage=name or '-', message=kept or '-')}\n"


def message_of(seen: WatchedEpoch) -> str:
    """The numbers of an epoch as a message."""
    values = ((each.name, getattr(seen, each.name)) for each in fields(seen))
    return " ".join(f"{name}={_text(value)}" for name, value in values if value != "")


def read_log(path: Path) -> tuple[LogLine, ...]:
    """The lines of a log that are whole; none where there is no log.

    Raises
    ------
    RunError
        If the file cannot be read.
    """
    try:
        with path.open("rb") as opened:
            opened.seek(max(opened.seek(0, 2) - MAX_BYTES, 0))
            content = opened.read()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror}): restore it, or change its permissions") from error
    return parsed_lines(content.decode(errors="replace"))


def parsed_lines(text: str) -> tuple[LogLine, ...]:
    """The lines of a text that are whole and have the form of a log."""
    whole = text.split("\n")[:-1]  # what follows the last end of line was cut, or is being written
    found = (LINE.fullmatch(line) for line in whole if not line.endswith(CUT))
    return tuple(LogLine(time=_time(each[1]), stage=each[2], message=each[3]) for each in found if each is not None)


def epochs_of(lines: Iterable[LogLine]) -> tuple[WatchedEpoch, ...]:
    """The epochs of a log, by part and number; of one that was written twice, as after a kill, the later line."""
    found = [seen for line in lines if line.stage == EPOCH and (seen := _epoch(line.message)) is not None]
    parts = list(dict.fromkeys(seen.part for seen in found))
    latest = {(parts.index(seen.part), seen.epoch): seen for seen in found}
    return tuple(latest[key] for key in sorted(latest))


def _epoch(message: str) -> WatchedEpoch | None:
    given = dict(word.split("=", 1) for word in message.split() if "=" in word)
    wanted: Sequence[str] = [each.name for each in fields(WatchedEpoch) if each.name != "part"]
    try:
        numbers = {name: int(given[name]) if name in WHOLE else float(given[name]) for name in wanted}
    except (KeyError, ValueError):  # of another release, or edited
        return None
    return WatchedEpoch(**numbers, part=given.get("part", ""))  # type: ignore[arg-type]


def _text(value: float | int | str) -> str:
    if isinstance(value, float):
        return "nan" if math.isnan(value) else f"{value:.6g}"
    return "_".join(str(value).split())


def _stamp(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # no such day
        return datetime.fromtimestamp(0, UTC)
