"""Console: tables of the command line, and a finished run on the terminal."""

import sys
from typing import TYPE_CHECKING, Any

from core.terminal import printable, styled

if TYPE_CHECKING:
    from strategy.runs.store import RunFolder

__all__ = ["print_summary", "table"]

GAP = 2  # between two columns


def table(title: str, columns: list[str], rows: list[list[str]], *, in_parts: bool = False) -> None:
    """Print a table on standard output; numbers are right-aligned, text from files is never read as markup.

    Parameters
    ----------
    title : str
        Above it; empty for none.
    columns, rows : list
        Headings and cells.
    in_parts : bool
        Where the columns are wider than the terminal, print several tables, each with the first column, instead of
        folding cells.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=styled(sys.stdout))
    title, columns, *rows = _printable(title, columns, rows)
    parts = _parts(columns, rows, console.width) if in_parts else [list(range(len(columns)))]
    for part in parts:
        drawn = Table(
            title=Text(title) if title else None, title_justify="left", header_style="bold", box=None, pad_edge=False
        )
        for place in part:
            drawn.add_column(Text(columns[place]), justify="left" if place == 0 else "right", overflow="fold")
        for row in rows:
            drawn.add_row(*[Text(row[place]) for place in part])
        console.print(drawn)


def _printable(title: str, columns: list[str], rows: list[list[str]]) -> Any:
    """The same without control characters, in the letters of standard output."""
    encoding = getattr(sys.stdout, "encoding", None)
    heading, *lines = [[printable(cell, encoding=encoding) for cell in line] for line in ([title], columns, *rows)]
    return heading[0], *lines


def _parts(columns: list[str], rows: list[list[str]], width: int) -> list[list[int]]:
    """Places of the columns that fit side by side behind the first, in their order."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, (name, *(row[place] for row in rows)))) for place, name in enumerate(columns)]
    parts, taken = [[0]], widths[0]
    for place, wide in enumerate(widths[1:], start=1):
        if taken + GAP + wide > width and len(parts[-1]) > 1:
            parts.append([0])
            taken = widths[0]
        parts[-1].append(place)
        taken += GAP + wide
    return parts


def print_summary(folder: "RunFolder", *, verbose: bool) -> None:
    """Print the verdict, headline numbers, other books and baselines, and the path of the report."""
    from strategy.runs.result import Run, headline_rows

    metrics = folder.metrics
    print(metrics["headline"]["sentence"])
    for words in (*metrics.get("judged", {}).get("words", ()), *metrics.get("missing", ()), *metrics.get("notes", ())):
        print(words)
    table("", [folder.record["strategy"], folder.run_id], [list(row) for row in headline_rows(metrics["headline"])])
    for name, correlation in metrics["recovery"].items():
        print(f"recovery of the planted signal, {name}: {correlation['pearson']:.3f}")
    if verbose:
        _print_books(metrics["books"])
    print(Run(folder).last_line)


def _print_books(books: dict[str, dict[str, float | None]]) -> None:
    names = list(books)
    keys = [key for key, value in books[names[0]].items() if isinstance(value, int | float)]
    rows = [[key, *[_printed(books[name][key]) for name in names]] for key in keys]
    table("", ["book", *names], rows, in_parts=True)


def _printed(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4g}"
