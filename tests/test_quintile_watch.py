"""``quintile watch``: runs that go on, were killed or have finished, on any terminal, and curves in a line."""

import json
import math
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from quintile.cli.desk import watch_command
from quintile.cli.desk.watch_view import view_lines
from quintile.epoch_lines import epoch_line, spark_line
from quintile.progress_display import CellBars, progress_bars
from strategy.runs.log.log_lines import LOG_FILE, LogLine
from strategy.runs.log.run_log import KeptLog, RunLog, opening_lines
from strategy.runs.log.watched_run import FoldsDone, WatchedRun
from tests.frozen_market import Bench
from tests.oracles.small_runs import quintile, refusal
from tests.test_strategy_run_log import begun, epoch

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def seen_run(**changes: Any) -> WatchedRun:
    epochs = tuple(epoch(number, validation_loss=loss) for number, loss in ((1, 0.8), (2, 0.7), (3, 0.5)))
    lines = (LogLine(time=NOON, stage="training", message="begun: 0 of 4"),)
    told: dict[str, Any] = {"run": "20261129-1", "strategy": "mine", "state": "running", "stage": "training"}
    return WatchedRun(**told | {"done": 3, "total": 4, "seconds_left": 2.0, "epochs": epochs, "lines": lines} | changes)


view = partial(view_lines, width=80, now=NOON + timedelta(minutes=5))


def test_a_curve_is_a_mark_a_value_and_the_last_of_each_group_where_there_are_more() -> None:
    assert spark_line([0, 7, 3.5], 10) == "▁█▅"
    assert spark_line([0, 7, 3.5], 10, encoding="ascii") == ".#+"
    assert spark_line([1.0, math.nan, 1.0], 10) == "▅ ▅"
    assert spark_line([math.nan], 10) == ""
    assert spark_line([0, 0, 0, 7], 2) == "▁█"
    assert spark_line(list(range(100)), 4) == "▁▃▆█"


@pytest.mark.parametrize("width", [12, 40, 60, 80, 120, None])
def test_an_epoch_fits_the_terminal_and_keeps_what_matters_longest(width: int | None) -> None:
    line = epoch_line(epoch(3, part="deep.0"), width)
    assert width is None or len(line) <= width
    assert line.startswith("deep.0 epoch"[:width])
    kept = [word for word in ("loss", "IC", " s", "gradient", "rate", "accuracy") if f"{word}" in line]
    assert kept == ["loss", "IC", " s", "gradient", "rate", "accuracy"][: len(kept)]
    assert (len(kept) == 6) == (width is None)


def test_epochs_are_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars() as shown:
        shown.watch(epoch(1))  # type: ignore[attr-defined]
        shown.watch(epoch(2))  # type: ignore[attr-defined]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("training / validation")
    assert lines[2] == (
        "epoch 2/4 · loss 0.9000 / 0.8000 · IC +0.0100 / – · accuracy 50.0% / 51.0% · rate 0.001 · "
        "gradient 0.4, at most 1.25 · 2.0 s"
    )
    assert len(lines) == 3


def test_a_notebook_shows_the_last_epoch_and_a_picture_of_the_losses() -> None:
    class Handle:
        def update(self, *_told: Any, **_more: Any) -> None:
            """Draw nothing."""

    bars = CellBars(Handle())
    bars("training", 0, 4)
    for number in (1, 2):
        bars.watch(epoch(number, train_loss=1.0 / number, part="<b>"))
    assert "<p>&lt;b&gt; epoch 2/4" in bars.as_html()
    assert "<svg" in bars.as_html()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "running, last line 5 min ago"),
        ({"state": "killed"}, "killed: no process writes it any more, last line 5 min ago"),
        ({"state": "stopped", "word": "ValueError: no"}, "stopped by an error, last line 5 min ago"),
        ({"state": "finished", "report": Path("r.html"), "word": "NOT EVIDENCE: …"}, "finished, report r.html"),
        ({"state": "unknown"}, "not finished; it is written on another machine, last line 5 min ago"),
        ({"state": "unknown", "lines": ()}, "not finished, and it has no log"),
    ],
)
def test_the_view_says_how_a_run_stands(changes: dict[str, Any], said: str) -> None:
    lines = view(seen_run(**changes))
    assert lines[:2] == ["mine 20261129-1", said]
    assert (changes.get("word") or lines[2]) == lines[2]


def test_the_view_shows_stage_time_left_curves_and_log_within_the_width() -> None:
    lines = view(seen_run())
    assert lines[2] == "at training, 3 of 4, at most 2 s left"
    assert "3 epochs of 2 s, lowest validation loss 0.5000 in epoch 3" in lines
    assert "loss, validation        0.8000 → 0.5000       █▆▁" in lines
    assert "rank IC, validation     – → –" in lines
    assert lines[-1] == "12:00:00Z  training  begun: 0 of 4"
    for width in (30, 45, 200):
        narrow = view(seen_run(folds=FoldsDone(done=1, total=2, working=("fold 002: training",))), width=width)
        assert max(map(len, narrow[4:])) <= width
        assert any(line.startswith("loss, validation        0.5000   █▆▁"[: width - 1]) for line in narrow) == (
            width < 60
        )
    assert "estimate: about 12 min" in view(seen_run(estimate="about 12 min", epochs=()))


def test_names_from_files_move_no_terminal() -> None:
    lines = view(seen_run(strategy="\x1b[31m", word="\x07", state="stopped"), encoding="ascii")
    assert lines[0].startswith("\\u001b[31m")
    assert lines[2] == "\\u0007"
    assert all(line.isascii() for line in lines)


def test_a_finished_run_is_watched_to_its_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: dict[str, Any] = {"monkeypatch": monkeypatch, "capsys": capsys}
    words = ("watch", "latest", "--out", bench.store.root)
    once, followed = quintile(*words, **told), quintile(*words, "--follow", **told)
    assert once.splitlines()[1].startswith("finished, report ")
    assert f"watched\n{followed}".endswith(once)
    assert "  epoch       epoch=1 epochs=2 " in followed
    shown = json.loads(quintile(*words, "--json", **told))
    assert (shown["state"], len(shown["epochs"])) == ("finished", 2)
    assert "--json looks once" in refusal(*words, "--json", "--follow", **told)
    assert "no runs in" in refusal("watch", "--out", bench.store.root / "none", **told)


def test_following_reads_twice_a_second_and_ends_when_the_run_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = begun(tmp_path / "mine" / "20261129-1")
    log, slept = RunLog(), list[float]()
    kept = KeptLog(log, [folder.path], opening_lines("begins", "quintile run"))
    kept.__enter__()

    def goes_on(seconds: float) -> None:
        slept.append(seconds)
        log.watch(epoch(len(slept)))
        if len(slept) == 3:
            kept.__exit__(ValueError, ValueError("no"), None)

    monkeypatch.setattr(watch_command.time, "sleep", goes_on)
    printed = quintile("watch", "--follow", "--out", tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert slept == [0.5, 0.5, 0.5]
    assert printed.count("  epoch       epoch=") == 3
    assert "stopped by an error" in printed
    assert (folder.path / LOG_FILE).is_file()


def test_ctrl_c_ends_the_watching_and_not_the_run(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = begun(tmp_path / "mine" / "20261129-1")

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch_command.time, "sleep", interrupted)
    with KeptLog(RunLog(), [folder.path], opening_lines("begins", "quintile run")):
        line = refusal("watch", "--follow", "--out", tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert line == "quintile: interrupted; the run itself goes on"
