"""Latest bars: the data set of this machine that was stored last, for ``--bars latest``."""

from core.errors import SourceError
from market.store import data_folder, stored_names

__all__ = ["LATEST", "latest_data_set"]

LATEST = "latest"


def latest_data_set() -> str:
    """The stored data set whose newest version was made last, as ``name@fingerprint``.

    What a version says of its own bars does not choose: a lock comes from anyone. With several markets in the store,
    name the data set instead; its name alone means its newest version too.

    Raises
    ------
    SourceError
        If nothing is stored, or the newest version of a data set cannot be read.
    """
    newest = [data_folder(name).find() for name in stored_names()]
    if not newest:
        raise SourceError("no data set is stored: make one with `quintile data import FILE --name …`, or name bars")
    last = max(newest, key=lambda version: (version.made_at, version.name))
    return f"{last.name}@{last.fingerprint[:12]}"
