"""What a section holds: frozen values of words, pictures and tables, plain text until the page escapes it."""

from dataclasses import dataclass, field
from typing import Literal

import plotly.graph_objects as go

__all__ = ["SEVERITIES", "Card", "Part", "Picture", "Section", "Severity", "Stamp", "Table"]

Severity = Literal["alarm", "caution", "note"]
SEVERITIES: tuple[Severity, ...] = ("alarm", "caution", "note")  # the gravest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A word on the front page that a reader must not miss, and what it means.

    Parameters
    ----------
    label : str
        One or two words in capitals, e.g. ``"SURVIVOR-BIASED"``.
    severity : {"alarm", "caution", "note"}
        ``"alarm"`` where the numbers are no evidence at all, ``"caution"`` where they flatter, ``"note"`` else.
    sentence : str
        What it means for the reader, in one sentence.
    """

    label: str
    severity: Severity
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One big number: its label, the number, its standard error and the convention in small print."""

    label: str
    value: str
    detail: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of printed cells; the first cell of a row is its heading.

    Parameters
    ----------
    caption : str
        What it shows.
    columns : tuple of str
        Headings, one per cell.
    rows : tuple of tuple of str
        Cells, already printed.
    note : str
        The convention of its numbers.
    wordy : bool
        Cells are words and are set flush left.
    folded : bool
        Shown on a click; for long tables that few read.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    wordy: bool = False
    folded: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.caption!r} has {len(self.columns)} columns, a row has {len(row)} cells")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A figure, its title, and the sentence that says the same to who cannot see it."""

    title: str
    summary: str
    figure: go.Figure


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """A group of pictures and tables under an optional heading.

    Pictures stand side by side where the screen is wide; tables do where ``beside``.
    """

    heading: str = ""
    sentences: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    beside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Section:
    """A section of the page: anchor, title, the sentence to remember, and its parts."""

    slug: str
    title: str
    lead: str
    parts: tuple[Part, ...] = field(default=())
