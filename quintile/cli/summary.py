"""Summary: a finished run on the terminal."""

from quintile.cli.console import table
from strategy.runs.result import Run, headline_rows
from strategy.runs.store import RunFolder

__all__ = ["print_summary"]


def print_summary(folder: RunFolder, *, verbose: bool) -> None:
    """Print the verdict, headline numbers, other books and baselines, and the path of the report."""
    metrics = folder.metrics
    print(metrics["headline"]["sentence"])
    table("", [folder.record["strategy"], folder.run_id], [list(row) for row in headline_rows(metrics["headline"])])
    for name, correlation in metrics["recovery"].items():
        print(f"recovery of the planted signal, {name}: {correlation['pearson']:.3f}")
    if verbose:
        _print_books(metrics["books"])
    print(f"report  {Run(folder).report}")


def _print_books(books: dict[str, dict[str, float | None]]) -> None:
    names = list(books)
    keys = [key for key, value in books[names[0]].items() if isinstance(value, int | float)]
    rows = [[key, *[_printed(books[name][key]) for name in names]] for key in keys]
    table("", ["book", *names], rows)


def _printed(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4g}"
