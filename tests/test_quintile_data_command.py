"""``quintile data``: each command says what it did, refuses in one line, and a run keeps the version it read."""

import json
from pathlib import Path

import pandas as pd
import pytest

from quintile.bar_requests import bars_request, located
from tests.oracles.small_runs import long_bars, quintile, refusal, small_market
from tests.test_strategy_other_exchanges import made_bars, sessions_of

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


def test_another_exchange_is_told_where_it_changes(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: object) -> str:
        return quintile("data", *words, monkeypatch=monkeypatch, capsys=capsys)

    tokyo = sessions_of("XTKS", "2018-01-01", "2018-12-28"), sessions_of("XTKS", "2019-01-01", "2019-04-26")
    for number, days in enumerate((*tokyo, sessions_of("XNYS", "2019-05-01", "2020-12-31"))):
        made_bars(days, list("ABCDE")).to_parquet(f"b{number}.parquet")
    assert "sessions of XTKS, inferred: its calendar fits best" in said("import", "b0.parquet", "--name", "x")
    assert "until now" not in said("update", "x", "--from", "b1.parquet")
    assert "; XTKS until now, --exchange XTKS keeps it" in said("update", "x", "--from", "b2.parquet")
    assert "sessions of XTKS, as given; none until now\n" in said(
        "import", "b0.parquet", "--name", "x", "--exchange", "XTKS"
    )


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
        (("audit", "nowhere.parquet", "--fix"), "no bars at nowhere.parquet"),
        (("audit", "builtin"), "an audit needs bars at rest, was builtin"),
        (("audit", "nowhere.parquet", "--out", "page.csv"), "--out is an HTML page, was page.csv"),
        (("fetch", "--tickers", "nowhere.txt"), "there is no file or folder nowhere.txt"),
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


def test_bars_without_a_finding_are_audited_to_the_end(
    source: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = pd.read_parquet(source).drop(columns=["adj_close"], errors="ignore")
    few = bars[bars["ticker"].isin(sorted(bars["ticker"].unique())[:3])].groupby("ticker").head(40)
    few.to_csv(home / "few.csv", index=False)
    words = ("data", "audit", "few.csv", "--exchange", "none", "--fix")
    said = quintile(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert "\n0 findings\naudit-few.html\nnothing to fix" in said
    assert not (home / "few-fixed.parquet").exists()


def test_rows_that_no_bar_can_be_are_listed_and_removed_beside_the_file(
    source: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = pd.read_parquet(source).reset_index(drop=True)
    bars.loc[3, "open"] = 0.0
    bars.loc[3, "ticker"] = "\x1b[31mred"
    bars.loc[9, "close"] = -1.0
    bars.loc[15, "high"] = bars.loc[15, "low"] / 2
    pd.concat([bars, bars.iloc[20:21]]).to_parquet(home / "odd.parquet")
    before = (home / "odd.parquet").read_bytes()
    words = ("data", "audit", "odd.parquet", "--fix", "--json")
    said = json.loads(quintile(*words, monkeypatch=monkeypatch, capsys=capsys))
    assert (said["findings"]["impossible row"], said["findings"]["repeated row"]) == (3, 1)
    assert said["findings"]["gap"] == 1  # of the name that lost its first row; what is set aside is told once
    assert said["fix"]["written"] == "odd-fixed.parquet"
    fixed = pd.read_parquet(home / "odd-fixed.parquet")
    assert len(fixed) == len(bars) - 3
    assert (home / "odd.parquet").read_bytes() == before
    assert "import, " in quintile(
        "data", "import", "odd-fixed.parquet", "--name", "odd", monkeypatch=monkeypatch, capsys=capsys
    )
    shown = quintile("data", "audit", "odd.parquet", monkeypatch=monkeypatch, capsys=capsys)
    assert "\x1b" not in shown
    told = refusal("data", "audit", "odd.parquet", "--fix", monkeypatch=monkeypatch, capsys=capsys)
    assert "odd-fixed.parquet is there already" in told


def test_an_audit_overwrites_nothing_that_is_read(
    source: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "bars").mkdir()
    (home / "bars" / "page.html").write_text("mine")
    (home / "bars" / "all.parquet").write_bytes(source.read_bytes())
    told = refusal("data", "audit", "bars", "--out", "bars/page.html", monkeypatch=monkeypatch, capsys=capsys)
    assert "--out bars/page.html would overwrite bars, which is read" in told
    assert (home / "bars" / "page.html").read_text() == "mine"


def test_only_the_newest_version_is_fixed(
    source: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = pd.read_parquet(source)
    bars[bars["date"] < bars["date"].max()].to_parquet(home / "less.parquet")
    for words in (("import", "less.parquet", "--name", "us"), ("update", "us", "--from", source)):
        quintile("data", *words, monkeypatch=monkeypatch, capsys=capsys)
    oldest = json.loads(quintile("data", "info", "us", "--json", monkeypatch=monkeypatch, capsys=capsys))["versions"][0]
    told = refusal("data", "audit", f"us@{oldest[:12]}", "--fix", monkeypatch=monkeypatch, capsys=capsys)
    assert "is not the newest version of us" in told


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
