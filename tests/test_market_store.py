"""Store: what goes in comes out, versions share files and are never altered, restatements are named."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import BarsError, SourceError
from market.calendar import exchange_sessions
from market.sources import load_bars
from market.store import data_folder, find_version, import_bars, read_rows, stored_names, update_bars
from market.store.data_set_names import Reference, check_name

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / "home"))
    return tmp_path / "home"


def bars(tickers: str = "ABC", *, days: int = 40, start: str = "2019-12-02", adjusted: bool = True) -> pd.DataFrame:
    dates = pd.bdate_range(start, periods=days)
    frames = []
    for number, ticker in enumerate(tickers):
        close = 50.0 + number + np.arange(days) * 0.25
        frame = pd.DataFrame(
            {"date": dates, "ticker": ticker, "open": close - 0.1, "high": close + 1, "low": close - 1}
        )
        frame["close"], frame["volume"] = close, 1000.0 + np.arange(days)
        if adjusted:
            frame["adj_close"] = close * 0.5
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def save(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_parquet(path, index=False)
    return path


def test_a_stored_data_set_loads_as_the_panel_of_its_file(tmp_path: Path) -> None:
    path = save(bars(), tmp_path / "bars.parquet")
    kept = import_bars(path, name="us")
    assert load_bars("us").fingerprint() == load_bars(path).fingerprint() == kept.version.panel
    assert kept.version.fingerprint[:12] in load_bars("us").facts.source
    assert stored_names() == ("us",)


def test_a_cut_of_a_stored_data_set_is_the_cut_of_its_file(tmp_path: Path) -> None:
    path = save(bars(), tmp_path / "bars.parquet")
    import_bars(path, name="us")
    span = {"start": "2019-12-20", "end": "2020-01-10"}
    assert load_bars("us", **span).fingerprint() == load_bars(path, **span).fingerprint()
    with pytest.raises(SourceError, match="has no bar from 2030-01-01"):
        load_bars("us", start="2030-01-01")


def test_the_same_rows_in_any_order_are_the_same_version(tmp_path: Path) -> None:
    first = import_bars(save(bars(), tmp_path / "bars.parquet"), name="us")
    shuffled = save(bars().sample(frac=1, random_state=1), tmp_path / "bars.parquet")
    again = import_bars(shuffled, name="us")
    assert not again.is_new
    assert again.version == first.version


def test_a_date_range_and_a_field_read_only_their_files(tmp_path: Path) -> None:
    kept = import_bars(save(bars(), tmp_path / "bars.parquet"), name="us")
    folder, version = find_version("us")
    for part in kept.version.parts:
        for field, file in part.files.items():
            if part.year == 2019 or field not in ("keys", "close"):
                (folder.files / f"{file.content}.parquet").unlink()
    rows = read_rows(folder, version, fields=("close",), start="2020-01-01")
    assert list(rows.numbers) == ["close"]
    assert rows.dates.min() == np.datetime64("2020-01-01")


def test_new_sessions_rewrite_only_the_files_of_their_year(tmp_path: Path) -> None:
    import_bars(save(bars(days=40), tmp_path / "one.parquet"), name="us")
    before = {path.name for path in data_folder("us").files.iterdir()}
    kept = update_bars(save(bars(days=42), tmp_path / "two.parquet"), name="us")
    assert (kept.version.kind, kept.added, kept.version.changes) == ("append", 6, ())
    old, new = data_folder("us").versions()
    assert old.parts[0] == new.parts[0]
    written = {path.name for path in data_folder("us").files.iterdir()} - before
    assert written == {f"{file.content}.parquet" for file in new.parts[1].files.values()} - before


def test_an_old_fingerprint_reads_as_it_was(tmp_path: Path) -> None:
    first = import_bars(save(bars(days=40), tmp_path / "one.parquet"), name="us").version
    was = load_bars("us").fingerprint()
    update_bars(save(bars(days=42), tmp_path / "two.parquet"), name="us")
    assert load_bars("us").fingerprint() != was
    assert load_bars(f"us@{first.fingerprint[:8]}").fingerprint() == was
    with pytest.raises(SourceError, match="0 versions of us begin with ffff"):
        load_bars("us@ffff")


def test_a_split_that_rewrote_history_is_reported_with_its_ratio(tmp_path: Path) -> None:
    import_bars(save(bars(), tmp_path / "one.parquet"), name="us")
    split = bars(days=41)
    for field in ("open", "high", "low", "close", "adj_close"):
        split.loc[split["ticker"] == "B", field] /= 4
    split.loc[split["ticker"] == "B", "volume"] *= 4
    kept = update_bars(save(split, tmp_path / "two.parquet"), name="us")
    assert kept.version.kind == "restatement"
    told = {change.field: change for change in kept.version.changes}
    assert {change.ticker for change in kept.version.changes} == {"B"}
    assert told["close"].likely == told["volume"].likely == "split 4:1"
    assert told["close"].sessions == 40
    assert told["close"].factor == pytest.approx(0.25)
    assert str(told["close"]).startswith("B restated close 2019-12-02 to 2020-01-24 × 0.25")


def test_a_reverse_split_and_a_dividend_are_told_apart(tmp_path: Path) -> None:
    import_bars(save(bars(), tmp_path / "one.parquet"), name="us")
    later = bars()
    later.loc[later["ticker"] == "A", "adj_close"] *= 0.99
    later.loc[later["ticker"] == "B", ["open", "high", "low", "close", "adj_close"]] *= 10
    kept = update_bars(save(later, tmp_path / "two.parquet"), name="us")
    likely = {(change.ticker, change.field): change.likely for change in kept.version.changes}
    assert likely["A", "adj_close"] == "dividend"
    assert likely["B", "close"] == "split 1:10"


def test_a_restated_adj_close_leaves_the_files_of_other_fields_shared(tmp_path: Path) -> None:
    import_bars(save(bars(), tmp_path / "one.parquet"), name="us")
    later = bars()
    later["adj_close"] *= 0.99
    update_bars(save(later, tmp_path / "two.parquet"), name="us")
    old, new = data_folder("us").versions()
    for one, other in zip(old.parts, new.parts, strict=True):
        assert {field for field in one.files if one.files[field] != other.files[field]} == {"adj_close"}


def test_rounding_is_no_restatement(tmp_path: Path) -> None:
    import_bars(save(bars(), tmp_path / "one.parquet"), name="us")
    rounded = bars(days=41)
    rounded["adj_close"] *= 1 + 1e-7
    assert update_bars(save(rounded, tmp_path / "two.parquet"), name="us").version.kind == "append"


def test_a_restated_tail_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    import_bars(save(bars(), tmp_path / "one.parquet"), name="us")
    tail = bars(days=45)
    tail = tail[tail["date"] >= "2020-01-10"].copy()
    tail["adj_close"] *= 0.99
    with pytest.raises(SourceError, match="give their whole history, so that two bases do not mix"):
        update_bars(save(tail, tmp_path / "two.parquet"), name="us")
    assert len(data_folder("us").versions()) == 1
    assert data_folder("us").find().span[1] == "2020-01-24"


def test_a_tail_that_joins_on_its_first_common_session_is_taken(tmp_path: Path) -> None:
    import_bars(save(bars(), tmp_path / "one.parquet"), name="us")
    tail = bars(days=45)
    tail = tail[tail["date"] >= "2020-01-10"].copy()
    tail.loc[(tail["ticker"] == "A") & (tail["date"] == "2020-01-24"), "volume"] = 7.0  # a correction
    kept = update_bars(save(tail, tmp_path / "two.parquet"), name="us")
    assert kept.version.kind == "restatement"
    assert [change.likely for change in kept.version.changes] == ["corrected prints"]
    assert load_bars("us").volume["A"].loc["2020-01-24"] == 7.0
    assert kept.added == 15


def test_rows_that_the_source_withdrew_are_kept_and_named(tmp_path: Path) -> None:
    import_bars(save(bars(), tmp_path / "one.parquet"), name="us")
    less = bars(days=41)
    less = less[~((less["ticker"] == "C") & (less["date"] == "2019-12-10"))]
    kept = update_bars(save(less, tmp_path / "two.parquet"), name="us")
    assert [str(change) for change in kept.version.changes] == ["C withdrawn by the source, kept 2019-12-10"]
    assert not np.isnan(load_bars("us").close["C"].loc["2019-12-10"])


def test_new_rows_without_a_common_session_are_named_as_unchecked(tmp_path: Path) -> None:
    import_bars(save(bars(days=40), tmp_path / "one.parquet"), name="us")
    later = bars(days=42)
    kept = update_bars(save(later[later["date"] > "2020-01-24"], tmp_path / "two.parquet"), name="us")
    assert {change.what for change in kept.version.changes} == {"added without a common session, basis unchecked"}
    assert kept.added == 6


def test_a_few_new_rows_in_utc_are_days_of_the_stored_exchange(tmp_path: Path) -> None:
    """Midnights of Tokyo are 15:00 of the day before in UTC, which three of them do not tell."""
    days = exchange_sessions("XTKS", start=pd.Timestamp("2018-01-04"), end=pd.Timestamp("2018-12-28"))
    close = 50.0 + np.arange(len(days)) * 0.25
    frame = pd.DataFrame({"date": days.tz_localize("Asia/Tokyo").tz_convert("UTC"), "open": close, "close": close})
    frame = pd.concat(frame.assign(ticker=t, high=close + 1, low=close - 1, volume=1000.0) for t in "ABC")
    late = frame["date"] > frame["date"].unique()[-4]
    import_bars(save(frame[~late], tmp_path / "a.parquet"), name="jp")
    assert update_bars(save(frame[late], tmp_path / "b.parquet"), name="jp").added == 9
    pd.testing.assert_index_equal(load_bars("jp").sessions, days, check_names=False)


def test_adjusted_and_unadjusted_rows_do_not_mix(tmp_path: Path) -> None:
    import_bars(save(bars(), tmp_path / "one.parquet"), name="us")
    with pytest.raises(SourceError, match="differ in adj_close: prices adjusted and not adjusted do not mix"):
        update_bars(save(bars(days=41, adjusted=False), tmp_path / "two.parquet"), name="us")


@pytest.mark.parametrize(
    "name", ["", "../us", "US", "a/b", "us.parquet", "builtin", "yfinance", "a" * 41, "1us", "us@a"]
)
def test_a_name_is_never_a_path(name: str) -> None:
    with pytest.raises(ValueError, match="a data set needs a plain name"):
        check_name(name)


def test_a_reference_is_a_name_and_maybe_the_beginning_of_a_fingerprint() -> None:
    assert Reference.parse("us") == Reference("us")
    assert Reference.parse("us@3f2a") == Reference("us", "3f2a")
    assert [Reference.parse(text) for text in ("./us", "us.csv", "us@xyz", "builtin", "US")] == [None] * 5


def test_a_name_that_is_also_a_path_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_bars(save(bars(), tmp_path / "one.parquet"), name="us")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "us").mkdir()
    with pytest.raises(ValueError, match=r"us is a stored data set and a path: write \./us for the path"):
        load_bars("us")


def test_a_damaged_or_lost_file_is_refused_by_name(tmp_path: Path) -> None:
    version = import_bars(save(bars(), tmp_path / "one.parquet"), name="us").version
    path = data_folder("us").files / f"{version.parts[0].files['close'].content}.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + b"xxxxxxxxx")
    with pytest.raises(SourceError, match="of the store is damaged: restore it, or import the data again"):
        load_bars("us")
    path.write_bytes(whole[:20])
    with pytest.raises(SourceError, match="damaged"):
        load_bars("us")
    path.unlink()
    with pytest.raises(SourceError, match="of the store is gone"):
        load_bars("us")
    assert load_bars("us", start="2020-01-01").fingerprint()  # another year, other files


def test_an_import_heals_a_lost_or_truncated_file(tmp_path: Path) -> None:
    source = save(bars(), tmp_path / "one.parquet")
    version = import_bars(source, name="us").version
    was = load_bars("us").fingerprint()
    path = data_folder("us").files / f"{version.parts[0].files['close'].content}.parquet"
    path.write_bytes(path.read_bytes()[:20])
    import_bars(source, name="us")
    assert load_bars("us").fingerprint() == was


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 2, "versions": ["a"]}', '{"format": 1, "versions": []}'])
def test_a_broken_manifest_is_refused(tmp_path: Path, text: str) -> None:
    import_bars(save(bars(), tmp_path / "one.parquet"), name="us")
    (data_folder("us").path / "manifest.json").write_text(text)
    with pytest.raises(SourceError, match="manifest"):
        load_bars("us")


def test_a_broken_version_is_refused(tmp_path: Path) -> None:
    version = import_bars(save(bars(), tmp_path / "one.parquet"), name="us").version
    path = data_folder("us").path / "versions" / f"{version.fingerprint}.json"
    path.write_text(json.dumps({"name": "us"}))
    with pytest.raises(SourceError, match="is not a version of a data set"):
        load_bars("us")
    path.unlink()
    with pytest.raises(SourceError, match="of us is gone: restore its file"):
        load_bars("us")


def test_bars_that_make_no_panel_are_refused_before_anything_is_kept(tmp_path: Path) -> None:
    broken = bars()
    broken.loc[3, "close"] = 0.0
    with pytest.raises(BarsError, match="close must be a positive number"):
        import_bars(save(broken, tmp_path / "one.parquet"), name="us")
    assert find_version("us") is None


def test_what_a_killed_writer_left_is_swept_by_the_next(tmp_path: Path) -> None:
    source = save(bars(), tmp_path / "one.parquet")
    import_bars(source, name="us")
    folder = data_folder("us")
    left = [
        folder.files / "orphan.parquet",
        folder.files / ".x.parquet.1.partial",
        folder.path / ".manifest.json.2.partial",
    ]
    for path in (*left, folder.path / "notes.txt"):
        path.write_text("half")
    update_bars(save(bars(days=41), tmp_path / "two.parquet"), name="us")
    assert not any(path.exists() for path in left)
    assert (folder.path / "notes.txt").exists()
    assert load_bars("us").fingerprint()


def test_a_writer_waits_its_turn_and_says_so(tmp_path: Path) -> None:
    import_bars(save(bars(), tmp_path / "one.parquet"), name="us")
    folder = data_folder("us")
    with (
        folder.locked(),
        pytest.raises(SourceError, match="us is being written by another process"),
        folder.locked(timeout=0.0),
    ):
        pass


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    import_bars(save(bars("ABC"), tmp_path / "one.parquet"), name="us")
    others = [save(bars(ticker, days=40), tmp_path / f"{ticker}.parquet") for ticker in "DEFG"]
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=update_bars, args=(path,), kwargs={"name": "us"}) for path in others]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert list(load_bars("us").tickers) == list("ABCDEFG")
    assert len(data_folder("us").versions()) == 5


WRITER = """
import sys
from market.store import update_bars
for path in sys.argv[1:]:
    print(path, flush=True)
    update_bars(path, name="us")
"""


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_leaves_the_old_version_or_the_new_one(tmp_path: Path, home: Path) -> None:
    import_bars(save(bars("ABCDE", days=300), tmp_path / "0.parquet"), name="us")
    paths = [str(save(bars("ABCDE", days=300 + n), tmp_path / f"{n}.parquet")) for n in range(1, 40)]
    rng = random.Random(7)
    done = 0
    for _ in range(10):
        command = [sys.executable, "-c", WRITER, *paths[done:]]
        with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()  # imports are done, the first update begins
            time.sleep(rng.uniform(0.0, 2.5))  # several updates
            writer.send_signal(signal.SIGKILL)
        panel = load_bars("us")  # every file is read and held against its sha256
        done = len(panel.sessions) - 300
        assert panel.fingerprint() == load_bars(tmp_path / f"{done}.parquet").fingerprint()
        for version in data_folder("us").versions()[-3:]:
            assert load_bars(f"us@{version.fingerprint[:12]}").fingerprint() == version.panel
    assert done > 0
