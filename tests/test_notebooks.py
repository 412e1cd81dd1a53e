"""Notebooks: stripped in the repository, each with its question, and run from top to bottom in a kernel of its own.

What a notebook's sentences say of its numbers is held by a cell of checks, appended before it is executed. The slow
tests run them on the small markets that they make; 01, 02 and 09 on real bars where ``QUINTILE_BARS`` names some.
"""

import ast
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.notebook_form import FOLDER, formed, notebooks, read

NOTEBOOKS = notebooks()
ROOT = FOLDER.parent
STEMS = [path.stem for path in NOTEBOOKS]
PICTURES = {"02": 6, "03": 2, "04": 2, "05": 3, "07": 1, "08": 1, "09": 1}
REAL_BARS = ("01", "02", "09")
SECONDS = 600  # on a machine with other work; a quiet core takes a tenth

# What the sentences say, in the names of each notebook.
CHECKS = {
    "01": """
assert "EVIDENCE" in run._repr_html_() and "<svg" in run._repr_html_() and "<svg" in bars._repr_html_()
""",
    "03": """
shared = pd.DataFrame(rows)  # of the last table
lead, error = shared.loc["less squared error"], shared.loc["its standard error"]
ranked = [loss for loss in TRIED if loss != "squared error"]
assert (lead[ranked] > 2 * error[ranked]).all()
mixed = [loss for loss in TRIED if loss.startswith("70/30")]
seeds = shared.loc[[f"seed {seed}" for seed in SEEDS], mixed]
assert shared.loc["mean", mixed].max() - shared.loc["mean", mixed].min() < (seeds.max() - seeds.min()).min()
assert (after["squared error"].abs() / after["squared error"].abs().sum())[name] > 0.15
assert all((before[loss] == after[loss]).all() for loss in ("Huber", "soft rank"))
assert abs(before["soft rank"].sum()) < 1e-12 < abs(before["Huber"].sum())
""",
    "04": """
table = pd.DataFrame(rows)
filtered, whole_book = table["with the filter"], table["without"]
assert filtered["annual return"] > whole_book["annual return"]
assert filtered["beta"] > 1.8 * whole_book["beta"]
assert filtered["alpha"] < whole_book["alpha"]
assert abs(filtered["Sharpe"] - whole_book["Sharpe"]) < 0.5 * filtered["standard error"]
assert shifted["short_share"].iloc[0] > 0.9 and shifted["short_share"].iloc[2] < 0.1
assert abs(means["of it below zero"].mean - means["of it left out"].mean) < means["of it below zero"].standard_error
assert returns.diff(axis=1).iloc[:, -1].corr(-market) > 0.8
""",
    "05": """
assert alone > 0.95 > 0.5 > deflated
assert headline["comparable_trials"] == len(sharpes) == 22
assert sharpes.max() == headline["sharpe_net"] and markets["net Sharpe"].idxmax() == SEED
assert 0.4 < markets["PBO"].mean() < 0.6 and markets["PBO"].min() < 0.3 and markets["PBO"].max() > 0.8
assert chosen["sharpe"] > 3 * chosen["sharpe_error"] and tested["sharpe_net"] < 0
assert nulls["dealt anew each session"].mean() < nulls["whole paths exchanged"].mean() - 0.5
""",
    "06": """
assert version.verify().answer == "SAME CODE AND ENVIRONMENT" and version.replay(quiet=True).exact
assert not damaged.verify().is_intact and "model.safetensors" in damaged.verify().damage[0]
assert forged.verify().is_intact and not forged.replay(quiet=True).same
assert abs(apart) < 2 * error
""",
    "07": """
assert run.folder.path.joinpath("proof.json").is_file()
assert abs(found.mean) > 0.3
""",
    "08": """
assert paid[20].sharpe > 0 > paid[40].sharpe
assert (pd.DataFrame(rows).T["net Sharpe"].diff().dropna() < 0).all()
assert late["5 more"].sharpe > late["0 more"].sharpe - late["0 more"].sharpe_standard_error
assert head["sharpe_net"] > 2 * head["sharpe_standard_error"] and head["rank_ic"] < 2 * head["rank_ic_standard_error"]
assert "cannot be told apart by Sharpe ratio" in paired.gaps[0].sentence()
""",
    "09": """
fits = pd.DataFrame(price_fits(closes), index=["r2_price", "r2_free", "r2_return", "skill", "mape"]).T
assert fits["r2_price"].min() > 0.97 and fits["r2_return"].iloc[:4].max() < 0.05 < 0.3 < fits["r2_return"].iloc[4]
chosen = pd.DataFrame(selections(closes))
assert (chosen["worse"] == 0.0).all() and (chosen["improved"] > 0.05).all()
assert f"{claim.standard_error:.2f} {claim.low:.2f} {claim.high:.2f}" == "1.27 0.05 5.01"
""",
    "10": """
assert run.verdict.word == "EVIDENCE"
assert len(record.decisions) == 6 and len(record.scores) == 6
assert record.missed == ("2017-04-26",)
assert [f"{day:%Y-%m-%d}" for day in record.decisions.index[record.decisions["late"]]] == ["2017-04-27"]
""",
}


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_notebooks_are_one_to_ten() -> None:
    assert [stem[:2] for stem in STEMS] == [f"{number:02d}" for number in range(1, 11)]


def test_the_notebooks_are_listed_with_their_titles() -> None:
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        title = read(path).cells[0].source.splitlines()[0].removeprefix("# ")
        assert f"[{title}]({path.name})" in listed
    assert len(re.findall(r"\.ipynb\)", listed)) == len(NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=STEMS)
def test_a_notebook_lies_as_it_should(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == formed(read(path)), "python -m tests.notebook_form"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=STEMS)
def test_a_notebook_begins_with_its_title_and_what_it_asks(path: Path) -> None:
    first, *rest = read(path).cells
    title, blank, *words = first.source.splitlines()
    assert first.cell_type == "markdown"
    assert re.fullmatch(rf"# {path.stem[:2]} [A-Z].+", title)
    assert blank == ""
    assert len(" ".join(words)) > 100
    assert not [cell for cell in rest if cell.cell_type == "markdown" and re.search(r"^# ", cell.source, re.MULTILINE)]
    assert rest[-1].cell_type == "markdown", "end with what one may conclude"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=STEMS)
def test_a_notebook_uses_the_face_and_no_path_of_a_machine(path: Path) -> None:
    sources = [cell.source for cell in code_cells(read(path))]
    assert sum("import quintile as qt" in source for source in sources) == 1
    for source in sources:
        assert not source.startswith(("%", "!"))
        constants = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
        assert not [text for text in constants if isinstance(text, str) and re.match(r"(/|~|[A-Z]:)", text)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=STEMS)
def test_a_picture_has_words_for_those_who_do_not_see_it(path: Path) -> None:
    for cell in code_cells(read(path)):
        if "plt.show()" in cell.source:
            assert len(cell.metadata["mystnb"]["image"]["alt"]) > 20


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


def test_what_the_signal_knows_is_six_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    from plotly.graph_objects import Figure

    monkeypatch.delenv("QUINTILE_BARS", raising=False)
    values = last_values(read(NOTEBOOKS[1]))
    assert sum(isinstance(value, Figure) for value in values) == 6


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=STEMS)
def test_a_notebook_runs_from_top_to_bottom_and_shows_what_it_says(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    real, place = "QUINTILE_BARS" in os.environ and path.stem[:2] in REAL_BARS, tmp_path / "desk"
    place.mkdir()
    notebook = read(path)
    if not real:
        notebook.cells.append(new_code_cell(CHECKS.get(path.stem[:2], "")))
    NotebookClient(notebook, timeout=None if real else SECONDS, resources={"metadata": {"path": str(place)}}).execute()
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    kinds = [kind for output in outputs for kind in output.get("data", ())]
    pictures = kinds.count("image/png") + kinds.count("application/vnd.plotly.v1+json")
    assert pictures == PICTURES.get(path.stem[:2], 0)
    assert {each.name for each in place.iterdir()} <= {"runs", "data", "forecasts"}
