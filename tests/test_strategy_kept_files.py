"""Kept files: unfinished work goes on from what it left, and from nothing else."""

from pathlib import Path

import pandas as pd
import pytest

from core.errors import RunError
from strategy.runs.kept_files import DIGESTS, KeptFiles
from strategy.walk_forward.fold_files import FoldFiles


def test_what_was_noted_is_held_and_read_back(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path)
    (tmp_path / "a").write_bytes(b"one")
    assert not kept.hold("a")  # written, and its process was killed before it noted it
    kept.note("a")
    (tmp_path / "b").write_bytes(b"two")
    kept.note("b")
    assert kept.hold("a", "b")
    assert kept.read("a") == b"one"
    assert kept.noted == ("a", "b")


def test_a_file_that_is_gone_is_made_again(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path)
    (tmp_path / "a").write_bytes(b"one")
    kept.note("a")
    (tmp_path / "a").unlink()
    assert not kept.hold("a")
    with pytest.raises(RunError, match="is not as it was written"):
        kept.read("a")


@pytest.mark.parametrize("left", ["{", "[]", "{}", '{"a": 7}', ""])
def test_damaged_notes_are_no_notes(left: str, tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path)
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / DIGESTS).write_text(left)
    if left == '{"a": 7}':
        with pytest.raises(RunError, match="is not as it was written"):
            kept.hold("a")
    else:
        assert not kept.hold("a")
    kept.note("a")
    assert kept.hold("a")


@pytest.fixture
def done(tmp_path: Path) -> FoldFiles:
    files = FoldFiles(tmp_path, 1)
    scores = pd.DataFrame({"A": [0.1, 0.2]}, index=pd.bdate_range("2020-01-01", periods=2, name="session"))
    for name in ("scores", "ridge"):
        files.write_scores(name, scores)
    assert not files.is_complete
    files.finish({"fold": 1}, scores=("scores", "ridge"))
    return files


@pytest.mark.parametrize("name", ["scores.parquet", "ridge.parquet", "fold.json"])
def test_a_fold_whose_files_were_changed_is_refused_and_one_that_lacks_them_is_computed_again(
    name: str, done: FoldFiles
) -> None:
    assert done.is_complete
    assert done.record == {"fold": 1}
    path = done.path / name
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(RunError, match=f"001/{name} is not as it was written: restore it, or remove it and resume"):
        _ = done.is_complete
    with pytest.raises(RunError, match=name):
        _ = done.record if name == "fold.json" else done.read_scores(path.stem)
    path.unlink()  # what the message says
    assert not done.is_complete


def test_scores_edited_together_with_their_notes_gone_are_computed_again(done: FoldFiles) -> None:
    (done.path / DIGESTS).unlink()
    assert not done.is_complete
