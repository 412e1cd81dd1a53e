"""The request log: it only grows, a kill loses no answer that was given, and an edit is found."""

import asyncio
import errno
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.errors import RunError
from live.service.request_log import FILE, LogWriteError, RequestLog, log_entries, log_faults
from live.service.service_metrics import ServiceMetrics
from live.service.service_token import bears, is_local, names_local, read_token, require_token
from quintile.cli import app


def written(path: Path, count: int, **facts: Any) -> None:
    """Open the log, add entries at the same time, and close it."""

    async def add(log: RequestLog) -> None:
        await asyncio.gather(*(log.append("answer", id=str(n), **facts) for n in range(count)))

    log = RequestLog(path)
    try:
        asyncio.run(add(log))
    finally:
        log.close()


def test_entries_are_there_in_their_order_and_numbered(tmp_path: Path) -> None:
    written(tmp_path / FILE, 3)
    written(tmp_path / FILE, 2)
    entries = list(log_entries(tmp_path / FILE))
    assert [entry["kind"] for entry in entries] == ["start", *["answer"] * 3, "start", *["answer"] * 2]
    assert [entry["n"] for entry in entries] == list(range(1, 8))
    assert list(log_faults(tmp_path / FILE)) == []


@pytest.mark.parametrize("left", range(1, 40, 7))
def test_a_torn_last_line_is_ended_and_nothing_before_it_is_lost(left: int, tmp_path: Path) -> None:
    path = tmp_path / FILE
    written(path, 3)
    content = path.read_bytes()
    path.write_bytes(content[:-left])
    assert list(log_faults(path)) == [], "what a kill leaves is no edit"
    whole = 4 if left == 1 else 3  # without its line end the last entry is still whole
    written(path, 1)
    assert path.read_bytes().startswith(content[:-left])
    kinds = [entry["kind"] for entry in log_entries(path)]
    assert kinds == ["start", "answer", "answer", "answer"][:whole] + ([] if left == 1 else ["mended"]) + [
        "start",
        "answer",
    ]
    assert list(log_faults(path)) == []


def test_every_edit_and_every_lost_line_is_found(tmp_path: Path) -> None:
    path = tmp_path / FILE
    written(path, 4, status=200)
    lines = path.read_bytes().splitlines(keepends=True)
    for place in range(len(lines)):
        path.write_bytes(b"".join([*lines[:place], lines[place].replace(b'"n"', b'"m"'), *lines[place + 1 :]]))
        assert f"line {place + 1} was edited" in next(log_faults(path))
        if place == len(lines) - 1:
            with pytest.raises(RunError, match="not as it was written"):
                RequestLog(path)
        if place < len(lines) - 1:
            path.write_bytes(b"".join(lines[:place] + lines[place + 1 :]))
            assert "missing" in next(log_faults(path))


def test_a_torn_line_is_held_by_the_entry_after_it(tmp_path: Path) -> None:
    path = tmp_path / FILE
    written(path, 1)
    path.write_bytes(path.read_bytes()[:-9])
    written(path, 1)
    first, torn, *later = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first, *later]))
    assert list(log_faults(path)) == ["a torn line before line 2 is missing"]
    path.write_bytes(b"".join([first, torn.replace(b"answer", b"Answer"), *later]))
    assert list(log_faults(path)) == ["line 2 was edited: it does not have the hash that it was written with"]


def test_two_servers_do_not_share_a_log(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / FILE)
    with pytest.raises(RunError, match="another server writes"):
        RequestLog(tmp_path / FILE)
    log.close()
    written(tmp_path / FILE, 1)


def after_a_refusal(
    path: Path, monkeypatch: pytest.MonkeyPatch, words: str, **broken: Callable[..., Any]
) -> tuple[bytes, bytes]:
    """Add an entry while calls of ``os`` are broken, and one after it, which alone is there at the end.

    Gives the log as it was before the refusal, and right after it.
    """
    found = []

    async def add(log: RequestLog) -> None:
        found.append(path.read_bytes())
        with monkeypatch.context() as patched:
            for name, call in broken.items():
                patched.setattr(os, name, call)
            with pytest.raises(LogWriteError, match=words):
                await log.append("answer", id="1")
        found.append(path.read_bytes())
        await log.append("answer", id="2")

    log = RequestLog(path)
    asyncio.run(add(log))
    log.close()
    assert [entry.get("id") for entry in log_entries(path)] == [None, "2"]
    assert list(log_faults(path)) == []
    return found[0], found[1]


def unsure(*_told: Any) -> None:
    raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("after", [0, 30])
def test_on_a_full_disk_nobody_is_told_it_was_logged_and_no_half_line_stays(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def full(handle: int, content: Any) -> int:
        if after:
            write(handle, bytes(content[:after]))
        raise OSError(errno.ENOSPC, "No space left on device")

    before, refused = after_a_refusal(tmp_path / FILE, monkeypatch, "No space left on device.: free some", write=full)
    assert refused == before


def test_what_the_disk_does_not_confirm_is_not_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "Input/output error.: look at its disk"
    before, refused = after_a_refusal(tmp_path / FILE, monkeypatch, words, fsync=unsure)
    assert refused == before


def test_a_batch_that_could_not_be_cut_off_is_cut_off_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {"fsync": unsure, "ftruncate": unsure}
    before, refused = after_a_refusal(tmp_path / FILE, monkeypatch, "Input/output error", **broken)
    assert refused.startswith(before)
    assert len(refused) > len(before)


def test_nothing_is_logged_where_nobody_would_find_it(tmp_path: Path) -> None:
    path, away = tmp_path / FILE, tmp_path / "away"

    async def refused(log: RequestLog) -> None:
        with pytest.raises(LogWriteError, match=r"another program moved.*: put it back, or start the server again"):
            await log.append("answer", id="1")

    async def add(log: RequestLog) -> None:
        path.rename(away)
        await refused(log)
        path.symlink_to(away)
        await refused(log)
        path.unlink()
        path.write_bytes(away.read_bytes())
        await refused(log)
        away.rename(path)
        await log.append("answer", id="2")
        os.truncate(path, 10)
        await refused(log)

    log = RequestLog(path)
    asyncio.run(add(log))
    log.close()
    assert path.stat().st_size == 10


def test_a_log_that_is_a_link_a_folder_or_a_pipe_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    foreign, link, folder, pipe = (tmp_path / name / FILE for name in ("foreign", "link", "folder", "pipe"))
    for parent in (foreign.parent, link.parent, folder, pipe.parent):
        parent.mkdir(parents=True)
    foreign.write_bytes(b"abc")
    link.symlink_to(foreign)
    os.mkfifo(pipe)
    for path in (link, folder, pipe):
        with pytest.raises(RunError, match=r"cannot be the request log .*: move it away") as first:
            RequestLog(path)
        with pytest.raises(RunError) as second:
            RequestLog(path)
        assert str(second.value) == str(first.value), "the lock was let go"
    assert foreign.read_bytes() == b"abc"


@pytest.mark.parametrize(
    ("content", "words"), [(b"x" * 20_000, "longer than any"), (b"ticker,shares\n", "not as it was written")]
)
def test_a_file_that_is_no_log_is_refused_and_left_as_it_is(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(RunError, match=rf"{words}.*: move .* away"):
        RequestLog(tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == content


def test_a_log_that_cannot_be_begun_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_told: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(RunError, match="free some space") as caught:
            RequestLog(tmp_path / FILE)
    written(tmp_path / FILE, 1)  # and the lock was let go
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("path", "words"), [("x" * 9000, "at most 8,192"), (Path(), "TypeError")])
def test_an_entry_that_cannot_be_written_is_refused_and_the_next_is_there(
    path: Any, words: str, tmp_path: Path
) -> None:
    async def add(log: RequestLog) -> None:
        async with asyncio.timeout(20):
            with pytest.raises(LogWriteError, match=f"{words}.*: please report it"):
                await log.append("answer", path=path)
            await log.append("answer", path="y")

    log = RequestLog(tmp_path / FILE)
    asyncio.run(add(log))
    log.close()
    assert list(log_faults(tmp_path / FILE)) == []
    assert len(list(log_entries(tmp_path / FILE))) == 2


def test_who_waits_no_longer_holds_no_one_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync, gone = os.fsync, threading.Event()

    def slow(handle: int) -> None:
        gone.wait(20)
        sync(handle)

    async def add(name: str, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            await log.append("answer", id=name)

    log = RequestLog(tmp_path / FILE)
    monkeypatch.setattr(os, "fsync", slow)
    with pytest.raises(TimeoutError):
        asyncio.run(add("1", 0.05))  # its loop has ended before its entry is there
    gone.set()
    asyncio.run(add("2", 20))
    log.close()
    assert [entry.get("id") for entry in log_entries(tmp_path / FILE)] == [None, "1", "2"]


def test_what_comes_from_outside_cannot_end_a_line(tmp_path: Path) -> None:
    written(tmp_path / FILE, 1, method='/a\n{"body": 1}\x1b[2J\u2028')
    lines = (tmp_path / FILE).read_bytes().split(b"\n")
    assert len(lines) == 3
    assert b"\x1b" not in lines[1]
    assert lines[1].isascii()


# --- token and metrics ---


def test_a_token_has_a_length_and_is_never_shown() -> None:
    assert read_token({}) is None
    assert read_token({"QUINTILE_TOKEN": "x" * 16}) == "x" * 16
    for wrong in ("x" * 15, "x" * 20 + " y", "x" * 513, "é" * 20):
        with pytest.raises(ValueError, match="QUINTILE_TOKEN must be") as caught:
            read_token({"QUINTILE_TOKEN": wrong})
        assert wrong not in str(caught.value)


def test_beyond_this_machine_it_listens_with_a_token_alone() -> None:
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert is_local(host)
        require_token(host, None)
    for host in ("0.0.0.0", "::", "192.168.1.7", "desk", "", "localhost.example"):
        with pytest.raises(ValueError, match="QUINTILE_TOKEN"):
            require_token(host, None)
        require_token(host, "x" * 16)


def test_only_one_right_header_bears_the_token() -> None:
    right = (b"authorization", b"Bearer secret")
    assert bears([right], "secret")
    assert bears([(b"authorization", b"bearer secret")], "secret")
    for wrong in ([], [right, right], [(b"authorization", b"secret")], [(b"authorization", b"Bearer secre")]):
        assert not bears(wrong, "secret")


def test_local_names_are_these() -> None:
    for host in (b"localhost", b"LOCALHOST:1", b"127.0.0.1:8000", b"127.9.9.9:8000", b"[::1]:8000", b"[::1]"):
        assert names_local([(b"host", host)])
    elsewhere = (b"evil.example", b"localhost.evil.example", b"127.0.0.1.evil.example:80", b"192.168.1.7", b"0.0.0.0")
    for host in (*elsewhere, b"", b"[]", b":80", b"127.0.0.1:8000:1", b"::1", b"localhost:\xb2"):
        assert not names_local([(b"host", host)])
    assert not names_local([])


def test_a_histogram_counts_what_is_at_most_a_bound() -> None:
    metrics = ServiceMetrics()
    for seconds in (0.001, 0.0011, 99.0):
        metrics.count("/decide", 200, seconds)
    metrics.count("none", 431)
    text = metrics.text(info={"version": 'a"b\\\n'}, gauges={"age": 1.5})
    for line in (
        'quintile_serve_latency_seconds_bucket{le="0.001"} 1',
        'quintile_serve_latency_seconds_bucket{le="0.0025"} 2',
        'quintile_serve_latency_seconds_bucket{le="10.0"} 2',
        'quintile_serve_latency_seconds_bucket{le="+Inf"} 3',
        "quintile_serve_latency_seconds_count 3",
        'quintile_serve_requests_total{route="none",status="431"} 1',
        'quintile_serve_info{version="a\\"b\\\\\\n"} 1',
        "quintile_serve_age 1.5",
    ):
        assert line in text.splitlines()
    assert json.loads(text.split("_sum ")[1].splitlines()[0]) == 0.001 + 0.0011 + 99.0


# --- the command, before anything slow ---


def refused(folder: Path, *words: str) -> str:
    answer = CliRunner().invoke(app, ["serve", "filter_negative@1.1.0", "--out", str(folder), *words])
    assert answer.exit_code == 1
    assert answer.exception is not None
    assert "\n" not in str(answer.exception)
    return str(answer.exception)


def test_the_command_refuses_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUINTILE_TOKEN", raising=False)
    assert "set QUINTILE_TOKEN" in refused(tmp_path, "--host", "0.0.0.0")
    assert "there is no request log" in refused(tmp_path, "--check-log")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert "is taken" in refused(tmp_path, "--port", str(other.getsockname()[1]))
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert "pip install 'quintile[serve]'" in refused(tmp_path, "--port", "0")
    monkeypatch.setenv("QUINTILE_TOKEN", "a secret")
    assert "a secret" not in refused(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_edited_log_is_named_and_the_command_leaves_with_1(tmp_path: Path) -> None:
    path = tmp_path / "served" / "filter_negative-1.1.0" / FILE
    written(path, 3, status=200)
    words = ["serve", "filter_negative@1.1.0", "--out", str(tmp_path), "--check-log"]
    whole = CliRunner().invoke(app, words)
    assert (whole.exit_code, "3 answers, nothing edited" in whole.output) == (0, True)
    path.write_bytes(path.read_bytes().replace(b"200", b"500", 1))
    edited = CliRunner().invoke(app, [*words, "--json"])
    assert edited.exit_code == 1
    assert len(json.loads(edited.output)["faults"]) >= 1
