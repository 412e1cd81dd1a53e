"""A missing file is a missing file: one line that names it, whatever the option."""

import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import SourceError
from market.sources.yahoo import panel_from_yahoo
from market.universe import choose_universe
from strategy.definitions.spec import load_spec
from tests.oracles.small_runs import files_under, long_bars, quintile, refusal, small_market


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("missing")
    panel = small_market(200).panel
    long_bars(panel).to_parquet(place / "bars.parquet")
    panel.close.to_parquet(place / "scores.parquet")
    (place / "holds_text.txt").write_text("no folder")
    return place


@pytest.mark.parametrize(
    "words",
    [
        ("run", "gone.toml"),
        ("run", "folder/gone"),
        ("run", "--bars", "gone.parquet"),
        ("run", "--bars", "bars.parquet", "--universe", "gone.csv"),
        ("run", "--bars", "bars.parquet", "--universe", "gone.txt,age=5"),
        ("run", "--bars", "bars.parquet", "--benchmark", "gone.csv"),
        ("run", "--bars", "bars.parquet", "--vix", "gone.csv"),
        ("run", "--bars", "bars.parquet", "--sectors", "gone.csv"),
        ("run", "--bars", "bars.parquet", "--factors", "gone.csv"),
        ("run", "--bars", "bars.parquet", "--hedge", "gone.csv"),
        ("run", "--model", "gone.safetensors"),
        ("--models", "gone.py", "run"),
        ("--features", "gone.py", "run"),
        ("evaluate", "gone.parquet", "--bars", "bars.parquet"),
        ("evaluate", "scores.parquet", "--bars", "gone.parquet"),
        ("evaluate", "scores.parquet", "--bars", "bars.parquet", "--strategy", "gone.toml"),
        ("walk", "gone.toml"),
        ("compare-books", "gone.toml"),
        ("prove", "gone.toml"),
        ("definition", "gone.toml"),
        ("new", "mine", "--like", "gone.toml"),
        ("features", "gone.parquet"),
        ("data", "audit", "gone.parquet"),
        ("data", "import", "gone.parquet", "--name", "mine"),
        ("data", "fetch", "--tickers", "gone.txt", "--name", "mine", "--start", "2015-01-02"),
    ],
    ids=" ".join,
)
def test_a_missing_file_is_named_and_nothing_else_is_claimed(
    words: tuple[str, ...], place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    before = files_under(place)
    told = refusal(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert "gone" in told
    assert "unknown" not in told
    assert "data set" not in told
    named = ("there is no", "no bars at", "no VIX", "no scores", f"no {words[-2].strip('-')}")
    assert any(word in told for word in named)
    assert files_under(place) == before


@pytest.mark.parametrize("words", [("runs",), ("show", "latest"), ("run", "--bars", "bars.parquet"), ("trials",)])
def test_a_file_in_place_of_the_folder_of_runs_is_said(
    words: tuple[str, ...], place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    told = refusal(*words, "--out", "holds_text.txt", monkeypatch=monkeypatch, capsys=capsys)
    assert "holds_text.txt" in told
    if words != ("run", "--bars", "bars.parquet"):  # 200 sessions carry no training: that is said first
        assert "is a file: choose a folder with --out" in told


def test_a_word_that_is_no_file_is_an_unknown_strategy() -> None:
    with pytest.raises(ValueError, match="unknown strategy 'filter_negativ'"):
        load_spec("filter_negativ")
    with pytest.raises(ValueError, match=r"there is no file mine\.toml"):
        load_spec("mine.toml")


def test_more_names_than_there_are_is_said_beside_the_universe() -> None:
    panel = small_market(200).panel
    assert choose_universe(panel, "top9999").facts.universe.startswith("top 9999 by mean dollar volume")
    assert "the bars hold only 40 names" in choose_universe(panel, "top9999").facts.universe
    assert "the bars hold only" not in choose_universe(panel, "top40").facts.universe


def test_a_failure_of_yfinance_is_one_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    class YFError(Exception):
        pass

    def download(*_: object, **__: object) -> None:
        logging.getLogger("yfinance").error("1 Failed download")
        raise YFError("Too Many Requests")

    monkeypatch.setitem(sys.modules, "yfinance", SimpleNamespace(download=download))
    monkeypatch.setitem(sys.modules, "yfinance.exceptions", SimpleNamespace(YFException=YFError))
    with pytest.raises(SourceError, match=r"yfinance failed \(Too Many Requests\): check network"):
        panel_from_yahoo(["NOPE"], start=None, end=None)
    assert capfd.readouterr().err == ""


def test_an_empty_folder_of_runs_is_no_error(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no runs in" in quintile("runs", "--out", place / "none", monkeypatch=monkeypatch, capsys=capsys)
