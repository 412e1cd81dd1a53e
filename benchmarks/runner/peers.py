"""Peers: other tools, each with the pinned libraries of ``peers.toml`` in an environment of its own."""

import hashlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from benchmarks.runner.measure import environment
from benchmarks.runner.options import Options

__all__ = ["PeerMissing", "peer_python", "run_peer"]

FOLDER = Path(__file__).parent.parent
MAX_INSTALL_SECONDS = 900


class PeerMissing(RuntimeError):  # noqa: N818 - a note on the page, not a failure
    """A peer cannot be run here; the message says why."""


def run_peer(name: str, program: str, *arguments: str, options: Options, seconds: float = 1_800) -> str:
    """Run a program in a peer's environment and return what it printed.

    Raises
    ------
    PeerMissing
        If peers are left out, the environment cannot be made, or the program fails or takes too long.
    """
    command = [str(peer_python(name, options)), "-W", "ignore", "-c", program, *arguments]
    try:
        finished = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment())
    except subprocess.TimeoutExpired:
        raise PeerMissing(f"{name} took more than {seconds:,.0f} s") from None
    if finished.returncode:
        raise PeerMissing(f"{name} failed: {_last_line(finished.stderr)}")
    return finished.stdout


def peer_python(name: str, options: Options, *, folder: Path = FOLDER) -> Path:
    """Interpreter of a peer, its environment made where it is missing or its pins changed.

    Raises
    ------
    PeerMissing
        As of ``run_peer``.
    """
    if not options.peers:
        raise PeerMissing(f"{name} was left out by --no-peers")
    if name in options.interpreters:
        return options.interpreters[name]
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
            finished = subprocess.run(command, capture_output=True, text=True, timeout=MAX_INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            raise PeerMissing(f"{name} could not be installed in {MAX_INSTALL_SECONDS} s") from None
        if finished.returncode:
            raise PeerMissing(f"{name} could not be installed: {_last_line(finished.stderr)}")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no output"
