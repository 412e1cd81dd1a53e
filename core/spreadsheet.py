"""Spreadsheet: tables as CSV that a spreadsheet shows and never computes.

A cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return is a formula to a spreadsheet. A text
such as a ticker that begins so is written behind an apostrophe; ``unquoted`` takes it off again, wherever tickers are
read. Numbers are written as they are.
"""

from pathlib import Path
from typing import Any, Final

import pandas as pd

__all__ = ["quoted", "unquoted", "write_csv"]

FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
MARK: Final = "'"


def quoted(text: str) -> str:
    """The text behind an apostrophe where a spreadsheet would compute it, or where ``unquoted`` would shorten it.

    Examples
    --------
    >>> [quoted(text) for text in ("@ES", "BRK-B")]
    ["'@ES", 'BRK-B']
    """
    return f"{MARK}{text}" if text.startswith(FORMULAS) or unquoted(text) != text else text


def unquoted(text: str) -> str:
    """What was written by ``quoted``.

    Examples
    --------
    >>> unquoted("'@ES")
    '@ES'
    """
    return text[1:] if text.startswith(MARK) and text[1:].lstrip(MARK).startswith(FORMULAS) else text


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a frame, its index and its headings, as CSV in which no text is a formula."""
    shown = frame.set_axis(_quoted_labels(frame.columns), axis=1).set_axis(_quoted_labels(frame.index), axis=0)
    for place in [place for place, kind in enumerate(frame.dtypes) if _holds_text(kind)]:
        shown.isetitem(place, [_quoted_cell(value) for value in frame.iloc[:, place]])
    shown.to_csv(path)


def _quoted_labels(labels: pd.Index) -> pd.Index:
    if isinstance(labels, pd.MultiIndex):
        levels = [_quoted_labels(labels.get_level_values(number)) for number in range(labels.nlevels)]
        return pd.MultiIndex.from_arrays(levels, names=labels.names)
    if not _holds_text(labels.dtype):
        return labels
    return pd.Index([_quoted_cell(label) for label in labels], name=labels.name)


def _holds_text(kind: Any) -> bool:
    return pd.api.types.is_object_dtype(kind) or isinstance(kind, pd.StringDtype | pd.CategoricalDtype)


def _quoted_cell(value: object) -> object:
    return quoted(value) if isinstance(value, str) else value
