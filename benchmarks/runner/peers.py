"""Peers: other tools, each with the pinned libraries of ``peers.toml`` in an environment of its own."""

import hashlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from benchmarks.runner.asked import Asked

__all__ = ["PeerMissing", "ask_peer", "peer_python"]

FOLDER = Path(__file__).parent.parent
PATIENCE = 900  # seconds an installation may take


class PeerMissing(RuntimeError):  # noqa: N818 - a reason to tell, not a failure
    """A peer cannot be run here; the message says why."""


def ask_peer(name: str, program: str, *words: str, asked: Asked, seconds: float = 1_800) -> str:
    """Run a program in a peer's environment and return what it printed.

    Raises
    ------
    PeerMissing
        If peers were not asked for, the environment cannot be made, or the program fails or takes too long.
    """
    command = [str(peer_python(name, asked)), "-W", "ignore", "-c", program, *words]
    try:
        finished = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise PeerMissing(f"{name} took more than {seconds:,.0f} s") from None
    if finished.returncode:
        raise PeerMissing(f"{name} failed: {_last_line(finished.stderr)}")
    return finished.stdout


def peer_python(name: str, asked: Asked, *, folder: Path = FOLDER) -> Path:
    """Return the interpreter of a peer, its environment made where it is missing or its pins changed.

    Raises
    ------
    PeerMissing
        As of ``ask_peer``.
    """
    if not asked.peers:
        raise PeerMissing(f"{name} was not asked for")
    if name in asked.interpreters:
        return asked.interpreters[name]
    pins = tomllib.loads((folder / "peers.toml").read_text(encoding="utf-8"))[name]["packages"]
    home = folder / ".peers" / name
    ready, wanted = home / "ready", hashlib.sha256("\n".join([sys.version, *pins]).encode()).hexdigest()
    if not ready.is_file() or ready.read_text() != wanted:
        shutil.rmtree(home, ignore_errors=True)
        _install(name, home, pins)
        ready.write_text(wanted)  # last: an environment without it is made anew
    return home / "bin" / "python"


def _install(name: str, home: Path, pins: list[str]) -> None:
    print(f"{name}: making {home}", file=sys.stderr, flush=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins]
    for command in ([sys.executable, "-m", "venv", str(home)], pip):
        try:
            finished = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise PeerMissing(f"{name} could not be installed in {PATIENCE} s") from None
        if finished.returncode:
            raise PeerMissing(f"{name} could not be installed: {_last_line(finished.stderr)}")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
