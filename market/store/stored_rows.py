"""Stored rows: the rows of a version as they were committed, by field and year.

Only the files of the wanted fields and years are read; the rows of a year come whole.
"""

from collections.abc import Sequence
from functools import partial

from core.allocator import keep_large_blocks, may_start_threads
from core.errors import SourceError
from core.parallel import cores, mapped
from market.bars.assembly import Origin
from market.bars.long_form import LongBars, join_bars
from market.store.data_versions import Version
from market.store.folder import DataFolder
from market.store.parts import in_key_order, read_part

__all__ = ["BARS", "origin_of", "read_rows", "stored_bars"]

BARS = ("open", "high", "low", "close", "volume", "adj_close")


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
    """Stored rows, a part for each year; as ``read_rows``."""
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
    return tuple(mapped(read, parts, workers=cores() if may_start_threads() else 1, on="threads"))


def _panel_fields(version: Version) -> tuple[str, ...]:
    """Stored fields that make a panel; dividends and splits stand beside them."""
    return tuple(name for name in version.fields if name in BARS)
