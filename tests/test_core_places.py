import os
import stat
import tempfile
from pathlib import Path

import pytest

from core.places import settle_caches

NAMES = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "HOME")


@pytest.fixture(autouse=True)
def _no_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "")  # so that what is set below is undone
        monkeypatch.delenv(name)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path)


def settled() -> dict[str, str]:
    settle_caches()
    return {name: os.environ[name] for name in NAMES[:3] if name in os.environ}


def test_a_home_that_can_be_written_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert settled() == {}
    assert list((tmp_path / "home").iterdir()) == []


@pytest.mark.parametrize("home", ["", "/proc/nobody", "missing/relative", "~"])
def test_without_a_home_the_caches_lie_in_a_folder_of_this_user_alone(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(os, "access", lambda path, _: str(path).startswith(str(tmp_path)))
    place = tmp_path / "tmp" / f"quintile-{os.getuid()}"
    assert settled() == {"XDG_CACHE_HOME": str(place), "MPLCONFIGDIR": str(place / "matplotlib")}
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert settled()["XDG_CACHE_HOME"] == str(place)
    assert {each.name for each in tmp_path.iterdir()} == {"tmp"}


def test_a_folder_that_others_can_enter_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "~")
    planted = tmp_path / "tmp" / f"quintile-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    taken = Path(settled()["XDG_CACHE_HOME"])
    assert taken != planted
    assert stat.S_IMODE(taken.stat().st_mode) == 0o700


def test_where_nothing_can_be_written_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "~")
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nobody")
    assert settled() == {}
