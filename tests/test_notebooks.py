"""Notebooks: stripped in the repository, and run from top to bottom on a small market, or on real bars if given."""

import ast
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
ROOT = NOTEBOOKS[0].parent.parent
PICTURES = {"02_what_the_signal_knows": 6, "09_the_forecasting_trap": 1}


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_three_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_bars_to_verdict",
        "02_what_the_signal_knows",
        "09_the_forecasting_trap",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stripped(path: Path) -> None:
    for cell in code_cells(read(path)):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_bars_to_verdict_takes_ten_lines() -> None:
    lines = [line for cell in code_cells(read(NOTEBOOKS[0])) for line in cell.source.splitlines() if line.strip()]
    assert len(lines) == 10


def last_values(notebook: Any) -> list[Any]:
    """Run the cells one after the other in this process and return what a kernel would show below each."""
    names: dict[str, Any] = {}
    values = []
    for cell in code_cells(notebook):
        *statements, last = ast.parse(cell.source).body
        shown = isinstance(last, ast.Expr)
        exec(compile(ast.Module(statements if shown else [*statements, last], []), cell.id, "exec"), names)
        values += [eval(compile(ast.Expression(last.value), cell.id, "eval"), names)] if shown else []
    return [value for value in values if value is not None]


@pytest.mark.slow
def test_bars_to_verdict_ends_with_a_verdict(
    few_random_books: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QUINTILE_BARS", raising=False)
    monkeypatch.chdir(tmp_path)
    bars, result = last_values(read(NOTEBOOKS[0]))
    for shown in (bars._repr_html_(), result._repr_html_()):
        assert "<table" in shown
        assert "<svg" in shown
    assert "EVIDENCE" in result._repr_html_()


def test_what_the_signal_knows_is_six_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    from plotly.graph_objects import Figure

    monkeypatch.delenv("QUINTILE_BARS", raising=False)
    values = last_values(read(NOTEBOOKS[1]))
    assert sum(isinstance(value, Figure) for value in values) == 6


@pytest.mark.slow
def test_the_forecasting_trap_says_what_knows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("QUINTILE_BARS", raising=False)
    monkeypatch.chdir(tmp_path)
    values = last_values(read(NOTEBOOKS[2]))
    fits = next(value for value in values if "r2_return" in getattr(value, "columns", ()))
    assert fits["r2_price"].min() > 0.97
    assert fits["r2_return"].iloc[:4].max() < 0.05
    assert fits["r2_return"].iloc[4] > 0.3
    chosen = next(value for value in values if "worse_later" in getattr(value, "columns", ()))
    assert (chosen["worse"] == 0.0).all()
    assert (chosen["improved"] > 0.05).all()
    assert "2.53 ± 1.27, 95 % range 0.05 to 5.01" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom_in_a_kernel(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
        assert len(pictures) == PICTURES[path.stem]
