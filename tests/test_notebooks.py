"""Notebooks: stripped in the repository, and run from top to bottom on a small market, or on real bars if given."""

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
ROOT = NOTEBOOKS[0].parent.parent


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_two_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["01_bars_to_verdict", "02_what_the_signal_knows"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stripped(path: Path) -> None:
    for cell in code_cells(read(path)):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_bars_to_verdict_takes_ten_lines() -> None:
    lines = [line for cell in code_cells(read(NOTEBOOKS[0])) for line in cell.source.splitlines() if line.strip()]
    assert len(lines) == 10


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = read(path)
    timeout = None if "QUINTILE_BARS" in os.environ else 300
    NotebookClient(notebook, timeout=timeout, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output.data for cell in code_cells(notebook) for output in cell.outputs if "data" in output]
    if path == NOTEBOOKS[0]:
        assert "<table>" in shown[-1]["text/html"] or "<table" in shown[-1]["text/html"]
        assert "EVIDENCE" in shown[-1]["text/html"]
    else:
        pictures = [data for data in shown if "application/vnd.plotly.v1+json" in data]
        assert len(pictures) == 6
