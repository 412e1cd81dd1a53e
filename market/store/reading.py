"""Reading: a stored data set as a Panel, the same panel that its source would load as."""

from market.sources.assemble import Origin
from market.sources.long_form import LongBars
from market.store.folder import DataFolder
from market.store.keeping import panel_fields, read_years
from market.store.versions import Version

__all__ = ["origin_of", "stored_bars"]


def stored_bars(
    folder: DataFolder, version: Version, *, start: str | None = None, end: str | None = None
) -> tuple[LongBars, ...]:
    """Return the rows that make a panel, a part for each of the years that ``start`` and ``end`` touch.

    Raises
    ------
    SourceError
        If a file is missing or damaged, or no year is left.
    """
    return read_years(folder, version, fields=panel_fields(version), start=start, end=end)


def origin_of(version: Version, *, point_in_time: bool = False) -> Origin:
    """Return what a version knows about its rows, the version itself named."""
    known = version.provenance
    return Origin(
        name=f"{version.name}@{version.fingerprint[:12]} ({known.source})",
        point_in_time=known.point_in_time or point_in_time,
        split_adjusted=known.split_adjusted,
    )
