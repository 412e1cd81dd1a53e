"""Siblings: a user's own ``strategy.py``, ``models/`` and ``core.py`` beside a script that imports quintile."""

import subprocess
import sys
from pathlib import Path

import pytest

USER_FILES = ("strategy.py", "core.py", "models/__init__.py")
USES = "import quintile as qt\nprint(qt.load_strategy().name)\n"
SAYS = "import quintile as qt\nprint(qt.errors.QuintileError.__name__)\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's folder whose modules are named like Quintile's packages."""
    for name in USER_FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('a module of the user was imported')\n")
    return tmp_path


def run_python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False)


def test_a_script_beside_modules_of_our_names_works_and_is_told_what_they_lose(project: Path) -> None:
    (project / "study.py").write_text(USES)
    told = run_python(project, "study.py")
    assert told.stdout == "filter_negative\n", told.stderr
    warned = told.stderr.splitlines()[0]
    for place in (project / "strategy.py", project / "core.py", project / "models"):
        assert str(place) in warned
    assert "rename those that you import yourself" in warned


def test_a_script_may_itself_be_named_like_one_of_our_packages(tmp_path: Path) -> None:
    (tmp_path / "strategy.py").write_text(SAYS)
    told = run_python(tmp_path, "strategy.py")
    assert (told.stdout, told.stderr) == ("QuintileError\n", "")


def test_a_folder_that_is_no_package_is_not_worth_a_word(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "study.py").write_text(SAYS)
    assert run_python(tmp_path, "study.py").stderr == ""


def test_a_module_that_took_our_name_before_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "strategy.py").write_text("")
    told = run_python(tmp_path, "-c", "import strategy\nimport quintile")
    assert told.returncode == 1
    assert told.stderr.splitlines()[-1] == (
        f"ImportError: {tmp_path / 'strategy.py'} was imported as 'strategy', which is the name of one of Quintile's "
        "packages: rename it, then import quintile"
    )


def test_the_command_line_works_among_modules_of_our_names(project: Path) -> None:
    told = run_python(project, "-m", "quintile", "definition", "filter_negative")
    assert (told.returncode, told.stderr) == (0, "")
    assert "filter_negative" in told.stdout
