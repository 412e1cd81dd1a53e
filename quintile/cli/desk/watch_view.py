"""Watch view: a run that is watched, as lines of text that fit a terminal; it reads nothing and prints nothing."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.progress import duration
from core.terminal import printable
from quintile.epoch_lines import HEADING, spark_line

if TYPE_CHECKING:
    from models.networks.watched_epoch import WatchedEpoch
    from strategy.runs.log.watched_run import WatchedRun

__all__ = ["view_lines"]

LAST_LINES = 6  # of the log
LABEL, NUMBERS, NUMBER = 24, 22, 9  # columns of a curve's name, of where it begins and ends, and of its end alone
MIN_CURVE = 8  # columns: with fewer its beginning is left out
CURVES = (
    ("loss, training", "train_loss", ".4f"),
    ("loss, validation", "validation_loss", ".4f"),
    ("rank IC, training", "train_ic", "+.4f"),
    ("rank IC, validation", "validation_ic", "+.4f"),
    ("accuracy, training", "train_accuracy", ".1%"),
    ("accuracy, validation", "validation_accuracy", ".1%"),
    ("learning rate", "learning_rate", ".3g"),
    ("gradient norm", "gradient_norm", ".3g"),
    ("gradient norm, largest", "max_gradient_norm", ".3g"),
)
LONG_WAIT = 60.0  # seconds without a line that are worth saying


def view_lines(seen: "WatchedRun", *, width: int, now: datetime, encoding: str | None = "utf-8") -> list[str]:
    """How a run stands: state, stage, time left, curves of the training, last lines of the log.

    Parameters
    ----------
    seen : WatchedRun
        The run.
    width : int
        Columns of the terminal; no line is longer, but for the one that says why it stopped or what came out.
    now : datetime
        What times are counted to.
    encoding : str or None
        What the stream writes.
    """
    lines = [f"{seen.strategy} {seen.run}", _state_words(seen, now)]
    lines += [seen.word] if seen.word else []
    lines += [] if seen.state == "finished" else list(_stage_lines(seen))
    body = [*_epoch_lines(seen, width, encoding), *_log_lines(seen)]
    whole = [printable(line, encoding=encoding) for line in lines]
    return [*whole, *(_cut(printable(line, encoding=encoding), width) for line in body)]


def _state_words(seen: "WatchedRun", now: datetime) -> str:
    silent = math.nan if seen.last_time is None else (now - seen.last_time).total_seconds()
    last = "" if math.isnan(silent) else f"last line {_ago(silent)} ago"
    if seen.state == "running":
        return f"running{f', {last}' if silent > LONG_WAIT else ''}"
    if seen.state == "killed":
        return f"killed: no process writes it any more, {last}"
    if seen.state == "stopped":
        return f"stopped by an error, {last}"
    if seen.state == "finished":
        return "finished" + ("" if seen.report is None else f", report {seen.report}")
    return f"not finished; it is written on another machine, {last}" if last else "not finished, and it has no log"


def _stage_lines(seen: "WatchedRun") -> Iterator[str]:
    if seen.estimate and not seen.epochs:
        yield f"estimate: {seen.estimate}"
    if seen.stage:
        far = f", {seen.done} of {seen.total}" if seen.total else ""
        left = "" if seen.seconds_left is None else f", {_left(seen)} left"
        yield f"{'at' if not seen.is_over else 'ended at'} {seen.stage}{far}{left}"
    if seen.folds is not None:
        yield from seen.folds.working


def _left(seen: "WatchedRun") -> str:
    words = duration(seen.seconds_left or 0.0)
    return f"at most {words}" if seen.stage == "training" else f"about {words}"


def _epoch_lines(seen: "WatchedRun", width: int, encoding: str | None) -> Iterator[str]:
    """Curves of the part that trained last; the best epoch is that of the lowest validation loss."""
    if not seen.epochs:
        return
    current = [each for each in seen.epochs if each.part == seen.epochs[-1].part]
    named = " ".join(filter(None, (f"fold {seen.fold}" if seen.fold else "", current[-1].part)))
    mean = sum(each.seconds for each in current) / len(current)
    yield ""
    yield f"{f'{named}: ' if named else ''}{len(current)} epochs of {mean:.3g} s{_lowest(current)}"
    for name, field, form in CURVES:
        values = [float(getattr(each, field)) for each in current]
        last = _number(values[-1], form)
        narrow = width < LABEL + NUMBERS + MIN_CURVE
        ends = f"{last:<{NUMBER}}" if narrow else f"{f'{_number(values[0], form)} → {last}':<{NUMBERS}}"
        yield f"{name:<{LABEL}}{ends}{spark_line(values, width - LABEL - len(ends), encoding=encoding)}".rstrip()
    yield HEADING.partition("; ")[2]


def _lowest(epochs: Sequence["WatchedEpoch"]) -> str:
    judged = [each for each in epochs if math.isfinite(each.validation_loss)]
    if not judged:
        return ""
    best = min(judged, key=lambda each: each.validation_loss)
    return f", lowest validation loss {best.validation_loss:.4f} in epoch {best.epoch}"


def _log_lines(seen: "WatchedRun") -> Iterator[str]:
    """The last lines of the log, without the numbers that the curves show."""
    told = [line for line in seen.lines if line.stage != "epoch"][-LAST_LINES:]
    if told:
        yield ""
    for line in told:
        yield f"{line.time.astimezone(UTC):%H:%M:%S}Z  {line.stage}  {line.message}"


def _number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)


def _ago(seconds: float) -> str:
    if seconds >= 2 * 86_400:
        return f"{seconds / 86_400:.0f} days"
    return f"{seconds / 3600:.0f} h" if seconds >= 2 * 3600 else duration(max(seconds, 0.0))


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: max(width - 1, 1)]}…"
