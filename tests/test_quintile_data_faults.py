"""``quintile data`` with damaged stores, interrupts and failing vendors: one line, JSON stays JSON, 130 is 130."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market.sources import fetch as market_fetch
from market.sources import yahoo
from market.store import commit, data_folder, folder
from quintile.cli import audit_command, main

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["quintile", "data", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return call


@pytest.fixture
def us(cli: Cli) -> Path:
    """The folder of a data set of two versions; both files lie beside."""
    for days, words in ((20, ("import", "20.parquet", "--name", "us")), (21, ("update", "us", "--from", "21.parquet"))):
        dates, close = pd.bdate_range("2020-01-01", periods=days), 20 + np.arange(2 * days) % 5 * 0.1
        frame = pd.DataFrame({"date": [*dates, *dates], "ticker": np.repeat(["A", "B"], days), "open": close})
        frame = frame.assign(high=close + 1, low=close - 1, close=close, volume=1e5)
        frame.to_parquet(f"{days}.parquet", index=False)
        assert cli(*words)[0] == 0
    return data_folder("us").path


@pytest.mark.parametrize("json_words", [(), ("--json",)])
def test_info_says_that_the_manifest_is_lost_and_makes_it_again(
    cli: Cli, us: Path, json_words: tuple[str, ...]
) -> None:
    before = json.loads(cli("info", "us", "--json")[1])
    (us / "manifest.json").unlink()
    assert cli("audit", "us") == (
        1,
        "",
        "quintile: us has lost its manifest.json, 2 versions are there: `quintile data info us` makes it again\n",
    )
    code, out, err = cli("info", "us", *json_words)
    assert code == 0
    assert err == "note: us has lost its manifest.json, 2 versions are there: made again from 2 versions\n"
    assert before["fingerprint"] in out
    assert json.loads(cli("info", "us", "--json")[1]) == before


def test_a_list_of_data_sets_leaves_a_damaged_one_out_with_a_note(cli: Cli, us: Path) -> None:
    assert cli("import", "20.parquet", "--name", "eu")[0] == 0
    (us / "manifest.json").write_text("[1]")
    for words in ((), ("--json",)):
        code, out, err = cli("info", *words)
        assert (code, "eu@" in out, "us@" in out) == (0, True, False)
        assert err.startswith("note: us/manifest.json is not a manifest of format 1: ")
        assert len(err.splitlines()) == 1
    assert [row["version"][:3] for row in json.loads(out)] == ["eu@"]


def test_info_names_the_versions_that_cannot_be_read(cli: Cli, us: Path) -> None:
    old, new = data_folder("us").fingerprints
    (us / "versions" / f"{old}.json").write_text("{")
    code, out, err = cli("info", "us")
    assert (code, new[:12] in out, old[:12] in out) == (0, True, False)
    assert err.startswith(f"note: us/versions/{old}.json is not a version of a data set: ")


def test_info_names_the_versions_that_an_older_manifest_lacks(cli: Cli, us: Path) -> None:
    old, new = data_folder("us").fingerprints
    value = json.loads((us / "manifest.json").read_text())
    (us / "manifest.json").write_text(json.dumps(value | {"versions": [old]}))
    told = f"us has versions that are not listed ({new[:12]}): the next import or update lists them"
    assert cli("info", "us")[::2] == (0, f"note: {told}\n")
    assert cli("update", "us", "--from", "21.parquet")[0] == 0
    assert data_folder("us").fingerprints == (old, new)
    assert cli("info", "us")[::2] == (0, "")


def test_an_import_mends_a_damaged_manifest_and_says_so(cli: Cli, us: Path) -> None:
    (us / "manifest.json").write_text("{")
    code, out, err = cli("import", "21.parquet", "--name", "us", "--json")
    assert code == 0
    assert json.loads(out)["notes"] == ["us/manifest.json is not a manifest of format 1: made again from 2 versions"]
    assert err.startswith("note: us/manifest.json")
    assert (us / "manifest.json.damaged").read_text() == "{"


def test_a_manifest_that_cannot_be_written_again_is_one_line(
    cli: Cli, us: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path, value: object) -> None:
        raise OSError(30, "Read-only file system", str(path))

    (us / "manifest.json").unlink()
    monkeypatch.setattr(folder, "write_json", denied)
    told = "us has lost its manifest.json, and it cannot be made again: Read-only file system; let it be written"
    assert cli("info", "us") == (1, "", f"quintile: {told}, then repeat\n")


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ((commit, "_from_file"), ("import", "20.parquet", "--name", "us")),
        ((folder, "write_json"), ("update", "us", "--from", "22.parquet")),
        ((audit_command, "_fix"), ("audit", "us", "--fix")),
        ((market_fetch, "_batched_answers"), ("fetch", "--tickers", "t.txt", "--name", "us")),
    ],
)
def test_an_interrupt_is_one_line_and_130_and_leaves_what_was(
    cli: Cli, us: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[object, str], words: tuple[str, ...]
) -> None:
    Path("t.txt").write_text("AA")
    pd.read_parquet("21.parquet").assign(volume=3.0).to_parquet("22.parquet")
    before = {path: path.read_bytes() for path in us.rglob("*.*") if path.is_file()}
    monkeypatch.setattr(*place, interrupted)
    code, _, err = cli(*words, "--quiet")
    assert (code, len(err.splitlines()), err.startswith("quintile: interrupted; ")) == (130, 1, True)
    assert {path: path.read_bytes() for path in us.rglob("*.*") if path.is_file()} == before


def test_a_fetch_in_vain_is_one_line(cli: Cli, us: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        """yfinance without a network: it says so for each ticker, and answers with nothing."""

        @staticmethod
        def download(tickers: list[str], **_: object) -> None:
            for ticker in tickers:
                yahoo.logging.getLogger("yfinance").error("$%s: possibly delisted; no timezone found", ticker)

    monkeypatch.setitem(sys.modules, "yfinance", Library)
    monkeypatch.setattr(
        market_fetch.FetchOptions.__init__,
        "__kwdefaults__",
        {**market_fetch.FetchOptions.__init__.__kwdefaults__, "sleep": lambda _: None},
    )
    Path("t.txt").write_text("AA BB CC")
    code, out, err = cli("fetch", "--tickers", "t.txt", "--quiet")
    assert (code, out) == (1, "")
    assert err == (
        "quintile: none of 3 tickers arrived (no bars came back: an unknown or delisted symbol, or a rate limit): "
        "check network and rate limit, then --resume\n"
    )
