"""A stranger's version in a sandbox: whatever its lock says, nothing outside its folder is opened but what is ours."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from strategy.frozen.versions import LOCK, VersionFolder, lock_text
from tests.opened_files import OpenedFiles

ROOT = Path(__file__).resolve().parent.parent
WATCHED = """
import atexit, json, os, sys
seen = []

def hook(event, words):
    if event == "open" and isinstance(words[0], (str, bytes)):
        writes = bool(words[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) if isinstance(words[2], int) else False
        seen.append([event, os.path.realpath(os.fsdecode(words[0])), writes])
    elif event in ("socket.__new__", "socket.bind"):
        pass  # a library asks at its import whether there is IPv6; nothing is reached without what follows
    elif event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "urllib.", "ftplib.")):
        seen.append([event, str(words)[:200], False])
    elif event == "os.mkdir" and os.path.isdir(words[0]):
        pass  # makes nothing
    elif event in ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"):
        seen.append([event, os.path.realpath(os.fsdecode(words[0])), True])

sys.addaudithook(hook)
report = os.environ["REPORT"]

def tell():
    found = list(seen)
    with open(report, "w") as told:
        json.dump(found, told)

atexit.register(tell)
from quintile.cli import main
main()
"""
HOSTILE = {
    "bars": "bars.parquet",
    "universe": "members.csv",
    "benchmark": "benchmark.csv",
    "vix": "vix.csv",
    "sectors": "sectors.csv",
    "factors": "factors.csv",
    "hedge": "hedge.csv",
}


@pytest.fixture
def stranger(frozen: VersionFolder, tmp_path: Path) -> tuple[Path, VersionFolder]:
    """Make a copy of a version whose lock names files of this machine in every field, and these files."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in HOSTILE.values():
        (secrets / name).write_text("date,ticker,close\n2016-01-04,A,1\n")
    path = tmp_path / "versions" / frozen.version.name / frozen.version.semver
    shutil.copytree(frozen.path, path)
    folder = VersionFolder(path, frozen.version)
    body = folder.body
    body["request"] |= {key: str(secrets / name) for key, name in HOSTILE.items()}
    (path / LOCK).write_text(lock_text(body))
    return secrets, folder


def watched(words: list[str], home: Path) -> tuple[int, str, list[list[Any]]]:
    """Run a command in a process of its own and give its exit, what it said, and what it opened."""
    report = home / "report.json"
    told = subprocess.run(
        [sys.executable, "-c", WATCHED, *words],
        cwd=home,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "REPORT": str(report), "HOME": str(home)}
        | {"TMPDIR": str(home / "scratch"), "XDG_CACHE_HOME": str(home / "cache"), "MPLCONFIGDIR": str(home / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    return told.returncode, told.stdout + told.stderr, json.loads(report.read_text())


def is_ours(path: Path, home: Path) -> bool:
    """Whether a process may write there: its home and the machine code that Numba keeps beside our sources."""
    return path.is_relative_to(home) or path == Path("/dev/null") or "__pycache__" in path.parts


@pytest.mark.slow
@pytest.mark.parametrize("held", ["embedded", "given", "builtin"])
def test_a_strangers_version_opens_nothing_but_its_own(
    held: str, stranger: tuple[Path, VersionFolder], tmp_path: Path
) -> None:
    secrets, folder = stranger
    (folder.path / LOCK).write_text(lock_text(folder.body | {"bars": held}))
    home = tmp_path / "home"
    for name in ("scratch", "cache"):
        (home / name).mkdir(parents=True)
    system = ("/proc", "/sys", "/dev", "/usr", "/lib", "/etc/localtime", "/etc/mime.types")
    libraries = (sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"))
    ours = [ROOT, home, folder.path.parent, *map(Path, (*system, *libraries))]
    name = str(folder.version)
    with OpenedFiles(secrets) as opened:
        for words in (
            ["verify", name],
            ["versions"],
            ["diff", name, name],
            ["replay", name],
            ["run", name, "--allow-drift"],
            ["paper", name],
            *([["prove", name]] if held != "embedded" else []),  # a proof reads the bars that a replay reads
        ):
            code, said, seen = watched([*words, "--versions", str(folder.path.parents[1])], home)
            assert "Traceback" not in said, (words, said)
            assert code in (0, 1, 3), (words, code, said)
            strange = [entry for entry in seen if not any(Path(entry[1]).is_relative_to(each) for each in ours)]
            assert strange == [], words
            writes = [entry for entry in seen if entry[2] and not is_ours(Path(entry[1]), home)]
            attested = [entry for entry in writes if f"{folder.path.name}.replayed.json" in entry[1]]
            assert writes == attested, words
        assert opened.names() == []


def test_the_watch_sees_whoever_opens_a_file(tmp_path: Path) -> None:
    (tmp_path / "seen.parquet").write_bytes(b"x")
    with OpenedFiles(tmp_path) as opened:
        assert opened.names() == []
        pa.memory_map(str(tmp_path / "seen.parquet")).close()
        assert opened.names() == ["seen.parquet"]
