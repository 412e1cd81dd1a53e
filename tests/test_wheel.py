"""The wheel: built, installed without dependencies, and run outside the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from strategy.frozen.versions import VersionFolder

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"core", "market", "signals", "models", "portfolio", "backtests", "strategy", "live", "quintile"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("quintile-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def outside(code: list[str], installed: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, *code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_every_source_and_definition_and_no_test(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(
        ["git", "ls-files", *sorted(PACKAGES)], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert set(tracked) <= names
    assert {name.split("/")[0] for name in names} == PACKAGES


def test_every_import_resolves_inside_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    code = (
        "import importlib.util as u, sys; "
        f"homes = [u.find_spec(name).origin for name in {sorted(PACKAGES)}]; "
        f"sys.exit(not all(home.startswith({str(installed)!r}) for home in homes))"
    )
    assert outside(["-c", code], installed, tmp_path).returncode == 0


def test_the_installed_command_line_works_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    helped = outside(["-m", "quintile", "--help"], installed, tmp_path)
    assert helped.returncode == 0, helped.stderr
    outside(["-m", "quintile", "versions", "--definition", "page.md"], installed, tmp_path)
    assert (tmp_path / "page.md").read_bytes() == (ROOT / "STRATEGY_DEFINITION.md").read_bytes()


def test_a_version_verifies_from_the_installed_wheel(installed: Path, frozen: VersionFolder, tmp_path: Path) -> None:
    verified = outside(["-m", "quintile", "verify", str(frozen.path)], installed, tmp_path)
    assert (verified.returncode, verified.stdout.splitlines()[1]) == (0, "SAME CODE AND ENVIRONMENT"), verified.stdout
