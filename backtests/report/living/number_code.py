"""Number code: whole numbers as compressed bytes that a browser unpacks by itself.

A table is told name by name. A chained one is told as the differences from session to session, from each name's base,
and a difference as a number of at least 0 (0, −1, 1, −2, … become 0, 1, 2, 3, …). The numbers' lowest bytes form the
first plane, the next ones the second, and every plane is a gzip member. A blob is the length of the header's member
(4 bytes, little-endian), that member, and all planes in the order in which the header's ``tables`` name them. On a page
it is written in base 85, five characters for four bytes and none of them with a meaning in HTML.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

__all__ = ["LARGEST", "CodedTable", "Table", "coded", "packed", "read_back", "unpacked", "written"]

LARGEST = 2**48 - 1  # what six planes hold, and a browser counts exactly
GZIP = 31  # zlib's window bits of a gzip member
STRATEGIES = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY)  # noise has nothing to look back at
LENGTH = 4  # bytes
HTML, PLAIN = b"&<>", b",./"  # the characters of base 85 that HTML gives a meaning, and those in their place


class Table(NamedTuple):
    """Numbers or flags, shape (n_sessions, n_names), and how they are coded."""

    values: np.ndarray
    code: Literal["plain", "chained", "shortest", "bits"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CodedTable:
    """A table as planes.

    Parameters
    ----------
    code : {"plain", "chained", "bits"}
        Numbers of at least 0 as they are, differences, or flags of which eight make a byte.
    shape : tuple of int
        Sessions and names.
    planes : tuple of bytes
        Gzip members.
    base : tuple of int
        What the differences of each name start from; empty without them.
    """

    code: str
    shape: tuple[int, int]
    planes: tuple[bytes, ...]
    base: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all planes."""
        return sum(map(len, self.planes))

    def described(self, name: str) -> dict[str, Any]:
        """What the header says of it."""
        told = {
            "name": name,
            "code": self.code,
            "shape": list(self.shape),
            "planes": [len(each) for each in self.planes],
        }
        return told | ({"base": list(self.base)} if self.base else {})


def coded(table: Table) -> CodedTable:
    """Code a table; ``"shortest"`` is plain or chained, whichever takes fewer bytes.

    Raises
    ------
    ValueError
        If a number or a difference takes more than six bytes.
    """
    if table.code == "bits":
        return _coded_bits(table.values)
    if table.code == "shortest":
        both = (_coded_numbers(table.values, chained=chained) for chained in (False, True))
        return min(both, key=lambda each: each.size)
    return _coded_numbers(table.values, chained=table.code == "chained")


def _coded_numbers(values: np.ndarray, *, chained: bool) -> CodedTable:
    numbers = np.ascontiguousarray(values.T.astype(np.int64))
    base: tuple[int, ...] = ()
    if chained:
        base = tuple(int(each) for each in numbers[:, 0])
        steps = np.diff(numbers, axis=1, prepend=numbers[:, :1])
        numbers = (steps << 1) ^ (steps >> 63)
    if numbers.min(initial=0) < 0 or numbers.max(initial=0) > LARGEST:
        raise ValueError(f"numbers must take at most six bytes, the largest was {int(np.abs(numbers).max())}")
    n_planes = max((int(numbers.max(initial=0)).bit_length() + 7) // 8, 1)
    planes = (((numbers >> 8 * place) & 255).astype(np.uint8).tobytes() for place in range(n_planes))
    shape = (values.shape[0], values.shape[1])
    return CodedTable(
        code="chained" if chained else "plain", shape=shape, planes=tuple(map(_squeezed, planes)), base=base
    )


def _coded_bits(flags: np.ndarray) -> CodedTable:
    told = np.packbits(np.ascontiguousarray(flags.T).ravel(), bitorder="little").tobytes()
    return CodedTable(code="bits", shape=(flags.shape[0], flags.shape[1]), planes=(_squeezed(told),))


def packed(header: Mapping[str, Any], tables: Mapping[str, Table | CodedTable]) -> bytes:
    """One blob of a header and tables; the same numbers give the same bytes."""
    as_planes = {name: coded(table) if isinstance(table, Table) else table for name, table in tables.items()}
    told = {**header, "tables": [table.described(name) for name, table in as_planes.items()]}
    first = _squeezed(json.dumps(told, allow_nan=False, separators=(",", ":")).encode())
    planes = [plane for table in as_planes.values() for plane in table.planes]
    return b"".join([len(first).to_bytes(LENGTH, "little"), first, *planes])


def unpacked(blob: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Header and tables of a blob, numbers as int64 and flags as bool, shape (n_sessions, n_names)."""
    end = LENGTH + int.from_bytes(blob[:LENGTH], "little")
    header = json.loads(zlib.decompress(blob[LENGTH:end], GZIP))
    tables = {}
    for told in header["tables"]:
        planes = []
        for length in told["planes"]:
            planes.append(np.frombuffer(zlib.decompress(blob[end : end + length], GZIP), dtype=np.uint8))
            end += length
        tables[told["name"]] = _table(told, planes)
    return header, tables


def written(blob: bytes) -> str:
    """A blob as characters of a page, filled up with zeros to four bytes."""
    return base64.b85encode(blob + bytes(-len(blob) % 4)).translate(bytes.maketrans(HTML, PLAIN)).decode()


def read_back(words: str) -> bytes:
    """A blob from the characters of a page."""
    return base64.b85decode(words.strip().encode().translate(bytes.maketrans(PLAIN, HTML)))


def _table(told: Mapping[str, Any], planes: list[np.ndarray]) -> np.ndarray:
    n_sessions, n_names = told["shape"]
    if told["code"] == "bits":
        flags = np.unpackbits(planes[0], count=n_sessions * n_names, bitorder="little").astype(bool)
        return np.ascontiguousarray(flags.reshape(n_names, n_sessions).T)
    numbers = sum(plane.astype(np.int64) << 8 * place for place, plane in enumerate(planes))
    numbers = np.asarray(numbers).reshape(n_names, n_sessions)
    if told["code"] == "chained":
        steps = (numbers >> 1) ^ -(numbers & 1)
        numbers = np.cumsum(steps, axis=1) + np.array(told["base"], dtype=np.int64)[:, None]
    return np.ascontiguousarray(numbers.T)


def _squeezed(told: bytes) -> bytes:
    """The shorter of two gzip members, which hold no date."""
    return min((_gzip(told, strategy) for strategy in STRATEGIES), key=len)


def _gzip(told: bytes, strategy: int) -> bytes:
    squeeze = zlib.compressobj(6, zlib.DEFLATED, GZIP, 9, strategy)
    return squeeze.compress(told) + squeeze.flush()
