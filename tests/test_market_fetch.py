"""Fetch: every way a vendor fails, played by a replaced transport; what arrived is kept, what did not is named."""

import json
import logging
import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import SourceError
from market.sources import load_bars
from market.sources.fetch import Fetched, FetchOptions, fetch, fetch_rows, read_tickers, update_from_yahoo
from market.sources.fetch_ledger import read_ledger
from market.store import data_folder, read_rows

NOW = datetime(2020, 1, 20, 15, tzinfo=UTC)
Play = Callable[[pd.DataFrame, list[str], int], pd.DataFrame | None]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / "home"))
    return tmp_path


def frame(tickers: list[str], *, days: int = 30, end: str = "2020-01-17") -> pd.DataFrame:
    """What yfinance answers: columns (field, ticker)."""
    dates = pd.bdate_range(end=end, periods=days, name="Date")
    ramp = 20 + np.arange(days) * 0.1
    fields = {"Open": 0.0, "High": 1.0, "Low": -1.0, "Close": 0.5, "Adj Close": 0.25}
    columns: dict[tuple[str, str], np.ndarray] = {}
    for ticker in tickers:
        level = len(ticker) + ramp
        columns |= {(field, ticker): level + shift for field, shift in fields.items()}
        columns |= {("Volume", ticker): np.full(days, 1e6), ("Dividends", ticker): np.zeros(days)}
        columns["Stock Splits", ticker] = np.zeros(days)
    return pd.DataFrame(columns, index=dates).rename_axis(columns=["Price", "Ticker"])


class Vendor:
    """A transport that plays a failure on its calls, counted from 1."""

    def __init__(self, play: Play | None = None, *, answer: Callable[[list[str]], pd.DataFrame] = frame) -> None:
        self.calls: list[list[str]] = []
        self.play, self.answer, self.lock = play, answer, threading.Lock()

    def __call__(self, tickers: list[str], *, start: object, end: object, actions: bool) -> pd.DataFrame | None:
        with self.lock:
            self.calls.append(tickers)
            number = len(self.calls)
        told = self.answer(tickers)
        return told if self.play is None else self.play(told, tickers, number)


def options(vendor: Vendor, **changed: object) -> FetchOptions:
    given = {"download": vendor, "workers": 2, "batch": 2, "attempts": 3, "timeout": 5.0, "now": lambda: NOW}
    return FetchOptions(**(given | {"sleep": lambda seconds: None} | changed))  # type: ignore[arg-type]


def fetched(vendor: Vendor, folder: Path, tickers: str = "A B C D", **changed: object) -> Fetched:
    asked = options(vendor, **changed)
    return fetch_rows(tickers.split(), folder=folder / "room", span=(None, None), resume=False, options=asked)


def drop(told: pd.DataFrame, ticker: str) -> pd.DataFrame:
    return told.drop(columns=[column for column in told.columns if column[1] == ticker])


def with_cell(told: pd.DataFrame, ticker: str, field: str, value: float) -> pd.DataFrame:
    if (field, ticker) in told.columns:
        told.loc[told.index[3], (field, ticker)] = value
    return told


def raises(error: Exception) -> Play:
    def play(told: pd.DataFrame, tickers: list[str], number: int) -> pd.DataFrame:
        raise error

    return play


class YFRateLimitError(Exception):
    """The name that yfinance gives it."""


LATER: dict[str, Play] = {
    "429 on the first calls": lambda told, asked, n: raises(YFRateLimitError("429"))(told, asked, n) if n < 3 else told,
    "an empty frame on the first calls": lambda told, asked, n: told.iloc[:0] if n < 3 else told,
    "None on the first calls": lambda told, asked, n: None if n < 3 else told,
    "a ticker left out of the first answers": lambda told, asked, n: drop(told, "B") if n < 3 else told,
    "all missing for a ticker at first": lambda told, asked, n: told if n > 2 else with_all_missing(told, "B"),
    "a broken connection": lambda told, asked, n: raises(ConnectionError("reset"))(told, asked, n) if n == 1 else told,
    "columns without tickers": lambda told, asked, n: told.droplevel(1, axis=1) if n < 3 else told,
}


@pytest.mark.parametrize("fault", LATER)
def test_what_fails_at_first_arrives_in_the_end(fault: str, tmp_path: Path) -> None:
    found = fetched(Vendor(LATER[fault]), tmp_path)
    assert found.failed == {}
    assert found.rows.tickers == ("A", "B", "C", "D")
    assert max(entry.attempts for entry in found.ledger.tickers.values()) >= 2


FOR_GOOD: dict[str, tuple[Play, str]] = {
    "unknown symbol": (lambda told, asked, n: drop(told, "B"), "an unknown or delisted symbol"),
    "all missing": (lambda told, asked, n: with_all_missing(told, "B"), "an unknown or delisted symbol"),
    "changed columns": (lambda told, asked, n: renamed(told, "B"), "columns changed: no adj_close"),
    "zero price": (lambda told, asked, n: with_cell(told, "B", "Close", 0.0), "a price that is no positive number on"),
    "infinite price": (
        lambda told, asked, n: with_cell(told, "B", "High", np.inf),
        "a price that is no positive number",
    ),
    "high below low": (lambda told, asked, n: with_cell(told, "B", "High", 1.0), "high below low on"),
    "a date twice": (lambda told, asked, n: twice(told, asked), "came twice"),
    "a bar from the future": (lambda told, asked, n: ahead(told, asked), "check this machine's clock"),
    "text for numbers": (lambda told, asked, n: texts(told, asked), "text where numbers should be"),
    "rows without dates": (lambda told, asked, n: undated(told, asked), "rows are not dated"),
}


def with_all_missing(told: pd.DataFrame, ticker: str) -> pd.DataFrame:
    return told.mask(np.tile([column[1] == ticker for column in told.columns], (len(told), 1)))


def renamed(told: pd.DataFrame, ticker: str) -> pd.DataFrame:
    pairs = [("Adjusted", t) if (f, t) == ("Adj Close", ticker) else (f, t) for f, t in told.columns]
    return told.set_axis(pd.MultiIndex.from_tuples(pairs), axis=1)


def twice(told: pd.DataFrame, asked: list[str]) -> pd.DataFrame:
    return told if "B" not in asked else pd.concat([told, told.iloc[[-1]]])


def ahead(told: pd.DataFrame, asked: list[str]) -> pd.DataFrame:
    return told if "B" not in asked else told.set_axis(told.index + pd.Timedelta(days=365))


def texts(told: pd.DataFrame, asked: list[str]) -> pd.DataFrame:
    return told if "B" not in asked else told.astype(object).replace(1e6, "1M")


def undated(told: pd.DataFrame, asked: list[str]) -> pd.DataFrame:
    return told if "B" not in asked else told.reset_index(drop=True)


@pytest.mark.parametrize("fault", FOR_GOOD)
def test_what_never_arrives_is_named_and_the_rest_is_kept(fault: str, tmp_path: Path) -> None:
    play, reason = FOR_GOOD[fault]
    found = fetched(Vendor(play), tmp_path, batch=1)
    assert list(found.failed) == ["B"]
    assert reason in found.failed["B"]
    assert found.rows.tickers == ("A", "C", "D")
    assert found.ledger.tickers["B"].attempts == 3


def test_a_poisoned_batch_is_split_until_only_its_cause_fails(tmp_path: Path) -> None:
    def play(told: pd.DataFrame, asked: list[str], number: int) -> pd.DataFrame:
        return raises(KeyError("B"))(told, asked, number) if "B" in asked else told

    found = fetched(Vendor(play), tmp_path, batch=4)
    assert found.failed == {"B": "KeyError: 'B'"}


def test_a_hanging_call_is_left_behind(tmp_path: Path) -> None:
    stuck = threading.Event()

    def play(told: pd.DataFrame, asked: list[str], number: int) -> pd.DataFrame:
        if number == 1:
            stuck.wait()
        return told

    found = fetched(Vendor(play), tmp_path, timeout=0.05)
    stuck.set()
    assert found.failed == {}


def test_pauses_double_and_are_shaken(tmp_path: Path) -> None:
    pauses: list[float] = []
    with pytest.raises(SourceError, match="none of 4 tickers arrived"):
        fetched(Vendor(raises(YFRateLimitError("429"))), tmp_path, attempts=4, pause=8.0, sleep=pauses.append)
    assert len(pauses) == 3
    assert all(0.5 <= pause / base <= 1.5 for pause, base in zip(pauses, (8.0, 16.0, 32.0), strict=True))
    assert len({round(pause / base, 6) for pause, base in zip(pauses, (8.0, 16.0, 32.0), strict=True)}) == 3


def test_nothing_at_all_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none of 4 tickers arrived \(no bars came back.*then --resume"):
        fetched(Vendor(lambda told, asked, n: pd.DataFrame()), tmp_path)


def test_no_more_batches_are_out_than_workers(tmp_path: Path) -> None:
    out, most, lock = [0], [0], threading.Lock()

    def play(told: pd.DataFrame, asked: list[str], number: int) -> pd.DataFrame:
        with lock:
            out[0] += 1
            most[0] = max(most[0], out[0])
        threading.Event().wait(0.01)
        with lock:
            out[0] -= 1
        return told

    fetched(Vendor(play), tmp_path, "A B C D E F G H", batch=1, workers=3)
    assert 1 <= most[0] <= 3


def test_a_resumed_fetch_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    fetched(Vendor(lambda told, asked, n: drop(told, "B")), tmp_path)
    (tmp_path / "room" / "C.parquet").write_bytes(b"half")  # a file that cannot be read counts as missing
    vendor = Vendor()
    asked = options(vendor)
    again = fetch_rows(list("ABCD"), folder=tmp_path / "room", span=(None, None), resume=True, options=asked)
    assert sorted(ticker for call in vendor.calls for ticker in call) == ["B", "C"]
    assert again.rows.tickers == ("A", "B", "C", "D")
    with pytest.raises(SourceError, match="ask for the same, or drop --resume"):
        fetch_rows(["A"], folder=tmp_path / "room", span=("2000-01-01", None), resume=True, options=asked)


@pytest.mark.parametrize("what", ["a number", "its sum"])
def test_only_what_a_sum_vouches_for_counts_as_arrived(tmp_path: Path, what: str) -> None:
    room = tmp_path / "room"
    fetched(Vendor(), tmp_path)
    if what == "a number":  # a whole file with another number in it
        pd.read_parquet(room / "C.parquet").assign(close=1.0).to_parquet(room / "C.parquet")
    else:  # as it was before sums were kept
        ledger = json.loads((room / "ledger.json").read_text())
        del ledger["tickers"]["C"]["sha256"]
        (room / "ledger.json").write_text(json.dumps(ledger))
    vendor = Vendor()
    again = fetch_rows(list("ABCD"), folder=room, span=(None, None), resume=True, options=options(vendor))
    assert vendor.calls == [["C"]]
    assert 1.0 not in again.rows.numbers["close"]


def test_two_fetches_never_share_a_folder(tmp_path: Path) -> None:
    def play(told: pd.DataFrame, asked: list[str], number: int) -> pd.DataFrame:
        with pytest.raises(SourceError, match="another process is fetching into room: wait for it, or give another"):
            fetched(Vendor(), tmp_path, "Z")
        return told

    assert fetched(Vendor(play), tmp_path).rows.tickers == tuple("ABCD")
    assert fetched(Vendor(), tmp_path, "Z").rows.tickers == ("Z",)


def test_what_the_vendors_library_says_of_each_ticker_is_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def play(told: pd.DataFrame, asked: list[str], number: int) -> None:
        logging.getLogger("yfinance").error("%s: possibly delisted; no timezone found", asked)
        warnings.warn("deprecated", FutureWarning, stacklevel=1)

    with pytest.raises(SourceError, match="none of 4 tickers arrived"):
        fetched(Vendor(play), tmp_path)
    assert not caplog.records
    logging.getLogger("yfinance").error("shown again")
    assert len(caplog.records) == 1


def test_an_interruption_loses_nothing_that_arrived(tmp_path: Path) -> None:
    class Interrupted(BaseException):
        pass

    def stop(stage: str, done: int, total: int, note: str = "") -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        fetched(Vendor(), tmp_path, workers=1, progress=stop)
    ledger = read_ledger(tmp_path / "room")
    assert ledger is not None
    assert [ticker for ticker, entry in ledger.tickers.items() if entry.status == "done"] == ["A", "B"]


def test_a_broken_ledger_is_refused(tmp_path: Path) -> None:
    fetched(Vendor(), tmp_path)
    (tmp_path / "room" / "ledger.json").write_text(json.dumps({"tickers": 3}))
    with pytest.raises(SourceError, match="is not a ledger: remove its folder"):
        read_ledger(tmp_path / "room")


def test_the_unfinished_session_is_left_out(tmp_path: Path) -> None:
    today = Vendor(answer=lambda tickers: frame(tickers, end="2020-01-20"))  # 15:00 UTC is before the close
    assert fetched(today, tmp_path).rows.dates.max() == np.datetime64("2020-01-17")


def test_a_ticker_that_ends_early_is_named(tmp_path: Path) -> None:
    def play(told: pd.DataFrame, asked: list[str], number: int) -> pd.DataFrame:
        if "B" in asked:
            told.loc["2020-01-03":, [column for column in told.columns if column[1] == "B"]] = np.nan
        return told

    assert fetched(Vendor(play), tmp_path).ended_early == {"B": "2020-01-02"}


def test_tickers_that_look_like_paths_stay_in_their_folder(tmp_path: Path) -> None:
    found = fetched(Vendor(), tmp_path, "../x BRK-B ^GSPC a/b")
    assert found.rows.tickers == ("../x", "BRK-B", "^GSPC", "a/b")
    assert {path.parent for path in tmp_path.rglob("*.parquet")} == {tmp_path / "room"}


def test_fetched_bars_are_stored_with_events_and_settings() -> None:
    def play(told: pd.DataFrame, asked: list[str], number: int) -> pd.DataFrame:
        return with_cell(with_cell(told, "A", "Dividends", 0.3), "A", "Stock Splits", 2.0)

    kept, _ = fetch(["A", "BB"], name="us", start="2019-12-01", options=options(Vendor(play)))
    rows = read_rows(data_folder("us"), kept.version, fields=("dividends", "splits"))
    assert (rows.numbers["dividends"].sum(), rows.numbers["splits"].sum()) == (0.3, 2.0)
    assert kept.version.provenance.adjustment.startswith("auto_adjust=False")
    assert kept.version.provenance.split_adjusted
    panel = load_bars("us")
    assert panel.close["A"].iloc[0] == pytest.approx(21.25)  # adj_close


def test_an_update_asks_for_the_overlap_and_refetches_who_was_restated() -> None:
    fetch(["A", "BB"], name="us", start="2019-01-01", options=options(Vendor(answer=lambda t: frame(t, days=200))))

    def restated(tickers: list[str]) -> pd.DataFrame:
        told = frame(tickers, days=205, end="2020-01-24")
        told.iloc[:, :] = told.to_numpy()
        base = frame(tickers, days=200).reindex(told.index)
        told = base.fillna(told)
        for field in ("Open", "High", "Low", "Close", "Adj Close"):
            if (field, "A") in told:
                told[field, "A"] /= 2
        return told

    spans: list[tuple[list[str], object]] = []

    class Recording(Vendor):
        def __call__(self, tickers: list[str], *, start: object, end: object, actions: bool) -> pd.DataFrame | None:
            spans.append((tickers, start))
            told = self.answer(tickers)
            return told[told.index >= str(start)]

    kept = update_from_yahoo("us", options=options(Recording(answer=restated), now=lambda: NOW.replace(day=27)))
    assert spans == [(["A", "BB"], "2019-12-03"), (["A"], kept.version.span[0])]
    assert kept.version.kind == "restatement"
    assert {change.likely for change in kept.version.changes if change.field == "close"} == {"split 2:1"}
    assert {change.ticker for change in kept.version.changes} == {"A"}
    assert load_bars("us").close["A"].pct_change().abs().max() < 0.02  # one basis
    assert kept.added == 10


def test_an_imported_data_set_is_not_updated_from_a_vendor(tmp_path: Path) -> None:
    from market.store import import_bars

    flat = frame(["A"]).droplevel(1, axis=1).rename_axis("date").reset_index().assign(ticker="A")
    flat.to_parquet(tmp_path / "bars.parquet")
    import_bars(tmp_path / "bars.parquet", name="mine")
    with pytest.raises(SourceError, match=r"was imported from bars\.parquet: update it with --from FILE"):
        update_from_yahoo("mine", options=options(Vendor()))


def test_tickers_are_read_once_each_and_comments_left_out(tmp_path: Path) -> None:
    path = tmp_path / "tickers.txt"
    path.write_text("AAPL, MSFT # two\n\nAAPL\nBRK-B\n")
    assert read_tickers(path) == ["AAPL", "MSFT", "BRK-B"]
    path.write_text("# none\n")
    with pytest.raises(ValueError, match="names no ticker"):
        read_tickers(path)


@pytest.mark.parametrize("name", ["workers", "batch", "attempts"])
def test_a_fetch_needs_at_least_one_of_each(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, was 0"):
        replace(FetchOptions(), **{name: 0})
