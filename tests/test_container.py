"""The container: what its file may hold, and its steps run in a fresh environment, down to an answer of /health."""

import json
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.container_steps import ROOT, Built, Step, built, steps_of

TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8")
STEPS = steps_of(TEXT)
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
INDEX = "https://pypi.org/simple"  # of the slow test, whose machine may not reach the index of torch


def of(word: str, steps: list[Step] = STEPS) -> list[str]:
    return [step.rest for step in steps if step.word == word]


def last_stage() -> list[Step]:
    return STEPS[max(place for place, step in enumerate(STEPS) if step.word == "FROM") :]


def pip_lines() -> list[str]:
    return [line for line in of("RUN") if line.startswith("pip install")]


def test_steps_are_read_with_their_lines_joined_and_comments_left_out() -> None:
    text = "# a\nFROM x\n\nRUN one && \\\n    # not this\n    two\nCMD [\"a b\", 'c']\n".replace("'", '"')
    assert [(step.word, step.rest) for step in steps_of(text)] == [
        ("FROM", "x"), ("RUN", "one && two"), ("CMD", '["a b", "c"]'),
    ]  # fmt: skip
    assert Step("HEALTHCHECK", '--interval=3s CMD ["python", "-c", "x[0]"]').words == ["python", "-c", "x[0]"]


def test_the_base_is_a_release_of_python_that_the_shipped_version_was_replayed_with() -> None:
    bases = {rest.partition(" ")[0] for rest in of("FROM")}
    (base,) = bases
    assert re.fullmatch(r"docker\.io/library/python:\d+\.\d+\.\d+-slim-bookworm", base), base
    replayed = json.loads((ROOT / "strategy/versions/filter_negative/1.1.0.replayed.json").read_text())
    assert base.partition(":")[2].partition("-")[0] == replayed["body"]["dependencies"]["python"]
    assert "@sha256" not in TEXT, "a digest that nobody here could look up would be made up"


def test_what_serves_is_not_root() -> None:
    users = [place for place, step in enumerate(last_stage()) if step.word == "USER"]
    assert users, "no USER: it would run as root"
    told = last_stage()[users[-1]].rest
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", told), "a number, which an orchestrator can check"
    later = [step.word for step in last_stage()[users[-1] :]]
    assert {"ENTRYPOINT", "CMD", "HEALTHCHECK"} <= set(later)
    assert "RUN" not in later


def test_every_library_is_held_by_the_constraints() -> None:
    assert len(pip_lines()) == 3
    for line in pip_lines():
        assert "--constraint constraints.txt" in line
        assert "--pre" not in line
    assert "--no-build-isolation" in pip_lines()[-1], "an isolated build would fetch its tools unpinned"
    pins = dict(line.lower().split("==") for line in (ROOT / "constraints.txt").read_text().split("\n") if "==" in line)
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [*wanted["dependencies"], *wanted["optional-dependencies"]["serve"], "hatchling", "torch"]
    bare = [re.match(r"[\w.-]+", name)[0].lower() for name in names]  # type: ignore[index]
    spelled = {name.replace("_", "-") for name in pins}
    assert [name for name in bare if name.replace("_", "-") not in spelled] == []


def test_torch_is_the_build_for_the_processor_and_comes_first() -> None:
    assert of("ARG") == ["TORCH_INDEX=https://download.pytorch.org/whl/cpu"]
    first = pip_lines()[0]
    assert first.endswith('--no-deps --index-url "$TORCH_INDEX" torch')
    assert not re.search(r"cuda|nvidia|cu1\d\d", TEXT, re.IGNORECASE)


def test_nothing_is_fetched_but_by_pip() -> None:
    assert of("ADD") == []
    assert not re.search(r"\b(curl|wget|git)\b", " ".join(of("RUN")))
    assert [line for line in re.findall(r"https?://[^\s'\"]+", TEXT) if "127.0.0.1" not in line] == [
        "https://download.pytorch.org/whl/cpu"
    ]


def copied() -> list[str]:
    return [source for rest in of("COPY") if "--from" not in rest for source in rest.split()[:-1]]


def test_every_source_that_is_copied_is_there_and_reaches_the_builder() -> None:
    assert [source for source in copied() if not (ROOT / source).exists()] == []
    kept = {line[1:] for line in IGNORED if line.startswith("!")}
    assert set(copied()) == kept
    assert IGNORED[1] == "*"


def test_every_package_of_the_product_is_copied() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["packages"]) <= set(copied())


@pytest.mark.parametrize("name", [".venv", "runs", "data", ".git", "tests", "secret.env", "docs"])
def test_what_is_not_copied_does_not_reach_the_builder(name: str) -> None:
    patterns = [line for line in IGNORED if line and not line.startswith("#")]
    ignored = False
    for pattern in patterns:  # the last that matches decides
        if fnmatch(name, pattern.lstrip("!")):
            ignored = not pattern.startswith("!")
    assert ignored


def test_no_secret_is_in_the_image() -> None:
    given = " ".join([*of("ENV"), *of("ARG"), *of("LABEL")])
    assert not re.search(r"token|secret|passw|api_?key", given, re.IGNORECASE)
    assert "os.environ['QUINTILE_TOKEN']" in of("HEALTHCHECK")[0]


def test_the_command_is_a_program_and_no_shell() -> None:
    (entry,), (command,) = of("ENTRYPOINT"), of("CMD")
    assert json.loads(entry) == ["quintile", "serve"]
    words = json.loads(command)
    port = words[words.index("--port") + 1]
    assert of("EXPOSE") == [port]
    assert f"127.0.0.1:{port}/health" in of("HEALTHCHECK")[0]
    assert (ROOT / "strategy/versions" / words[0].replace("@", "/") / "lock.json").is_file()


# --- its steps ---


@pytest.mark.slow
def test_its_steps_build_what_serves() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        probe = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", temporary, "h11"]
        if subprocess.run(probe).returncode:
            pytest.skip("pip reaches no index from here")
        made = built(TEXT, Path(temporary), arguments={"TORCH_INDEX": INDEX})
        installed = pins_of(made)
        kept = (ROOT / "constraints.txt").read_text().lower().replace("-", "_").split()
        assert [pin for pin in installed if pin not in kept] == []
        served(made)


def pins_of(made: Built) -> list[str]:
    """What was installed, as pins; local build names such as +cpu are left out."""
    ran = subprocess.run(
        [f"{made.prefix}/opt/quintile/bin/pip", "freeze", "--exclude", "quintile"],
        env=made.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [re.sub(r" @ file:.*/\w+-([\d.]+).*", r"==\1", line) for line in ran.stdout.split("\n") if line]
    return [line.partition("+")[0].lower().replace("-", "_") for line in lines if not line.startswith("quintile")]


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def served(made: Built) -> None:
    """Start the command, ask for its health as the file does and by hand, and stop it."""
    port, token = str(free_port()), secrets.token_hex(16)
    moved = {name: [each.replace("8000", port) for each in words] for name, words in made.command.items()}
    environment = made.environment | {"QUINTILE_TOKEN": token}
    words = [f"{made.prefix}/opt/quintile/bin/quintile", *moved["ENTRYPOINT"][1:], *moved["CMD"]]
    with subprocess.Popen(words, cwd=made.folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            facts = health(process, port, token)
            assert facts["version"] == "filter_negative@1.1.0"
            check = moved["HEALTHCHECK"]
            assert check[0] == "python"
            asked = [f"{made.prefix}/opt/quintile/bin/python", *check[1:]]
            assert subprocess.run(asked, env=environment, timeout=60).returncode == 0
            wrong = environment | {"QUINTILE_TOKEN": "0" * 32}
            assert subprocess.run(asked, env=wrong, timeout=60, stderr=subprocess.DEVNULL).returncode != 0
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) in (0, -signal.SIGTERM)
        finally:
            process.kill()
    assert list((made.folder / "runs").rglob("*.jsonl")), "the log of requests lies where a volume is mounted"


def health(process: subprocess.Popen, port: str, token: str, *, seconds: float = 900.0) -> dict[str, str]:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/health", headers={"Authorization": f"Bearer {token}"})
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return dict(json.loads(answer.read()))
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"no answer of /health; the server {'runs' if process.poll() is None else 'has ended'}")
