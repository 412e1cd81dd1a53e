"""The served version as a process: a short load with a kill in the middle, and how its command ends."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.serve_load import Design, free_port, started, under_load

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "a-token-of-the-tests-0123456789"


@pytest.mark.slow
def test_under_load_and_a_kill_no_answer_is_wrong_and_none_is_lost(frozen: Any, tmp_path: Path) -> None:
    design = Design(
        version=str(frozen.version), versions=frozen.path.parents[1], rate=30.0, seconds=12.0, n_books=8, patience=60.0
    )
    found = under_load(design, tmp_path)
    assert (found.n_asked, found.n_wrong, found.n_lost) == (360, 0, 0)
    assert found.log_faults == ()
    assert found.exit_code == 0
    assert {reply.status for reply in found.replies} == {200, 401, 405, 413, 422}
    assert any(reply.attempts > 1 for reply in found.replies)  # the kill was felt


@pytest.fixture(scope="module")
def process(frozen: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Design, Path, int]]:
    design = Design(version=str(frozen.version), versions=frozen.path.parents[1])
    folder, port = tmp_path_factory.mktemp("process"), free_port()
    made = started(design, folder, port, TOKEN)
    yield design, folder, port
    made.send_signal(signal.SIGTERM)
    assert made.wait(timeout=60) == 0


def command(design: Design, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    import os

    told = [sys.executable, "-m", "quintile", "serve", design.version, "--versions", str(design.versions), *words]
    return subprocess.run(told, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_a_second_server_is_refused_in_one_line(process: tuple[Design, Path, int]) -> None:
    design, folder, port = process
    taken = command(design, "--port", str(port), "--out", str(folder))
    assert (taken.returncode, taken.stdout) == (1, "")
    assert f"port {port} of 127.0.0.1 is taken" in taken.stderr
    shared = command(design, "--port", "0", "--out", str(folder), "--quiet")
    assert shared.returncode == 1
    assert "another server writes" in shared.stderr.splitlines()[-1]


@pytest.mark.slow
def test_the_log_of_a_running_server_is_whole_and_without_the_token(process: tuple[Design, Path, int]) -> None:
    design, folder, port = process
    answer = httpx.get(f"http://127.0.0.1:{port}/decide", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert httpx.get(f"http://127.0.0.1:{port}/decide").status_code == 401
    checked = command(design, "--check-log", "--out", str(folder))
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "2 answers, nothing edited, nothing missing" in checked.stdout
    assert not [path for path in folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    if Path("/proc/self/cmdline").exists():
        lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        assert not [line for line in lines if TOKEN.encode() in line]
