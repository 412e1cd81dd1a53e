"""Data versions: a data set at one time, where its numbers came from, and how they differ from the version before.

The fingerprint is the sha256 of every number, key and basis of the stored rows; :meth:`Panel.fingerprint` of the same
rows, which also depends on how prices are adjusted on the way out, stands beside it as ``panel``.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from core.errors import SourceError
from core.files import read_json
from core.settings import Settings
from market.store.parts import HASH, KEYS, Part

__all__ = ["Change", "Provenance", "Version", "fingerprint_of"]


class Provenance(Settings):
    """Where rows came from.

    Parameters
    ----------
    source : str
        File or vendor, without any path of the machine.
    adjustment : str
        What the vendor or file did to prices.
    fetched_at : str
        UTC time, ISO.
    licence : str
        Terms under which the rows may be used.
    point_in_time : bool
        The source holds names as they were, dead ones included.
    split_adjusted : bool
        Prices and volume are known to be on one split basis.
    exchange : str or None
        Whose sessions the rows hold, where the user said so.
    vendor : str
        ``"yfinance"`` where an update can be fetched again, ``"file"`` otherwise.
    """

    source: str
    adjustment: str
    fetched_at: str
    licence: str = "not stated"
    point_in_time: bool = False
    split_adjusted: bool = False
    exchange: str | None = None
    vendor: Literal["file", "yfinance"] = "file"

    def basis(self) -> dict[str, object]:
        """What an update takes over from the version before; the source and its time are new each time."""
        return self.model_dump(exclude={"source", "fetched_at"})


class Change(Settings):
    """One difference from the version before: what happened to which ticker, between which dates, by which factor."""

    what: str
    ticker: str
    field: str = ""
    first: str = ""
    last: str = ""
    sessions: int = 0
    factor: float | None = None
    likely: str = ""

    def __str__(self) -> str:
        span = "" if not self.first else f" {self.first}" + (f" to {self.last}" if self.last != self.first else "")
        factor = "" if self.factor is None else f" × {self.factor:.6g}"
        likely = f" ({self.likely})" if self.likely else ""
        return f"{self.ticker} {self.what}{' ' + self.field if self.field else ''}{span}{factor}{likely}"


class Version(Settings):
    """One immutable version of a data set.

    Parameters
    ----------
    name, fingerprint, parent : str
        Data set, identity of its content, and the fingerprint of the version before.
    kind : str
        ``import``, ``append`` (nothing that was there changed), ``restatement`` (something did) or ``fix``.
    panel : str
        Fingerprint of the panel that these rows load as.
    tickers : int
        Distinct tickers.
    exchange : str or None
        Whose sessions the rows hold, as the user said or as all of them tell; None in versions made before it was kept.
    exchange_reason : str
        Why it is this one.
    changes : tuple of Change
        Against the parent: restated, added and withdrawn rows by ticker.
    checksum : str
        Sha256 of all of this; empty in versions made before it was kept.
    """

    format: Literal[1] = 1
    name: str
    fingerprint: HASH
    parent: HASH | None
    kind: Literal["import", "append", "restatement", "fix"]
    made_at: str
    provenance: Provenance
    panel: str
    tickers: int
    exchange: str | None = None
    exchange_reason: str = ""
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
    changes: tuple[Change, ...] = ()
    checksum: str = ""

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        """Every year has its keys and the same fields, and years ascend."""
        years, fields = [part.year for part in self.parts], set(self.parts[0].files)
        if sorted(set(years)) != years or KEYS not in fields or any(set(one.files) != fields for one in self.parts):
            raise ValueError("parts must be one for each year, in order, with keys and the same fields")
        return self

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields of a row, keys left out."""
        return tuple(name for name in self.parts[0].files if name != KEYS)

    @property
    def rows(self) -> int:
        """Rows in all."""
        return sum(part.rows for part in self.parts)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for part in self.parts for file in part.files.values())

    @property
    def span(self) -> tuple[str, str]:
        """First and last date."""
        return self.parts[0].first, self.parts[-1].last

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a version, and hold it against the fingerprint that its file is named by.

        Raises
        ------
        SourceError
            If the file holds none, or another, or was changed after it was made.
        """
        origin, remedy = f"{path.parent.parent.name}/versions/{path.name}", "restore it, or import the data again"
        try:
            version = cls.model_validate(read_json(path))
        except (SourceError, ValidationError) as error:
            raise SourceError(f"{origin} is not a version of a data set: {remedy}") from error
        content = fingerprint_of(version.parts, version.provenance)
        summed = "exchange" in version.model_fields_set  # that key is older than the checksum
        if (summed and version.checksum not in ("", version._sum())) or not version.fingerprint == content == path.stem:
            raise SourceError(f"{origin} is not what it was when it was made: {remedy}")
        return version

    def sealed(self) -> Self:
        """The version with its checksum."""
        return self.model_copy(update={"checksum": self._sum()})

    def _sum(self) -> str:
        plain = self.model_dump(mode="json", exclude={"checksum"})
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def fingerprint_of(parts: tuple[Part, ...], provenance: Provenance) -> str:
    """Sha256 of the content of parts, the basis of their prices and the exchange that was named, in hexadecimal."""
    files = {str(part.year): {name: file.content for name, file in part.files.items()} for part in parts}
    basis: dict[str, object] = {"adjustment": provenance.adjustment, "split_adjusted": provenance.split_adjusted}
    if provenance.exchange is not None:
        basis["exchange"] = provenance.exchange
    return hashlib.sha256(json.dumps({"files": files, "basis": basis}, sort_keys=True).encode()).hexdigest()
