"""Notebook form: how a notebook lies in the repository; ``python -m tests.notebook_form`` brings all of them into it.

No outputs and no counts, cells numbered in their order, one kernel, and of a cell's metadata what the site reads: the
words that stand for a picture.
"""

from pathlib import Path
from typing import Any

import nbformat

__all__ = ["FOLDER", "formed", "notebooks", "read"]

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebooks() -> list[Path]:
    return sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def formed(notebook: Any) -> str:
    """The text of a notebook's file."""
    cells = [_formed_cell(cell, number) for number, cell in enumerate(notebook.cells)]
    kept = {"cells": cells, "metadata": KERNEL, "nbformat": 4, "nbformat_minor": 5}
    text: str = nbformat.writes(nbformat.from_dict(kept))
    return text.rstrip("\n") + "\n"


def _formed_cell(cell: Any, number: int) -> dict[str, Any]:
    metadata = {key: value for key, value in cell.metadata.items() if key == "mystnb"}
    kept = {"cell_type": cell.cell_type, "id": f"cell-{number:02d}", "metadata": metadata, "source": cell.source}
    return kept | ({"execution_count": None, "outputs": []} if cell.cell_type == "code" else {})


if __name__ == "__main__":
    for path in notebooks():
        path.write_text(formed(read(path)), encoding="utf-8")
