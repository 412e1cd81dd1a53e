"""Bad input: one clear line with the remedy, a non-zero exit, nothing half-written; held against docs/bad_input.md."""

import errno
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import RunError
from core.files import atomic_path
from market.sources import load_bars
from strategy.definitions.spec import load_spec, override
from strategy.pipeline import run
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore
from tests.oracles.small_runs import SMALL, assignments, files_under, long_bars, quintile, refusal, small_market

pytestmark = pytest.mark.usefixtures("few_random_books")
ROOT = Path(__file__).resolve().parent.parent
HOSTILE = {"SYN000": "<script>alert(1)</script>", "SYN001": "../../x", "SYN002": '"><img src=x onerror=alert(1)>'}
Case = tuple[Callable[[pd.DataFrame], pd.DataFrame] | None, tuple[str, ...]]


def _documented(heading: str) -> dict[str, str]:
    """Rows of a table of the page: input, and what is seen."""
    page = (ROOT / "docs" / "bad_input.md").read_text(encoding="utf-8")
    part = page.split(f"## {heading}")[1].split("\n## ")[0]
    cells = [line.strip("|").split("|", 1) for line in part.splitlines() if line.startswith("| ")]
    return {left.strip(): right.strip().strip("`") for left, right in cells[1:]}


def _pattern(words: str) -> str:
    return ".*".join(re.escape(part) for part in words.split("…"))


REFUSED = _documented("Refused")


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return long_bars(small_market().panel)


@pytest.fixture(scope="module")
def store(bars: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one finished run, beside its bars."""
    folder = tmp_path_factory.mktemp("good")
    bars.to_parquet(folder / "bars.parquet")
    run(
        override(load_spec("filter_negative"), SMALL),
        load_bars(folder / "bars.parquet"),
        context=RunContext(store=RunStore(folder / "runs")),
    )
    return folder


def _cell(column: str, value: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def changed(bars: pd.DataFrame) -> pd.DataFrame:
        column_of = bars.columns.get_loc(column)
        spoiled = bars.copy()
        spoiled.iloc[5, column_of] = value
        return spoiled

    return changed


def _zones(bars: pd.DataFrame) -> pd.DataFrame:
    offset = np.where(np.arange(len(bars)) % 2, "+09:00", "-05:00")
    return bars.assign(date=bars["date"].dt.strftime("%Y-%m-%dT00:00:00") + offset)


def _text(bars: pd.DataFrame) -> pd.DataFrame:
    words = bars["close"].astype(str).to_numpy(dtype=object)
    words[5] = "ten"
    return bars.assign(close=words)


def _day_first(bars: pd.DataFrame) -> pd.DataFrame:
    words = bars["date"].dt.strftime("%Y-%m-%d").to_numpy(dtype=object)
    words[5] = "13/01/2015"
    return bars.assign(date=words)


def _several(bars: pd.DataFrame) -> pd.DataFrame:
    spoiled = _text(_cell("open", -1.0)(bars))
    return pd.concat([spoiled, spoiled.iloc[20:21].assign(volume=1.0)])


def _padded_twin(bars: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([bars, bars[bars["ticker"] == "SYN000"].assign(ticker="SYN000 ", volume=1.0)])


BARS_CASES: dict[str, Case] = {
    "missing column": (lambda b: b.drop(columns="volume"), ()),
    "duplicate keys": (lambda b: pd.concat([b, b.iloc[:1].assign(volume=1.0)]), ()),
    "zero price": (_cell("close", 0.0), ()),
    "negative price": (_cell("open", -1.0), ()),
    "high below low": (_cell("high", 0.01), ()),
    "mixed time zones": (_zones, ()),
    "text in a number": (_text, ()),
    "a date that is none": (_day_first, ()),
    "several defects at once": (_several, ()),
    "one ticker in two spellings": (_padded_twin, ()),
    "file without rows": (lambda b: b.iloc[:0], ()),
    "single ticker": (lambda b: b[b["ticker"] == "SYN003"], ()),
    "fewer sessions than the lookback": (lambda b: b[b["date"] < "2015-02-05"], ()),
    "too few complete windows": (lambda b: b[b["date"] < "2015-07-05"], ("--set", "model.lookback=120")),
    "bars without volume": (lambda b: b.assign(volume=np.nan), ()),
    "temperature 0": (None, ("--set", "loss.temperature=0")),
    "unknown spec key": (None, ("--set", "model.hiden=4")),
    "split dates out of order": (None, ("--split", "2016-06-30,2016-01-29")),
    "split dates outside the bars": (None, ("--split", "2006-06-30,2007-01-31")),
    "unknown universe": (None, ("--universe", "best")),
}


@pytest.mark.parametrize("label", BARS_CASES)
def test_bars_and_settings_that_cannot_be_used(
    label: str,
    bars: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    spoil, words = BARS_CASES[label]
    (bars if spoil is None else spoil(bars)).to_parquet("bars.parquet")
    command = ("run", "--bars", "bars.parquet", *assignments(), *words)
    told = refusal(*command, monkeypatch=monkeypatch, capsys=capsys)
    assert re.fullmatch(_pattern(f"quintile: {REFUSED[label]}"), told), told
    assert files_under(tmp_path) == {"bars.parquet"}


FILE_CASES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "empty file": ({"b.csv": ""}, ("run", "--bars", "b.csv")),
    "not a parquet file": ({"b.parquet": "PAR"}, ("run", "--bars", "b.parquet")),
    "missing file": ({}, ("run", "--bars", "b.parquet")),
    "unknown strategy": ({}, ("run", "nothing")),
    "unknown key in a file": (
        {"mine.toml": 'name = "mine"\ntitle = "x"\n[portfolio]\nkk = 1\n'},
        ("run", "mine.toml"),
    ),
    "a strategy file that is not TOML": ({"mine.toml": "name = "}, ("run", "mine.toml")),
    "a file that exists": ({"mine.toml": ""}, ("new", "mine")),
    "no forecaster in force": ({}, ("forecast", "best")),
    "a registry of something else": ({"best.json": '{"AAPL": "toto"}'}, ("forecast", "best", "--out", ".")),
    "a state before the first": ({}, ("forecast", "best", "--restore", "2020-01-31")),
    "no study to apply": ({}, ("forecast", "best", "--apply", "mine")),
    "damaged old results": ({"old.json": "{"}, ("forecast", "rerank", "old.json")),
    "old results of another shape": ({"old.json": "[1]"}, ("forecast", "rerank", "old.json")),
    "old results in a pickle": ({"old.pkl": "x"}, ("forecast", "rerank", "old.pkl")),
    "no forecast to check": ({}, ("forecast", "check")),
}


@pytest.mark.parametrize("label", FILE_CASES)
def test_files_that_cannot_be_used(
    label: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    files, words = FILE_CASES[label]
    for name, text in files.items():
        Path(name).write_text(text)
    told = refusal(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert re.fullmatch(_pattern(f"quintile: {REFUSED[label]}"), told), told
    assert files_under(tmp_path) == set(files)


def _spoil_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\0\1")


def _lose_card(folder: Path) -> None:
    (folder / "model.json").unlink()


def _swap_spec(folder: Path) -> None:
    spec = override(load_spec(folder / "spec.toml"), ["training.seed=2"])
    (folder / "spec.toml").write_text(spec.to_toml(), encoding="utf-8")


def _spoil_record(folder: Path) -> None:
    (folder / "run.json").write_text("{")


RUN_CASES: dict[str, Callable[[Path], None]] = {
    "corrupt checkpoint": _spoil_weights,
    "missing checkpoint": _lose_card,
    "foreign checkpoint": _swap_spec,
    "corrupt run record": _spoil_record,
}


@pytest.mark.parametrize("label", RUN_CASES)
def test_runs_that_cannot_be_used(
    label: str, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(store / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    (record,) = Path("runs").glob("*/*/run.json")
    RUN_CASES[label](record.parent)
    before = files_under(tmp_path)
    words = ("decide", "latest", "--bars", store / "bars.parquet")
    told = refusal(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert re.fullmatch(_pattern(f"quintile: {REFUSED[label]}"), told), told
    assert files_under(tmp_path) == before


@pytest.mark.parametrize("label", ["scores of unknown names", "scores of unknown sessions"])
def test_scores_of_other_bars(
    label: str, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    day, ticker = ("2015-01-05", "ZZZZ") if "names" in label else ("2015-01-04", "SYN000")
    Path("s.csv").write_text(f"date,ticker,score\n{day},{ticker},1\n")
    told = refusal("evaluate", "s.csv", "--bars", store / "bars.parquet", monkeypatch=monkeypatch, capsys=capsys)
    assert re.fullmatch(_pattern(f"quintile: {REFUSED[label]}"), told), told
    assert files_under(tmp_path) == {"s.csv"}


DAYS = pd.bdate_range("2015-01-02", periods=400)
RISES = np.resize([0.01, -0.009, 0.002], 400)


def _series(column: str, values: object) -> pd.DataFrame:
    return pd.DataFrame({"date": DAYS, column: np.broadcast_to(np.asarray(values, dtype=object), 400)})


def _closes(**changes: object) -> pd.DataFrame:
    closes = _series("close", 100 * np.cumprod(1 + RISES))
    closes.loc[4, "close"] = changes.get("fifth", closes.loc[4, "close"])
    return closes


BESIDE_CASES: dict[str, tuple[str, pd.DataFrame]] = {
    "a benchmark close of zero": ("--benchmark", _closes(fifth=0)),
    "dates with day or month first, which none of them shows": (
        "--benchmark",
        _closes().iloc[:6].assign(date=DAYS[:6].strftime("%d/%m/%Y")),
    ),
    "text in a benchmark": ("--benchmark", _closes(fifth="ten")),
    "a benchmark of returns": ("--benchmark", _series("close", RISES)),
    "a benchmark of monthly closes": ("--benchmark", _closes().iloc[::21]),
    "a risk-free rate of a year": ("--factors", _series("mkt", RISES).assign(RF=0.0525)),
    "a risk-free rate in percent": ("--factors", _series("mkt", RISES).assign(risk_free=5.25)),
    "factors in percent": ("--factors", _series("mkt", 100 * RISES)),
    "factors of months": ("--factors", _series("mkt", RISES).assign(date=DAYS.strftime("%Y%m"))),
    "factors that are levels": ("--factors", _closes().rename(columns={"close": "mkt"})),
    "factors of every month": ("--factors", _series("mkt", RISES).iloc[::21]),
    "two sectors of a ticker": ("--sectors", pd.DataFrame({"ticker": ["SYN000"] * 2, "sector": ["Oil", "Tech"]})),
}


@pytest.mark.parametrize("label", BESIDE_CASES)
def test_files_beside_the_bars(
    label: str, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    option, table = BESIDE_CASES[label]
    name = {"--benchmark": "b.csv", "--factors": "f.csv", "--sectors": "s.csv"}[option]
    table.to_csv(name, index=False)
    Path("scores.csv").write_text("date,SYN000\n2015-01-05,1\n")
    words = ("evaluate", "scores.csv", "--bars", store / "bars.parquet", option, name)
    told = refusal(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert re.fullmatch(_pattern(f"quintile: {REFUSED[label]}"), told), told
    assert files_under(tmp_path) == {"scores.csv", name}


def test_holdings_without_a_price(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = tmp_path / "held.csv"
    held.write_text("ticker,shares\nZZZZ,1\n")
    words = ("decide", "--bars", store / "bars.parquet", "--holdings", held, "--out", store / "runs")
    told = refusal(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert re.fullmatch(_pattern(f"quintile: {REFUSED['holdings without a price']}"), told), told
    assert files_under(tmp_path) == {"held.csv"}


@pytest.mark.parametrize("label", ["unwritable folder", "a file in place of the folder of runs"])
def test_a_folder_that_takes_no_runs(
    label: str, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs"
    if label == "unwritable folder":
        monkeypatch.setattr(Path, "mkdir", _locked(Path.mkdir, out))  # root may write anywhere
    else:
        out.write_text("")
    words = ("run", "--bars", store / "bars.parquet", "--quiet", *assignments(), "--out", out / "mine")
    told = refusal(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert re.fullmatch(_pattern(f"quintile: {REFUSED[label]}"), told), told
    assert files_under(tmp_path) <= {"runs"}


def _locked(make: Callable[..., None], folder: Path) -> Callable[..., None]:
    def refuse(path: Path, *args: object, **options: object) -> None:
        if path.is_relative_to(folder):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        make(path, *args, **options)

    return refuse


@pytest.mark.slow
def test_a_full_disk_leaves_a_run_that_resumes(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first write of a frame meets a full disk, after the training; once there is space the run goes on."""
    monkeypatch.chdir(tmp_path)
    words = ("run", "--bars", store / "bars.parquet", "--quiet", *assignments())
    with monkeypatch.context() as full:
        full.setattr(pd.DataFrame, "to_parquet", _disk_full)
        told = refusal(*words, monkeypatch=full, capsys=capsys)
    assert re.fullmatch(_pattern(f"quintile: {REFUSED['full disk']}"), told), told
    assert not [name for name in files_under(tmp_path) if name.endswith((".partial", ".parquet"))]
    printed = quintile("run", "--resume", "latest", "--quiet", monkeypatch=monkeypatch, capsys=capsys)
    assert "report" in printed
    assert RunStore(Path("runs")).find("latest").is_complete


def _disk_full(_frame: pd.DataFrame, path: Path, **_: object) -> None:
    Path(path).write_bytes(b"half")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_device_that_is_really_full_leaves_the_old_file(tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("old")
    with pytest.raises(OSError, match="No space left"), atomic_path(kept), Path("/dev/full").open("w") as full:
        full.write("x")
    assert kept.read_text() == "old"
    assert files_under(tmp_path) == {"kept.txt"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "mine.toml"), "there is no file mine.toml: "),
        (("run", "--universe", "members.csv"), "there is no member file …members.csv"),
        (("run", "--bars", "bars.csv"), "no bars at …bars.csv"),
        (("run", "--vix", "vix.csv"), "no VIX at …vix.csv"),
    ],
)
def test_a_file_that_is_not_there_is_named_as_one(
    words: tuple[str, ...],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    row = REFUSED["a file that is not there, of any option"]
    assert told.split("…")[0].strip() in row
    assert re.search(_pattern(told), refusal(*words, monkeypatch=monkeypatch, capsys=capsys))
    assert files_under(tmp_path) == set()


def test_every_row_of_the_table_is_tested() -> None:
    alone = {"scores of unknown names", "scores of unknown sessions", "holdings without a price"}
    alone |= {"unwritable folder", "a file in place of the folder of runs", "full disk"}
    alone |= {"a file that is not there, of any option"}
    assert set(REFUSED) == {*BARS_CASES, *FILE_CASES, *RUN_CASES, *BESIDE_CASES, *alone}


def test_unsorted_rows_are_the_same_bars(bars: pd.DataFrame, tmp_path: Path) -> None:
    bars.to_parquet(tmp_path / "a.parquet")
    bars.sample(frac=1.0, random_state=1).to_parquet(tmp_path / "b.parquet")
    first, second = (load_bars(tmp_path / name).fingerprint() for name in ("a.parquet", "b.parquet"))
    assert first == second


def test_hostile_tickers_stay_words(
    bars: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "deep" / "er"
    home.mkdir(parents=True)
    monkeypatch.chdir(home)
    bars.assign(ticker=bars["ticker"].replace(HOSTILE)).to_parquet("<b>bars.parquet")
    words = ("run", "--bars", "<b>bars.parquet", "--quiet", *assignments())
    quintile(*words, monkeypatch=monkeypatch, capsys=capsys)
    Path("held.csv").write_text('ticker,weight\n"<script>alert(1)</script>",0.1\n../../x,0.1\n')
    words = ("decide", "--bars", "<b>bars.parquet", "--holdings", "held.csv", "--as-of", "2016-12-01")
    assert "../../x" in quintile(*words, monkeypatch=monkeypatch, capsys=capsys)
    folder = RunStore(Path("runs")).find("latest").path
    page = (folder / "report.html").read_text(encoding="utf-8")
    for ticker in (*HOSTILE.values(), "<b>bars"):
        if ticker != HOSTILE["SYN001"]:  # holdings are named on the page: without markup, as a word and in no address
            assert not re.search(rf"{re.escape(ticker)}", page.replace("\\u003c", "")), ticker
    assert not re.search(r"(?:href|src|action)=[\"'][^\"'#]", page.partition("</main>")[0])
    written = {name.split("/")[2] for name in files_under(tmp_path) if name.startswith("deep/er/")}
    assert written == {"runs", "held.csv", "<b>bars.parquet"}
    assert {name.split("/")[0] for name in files_under(tmp_path)} == {"deep"}
    read = pd.read_parquet(folder / "weights.parquet")
    assert set(HOSTILE.values()) <= set(read.columns)


@pytest.mark.slow
def test_a_process_killed_at_twenty_random_moments_leaves_no_run_or_one_that_resumes(
    store: Path, tmp_path: Path
) -> None:
    rng = random.Random(20)
    words = ["run", "--bars", str(store / "bars.parquet"), "--quiet", *assignments()]
    started = time.monotonic()
    assert _process(words, tmp_path / "whole").wait() == 0
    whole = time.monotonic() - started
    seen = {"none": 0, "resumed": 0, "complete": 0}
    for moment in range(20):
        folder = tmp_path / f"killed{moment}"
        process = _process(words, folder)
        time.sleep(rng.uniform(0.1, 1.0) * whole)
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen[_after_kill(folder)] += 1
    print(seen)
    assert seen["resumed"] > 0


def _process(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "quintile", *words]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)


def _after_kill(folder: Path) -> str:
    """Read the store as it lies there, end the run if there is one, and say what was found."""
    store = RunStore(folder / "runs")
    runs = store.folders()  # reads every record
    if not runs:
        with pytest.raises(RunError, match="no runs"):
            store.find("latest")
        return "none"
    if runs[0].is_complete:
        return "complete"
    assert _process(["run", "--resume", "latest", "--quiet"], folder).wait() == 0
    assert store.find("latest").is_complete
    assert not [name for name in files_under(folder) if name.endswith(".partial")]
    return "resumed"
