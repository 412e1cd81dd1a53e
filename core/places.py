"""Places: where libraries keep what they compile or look up, if the user's own cache cannot be written.

numba (and through it vectorbt), matplotlib and others write below the user's home. Another user, a container without a
home or a read-only one has none: they then fail, or make a folder named ``~``. Standard library only.
"""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

__all__ = ["settle_caches"]


def settle_caches() -> None:
    """Point libraries to a folder of this user among the temporary ones, unless their own place can be written.

    Child processes inherit the choice. Where there is no temporary folder either, nothing is changed.
    """
    own, config = os.path.expanduser("~/.cache"), os.path.expanduser("~/.config")  # noqa: PTH111  Path.home() may raise
    if not _can_write(os.environ.get("XDG_CACHE_HOME") or own) and (made := _temporary()) is not None:
        os.environ["XDG_CACHE_HOME"] = str(made)
    if "MPLCONFIGDIR" not in os.environ and not _can_write(os.environ.get("XDG_CONFIG_HOME") or config):
        place = Path(os.environ.get("XDG_CACHE_HOME") or own) / "matplotlib"
        if not place.is_absolute():
            return
        with suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
            os.environ["MPLCONFIGDIR"] = str(place)


def _can_write(folder: str) -> bool:
    """Whether a folder is there and can be written, or can be made; a ``~`` that stands for no home is no folder."""
    path = Path(folder)
    if not path.is_absolute():
        return False
    there = next(each for each in (path, *path.parents) if os.path.lexists(each))
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _temporary() -> Path | None:
    """A folder that only this user can enter; another's of that name, who could plant code there, is not taken."""
    try:
        place = Path(tempfile.gettempdir()) / f"quintile-{os.getuid()}"
        with suppress(FileExistsError):
            place.mkdir(mode=stat.S_IRWXU)
        facts = place.lstat()
        mine = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid() and not facts.st_mode & 0o077
        return place if mine else Path(tempfile.mkdtemp(prefix="quintile-"))
    except (OSError, AttributeError):  # nothing can be written, or a system without user numbers, which has homes
        return None
