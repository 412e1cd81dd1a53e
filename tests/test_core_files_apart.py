"""Outputs and inputs: nothing that is written may overwrite what is read, in any command that takes both."""

from pathlib import Path

import pytest

from core.files import require_apart
from tests.oracles.small_runs import refusal


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
