"""Cell numbers: a column of numbers, or of text that spells numbers, as floats; what spells none is named.

A missing number is an empty cell or one of the words that vendors write. Commas stand between thousands, in files that
are separated by semicolons before decimals.
"""

import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import BarsError
from market.bars.defects import Defect

__all__ = ["NO_VALUE", "cell_numbers"]

# spellings of a missing value, in lower case; FRED writes a dot
NO_VALUE = ("", "nan", "null", "none", "na", "n/a", "#n/a", "#na", "<na>", "nat", "-", "--", ".")
THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
DECIMAL_COMMA = r"^[+-]?\d*(\.\d{3})*(,\d+)?$"


def cell_numbers(
    column: pa.ChunkedArray, *, name: str, origin: str, place: Callable[[int], str], decimal: str = "."
) -> tuple[np.ndarray, Defect | None]:
    """Read a column as numbers and go on after text that is none.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Numbers, or text.
    name : str
        What they are, for messages.
    origin : str
        Name of the file, for messages.
    place : callable of int to str
        Words for a row, such as ``"AAPL on 2015-01-02"``.
    decimal : {".", ","}
        What stands before decimals in text.

    Returns
    -------
    numbers : array of float, shape (n_rows,)
        NaN where a number is missing or unread.
    defect : Defect or None
        Cells that hold other text.

    Raises
    ------
    BarsError
        If the column is of another type, such as truth values.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _numbers_of_text(column.cast(pa.string()), name, origin, place, decimal)
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan), None
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        raise BarsError(f"{origin} holds {name} as {kind}: it must be a number")
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64), None


def _numbers_of_text(
    column: pa.ChunkedArray, name: str, origin: str, place: Callable[[int], str], decimal: str
) -> tuple[np.ndarray, Defect | None]:
    try:
        return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64), None
    except pa.ArrowInvalid:
        trimmed = pc.utf8_trim_whitespace(column).combine_chunks()
    absent = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(NO_VALUE, pa.string()))
    spelled = _with_points(pc.if_else(absent, pa.scalar(None, pa.string()), trimmed), decimal)
    try:
        return np.asarray(spelled.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64), None
    except pa.ArrowInvalid:
        numbers = np.array([_number(word) for word in spelled.to_pylist()])
    rows = np.flatnonzero(np.isnan(numbers) & pc.is_valid(spelled).to_numpy(zero_copy_only=False))
    first = int(rows[0])
    told = f"{origin} holds text where {name}{place(first)} should be a number: {trimmed[first].as_py()!r}"
    is_comma = re.fullmatch(r"[+-]?\d+,\d+", str(trimmed[first])) is not None
    remedy = f"; {'write decimals with a point' if is_comma else 'repair it'}, or leave it empty"
    return numbers, Defect(kind=f"text in {name}", first=told, remedy=remedy, count=len(rows), unit="cells", rows=rows)


def _with_points(texts: pa.StringArray, decimal: str) -> pa.StringArray:
    """Texts as a computer spells numbers: no separator of thousands, a point before decimals."""
    if decimal == ",":
        grouped = pc.match_substring_regex(texts, DECIMAL_COMMA)
        return pc.if_else(grouped, pc.replace_substring(pc.replace_substring(texts, ".", ""), ",", "."), texts)
    grouped = pc.match_substring_regex(texts, THOUSANDS)
    return pc.if_else(grouped, pc.replace_substring(texts, ",", ""), texts)


def _number(word: str | None) -> float:
    try:
        return float("nan") if word is None else float(pa.scalar(word, pa.string()).cast(pa.float64()).as_py())
    except pa.ArrowInvalid:
        return float("nan")
