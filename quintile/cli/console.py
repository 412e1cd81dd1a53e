"""Console: tables of the command line, and a finished run on the terminal."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strategy.runs.store import RunFolder

__all__ = ["print_summary", "table"]


def table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print a table on standard output; numbers are right-aligned, text from files is never read as markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for position, column in enumerate(columns):
        drawn.add_column(column, justify="left" if position == 0 else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*[Text(cell) for cell in row])
    Console().print(drawn)


def print_summary(folder: "RunFolder", *, verbose: bool) -> None:
    """Print the verdict, headline numbers, other books and baselines, and the path of the report."""
    from strategy.runs.result import Run, headline_rows

    metrics = folder.metrics
    print(metrics["headline"]["sentence"])
    for words in metrics.get("judged", {}).get("words", ()):
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
    table("", ["book", *names], rows)


def _printed(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4g}"
