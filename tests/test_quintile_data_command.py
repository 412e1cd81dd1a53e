"""``quintile data``: each command says what it did, refuses in one line, and a run keeps the version it read."""

import json
from pathlib import Path

import pandas as pd
import pytest

from quintile.bar_requests import bars_request, located
from tests.oracles.small_runs import long_bars, quintile, refusal, small_market

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    bars = long_bars(small_market().panel)
    bars[bars["ticker"].isin(sorted(bars["ticker"].unique())[:8])].to_parquet(path)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_import_update_info_and_audit_say_what_they_did(
    source: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: object) -> str:
        return quintile("data", *words, monkeypatch=monkeypatch, capsys=capsys)

    bars = pd.read_parquet(source)
    bars[bars["date"] < bars["date"].max()].to_parquet(home / "less.parquet")
    assert "no data sets in" in said("info")
    assert ": import, " in said("import", home / "less.parquet", "--name", "us", "--licence", "CC0")
    assert "nothing new" in said("import", home / "less.parquet", "--name", "us")
    assert ": append, " in said("update", "us", "--from", source)
    info = said("info", "us")
    assert "CC0" in info
    assert "less.parquet, updated from bars.parquet" in info
    assert len(json.loads(said("info", "us", "--json"))["versions"]) == 2
    assert "survivorship" in said("audit", "us")
    assert (home / "audit-us.html").is_file()
    assert json.loads(said("audit", "us", "--out", "page.html", "--json"))["path"] == "page.html"
    assert "us@" in said("info")


def test_a_run_keeps_the_version_that_it_read(
    source: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quintile("data", "import", source, "--name", "us", monkeypatch=monkeypatch, capsys=capsys)
    request = bars_request("us")
    assert request.bars.startswith("us@")
    assert len(request.bars) == len("us@") + 12
    assert located("builtin") == "builtin"
    assert located(str(source)) == str(source)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("import", "nowhere.parquet", "--name", "us"), "no bars at nowhere.parquet"),
        (("import", "nowhere.parquet", "--name", "../us"), "a data set needs a plain name, was '../us'"),
        (("info", "us"), "no data set us in"),
        (("update", "us"), "no data set us: make one with `quintile data import"),
        (("audit", "nowhere.parquet", "--fix"), "--fix writes a new version of a stored data set"),
        (("fetch", "--tickers", "nowhere.txt"), "no such file or directory (nowhere.txt)"),
    ],
)
def test_refusals_are_one_line(
    words: tuple[str, ...],
    told: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert told in refusal("data", *words, monkeypatch=monkeypatch, capsys=capsys)
    assert not (home / "home").exists()


def test_every_fault_of_the_page_has_its_test() -> None:
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8").split("## Faults")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")
    ]
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py"))
    assert len(rows) - 1 >= 25
    for fault, _, lost, test in rows[1:]:
        assert lost == "nothing", fault
        name, _, case = test.strip("`").partition("[")
        assert f"def {name}(" in tests, test
        assert case.rstrip("]") in tests, test
