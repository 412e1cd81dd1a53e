"""Commit: rows become a version of a data set; nothing stored before is altered or lost.

A version is committed whole and lists, ticker by ticker, what changed against the version before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from core.allocator import keep_large_blocks
from core.errors import SourceError
from core.parallel import cores, mapped
from market.bars.assembly import Origin, panel_from_rows
from market.bars.bar_files import bars_from_path
from market.bars.long_form import LongBars, join_bars
from market.bars.row_checks import checked_rows
from market.exchange_fit import fitting_exchange
from market.exchanges import exchange_code, zone_of
from market.panel import Panel
from market.store.data_versions import Change, Provenance, Version, fingerprint_of
from market.store.folder import DataFolder, data_folder
from market.store.parts import in_key_order, read_part, write_parts
from market.store.restatements import Comparison, compare, merged

__all__ = [
    "Commit",
    "commit_repair",
    "commit_rows",
    "import_bars",
    "origin_of",
    "read_rows",
    "stored_bars",
    "update_bars",
    "with_named_exchange",
]

BARS = ("open", "high", "low", "close", "volume", "adj_close")
Kind = Literal["import", "append", "restatement", "fix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The result of a commit: the newest version, whether it is new, and the number of rows added."""

    version: Version
    is_new: bool
    added: int


def import_bars(
    path: str | Path,
    *,
    name: str,
    licence: str = "not stated",
    point_in_time: bool = False,
    exchange: str | None = None,
    home: Path | None = None,
) -> Commit:
    """Store the bars of a file or folder as data set ``name``; if there is one, as its next version in full.

    Parameters
    ----------
    path : str or Path
        A file or folder that :func:`market.load_bars` takes.
    name : str
        Name of the data set.
    licence : str
        Terms under which the bars may be used.
    point_in_time : bool
        The caller's word that the bars hold dead names too.
    exchange : str, optional
        Whose sessions the bars hold: a code of exchange-calendars, ``"24/7"`` or ``"none"``; inferred by default.
    home : Path, optional
        Folder of all data sets; ``store_home()`` by default.

    Raises
    ------
    SourceError, BarsError
        If :func:`market.load_bars` would refuse the file.
    ValueError
        If the name is not valid for a data set, or no exchange is called so.
    """
    folder = data_folder(name, home=home)
    named = None if exchange is None else exchange_code(exchange)
    rows, provenance = _from_file(Path(path), licence=licence, point_in_time=point_in_time, zone=zone_of(named))
    return commit_rows(folder, rows, provenance.model_copy(update={"exchange": named}))


def update_bars(path: str | Path, *, name: str, exchange: str | None = None, home: Path | None = None) -> Commit:
    """Add the bars of a file or folder to data set ``name``: new sessions, new tickers, restated numbers.

    Parameters
    ----------
    path : str or Path
        A file or folder that :func:`market.load_bars` takes.
    name : str
        Name of the data set.
    exchange : str, optional
        Whose sessions the bars hold, in place of what the data set was told before.
    home : Path, optional
        Folder of all data sets; ``store_home()`` by default.

    Raises
    ------
    SourceError
        If there is no such data set, or the file restates a ticker and lacks the beginning of its history.
    """
    folder = data_folder(name, home=home)
    stored = folder.find()
    before = with_named_exchange(stored.provenance, exchange)
    zone = zone_of(before.exchange or stored.exchange)  # a few new rows do not tell their clock, the stored ones did
    rows, provenance = _from_file(Path(path), licence=before.licence, point_in_time=before.point_in_time, zone=zone)
    return commit_rows(folder, rows, _replace_source(before, provenance), extend=True)


def with_named_exchange(provenance: Provenance, exchange: str | None) -> Provenance:
    """Provenance with the exchange that a user names now; without one, as it is.

    Raises
    ------
    ValueError
        If no exchange is called so.
    """
    if exchange is None:
        return provenance
    return provenance.model_copy(update={"exchange": exchange_code(exchange)})


def commit_rows(folder: DataFolder, rows: LongBars, provenance: Provenance, *, extend: bool = False) -> Commit:
    """Commit rows as the next version: in place of what is there, or with ``extend`` on top of it.

    Parameters
    ----------
    folder : DataFolder
        The data set.
    rows : LongBars
        Rows in any order.
    provenance : Provenance
        Where they came from.
    extend : bool
        Merge them with the stored rows instead of replacing those.

    Raises
    ------
    SourceError
        If rows and stored rows differ in their fields, or would stand on two bases within one ticker.
    BarsError
        If the rows make no panel.
    """
    with folder.locked():
        rows = in_key_order(rows)
        if not folder.exists:
            return _commit(folder, rows, provenance, kind="import", changes=(), added=len(rows.dates))
        if not extend and _is_newest(folder, rows, provenance):
            return Commit(version=folder.find(), is_new=False, added=0)
        stored = read_rows(folder, folder.find())
        comparison = compare(stored, rows) if extend or set(stored.numbers) == set(rows.numbers) else None
        if extend and comparison is not None:
            _check_bases(comparison, folder)
            rows = merged(stored, rows)
        changes = () if comparison is None else comparison.changes
        return _commit(
            folder,
            rows,
            provenance,
            kind=_kind(comparison, extend=extend),
            changes=changes,
            added=0 if comparison is None else comparison.added,
        )


def commit_repair(
    folder: DataFolder, rows: LongBars, changes: Sequence[Change], *, of: Version | None = None
) -> Commit:
    """Commit repaired rows as the next version, with every change listed.

    Parameters
    ----------
    folder : DataFolder
        The data set.
    rows : LongBars
        All its rows, repaired.
    changes : sequence of Change
        What was repaired, by ticker.
    of : Version, optional
        The version that was repaired.

    Raises
    ------
    SourceError
        If there is a newer version than ``of``: its rows would be lost.
    """
    with folder.locked():
        if of is not None and of.fingerprint != folder.fingerprints[-1]:
            raise SourceError(
                f"{of.name}@{of.fingerprint[:12]} is not the newest version of {of.name}, and a repair of it would "
                f"lose what came after: audit {of.name}"
            )
        provenance = folder.find().provenance
        return _commit(folder, in_key_order(rows), provenance, kind="fix", changes=tuple(changes), added=0)


def read_rows(
    folder: DataFolder,
    version: Version,
    *,
    fields: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
) -> LongBars:
    """Read stored rows of the years from ``start`` to ``end``, in key order.

    Parameters
    ----------
    folder : DataFolder
        The data set.
    version : Version
        One of its versions.
    fields : sequence of str, optional
        Fields to read; all by default.
    start, end : str, optional
        ISO dates; the rows of a year come whole.

    Raises
    ------
    SourceError
        If a file is missing or damaged, a field unknown, or no year left.
    """
    return in_key_order(join_bars(_read_years(folder, version, fields=fields, start=start, end=end)))


def stored_bars(
    folder: DataFolder, version: Version, *, start: str | None = None, end: str | None = None
) -> tuple[LongBars, ...]:
    """Read the rows that make a panel, a part for each year between ``start`` and ``end``.

    Parameters
    ----------
    folder : DataFolder
        The data set.
    version : Version
        One of its versions.
    start, end : str, optional
        ISO dates; the rows of a year come whole.

    Raises
    ------
    SourceError
        If a file is missing or damaged, or no year is left.
    """
    return _read_years(folder, version, fields=_panel_fields(version), start=start, end=end)


def origin_of(version: Version, *, point_in_time: bool = False) -> Origin:
    """Origin of a version's rows, with the version's own name."""
    known = version.provenance
    return Origin(
        name=f"{version.name}@{version.fingerprint[:12]} ({known.source})",
        point_in_time=known.point_in_time or point_in_time,
        split_adjusted=known.split_adjusted,
    )


def _read_years(
    folder: DataFolder,
    version: Version,
    *,
    fields: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
) -> tuple[LongBars, ...]:
    """Read stored rows, a part for each year from ``start`` to ``end``, with the named fields (all by default).

    Only files of those fields and years are read; the rows of a year come whole.

    Raises
    ------
    SourceError
        If a file is missing or damaged, a field unknown, or no year left.
    """
    wanted = version.fields if fields is None else tuple(fields)
    unknown = sorted(set(wanted) - set(version.fields))
    if unknown:
        raise SourceError(f"{version.name} has no field {', '.join(unknown)}: it has {', '.join(version.fields)}")
    parts = [part for part in version.parts if (start or "") <= part.last and part.first <= (end or "9999")]
    if not parts:
        raise SourceError(
            f"{version.name} has no bar from {start or version.span[0]} to {end or version.span[1]}: it runs from "
            f"{version.span[0]} to {version.span[1]}"
        )
    keep_large_blocks()
    read = partial(read_part, folder=folder.files, fields=wanted)
    return tuple(mapped(read, parts, workers=cores(), on="threads"))


def _panel_fields(version: Version) -> tuple[str, ...]:
    """Stored fields that make a panel; dividends and splits stand beside them."""
    return tuple(name for name in version.fields if name in BARS)


def _replace_source(before: Provenance, after: Provenance) -> Provenance:
    """Provenance of a data set whose rows now come from two sources in turn."""
    same = before.source == after.source
    source = before.source if same else f"{before.source.split(', updated from ')[0]}, updated from {after.source}"
    return before.model_copy(update={"source": source, "fetched_at": after.fetched_at})


def _from_file(
    path: Path, *, licence: str, point_in_time: bool, zone: str | None = None
) -> tuple[LongBars, Provenance]:
    rows = checked_rows(bars_from_path(path, zone=zone), origin=path.name)
    basis = "raw or split adjusted by the file, adj_close beside" if "adj_close" in rows.numbers else "as given"
    provenance = Provenance(
        source=path.name, adjustment=basis, fetched_at=_now(), licence=licence, point_in_time=point_in_time
    )
    return rows, provenance


def _is_newest(folder: DataFolder, rows: LongBars, provenance: Provenance) -> bool:
    """Whether rows are the newest version's; files of it that went missing are written again on the way."""
    parts = write_parts(rows, folder.files, known=folder.known_files())
    return fingerprint_of(parts, provenance) == folder.fingerprints[-1]


def _check_bases(comparison: Comparison, folder: DataFolder) -> None:
    if not comparison.rebased:
        return
    first = next(change for change in comparison.restated if change.ticker == comparison.rebased[0])
    raise SourceError(
        f"{len(comparison.rebased)} tickers of {folder.path.name} were restated and the new rows lack the beginning of "
        f"their history ({first}): give their whole history, so that two bases do not mix"
    )


def _kind(comparison: Comparison | None, *, extend: bool) -> Kind:
    if comparison is not None and comparison.restated:
        return "restatement"
    return "append" if extend else "import"


def _commit(
    folder: DataFolder, rows: LongBars, provenance: Provenance, *, kind: Kind, changes: tuple[Change, ...], added: int
) -> Commit:
    panel = _checked_panel(rows, provenance)
    parts = write_parts(rows, folder.files, known=folder.known_files())
    parent = folder.fingerprints[-1] if folder.exists else None
    fingerprint = fingerprint_of(parts, provenance)
    if fingerprint == parent:
        return Commit(version=folder.find(), is_new=False, added=0)
    exchange, reason = fitting_exchange(panel.sessions, panel.tickers, exchange=provenance.exchange)
    version = Version(
        name=folder.path.name,
        fingerprint=fingerprint,
        parent=parent,
        kind=kind,
        made_at=_now(),
        provenance=provenance,
        panel=panel.fingerprint(),
        tickers=len(rows.tickers),
        exchange=exchange,
        exchange_reason=reason,
        parts=parts,
        changes=changes,
    )
    folder.commit(version)
    return Commit(version=version, is_new=True, added=added)


def _checked_panel(rows: LongBars, provenance: Provenance) -> Panel:
    """Panel of the rows as they would load, which refuses what no version may hold."""
    bars = replace(rows, numbers={name: values for name, values in rows.numbers.items() if name in BARS})
    return panel_from_rows(bars, origin=Origin(name=provenance.source, split_adjusted=provenance.split_adjusted))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
