"""Commit: rows become a version of a data set; nothing stored before is altered or lost.

A version is committed whole and lists, ticker by ticker, what changed against the version before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from core.errors import SourceError
from market.bars.assembly import Origin, panel_from_rows
from market.bars.bar_files import bars_from_path
from market.bars.long_form import LongBars
from market.bars.row_checks import checked_rows
from market.exchange_fit import fitting_exchange
from market.exchanges import exchange_code, zone_of
from market.panel import Panel
from market.store.data_versions import Change, Provenance, Version, fingerprint_of
from market.store.folder import DataFolder, data_folder
from market.store.parts import Part, in_key_order, write_parts
from market.store.restatements import Comparison, compare, merged
from market.store.stored_rows import BARS, read_rows

__all__ = ["Commit", "commit_repair", "commit_rows", "import_bars", "update_bars", "with_named_exchange"]

Kind = Literal["import", "append", "restatement", "fix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The result of a commit: the newest version, whether it is new, the number of rows added, and what to know."""

    version: Version
    is_new: bool
    added: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """From the version before to the next one: of which kind, what changed, rows added, and what to know."""

    kind: Kind
    changes: tuple[Change, ...] = ()
    added: int = 0
    notes: tuple[str, ...] = ()


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
    return commit_rows(folder, rows, _replace_source(before, provenance), onto=stored)


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


def commit_rows(folder: DataFolder, rows: LongBars, provenance: Provenance, *, onto: Version | None = None) -> Commit:
    """Commit rows as the next version: in place of what is there, or on top of it.

    Parameters
    ----------
    folder : DataFolder
        The data set.
    rows : LongBars
        Rows in any order.
    provenance : Provenance
        Where they came from.
    onto : Version, optional
        The newest version when ``provenance`` was made from its own: merge the rows with what is stored.

    Raises
    ------
    SourceError
        If rows and stored rows differ in their fields, or would stand on two bases within one ticker, or another
        process changed the basis of the data set meanwhile.
    BarsError
        If the rows make no panel.
    """
    with folder.locked(restore=onto is None) as found:
        rows = in_key_order(rows)
        notes = (*rows.notes, *found)
        if onto is not None:
            rows, step = _extended(folder, rows, onto)
        elif not folder.exists:
            step = _Step(kind="import", added=len(rows.dates))
        else:
            parts, healed = _written(folder, rows)
            notes = (*notes, *healed)
            if _has_newest(folder, fingerprint_of(parts, provenance)):
                return Commit(version=folder.find(), is_new=False, added=0, notes=notes)
            step = _replaced(folder, rows)
        return _commit(folder, rows, provenance, replace(step, notes=(*notes, *step.notes)))


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
        return _commit(folder, in_key_order(rows), provenance, _Step(kind="fix", changes=tuple(changes)))


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


def _has_newest(folder: DataFolder, fingerprint: str) -> bool:
    """Whether the newest version is that one, and can be read."""
    if fingerprint != folder.fingerprints[-1]:
        return False
    try:
        folder.find()
    except SourceError:
        return False
    return True


def _written(folder: DataFolder, rows: LongBars) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Parts of rows, all of whose files are whole, and a note on those that were not."""
    known = folder.known_files()
    parts = write_parts(rows, folder.files, known=known)
    written = {file.content: file for part in parts for file in part.files.values()}
    healed = {content: file for content, file in written.items() if known.get(content, file) is not file}
    if not healed:
        return parts, ()
    folder.amend(healed)
    return parts, (f"{len(healed)} lost or damaged files of {folder.path.name} written again",)


def _extended(folder: DataFolder, rows: LongBars, onto: Version) -> tuple[LongBars, _Step]:
    """Stored rows with new ones on top of them."""
    newest = folder.find()
    if newest.provenance.basis() != onto.provenance.basis():
        raise SourceError(f"{folder.path.name} was given another basis by another process meanwhile: repeat the update")
    stored = read_rows(folder, newest)
    comparison = compare(stored, rows)
    _check_bases(comparison, folder)
    kind: Kind = "restatement" if comparison.restated else "append"
    return merged(stored, rows), _Step(kind=kind, changes=comparison.changes, added=comparison.added)


def _replaced(folder: DataFolder, rows: LongBars) -> _Step:
    """New rows in place of those of the newest version; where that cannot be read, nothing is compared."""
    try:
        stored = read_rows(folder, folder.find())
    except SourceError as error:
        return _Step(kind="import", notes=(f"not compared with the version before: {error}",))
    if set(stored.numbers) != set(rows.numbers):
        return _Step(kind="import")
    comparison = compare(stored, rows)
    kind: Kind = "restatement" if comparison.restated else "import"
    return _Step(kind=kind, changes=comparison.changes, added=comparison.added)


def _check_bases(comparison: Comparison, folder: DataFolder) -> None:
    if not comparison.rebased:
        return
    first = next(change for change in comparison.restated if change.ticker == comparison.rebased[0])
    raise SourceError(
        f"{len(comparison.rebased)} tickers of {folder.path.name} were restated and the new rows lack the beginning of "
        f"their history ({first}): give their whole history, so that two bases do not mix"
    )


def _commit(folder: DataFolder, rows: LongBars, provenance: Provenance, step: _Step) -> Commit:
    panel = _checked_panel(rows, provenance)
    parts, healed = _written(folder, rows)
    fingerprint, notes = fingerprint_of(parts, provenance), (*step.notes, *healed)
    listed = folder.fingerprints
    if listed and _has_newest(folder, fingerprint):
        return Commit(version=folder.find(), is_new=False, added=0, notes=notes)
    exchange, reason = fitting_exchange(panel.sessions, panel.tickers, exchange=provenance.exchange)
    version = Version(
        name=folder.path.name,
        fingerprint=fingerprint,
        parent=next((one for one in reversed(listed) if one != fingerprint), None),
        kind=step.kind,
        made_at=_now(),
        provenance=provenance,
        panel=panel.fingerprint(),
        tickers=len(rows.tickers),
        exchange=exchange,
        exchange_reason=reason,
        parts=parts,
        changes=step.changes,
    ).sealed()
    folder.commit(version)
    return Commit(version=version, is_new=True, added=step.added, notes=notes)


def _checked_panel(rows: LongBars, provenance: Provenance) -> Panel:
    """Panel of the rows as they would load, which refuses what no version may hold."""
    bars = replace(rows, numbers={name: values for name, values in rows.numbers.items() if name in BARS})
    return panel_from_rows(bars, origin=Origin(name=provenance.source, split_adjusted=provenance.split_adjusted))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
