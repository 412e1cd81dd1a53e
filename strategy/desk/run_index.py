"""Run index: every run of a store as an entry, oldest first, and a cache of them that cannot be stale.

The cache, ``<store>/.runs.json``, keeps each entry with size and time of every file that it was read from; an entry
whose files are not those any more is read again. It is written whole, and whoever removes it loses nothing.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from backtests.report.boards.equity_curve import curve_of_file
from backtests.report.boards.flat_settings import FlatSpecs, deviations
from core.errors import RunError, SourceError
from core.files import read_json, write_text
from strategy.desk.run_entry import CLAIM, METRICS, PRUNED, RECORD, SPEC, RunEntry, entry_of
from strategy.runs.run_order import order_of

__all__ = ["BOARD", "CACHE", "differing_settings", "run_entries"]

CACHE: Final = ".runs.json"
BOARD: Final = "board.html"  # of a store, where one was drawn
FORM: Final = 1  # of the cache; another one is read anew
MIN_KEPT: Final = 20  # entries that must be new before the cache is worth writing
READ: Final = (RECORD, PRUNED, METRICS, SPEC, CLAIM, "report.html", "returns.parquet")

Stamps = list[list[int]]


def run_entries(root: Path, *, curves: bool = False) -> list[RunEntry]:
    """The runs of a store, oldest first: complete, quick, unfinished, damaged and pruned ones.

    Parameters
    ----------
    root : Path
        The store.
    curves : bool
        Whether each entry of a finished run has its curve; a run whose returns cannot be read has an empty one.

    Raises
    ------
    RunError
        If the store is a file.
    """
    if root.is_file():
        raise RunError(f"{root} is a file: choose a folder with --out")
    kept, specs = _kept(root), FlatSpecs()
    found: dict[str, tuple[Stamps, RunEntry]] = {}
    n_new = 0
    for folder in _folders(root):
        key, stamps = f"{folder.parent.name}/{folder.name}", _stamps(folder)
        entry = kept[key][1] if key in kept and kept[key][0] == stamps else None
        fresh = entry is None
        entry = entry or entry_of(folder, specs)
        if curves and entry.curve is None:
            entry, fresh = replace(entry, curve=_curve(folder, entry)), True
        n_new += fresh
        found[key] = stamps, entry
    if n_new >= MIN_KEPT:
        _keep(root, found)
    return _ordered([entry for _, entry in found.values()])


def differing_settings(entries: Sequence[RunEntry]) -> dict[tuple[str, str], dict[str, str]]:
    """By home and id of a run, its settings unlike the most common ones of its strategy's runs."""
    groups: dict[str, list[RunEntry]] = {}
    for entry in entries:
        if entry.settings:
            groups.setdefault(entry.strategy, []).append(entry)
    found: dict[tuple[str, str], dict[str, str]] = {}
    for group in groups.values():
        each = deviations([entry.settings for entry in group])
        found |= {(entry.home, entry.run): apart for entry, apart in zip(group, each, strict=True)}
    return found


def _folders(root: Path) -> Iterator[Path]:
    """Folders of runs and of what is left of pruned ones, in the order of their ids."""
    found = []
    for home in _subfolders(root):
        for path in _subfolders(home):
            if os.path.isfile(f"{path}/{RECORD}") or os.path.isfile(f"{path}/{PRUNED}"):  # noqa: PTH113
                found.append(Path(path))
    return iter(sorted(found, key=lambda path: (path.name, path.parent.name)))


def _subfolders(folder: Path | str) -> list[str]:
    with suppress(OSError), os.scandir(folder) as inside:
        return [each.path for each in inside if not each.name.startswith(".") and each.is_dir()]
    return []


def _stamps(folder: Path) -> Stamps:
    """Size and time of each file that an entry is read from; nothing for one that is not there."""
    stamps: Stamps = []
    for name in READ:
        try:
            facts = os.stat(f"{folder}/{name}")  # noqa: PTH116
        except OSError:
            stamps.append([])
        else:
            stamps.append([facts.st_size, facts.st_mtime_ns, facts.st_ino])
    return stamps


def _curve(folder: Path, entry: RunEntry) -> str:
    if not entry.is_finished:
        return ""
    with suppress(RunError):
        return curve_of_file(folder / "returns.parquet", f"{entry.strategy} net")
    return ""


def _kept(root: Path) -> dict[str, tuple[Stamps, RunEntry]]:
    """The entries of the cache; none where it is not there, of another form or damaged."""
    try:
        value = read_json(root / CACHE)
    except (OSError, SourceError):
        return {}
    if not isinstance(value, dict) or value.get("form") != FORM or not isinstance(value.get("runs"), dict):
        return {}
    found = {}
    for key, row in value["runs"].items():
        entry = RunEntry.kept(row[1]) if isinstance(row, list) and len(row) == 2 else None
        if entry is not None and key == f"{entry.home}/{entry.run}":
            found[key] = row[0], entry
    return found


def _keep(root: Path, found: dict[str, tuple[Stamps, RunEntry]]) -> None:
    """Write the cache; a store that cannot be written to goes without."""
    runs = {key: [stamps, entry.as_kept()] for key, (stamps, entry) in found.items()}
    with suppress(OSError, ValueError):
        write_text(root / CACHE, json.dumps({"form": FORM, "runs": runs}, allow_nan=False, ensure_ascii=False))


def _ordered(entries: list[RunEntry]) -> list[RunEntry]:
    """Oldest first, see :func:`strategy.runs.run_order.in_order`."""
    names, numbers, places = ([getattr(each, key) for each in entries] for key in ("run", "number", "place"))
    return [entries[row] for row in order_of(names, numbers, places)]
