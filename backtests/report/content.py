"""What a section holds: frozen values of words, pictures and tables, plain text until the page escapes it."""

from dataclasses import dataclass, field
from typing import Literal

import plotly.graph_objects as go
from markupsafe import Markup

__all__ = [
    "HEATS",
    "SEVERITIES",
    "Card",
    "LivingPart",
    "Part",
    "Picture",
    "Section",
    "Severity",
    "Stamp",
    "Table",
]

Severity = Literal["alarm", "caution", "note"]
SEVERITIES: tuple[Severity, ...] = ("alarm", "caution", "note")  # the gravest first
HEATS = 4  # shades of a cell on either side of none


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
    heat : tuple of tuple of int
        Shade of every cell after the first of its row, from −4 for the lowest to 4; none by default.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    wordy: bool = False
    folded: bool = False
    heat: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.caption!r} has {len(self.columns)} columns, a row has {len(row)} cells")
        if self.heat and [len(row) + 1 for row in self.heat] != [len(row) for row in self.rows]:
            raise ValueError(f"table {self.caption!r} needs a shade for each cell but the first of a row, or none")

    def shade(self, row: int, cell: int) -> str:
        """Class of a cell, counted from 0: ``"gain3"``, ``"loss1"``, or empty for one without a shade."""
        heat = self.heat[row][cell - 1] if self.heat and cell else 0
        return f"{'gain' if heat > 0 else 'loss'}{abs(heat)}" if heat else ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A figure, its title, and the sentence that says the same to who cannot see it."""

    title: str
    summary: str
    figure: go.Figure


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """A group of pictures and tables under an optional heading.

    Pictures stand side by side where the screen is wide; tables do where ``beside``. A part that is ``folded`` shows
    its heading alone until it is opened.
    """

    heading: str = ""
    sentences: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    beside: bool = False
    folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Section:
    """A section of the page: anchor, title, the sentence to remember, and its parts.

    One that is ``folded`` shows its title and that sentence until it is opened.
    """

    slug: str
    title: str
    lead: str
    parts: tuple[Part, ...] = field(default=())
    folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingPart:
    """A part of the page that moves under the reader's hand.

    Parameters
    ----------
    html : Markup
        What is shown, already escaped, without the section and its heading.
    script : str
        What moves it; runs after the page's own scripts.
    data : str
        What it reads, as base64.
    style : str
        Rules of its look.
    """

    html: Markup
    script: str
    data: str
    style: str = ""
