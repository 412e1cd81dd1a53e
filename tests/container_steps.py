"""The Containerfile as steps, and those steps carried out below a folder instead of in an image.

What a builder does is done with the same words: RUN lines by ``sh -e``, COPY from the checkout, ENV and ARG as the
environment. The two absolute folders of the file become folders below a prefix, and the base image is the interpreter
that runs the tests; USER is not carried out.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("/opt/quintile", "/srv/source", "/srv/quintile")


@dataclass(frozen=True)
class Step:
    """One instruction: its word, and the rest of its line."""

    word: str
    rest: str

    @property
    def words(self) -> list[str]:
        """The words of the JSON form, where it has one behind its flags."""
        told = re.sub(r"^.*?(?=\[)", "", self.rest)
        return [str(each) for each in json.loads(told)] if told.startswith("[") else self.rest.split()


def steps_of(text: str) -> list[Step]:
    """The instructions of a Containerfile; comments and line ends within an instruction are left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Step(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


@dataclass
class Built:
    """What the steps left below a prefix."""

    prefix: Path
    environment: dict[str, str]
    folder: Path
    command: dict[str, list[str]] = field(default_factory=dict)

    def moved(self, text: str) -> str:
        for folder in FOLDERS:
            text = text.replace(folder, f"{self.prefix}{folder}")
        return text

    def assigned(self, rest: str) -> None:
        for name, value in re.findall(r"(\w+)=(\S+)", rest):
            known = re.sub(r"\$(\w+)", lambda found: self.environment.get(found[1], ""), self.moved(value))
            self.environment[name] = known


def built(text: str, prefix: Path, *, arguments: dict[str, str], told: Callable[[str], None] = print) -> Built:
    """Carry the steps out."""
    base = Path(getattr(sys, "_base_executable", sys.executable)).parent
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("QUINTILE", "PYTHON", "OMP"))}
    outside["PATH"] = f"{base}:/usr/local/bin:/usr/bin:/bin"
    made = Built(prefix, dict(outside), prefix)
    for step in steps_of(text):
        told(f"{step.word} {step.rest[:100]}")
        if step.word == "FROM":
            made.environment, made.folder = dict(outside), prefix
        elif step.word == "ARG":
            made.assigned(step.rest)
            made.environment |= arguments
        elif step.word == "ENV":
            made.assigned(step.rest)
        elif step.word == "WORKDIR":
            made.folder = Path(made.moved(step.rest))
            made.folder.mkdir(parents=True, exist_ok=True)
        elif step.word == "COPY" and "--from" not in step.rest:
            _copy(step.words, made.folder)
        elif step.word == "RUN":
            line = made.moved(step.rest)
            subprocess.run(["sh", "-e", "-c", line], cwd=made.folder, env=made.environment, check=True)
        elif step.word in ("HEALTHCHECK", "ENTRYPOINT", "CMD"):
            made.command[step.word] = [made.moved(each) for each in step.words]
    return made


def _copy(words: list[str], folder: Path) -> None:
    *sources, target = words
    for source in sources:
        aimed = folder / target
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, aimed, ignore=shutil.ignore_patterns("__pycache__", ".*.partial", ".lock"))
        else:
            shutil.copy(ROOT / source, aimed / source)
