"""Faults of surroundings: encodings, homes, terminals, pipes, interpreters, limits, words that no command takes."""

import os
import resource
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.faults.expectations import REFUSED, TOLD, WORKS
from tests.faults.fault import Fault
from tests.faults.processes import Seen, Surroundings, environment, started

__all__ = ["faults"]

SECTION = "Surroundings"
VARIABLES: Mapping[str, Mapping[str, str | None]] = {
    "LC_ALL=POSIX, UTF-8 mode off": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "PYTHONIOENCODING=ascii": {"PYTHONIOENCODING": "ascii"},
    "PYTHONIOENCODING=latin-1": {"PYTHONIOENCODING": "latin-1"},
    "PYTHONIOENCODING=cp1252": {"PYTHONIOENCODING": "cp1252"},
    "PYTHONIOENCODING=ascii:strict": {"PYTHONIOENCODING": "ascii:strict"},
    "HOME missing": {"HOME": "/nonexistent"},
    "HOME not set": {"HOME": None},
    "HOME a file": {"HOME": "/etc/passwd"},
    "TMPDIR missing": {"TMPDIR": "/nonexistent"},
    "NUMBA_CACHE_DIR missing": {"NUMBA_CACHE_DIR": "/proc/nowhere"},
    "MPLCONFIGDIR missing": {"MPLCONFIGDIR": "/proc/nowhere"},
    "PATH empty": {"PATH": ""},
    "no environment": dict.fromkeys(os.environ),
    "TERM=dumb, COLUMNS=1": {"TERM": "dumb", "COLUMNS": "1"},
    "COLUMNS a word": {"COLUMNS": "wide"},
    "COLUMNS=0": {"COLUMNS": "0"},
    "TZ of Kiritimati": {"TZ": "Pacific/Kiritimati"},
    "TZ unknown": {"TZ": "Mars/Olympus"},
    "LANG of Turkey": {"LANG": "tr_TR.UTF-8"},
    "PYTHONHASHSEED=7": {"PYTHONHASHSEED": "7"},
    "PYTHONWARNINGS=error": {"PYTHONWARNINGS": "error"},
    "PYTHONDONTWRITEBYTECODE": {"PYTHONDONTWRITEBYTECODE": "1"},
    "PYTHONDEVMODE": {"PYTHONDEVMODE": "1"},
    "OMP_NUM_THREADS a word": {"OMP_NUM_THREADS": "many"},
    "QUINTILE_DATA a file": {"QUINTILE_DATA": "mine.toml"},
    "QUINTILE_DATA nowhere": {"QUINTILE_DATA": "/proc/nowhere"},
    "CI set": {"CI": "true"},
}
COMMANDS = ("show latest", "definition", "features bars.parquet --quiet", "data info us")
RUN = "evaluate scores.csv --bars bars.parquet --quick --quiet"
PYTHONS = {"-O": ("-O",), "-OO": ("-OO",), "-B": ("-B",), "-X utf8=0": ("-X", "utf8=0"), "-W error": ("-W", "error")}
LIMITS = {
    "no file over 4 kB": {resource.RLIMIT_FSIZE: 4096},
    "no file over 100 kB": {resource.RLIMIT_FSIZE: 100_000},
    "20 open files": {resource.RLIMIT_NOFILE: 20},
    "8 open files": {resource.RLIMIT_NOFILE: 8},
}
LIMITED = (
    RUN,
    "data import day467.parquet --name us",
    "freeze latest --as sealed@1.1.0 --versions versions --quiet",
    "decide 20161006-2302",
)
SHELL = {
    "standard output closed": "{} >&-",
    "standard error closed": "{} 2>&-",
    "standard input closed": "{} <&-",
    "all three closed": "{} <&- >&- 2>&-",
    "a pipe that nobody reads": "{} | true",
    "a pipe that reads a line": "{} | head -n 1 > /dev/null",
    "a disk that is full for standard output": "{} > /dev/full",
}
WORDS = (Path(__file__).parent.parent / "words.txt").read_text().splitlines()
BOMBS = {
    "--set with 100,000 brackets": "x=" + "[" * 100_000,
    "--set with 20,000 dots": ".".join("a" * 20_000) + "=1",
    "--set of 5,000 digits": "training.seed=" + "9" * 5000,
    "--set of escape codes": "model.\x1b[2J=1",
    "--set of a line break": 'title="a\nb"',
    "--set of a surrogate": 'title="\udcff"',
}


def faults(world: Path) -> Iterator[Fault]:
    """Variables × commands, interpreters, limits, streams, then words."""
    for tried, env in VARIABLES.items():
        for words in COMMANDS:
            expected = TOLD if "QUINTILE_DATA" in tried else WORKS
            yield _fault(f"{tried}: {words.split()[0]}", words, expected, run=_alone(env))
    for tried in ("LC_ALL=POSIX, UTF-8 mode off", "HOME missing", "no environment", "TMPDIR missing", "PYTHONDEVMODE"):
        yield _fault(f"{tried}: evaluate", RUN, WORKS, run=_alone(VARIABLES[tried]))
    for tried, python in PYTHONS.items():
        for words in (*COMMANDS, RUN):
            yield _fault(f"python {tried}: {words.split()[0]}", words, WORKS, run=_alone({}, python))
    for tried, limits in LIMITS.items():
        for words in LIMITED:
            yield _fault(f"{tried}: {words.split()[0]}", words, TOLD, around=Surroundings(limits=limits))
    for tried, line in SHELL.items():
        for words in COMMANDS:
            yield _fault(f"{tried}: {words.split()[0]}", words, TOLD, run=_in_a_shell(line))
    yield _fault("a folder that is gone: runs", "runs", TOLD, around=Surroundings(enter=_folder_gone))
    yield _fault("a folder that is gone: data info", "data info us", TOLD, around=Surroundings(enter=_folder_gone))
    for words in WORDS:
        yield _fault(f"`quintile {words}`", words, TOLD)
    for tried, word in BOMBS.items():
        given = ("run", "--bars", "bars.parquet", "--set", word)
        yield Fault(section=SECTION, tried=tried, words=given, expected=REFUSED)


def _alone(env: Mapping[str, str | None], python: tuple[str, ...] = ()) -> Callable[..., Seen]:
    return lambda words, folder, _around: started(words, folder, {"QUINTILE_DATA": "data", **env}, python=python)


def _in_a_shell(line: str) -> Callable[..., Seen]:
    def run(words: tuple[str, ...], folder: Path, _around: Surroundings) -> Seen:
        command = line.format(" ".join([sys.executable, "-m", "quintile", *words]))
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=environment({}),
            capture_output=True,
            timeout=120,
            check=False,
            text=True,
        )
        return Seen(done.returncode, done.stdout, done.stderr)

    return run


def _folder_gone() -> None:
    gone = Path("gone")
    gone.mkdir()
    os.chdir(gone)
    shutil.rmtree(Path.cwd())


def _fault(tried: str, words: str, expected: object, **facts: object) -> Fault:
    return Fault(section=SECTION, tried=tried, words=tuple(shlex.split(words)), expected=expected, **facts)  # type: ignore[arg-type]
