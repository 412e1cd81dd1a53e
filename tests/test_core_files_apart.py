"""Outputs and inputs: nothing that is written may overwrite what is read, in any command that takes both."""

from pathlib import Path

import pytest

from core.files import require_apart, require_new
from tests.oracles.small_runs import quintile, refusal


def test_an_output_is_apart_from_files_folders_and_links(tmp_path: Path) -> None:
    (tmp_path / "bars").mkdir()
    inside = tmp_path / "bars" / "A.csv"
    inside.write_text("mine")
    link = tmp_path / "link.csv"
    link.symlink_to(inside)
    for output, read in ((inside, inside), (inside, tmp_path / "bars"), (link, inside), (inside, link)):
        with pytest.raises(ValueError, match="would overwrite"):
            require_apart(output, None, read, what="--out")
    require_apart(tmp_path / "new.html", inside, tmp_path / "bars", "builtin", None, what="--out")
    require_apart(tmp_path / "bars" / "new.html", tmp_path / "bars", what="--out")  # nothing is there yet


@pytest.mark.parametrize(
    ("words", "read"),
    [
        (("features", "mine.csv", "--catalogue", "mine.csv"), "--catalogue mine.csv"),
        (("features", "builtin", "--universe", "mine.csv,age=5", "--catalogue", "mine.csv"), "--catalogue mine.csv"),
        (("decide", "latest", "--holdings", "mine.csv", "--export", "mine.csv"), "--export mine.csv"),
        (("definition", "mine.toml", "--out", "mine.toml"), "--out mine.toml"),
    ],
)
def test_no_command_overwrites_what_it_reads(
    words: tuple[str, ...],
    read: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = Path(__file__).parent.parent / "strategy" / "definitions" / "filter_negative.toml"
    kept = {"mine.csv": "ticker,shares\nA,1\n", "mine.toml": shipped.read_text(encoding="utf-8")}
    for name, text in kept.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    told = refusal(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert f"{read} would overwrite mine" in told
    assert all((tmp_path / name).read_text(encoding="utf-8") == text for name, text in kept.items())


def test_nothing_is_replaced_but_an_earlier_output_of_the_same_kind(tmp_path: Path) -> None:
    page, other, link = (tmp_path / name for name in ("page.html", "notes.txt", "link.html"))
    require_new(page, what="--out", ours="<title>Audit of ")
    page.write_text("<!doctype html><title>Audit of us</title>")
    other.write_bytes(b"\xff mine")
    link.symlink_to(tmp_path / "nowhere")
    require_new(page, what="--out", ours="<title>Audit of ")
    for path, ours in ((page, None), (page, "<title>Features "), (other, "x"), (tmp_path, "x"), (link, "x")):
        with pytest.raises(ValueError, match=f"--out {path} is there already, and stays as it is"):
            require_new(path, what="--out", ours=ours)
    (tmp_path / "lock.json").write_text("{}")  # a version's own files stay, whatever they hold
    with pytest.raises(ValueError, match="stays as it is"):
        require_new(page, what="--out", ours="<title>Audit of ")


@pytest.mark.parametrize("name", ["notes.txt", "mine.csv", "mine.toml", "run.json", "lock.json", "trials.sqlite"])
@pytest.mark.parametrize(
    "words",
    [
        ("definition", "--out"),
        ("versions", "--definition"),
        ("features", "builtin", "--catalogue"),
        ("decide", "latest", "--export"),
        ("data", "audit", "builtin", "--out"),
    ],
)
def test_no_command_replaces_a_file_that_is_none_of_its_own(
    words: tuple[str, ...],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / (f"{name}.html" if words[:2] == ("data", "audit") else name)
    path.write_text("mine")
    told = refusal(*words, path, monkeypatch=monkeypatch, capsys=capsys)
    assert f"{words[-1]} {path} is there already, and stays as it is" in told
    assert path.read_text() == "mine"


def test_a_definition_is_written_again_over_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "definition.md"
    for words in (("definition", "--out", page), ("versions", "--definition", page)) * 2:
        quintile(*words, monkeypatch=monkeypatch, capsys=capsys)
