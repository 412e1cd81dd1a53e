from pathlib import Path

import pytest
from typer.testing import CliRunner

from quintile.cli import app


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--models", "forest"], "'forest' is no model: name one of"),
        (["--markets", "moon"], "markets are null, planted, bars, once each, were moon"),
        (["--seeds", "a,b"], "--seeds takes different whole numbers such as 1,2,3, was 'a,b'"),
        (["--universe", "top5"], "--universe is of given bars: name them with --bars"),
        (["--losses", "hope"], "'hope' is no term of a loss"),
        (["--on", "threads"], "on must be one of processes, ray, was 'threads'"),
        (["--models", "nofile.toml"], "there is no file nofile.toml"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_made(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(app, ["models", "table", *words])
    assert isinstance(answer.exception, ValueError)
    assert said in str(answer.exception)
    assert not list(tmp_path.iterdir())
