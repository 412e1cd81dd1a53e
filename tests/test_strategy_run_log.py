"""The log of a run: what is written, what a kill leaves of it, and how a run stands by its files."""

import os
import re
import signal
import subprocess
import sys
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.files import write_json
from models.networks.watched_epoch import WatchedEpoch
from strategy.runs.log import run_log
from strategy.runs.log.log_lines import LOG_FILE, epochs_of, message_of, parsed_lines, read_log, written_line
from strategy.runs.log.run_log import KeptLog, RunLog, opening_lines
from strategy.runs.log.watched_run import WatchedRun, watched_run
from strategy.runs.log.writer_process import writes_still
from strategy.runs.store import RunFolder, RunStore
from strategy.sweeps.sweep_estimate import FirstEstimate, first_estimate
from strategy.walk_forward import fold_workers
from strategy.walk_forward.fold_worker import ProgressNotes
from strategy.walk_forward.fold_workers import FoldTask
from tests.frozen_market import Bench

ROOT = Path(__file__).resolve().parent.parent
NOON = datetime(2026, 11, 29, 12, 0, 0, 123_000, tzinfo=UTC)


def epoch(number: int, **changes: Any) -> WatchedEpoch:
    numbers = {"train_loss": 0.9, "validation_loss": 0.8, "train_ic": 0.01, "validation_ic": float("nan")}
    numbers |= {"train_accuracy": 0.5, "validation_accuracy": 0.51, "learning_rate": 1e-3, "seconds": 2.0}
    numbers |= {"gradient_norm": 0.4, "max_gradient_norm": 1.25}
    return WatchedEpoch(epoch=number, epochs=4, **(numbers | changes))


def begun(folder: Path, *, finished: str | None = None, **more: Any) -> RunFolder:
    """A run's folder with a record and no more."""
    identity = {"spec": "a", "panel": "b", "code": "c"}
    record = {"strategy": "mine", "request": {}, "identity": identity, "finished": finished}
    write_json(folder / "run.json", record | more)
    return RunFolder(folder)


def logged_lines(folder: Path) -> list[tuple[str, str]]:
    return [(line.stage, line.message) for line in read_log(folder / LOG_FILE)]


@pytest.mark.parametrize(
    ("stage", "message", "read"),
    [
        ("scoring the test", "640 of 1259", ("scoring the test", "640 of 1259")),
        ("start", "a\nb\x1b[31m \tc  d", ("start", "a b\\u001b[31m c d")),
        ("", "", ("-", "-")),
        ("warning", "x" * 5_000, ("warning", "x" * 1_998 + " …")),
    ],
)
def test_a_line_is_read_as_it_was_written(stage: str, message: str, read: tuple[str, str]) -> None:
    text = written_line(NOON, stage, message)
    assert text.startswith("2026-11-29T12:00:00.123Z  ")
    assert text.count("\n") == 1
    (line,) = parsed_lines(text)
    assert (line.time, line.stage, line.message) == (NOON, *read)


def test_an_epoch_is_read_to_six_digits_and_one_of_another_form_is_skipped() -> None:
    seen = epoch(3, train_loss=0.123456789, part="deep.0")
    text = written_line(NOON, "epoch", message_of(seen))
    text += written_line(NOON, "epoch", "epoch=4 epochs=4 train_loss=low") + "no line at all\n"
    (read,) = epochs_of(parsed_lines(text))
    assert read.train_loss == 0.123457
    assert read.validation_ic != read.validation_ic
    assert (read.epoch, read.epochs, read.part, read.max_gradient_norm) == (3, 4, "deep.0", 1.25)


def test_of_an_epoch_that_was_written_twice_the_later_line_counts() -> None:
    told = [epoch(1), epoch(2), epoch(2, train_loss=0.7), epoch(1, part="b.0")]
    text = "".join(written_line(NOON, "epoch", message_of(seen)) for seen in told)
    assert [(seen.part, seen.epoch, seen.train_loss) for seen in epochs_of(parsed_lines(text))] == [
        ("", 1, 0.9),
        ("", 2, 0.7),
        ("b.0", 1, 0.9),
    ]


def test_a_cut_line_is_skipped_by_readers_and_by_those_after_the_next_writer(tmp_path: Path) -> None:
    log = RunLog()
    with KeptLog(log, [tmp_path], [("start", "begins")]):
        log.watch(epoch(1))
    with (tmp_path / LOG_FILE).open("a", encoding="utf-8") as opened:
        opened.write(
            written_line(NOON, "epoch", message_of(epoch(2, seconds=123.456)))[:-4]
        )  # the seconds are cut, and still a number
    assert [seen.epoch for seen in epochs_of(read_log(tmp_path / LOG_FILE))] == [1]
    again = RunLog()
    with KeptLog(again, [tmp_path], [("start", "goes on")]):
        again.watch(epoch(3, train_loss=0.5))
    assert [(seen.epoch, seen.train_loss) for seen in epochs_of(read_log(tmp_path / LOG_FILE))] == [(1, 0.9), (3, 0.5)]
    text = (tmp_path / LOG_FILE).read_text(encoding="utf-8")
    assert text.count(" (cut)\n") == 1
    assert [line for line in text.splitlines() if not line.startswith("20")] == []


def test_stages_are_written_with_their_durations_and_progress_every_few_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, shown = [0.0], list[tuple[Any, ...]]()
    monkeypatch.setattr(run_log, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    log = RunLog(lambda *told: shown.append(told))
    clock[0] = 3.0
    log("features", 0, 10)  # before there is a folder
    log.keep([tmp_path], [("start", "begins")])
    for done in range(1, 11):
        clock[0] += 1.0
        log("features", done, 10, "a note")
    log("worker 1", 1, 4)
    log("scoring", 0, 1)
    clock[0] += 0.5
    log.close()
    log("scoring", 1, 1)  # after the end nothing is written
    assert logged_lines(tmp_path) == [
        ("start", "begins"),
        ("preparing", "done in 3.0 s"),
        ("features", "begun: 0 of 10"),
        ("features", "5 of 10"),
        ("features", "10 of 10"),
        ("features", "done in 10.0 s"),
        ("scoring", "begun: 0 of 1"),
        ("scoring", "done in 0.5 s"),
        ("end", "finished"),
    ]
    assert len(shown) == 14
    assert shown[1] == ("features", 1, 10, "a note")


def test_an_error_and_a_warning_are_lines_and_go_on_to_whom_they_belong(tmp_path: Path) -> None:
    opening = opening_lines("begins a, b of mine", "quintile run", "cpu")

    def fails() -> None:
        with KeptLog(RunLog(), [tmp_path / "a", tmp_path / "b"], opening):
            warnings.simplefilter("always")
            warnings.warn("of a library", UserWarning, stacklevel=1)
            raise ValueError("no\nbars")

    with warnings.catch_warnings(record=True) as seen, pytest.raises(ValueError, match="no"):
        fails()
    assert [str(each.message) for each in seen] == ["of a library"]
    lines = logged_lines(tmp_path / "a")
    assert lines[0] == (
        "start",
        f"begins a, b of mine, process {os.getpid()} on {run_log.socket.gethostname()}: quintile run",
    )
    assert re.search(r"^quintile .*, python 3\.\d+\.\d+, torch 2", dict(lines)["code"])
    assert re.search(r"of \d+ processors, \d+\.\d GB of memory, device cpu$", dict(lines)["machine"])
    assert lines[-3] == ("warning", "UserWarning: of a library")
    assert lines[-1] == ("error", "ValueError: no bars")
    assert [stage for stage, _ in lines] == [stage for stage, _ in logged_lines(tmp_path / "b")]


def test_the_estimate_is_logged_where_it_is_said_and_not_asked_for_where_nobody_reads(tmp_path: Path) -> None:
    said: list[str] = []

    class Display:
        say = staticmethod(said.append)

        def __call__(self, *_told: Any) -> None:
            """Show nothing."""

    assert RunLog().say is None
    log = RunLog(Display())
    log.keep([tmp_path], [("start", "begins")])
    assert log.say is not None
    log.say("about 12 min")
    assert said == ["about 12 min"]
    assert logged_lines(tmp_path)[-1] == ("estimate", "about 12 min")


WRITER = """
import sys, time
from pathlib import Path
from strategy.runs.log.run_log import KeptLog, RunLog, opening_lines
from tests.test_strategy_run_log import epoch
log = RunLog()
with KeptLog(log, [Path(sys.argv[1])], opening_lines("begins killed of mine", "quintile run")):
    log("training", 0, 4)
    log.watch(epoch(1))
    log.watch(epoch(2, validation_loss=0.7))
    print("there", flush=True)
    time.sleep(60)
"""


def test_a_run_is_running_until_its_writer_is_killed_and_goes_on_in_the_same_log(tmp_path: Path) -> None:
    folder = begun(tmp_path / "killed")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WRITER, str(folder.path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        running = watched_run(folder)
        process.send_signal(signal.SIGKILL)
        process.wait()
    killed = watched_run(folder)
    assert (running.state, running.stage, running.done, running.total) == ("running", "training", 2, 4)
    assert running.seconds_left == pytest.approx(4.0)
    assert (killed.state, killed.seconds_left, killed.is_over) == ("killed", None, True)
    log = RunLog()
    with KeptLog(log, [folder.path], opening_lines("goes on with killed of mine", "quintile run --resume")):
        log("training", 0, 4)
        log.watch(epoch(3))
        again = watched_run(folder)
    assert again.state == "running"
    assert [seen.epoch for seen in again.epochs] == [1, 2, 3]


def test_what_wrote_elsewhere_or_ended_with_an_error_is_said(tmp_path: Path) -> None:
    folder = begun(tmp_path / "elsewhere")
    assert watched_run(folder).state == "unknown"
    (folder.path / LOG_FILE).write_text(
        written_line(NOON, "start", "begins x, process 1 on elsewhere-42: quintile run")
    )
    assert watched_run(folder).state == "unknown"
    stopped = begun(tmp_path / "stopped")
    with pytest.raises(OSError, match="full"), KeptLog(RunLog(), [stopped.path], opening_lines("begins", "x")):
        raise OSError("full")
    assert (watched_run(stopped).state, watched_run(stopped).word) == ("stopped", "OSError: full")


def test_a_process_that_began_after_the_line_is_another_one() -> None:
    host = run_log.socket.gethostname()
    (old,) = parsed_lines(
        written_line(datetime(2001, 1, 1, tzinfo=UTC), "start", f"x, process {os.getpid()} on {host}: y")
    )
    (new,) = parsed_lines(written_line(datetime.now(UTC), "start", f"x, process {os.getpid()} on {host}: y"))
    assert writes_still(new) is True
    if Path("/proc/self/stat").is_file():
        assert writes_still(old) is False
    (none,) = parsed_lines(written_line(NOON, "start", f"x, process {2**31 - 1} on {host}: y"))
    assert writes_still(none) is False


def test_folds_of_a_walk_are_counted_and_the_last_to_train_is_shown(tmp_path: Path) -> None:
    folder, log, fold = begun(tmp_path / "walk", walk={"runs": ["walk"]}), RunLog(), RunLog()
    with KeptLog(log, [folder.path], opening_lines("begins walk", "quintile walk")):
        log("folds", 2, 9)
        with KeptLog(fold, [folder.path / "folds" / "003"], opening_lines("computes fold 3", "a worker")):
            fold.watch(epoch(1))
        note = {"stage": "training", "done": 1, "total": 4, "note": "loss 1"}
        write_json(folder.path / "folds" / "003" / "progress.json", note)
        seen = watched_run(folder)
    assert (seen.stage, seen.done, seen.total, seen.fold) == ("folds", 2, 9, "003")
    assert seen.folds is not None
    assert seen.folds.working == ("fold 003: training 1 of 4 loss 1",)
    assert len(seen.epochs) == 1


def test_a_finished_run_has_the_epochs_of_its_card_and_a_version_has_no_log(bench: Bench, frozen: Any) -> None:
    seen = watched_run(bench.run)
    assert (seen.state, seen.is_over, seen.report) == ("finished", True, bench.run.path / "report.html")
    assert seen.word == bench.run.metrics["headline"]["sentence"]
    stages = [line.stage for line in seen.lines]
    assert {"start", "code", "machine", "preparing", "training", "scoring the test", "report", "end"} <= set(stages)
    history = bench.run.metrics["training"]
    assert len(seen.epochs) == history["epochs"]
    best = min(seen.epochs, key=lambda each: each.validation_loss)
    assert best.validation_ic == pytest.approx(history["validation_ic"], rel=1e-5)
    assert not list(frozen.path.rglob(LOG_FILE))
    plain = WatchedRun.as_dict(seen)
    assert plain["epochs"][0]["epoch"] == 1
    assert plain["log"][-1].endswith("finished")


class Speaker:
    """A display that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.say = self.said.append

    def __call__(self, *_told: Any) -> None:
        """Show nothing."""


def test_a_walk_says_once_what_its_first_fold_says(tmp_path: Path) -> None:
    tasks = [FoldTask(folder=RunFolder(tmp_path), number=n, name=f"fold {n} of 2, seed 1,") for n in (1, 2)]
    notes = ProgressNotes(tasks[0].files.path / "progress.json", os.getppid(), is_first=True)
    assert ProgressNotes(tasks[1].files.path / "progress.json", os.getppid(), is_first=False).say is None
    shown, told = Speaker(), set[str]()
    fold_workers._say(tasks, told, shown, "2 folds on 1 workers")
    assert notes.say is not None
    notes.say("about 12 min: 30 epochs of 24 s")
    notes("training", 1, 30)
    for _ in range(2):
        fold_workers._say(tasks, told, shown, "2 folds on 1 workers")
    assert shown.said == ["fold 1 of 2, seed 1: about 12 min: 30 epochs of 24 s; 2 folds on 1 workers"]


def test_a_sweep_says_once_what_its_first_training_says(tmp_path: Path) -> None:
    shown, kept, read = Speaker(), first_estimate(tmp_path), FirstEstimate.of(tmp_path)
    assert first_estimate(tmp_path) is None, "the second training measures nothing"
    read.say(shown, "4 points on 2 workers")
    assert kept is not None
    kept.keep("about 12 min")
    for _ in range(2):
        read.say(shown, "4 points on 2 workers")
    assert shown.said == ["a training takes about 12 min; 4 points on 2 workers"]


@pytest.mark.slow
def test_a_run_killed_in_training_and_resumed_has_every_epoch_in_one_log(bench: Bench, tmp_path: Path) -> None:
    settings = ["--split", "2016-01-29,2016-04-29", "--set", "training.max_epochs=30", "--set", "training.patience=30"]
    begin = [sys.executable, "-m", "quintile", "run", "--bars", str(bench.bars), *settings, "--out", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([*begin, "--quiet"], env=environment, stdout=subprocess.DEVNULL) as process:
        while len(epochs_of(log_of(tmp_path))) < 3:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    folder = RunStore(tmp_path).find()
    assert watched_run(folder).state == "killed"
    resume = [sys.executable, "-m", "quintile", "run", "--resume", "latest", "--out", str(tmp_path), "--quiet"]
    subprocess.run(resume, check=True, env=environment, stdout=subprocess.DEVNULL)
    seen = watched_run(folder)
    assert seen.state == "finished"
    numbers = [each.epoch for each in seen.epochs]
    assert numbers[-1] == 30
    assert len(numbers) >= 29, "a kill between the state and its line loses one line"
    assert [line.message.split()[0] for line in seen.lines if line.stage == "start"] == ["begins", "goes"]


def log_of(store: Path) -> Any:
    found = list(store.glob(f"*/*/{LOG_FILE}"))
    return read_log(found[0]) if found else ()
