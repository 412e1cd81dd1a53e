"""Progress display: bars and epochs on a terminal and below a notebook's cell, nothing where nobody looks.

It decides nothing. A network's epochs are a line each, above the bars; in a notebook a picture of their losses.
"""

import html
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from core.notebook_html import small_lines
from core.progress import ProgressCallback, silent
from core.terminal import printable, styled
from quintile.epoch_lines import HEADING, epoch_line

if TYPE_CHECKING:
    from models.networks.watched_epoch import WatchedEpoch

__all__ = ["CellBars", "progress_bars", "shown_progress"]

COUNT, CLOCK = 9, 7  # columns of 1259/1259 and of 0:00:12
SECONDS_BETWEEN = 0.2  # drawing oftener floods the notebook's connection


class CellBars:
    """Bars below a notebook's cell, drawn with IPython alone; a progress callback.

    Parameters
    ----------
    handle : IPython.display.DisplayHandle
        The display that is drawn over.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._stages: dict[str, tuple[int, int, str]] = {}
        self._said: list[str] = []
        self._epochs: list[WatchedEpoch] = []
        self._drawn = 0.0

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Draw the stage as it stands now, unless it was drawn a moment ago."""
        self._stages[stage] = (done, total, note)
        now = time.monotonic()
        if done >= total or now - self._drawn >= SECONDS_BETWEEN:
            self._drawn = now
            self._handle.update({"text/html": self.as_html(), "text/plain": ""}, raw=True)

    def say(self, words: str) -> None:
        """Show a line above the bars from now on."""
        self._said.append(words)
        self._handle.update({"text/html": self.as_html(), "text/plain": ""}, raw=True)

    def watch(self, seen: "WatchedEpoch") -> None:
        """Show the numbers of an epoch, and the losses of the training so far."""
        self._epochs = [*(each for each in self._epochs if each.part == seen.part), seen]

    def as_html(self) -> str:
        """What was said, and every stage as a row; names and notes are escaped."""
        said = "".join(f"<p>{html.escape(words)}</p>" for words in self._said)
        rows = (
            f'<tr><td>{html.escape(stage)}</td><td><progress value="{done}" max="{max(total, 1)}"></progress></td>'
            f"<td>{done:,} of {total:,}</td><td>{html.escape(note)}</td></tr>"
            for stage, (done, total, note) in self._stages.items()
        )
        return f"{said}<table>{''.join(rows)}</table>{self._curves()}"

    def _curves(self) -> str:
        """The last epoch in numbers, and the losses of all as a picture."""
        if not self._epochs:
            return ""
        lines = {name: [getattr(seen, f"{name}_loss") for seen in self._epochs] for name in ("validation", "train")}
        return f"<p>{html.escape(epoch_line(self._epochs[-1]))}</p>{small_lines(lines, title='Loss')}"


class TerminalBars:
    """Bars on standard error; a progress callback.

    Parameters
    ----------
    bars : rich.progress.Progress
        What draws them; started with the first stage.
    """

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}
        self._headed = False

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Move the stage's bar."""
        encoding = self._bars.console.encoding
        if not self._tasks:
            self._bars.start()  # not before: bars without a stage would leave an empty line above an error
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(printable(stage, encoding=encoding), total=total, note="")
        self._bars.update(self._tasks[stage], completed=done, total=total, note=printable(note, encoding=encoding))

    def say(self, words: str) -> None:
        """Print a line above the bars."""
        from rich.text import Text

        console = self._bars.console
        console.print(Text(printable(words, encoding=console.encoding)), soft_wrap=True)

    def watch(self, seen: "WatchedEpoch") -> None:
        """Print the numbers of an epoch as a line above the bars; on a narrow terminal those that matter most."""
        if not self._headed:
            self._headed = True
            self.say(HEADING)
        console = self._bars.console
        self.say(epoch_line(seen, console.width if console.is_terminal else None))

    def stop(self) -> None:
        """Leave the bars as they stand."""
        if self._tasks:
            self._bars.stop()


@contextmanager
def progress_bars(*, quiet: bool = False) -> Iterator[ProgressCallback]:
    """Show one bar for each stage on standard error while the block runs; nothing if ``quiet``."""
    if quiet:
        yield silent
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=styled(sys.stderr))
    bars = TerminalBars(Progress(*_columns(console.width), console=console))
    try:
        yield bars
    finally:
        bars.stop()


def _columns(width: int) -> list[Any]:
    """The columns of a bar that fit a terminal: a number is never cut, a name or a note ends in an ellipsis.

    A narrow terminal loses the elapsed time first, then the note; the bar and the name become shorter.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.table import Column

    wide, with_note = width >= 100, width >= 70
    name, bar = (22 if with_note else 18), (28 if wide else 12 if with_note else 8)
    room = width - name - bar - COUNT - CLOCK - len("eta") - 5 - ((CLOCK + 1) if wide else 0)
    return [
        TextColumn(
            "{task.description}", markup=False, table_column=Column(width=name, no_wrap=True, overflow="ellipsis")
        ),
        BarColumn(bar_width=bar),
        MofNCompleteColumn(table_column=Column(min_width=COUNT, justify="right", no_wrap=True)),
        *([TimeElapsedColumn(table_column=Column(min_width=CLOCK, no_wrap=True))] if wide else []),
        TextColumn("eta", table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(min_width=CLOCK, no_wrap=True)),
        *(
            [TextColumn("{task.fields[note]}", style="dim", markup=False, table_column=_wide(room))]
            if with_note
            else []
        ),
    ]


def _wide(room: int) -> Any:
    from rich.table import Column

    return Column(width=room, no_wrap=True, overflow="ellipsis")


@contextmanager
def shown_progress(*, quiet: bool = False) -> Iterator[ProgressCallback]:
    """Show one bar for each stage while the block runs: in a notebook, or on a terminal; else nothing."""
    if quiet:
        yield silent
    elif _in_notebook():
        display = import_module("IPython.display").display  # a notebook has it; Quintile does not ask for it
        yield CellBars(display({"text/plain": ""}, raw=True, display_id=True))
    else:
        with progress_bars(quiet=not sys.stderr.isatty()) as progress:
            yield progress


def _in_notebook() -> bool:
    """Whether this process is a notebook's kernel; IPython on a terminal is a terminal."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None
