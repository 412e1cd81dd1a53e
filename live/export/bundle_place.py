"""Bundle place: a folder that is there whole or not at all, and what a killed export left beside it."""

import contextlib
import glob
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.files import KEEPERS, require_new
from live.export.bundle import is_bundle

__all__ = ["new_bundle", "require_place"]


def require_place(out: Path) -> None:
    """Refuse a folder that holds anything but a former export, or lies in a version's or a run's.

    Raises
    ------
    ValueError
        If it does.
    """
    if not (is_bundle(out) or _is_empty(out)):
        require_new(out, what="--out")
    inside = next((each for each in Path(os.path.realpath(out)).parents if _is_kept(each)), None)
    if inside is not None:
        raise ValueError(f"--out {out} lies in the folder of a version or a run, {inside.name}: give another path")


@contextmanager
def new_bundle(out: Path) -> Iterator[Path]:
    """Yield a folder to fill; on success it takes the place of ``out``, on failure nothing is left, not even a parent.

    A killed process leaves a hidden folder of its own number, which the next export to that place removes.
    """
    absent = [each for each in out.parents if not os.path.lexists(each)]  # deepest first
    out.parent.mkdir(parents=True, exist_ok=True)
    _clear_left(out)
    made = out.parent / f".{out.name}.{os.getpid()}.{secrets.token_hex(4)}.partial"
    former = made.with_suffix(".former")
    try:
        made.mkdir()
        yield made
        require_place(out)
        if out.exists():
            out.rename(former)
        made.rename(out)
        _flush(out.parent)
    except BaseException:
        if former.exists() and not out.exists():
            former.rename(out)
        raise
    finally:
        for left in (made, former):
            shutil.rmtree(left, ignore_errors=True)
        _remove_empty(absent)


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove the folders that hold nothing, deepest first; one that anybody wrote to stays."""
    with contextlib.suppress(OSError):
        for each in folders:
            each.rmdir()


def _clear_left(out: Path) -> None:
    """Remove what exports that were killed left; a former export whose follower never came takes its place again."""
    pattern = f".{glob.escape(out.name)}.*.*."
    for left in sorted(out.parent.glob(f"{pattern}former")) + sorted(out.parent.glob(f"{pattern}partial")):
        if _is_running(left.name.removeprefix(f".{out.name}.").partition(".")[0]):
            continue
        if left.suffix == ".former" and not os.path.lexists(out):
            left.rename(out)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _is_running(number: str) -> bool:
    if not number.isdecimal():
        return True  # no name of ours
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


def _is_kept(folder: Path) -> bool:
    return any((folder / name).is_file() for name in KEEPERS)


def _flush(folder: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
