"""Manifest: the versions of a data set in their order, and how that order is found again from the versions alone."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError

from core.errors import SourceError
from core.files import read_json
from core.settings import Settings
from market.store.data_versions import Version
from market.store.parts import HASH

__all__ = ["MANIFEST", "Manifest", "NewerFormatError", "in_order", "with_unlisted"]

MANIFEST = "manifest.json"
FORMAT: Final = 1


class NewerFormatError(SourceError):
    """A manifest that a newer Quintile made: it is whole, and nobody may write another over it."""


class Manifest(Settings):
    """Fingerprints of the versions, oldest first; the last is the newest."""

    format: Literal[1] = FORMAT
    name: str
    versions: Annotated[tuple[HASH, ...], Field(min_length=1)]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and validate a manifest.

        Raises
        ------
        NewerFormatError
            If a newer Quintile made it.
        SourceError
            If the file holds none.
        """
        origin = f"{path.parent.name}/{MANIFEST}"
        try:
            value = read_json(path)
            if isinstance(value, dict) and isinstance(number := value.get("format"), int) and number > FORMAT:
                raise NewerFormatError(f"{origin} is of format {number}, of a newer Quintile: upgrade, then repeat")
            return cls.model_validate(value)
        except NewerFormatError:
            raise
        except (SourceError, ValidationError) as error:
            raise SourceError(
                f"{origin} is not a manifest of format {FORMAT}: restore it, or import again, or remove it and "
                f"`quintile data info {path.parent.name}` makes it again from the versions"
            ) from error


def in_order(versions: Iterable[Version]) -> tuple[Version, ...]:
    """Put versions in the order in which they were made: after its parent each, else by its own time.

    Content that came back has a parent which came after it; such a ring is cut at its earliest time.
    """
    waiting = sorted(versions, key=lambda one: (one.made_at, one.fingerprint))
    placed: list[Version] = []
    while waiting:
        absent = {one.fingerprint for one in waiting}
        free = next((one for one in waiting if one.parent not in absent - {one.fingerprint}), waiting[0])
        waiting.remove(free)
        placed.append(free)
    return tuple(placed)


def with_unlisted(listed: Sequence[str], unlisted: Iterable[Version]) -> tuple[str, ...]:
    """Fingerprints of a manifest with those that it lacks, each after its parent.

    A writer that was killed between the version and the manifest leaves one; an older manifest that was put back lacks
    what came after it.
    """
    order, known = list(listed), frozenset(listed)
    for version in in_order(unlisted):
        place = order.index(version.parent) + 1 if version.parent in order else 0
        while place < len(order) and order[place] not in known:
            place += 1  # one that was made before it
        order.insert(place, version.fingerprint)
    return tuple(order)
