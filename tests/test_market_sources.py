"""Sources: every shape of file gives the same panel, adjustment is by hand, and each defect is named."""

import datetime
import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import BarsError, SourceError
from market import Panel
from market.bars.adjustment import find_splits, on_last_split_basis
from market.bars.columns import match_columns
from market.panel import BAR_FIELDS
from market.sources import load_bars, yahoo

DAYS = ["2020-01-02", "2020-01-03", "2020-01-06"]


def bars_table(tickers: tuple[str, ...] = ("AA", "BB")) -> pd.DataFrame:
    """Long bars with an adj_close of 0.9, 0.9, 1 times the close."""
    rows = []
    for number, ticker in enumerate(tickers):
        for day, date in enumerate(DAYS):
            close = 10.0 * (number + 1) + day
            prices = {"open": close - 0.5, "high": close + 1, "low": close - 1, "close": close}
            adjusted = close * (1.0 if day == 2 else 0.9)
            rows.append({"date": date, "ticker": ticker, **prices, "adj_close": adjusted, "volume": 100 + number})
    return pd.DataFrame(rows)


def wide_frame(*, field_first: bool = True) -> pd.DataFrame:
    """The same bars as yfinance hands them over."""
    long = bars_table().rename(columns={"adj_close": "Adj Close"}).rename(columns=str.title)
    wide = long.pivot_table(index="Date", columns="Ticker", sort=False)
    wide.columns = wide.columns.set_names(["Price", "Ticker"])
    wide.index = pd.DatetimeIndex(wide.index, name="Date")
    return wide if field_first else wide.swaplevel(axis=1).sort_index(axis=1)


def save(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)
    return path


def same_bars(one: Panel, other: Panel) -> None:
    for name in (*BAR_FIELDS, "universe"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), rtol=1e-14)


@pytest.fixture
def reference(tmp_path: Path) -> Panel:
    return load_bars(save(bars_table(), tmp_path / "reference.parquet"))


def test_prices_are_adjusted_by_one_factor_and_dollar_volume_before(reference: Panel) -> None:
    assert reference.close["AA"].tolist() == pytest.approx([9, 9.9, 12])
    assert reference.open["AA"].tolist() == pytest.approx([9.5 * 0.9, 10.5 * 0.9, 11.5])
    assert reference.high["AA"].tolist() == pytest.approx([11 * 0.9, 12 * 0.9, 13])
    assert reference.low["AA"].tolist() == pytest.approx([9 * 0.9, 10 * 0.9, 11])
    assert reference.volume["AA"].tolist() == [100, 100, 100]
    assert reference.dollar_volume["AA"].tolist() == [1000, 1100, 1200]
    assert reference.facts.adjustment == "splits and dividends: open, high, low and close × (adj_close / close)"
    assert reference.facts.source == "reference.parquet"
    assert reference.close.to_numpy().flags.f_contiguous


def test_without_adj_close_prices_are_taken_as_given(tmp_path: Path) -> None:
    panel = load_bars(save(bars_table().drop(columns="adj_close"), tmp_path / "bars.csv"), point_in_time=True)
    assert panel.close["BB"].tolist() == [20, 21, 22]
    assert panel.facts.adjustment == "as given by the file (no adj_close)"
    assert panel.facts.point_in_time


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(
    "spelling",
    [
        {"date": "Date", "ticker": "Name", "adj_close": "Adj Close", "open": "OPEN", "volume": "Volume"},
        {"date": "timestamp", "ticker": "SYMBOL", "adj_close": "adjclose", "close": "Close"},
        {"date": "DateTime", "ticker": "Ticker", "adj_close": "AdjClose", "high": "High", "low": "lOw"},
    ],
)
def test_any_spelling_of_long_columns_gives_the_same_panel(
    tmp_path: Path, reference: Panel, suffix: str, spelling: dict[str, str]
) -> None:
    table = bars_table().rename(columns=spelling).assign(dividends=0.0, **{"Stock Splits": 0.0, "vwap": 1.0})
    table = table.sample(frac=1, random_state=3)[sorted(table.columns, reverse=True)]
    same_bars(load_bars(save(table, tmp_path / f"bars{suffix}")), reference)


@pytest.mark.parametrize("field_first", [True, False])
def test_wide_columns_in_parquet_and_csv_give_the_same_panel(
    tmp_path: Path, reference: Panel, field_first: bool
) -> None:
    wide = wide_frame(field_first=field_first)
    wide.to_parquet(tmp_path / "a.parquet")
    wide.reset_index().to_parquet(tmp_path / "b.parquet")
    wide.to_csv(tmp_path / "three.csv")
    wide.rename_axis(index=None).to_csv(tmp_path / "two.csv")
    wide.rename_axis(columns=[None, None]).to_csv(tmp_path / "plain.csv")
    for name in ("a.parquet", "b.parquet", "three.csv", "two.csv", "plain.csv"):
        same_bars(load_bars(tmp_path / name), reference)


def test_two_header_rows_without_a_third_are_read_from_the_first_bar_on(tmp_path: Path, reference: Panel) -> None:
    lines = wide_frame().to_csv().splitlines()
    (tmp_path / "wide.csv").write_text("\n".join([lines[0], lines[1], *lines[3:]]))
    same_bars(load_bars(tmp_path / "wide.csv"), reference)


def test_tickers_that_spell_a_field_do_not_confuse_wide_columns(tmp_path: Path) -> None:
    wide = wide_frame().rename(columns={"AA": "LOW", "BB": "OPEN"}, level=1)
    for frame in (wide, wide.swaplevel(axis=1)):
        frame.to_parquet(tmp_path / "wide.parquet")
        frame.to_csv(tmp_path / "wide.csv")
        for name in ("wide.parquet", "wide.csv"):
            panel = load_bars(tmp_path / name)
            assert list(panel.tickers) == ["LOW", "OPEN"]
            assert panel.dollar_volume["LOW"].tolist() == [1000, 1100, 1200]


def test_a_wide_file_without_a_whole_bar_says_what_it_found(tmp_path: Path) -> None:
    wide_frame()[["Close", "Volume"]].to_parquet(tmp_path / "wide.parquet")
    with pytest.raises(BarsError, match=r"wide columns without \['open'.*found .*'Close', 'AA'"):
        load_bars(tmp_path / "wide.parquet")


def test_a_folder_takes_tickers_from_file_names(tmp_path: Path, reference: Panel) -> None:
    folder = tmp_path / "bars"
    folder.mkdir()
    long = bars_table()
    save(long[long["ticker"] == "AA"].drop(columns="ticker"), folder / "AA.csv")
    save(long[long["ticker"] == "BB"].drop(columns="ticker"), folder / "BB.parquet")
    (folder / "notes.txt").write_text("not bars")
    (folder / ".hidden.csv").write_text("not bars")
    panel = load_bars(folder)
    same_bars(panel, reference)
    assert panel.facts.source == "bars"
    save(long[long["ticker"] == "BB"], folder / "BB.parquet")
    same_bars(load_bars(folder), reference)


def test_a_folder_whose_files_partly_lack_adj_close_is_refused(tmp_path: Path) -> None:
    long = bars_table()
    save(long[long["ticker"] == "AA"], tmp_path / "AA.csv")
    save(long[long["ticker"] == "BB"].drop(columns="adj_close"), tmp_path / "BB.csv")
    with pytest.raises(BarsError, match=r"1 of 2 files .* have no adj_close, e.g. BB.csv"):
        load_bars(tmp_path)


@pytest.mark.parametrize(
    "dates",
    [
        pd.to_datetime(DAYS),
        pd.to_datetime(DAYS).tz_localize("America/New_York"),
        (pd.to_datetime(DAYS) + pd.Timedelta(hours=23)).tz_localize("America/New_York"),
        pd.to_datetime(DAYS).tz_localize("Asia/Tokyo"),
        pd.to_datetime(DAYS) + pd.Timedelta(hours=16),
        [datetime.date.fromisoformat(day) for day in DAYS],
        [f"{day} 00:00:00-05:00" for day in DAYS],
        [f"{day}T23:30:00+09:00" for day in DAYS],
        [day.replace("-", "") for day in DAYS],
        [int(day.replace("-", "")) for day in DAYS],
        [day.replace("-", "/") for day in DAYS],
        [day.replace("-0", ".") for day in DAYS],
        [int(pd.Timestamp(day).timestamp()) for day in DAYS],
        [int(pd.Timestamp(day).timestamp()) * 1000 for day in DAYS],
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_any_kind_of_date_is_read_as_the_local_day(tmp_path: Path, reference: Panel, dates: list, suffix: str) -> None:
    table = bars_table().assign(date=list(dates) * 2)
    same_bars(load_bars(save(table, tmp_path / f"bars{suffix}")), reference)


def test_summer_and_winter_offsets_are_one_zone_and_others_are_mixed(tmp_path: Path) -> None:
    summer = ["2020-03-06 00:00:00-05:00", "2020-03-09 00:00:00-04:00", "2020-03-10 00:00:00-04:00"]
    panel = load_bars(save(bars_table().assign(date=summer * 2), tmp_path / "bars.csv"))
    assert [f"{day:%m-%d}" for day in panel.sessions] == ["03-06", "03-09", "03-10"]
    for odd in ("2020-01-06 00:00:00+01:00", "2020-01-06"):
        mixed = ["2020-01-02 00:00:00-05:00", "2020-01-03 00:00:00-05:00", odd]
        with pytest.raises(BarsError, match=r"bars\.csv mixes time zones"):
            load_bars(save(bars_table().assign(date=mixed * 2), tmp_path / "bars.csv"))


def test_files_of_different_zones_in_a_folder_are_refused(tmp_path: Path) -> None:
    for ticker, zone in (("AA", "America/New_York"), ("BB", "Europe/London")):
        table = bars_table((ticker,)).assign(date=pd.to_datetime(DAYS).tz_localize(zone))
        save(table, tmp_path / f"{ticker}.parquet")
    with pytest.raises(BarsError, match=r"mixes time zones \['America/New_York', 'Europe/London'\]"):
        load_bars(tmp_path)


def test_start_and_end_cut_the_bars_and_must_be_iso_dates(tmp_path: Path) -> None:
    path = save(bars_table(), tmp_path / "bars.parquet")
    assert len(load_bars(path, start="2020-01-03", end="2020-01-03").sessions) == 1
    assert load_bars(path, start="2020-01-03").close["AA"].tolist() == pytest.approx([9.9, 12])
    with pytest.raises(ValueError, match="start must be an ISO date like 2015-01-31, was '1/2/2020'"):
        load_bars(path, start="1/2/2020")
    with pytest.raises(ValueError, match="start must not be after end, was 2020-02-01 and 2020-01-01"):
        load_bars(path, start="2020-02-01", end="2020-01-01")
    with pytest.raises(
        SourceError, match="no bar from 2021-01-01 to 2020-01-06: it runs from 2020-01-02 to 2020-01-06"
    ):
        load_bars(path, start="2021-01-01")


def test_zero_volume_is_kept_and_a_row_without_prices_is_no_print(tmp_path: Path) -> None:
    table = bars_table()
    table["volume"] = table["volume"].astype(float)
    table.loc[0, "volume"] = 0
    table.loc[1, ["open", "high", "low", "close", "adj_close"]] = np.nan
    table.loc[5, ["close", "adj_close"]] = np.nan
    panel = load_bars(save(table, tmp_path / "bars.csv"))
    assert panel.volume["AA"].iloc[0] == 0
    assert panel.printed["AA"].tolist() == [True, False, True]
    assert panel.universe.equals(panel.printed)
    assert panel.volume["AA"].isna().tolist() == [False, True, False]
    assert "1 rows without any price left out: no print" in panel.facts.notes
    assert "1 rows with prices but no close left out: no print" in panel.facts.notes


def test_an_open_outside_low_to_high_is_counted_and_kept(tmp_path: Path) -> None:
    table = bars_table()
    table.loc[0, "open"] = 11.001
    panel = load_bars(save(table, tmp_path / "bars.csv"))
    assert panel.open["AA"].iloc[0] == pytest.approx(11.001 * 0.9)
    assert "1 rows have an open or close outside low to high, kept as given" in panel.facts.notes


def test_tickers_are_kept_exactly_as_written(tmp_path: Path) -> None:
    odd = ("NA", "<script>", "../../x", "1E5", "007", "True", "BRK B")
    for name in ("bars.csv", "bars.parquet"):
        assert set(load_bars(save(bars_table(odd), tmp_path / name)).tickers) == set(odd)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("close", 0.0, r"close must be a positive number, was 0 for BB on 2020-01-03 \(1 such rows in bars"),
        ("open", -3.5, r"open must be a positive number, was -3.5 for BB on 2020-01-03"),
        ("high", np.inf, r"high must be a positive number, was inf for BB on 2020-01-03"),
        ("volume", np.inf, r"volume must be finite, was inf for BB on 2020-01-03"),
        ("adj_close", np.nan, r"adj_close must be a positive number, was nan for BB on 2020-01-03"),
        ("volume", -5.0, r"volume is negative for BB on 2020-01-03"),
        ("high", 1.0, r"high is below low for BB on 2020-01-03"),
        ("date", "2020-01-06", r"has more than one row for BB on 2020-01-06 \(1 such keys\): keep one of each"),
        ("date", "6 Jan 2020", r"a date that is not in ISO form: '6 Jan 2020'; write dates like 2015-01-31"),
        ("date", "2020-02-31", r"an impossible date"),
        ("close", "12,5", r"text where close of BB on 2020-01-03 should be a number: '12,5'"),
        ("ticker", "", r"no ticker in a row of 2020-01-03 \(1 such rows\)"),
    ],
)
def test_a_defect_names_its_row_and_value(
    tmp_path: Path, suffix: str, column: str, value: object, message: str
) -> None:
    table = bars_table().astype({"volume": float})
    cells = table[column].astype(object)
    cells.iloc[4] = value
    table[column] = cells.map(str) if isinstance(value, str) else cells.astype(float)
    with pytest.raises(BarsError, match=message):
        load_bars(save(table, tmp_path / f"bars{suffix}"))


def test_a_missing_date_or_ticker_is_an_error(tmp_path: Path) -> None:
    table = bars_table()
    table.loc[2, "date"] = None
    with pytest.raises(BarsError, match=r"no date in row 3 \(1 such rows\)"):
        load_bars(save(table, tmp_path / "bars.parquet"))
    with pytest.raises(BarsError, match=r"no date in row 3 \(1 such rows\)"):
        load_bars(save(table, tmp_path / "bars.csv"))
    table = bars_table()
    table.loc[2, "ticker"] = None
    with pytest.raises(BarsError, match="no ticker in a row of 2020-01-06"):
        load_bars(save(table, tmp_path / "bars.parquet"))


def test_missing_columns_say_what_was_looked_for_and_found(tmp_path: Path) -> None:
    path = save(bars_table().drop(columns=["ticker", "high"]), tmp_path / "bars.csv")
    message = (
        "bars.csv has no column for ticker, high: looked for ticker/symbol/name; high in any case, found \\['date'"
    )
    with pytest.raises(BarsError, match=message):
        load_bars(path)


def test_two_columns_of_one_meaning_are_refused_but_name_beside_ticker_is_not(tmp_path: Path) -> None:
    with pytest.raises(BarsError, match=r"more than one column for close: \['close', 'Close'\]"):
        load_bars(save(bars_table().assign(Close=1.0), tmp_path / "bars.csv"))
    assert match_columns(["Name", "ticker", "date"], origin="x")["ticker"] == "ticker"


def test_numbers_that_are_no_dates_are_refused(tmp_path: Path) -> None:
    path = save(bars_table().assign(date=range(6)), tmp_path / "bars.parquet")
    with pytest.raises(BarsError, match="holds dates as int64: write them as dates"):
        load_bars(path)


def test_unusable_sources_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("date,ticker,open,high,low,close,volume\n")
    (tmp_path / "ragged.csv").write_text("date,ticker,open,high,low,close,volume\n2020-01-02,A,1\n")
    (tmp_path / "latin.csv").write_bytes("date,ticker,öpen\n".encode("latin-1"))
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "zero.parquet").write_bytes(b"")
    (tmp_path / "bars.xlsx").write_text("x")
    (tmp_path / "folder").mkdir()
    blank = bars_table().assign(close=np.nan, adj_close=np.nan)
    save(blank, tmp_path / "blank.parquet")
    save(bars_table().iloc[:0], tmp_path / "none.parquet")
    cases = {
        "empty.csv": "is empty",
        "header.csv": "holds no rows",
        "ragged.csv": "not a readable CSV file",
        "latin.csv": "not a readable CSV file",
        "broken.parquet": "not a readable parquet file",
        "zero.parquet": "not a readable parquet file",
        "bars.xlsx": "neither .parquet nor .csv",
        "folder": "holds no .parquet or .csv file",
        "blank.parquet": "holds no price",
        "none.parquet": "holds no rows",
        "absent.parquet": "no bars at",
        "builtins": "no bars at .*: give builtin, yfinance:AAPL,MSFT",
    }
    for name, message in cases.items():
        with pytest.raises(SourceError, match=message) as caught:
            load_bars(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_file_with_a_byte_order_mark_and_windows_lines_is_read(tmp_path: Path, reference: Panel) -> None:
    text = bars_table().to_csv(index=False).replace("\n", "\r\n")
    (tmp_path / "bars.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    same_bars(load_bars(tmp_path / "bars.csv"), reference)


def test_splits_are_found_on_simple_ratios_only() -> None:
    factor = np.array(
        [
            # 7:1   1:10  dividend  spin-off  gap      bad print
            [1 / 7, 10.0, 0.95, 0.60, 1 / 2, 1.0],
            [1 / 7, 10.0, 0.95, 0.60, np.nan, 1.0],
            [1.0, 1.0, 1.0, 0.85, 1.0, 10.0],
            [1.0, 1.0, 1.0, 0.85, 1.0, 1.0],
        ]
    )
    splits = find_splits(factor)
    found = list(zip(splits.rows.tolist(), splits.columns.tolist(), splits.ratios.tolist(), strict=True))
    assert found == [(2, 0, pytest.approx(7)), (2, 1, pytest.approx(0.1)), (2, 4, pytest.approx(2))]
    volume = on_last_split_basis(np.full((4, 6), 70.0), splits)
    assert volume[:, 0].tolist() == [490, 490, 70, 70]
    assert volume[:, 1].tolist() == pytest.approx([7, 7, 70, 70])
    assert volume[:, 4].tolist() == [140, 140, 70, 70]
    assert (volume[:, [2, 3, 5]] == 70).all()


def test_two_splits_of_one_name_multiply() -> None:
    factor = np.array([[1 / 6], [1 / 3], [1 / 3], [1.0]])
    assert on_last_split_basis(np.ones((4, 1)), find_splits(factor))[:, 0].tolist() == pytest.approx([6, 3, 3, 1])


def test_a_file_whose_jumps_are_mostly_dividends_is_split_adjusted_already() -> None:
    factor = np.array([[2 / 3, 0.71, 0.64, 0.59], [1.0, 1.0, 1.0, 1.0]])
    assert len(find_splits(factor)) == 0


def test_raw_prices_give_continuous_prices_shares_and_dollars(tmp_path: Path) -> None:
    table = bars_table(("AA",))
    table["close"], table["adj_close"], table["volume"] = [700.0, 714.0, 104.0], [100.0, 102.0, 104.0], [10, 11, 80]
    table["open"], table["high"], table["low"] = table["close"], table["close"] + 7, table["close"] - 7
    panel = load_bars(save(table, tmp_path / "raw.csv"))
    assert panel.close["AA"].tolist() == pytest.approx([100, 102, 104])
    assert panel.volume["AA"].tolist() == [70, 77, 80]
    assert panel.dollar_volume["AA"].tolist() == [7000, 7854, 8320]
    assert panel.facts.volume_basis.endswith("1 splits inferred from adj_close / close")


def yahoo_frame(tickers: list[str]) -> pd.DataFrame:
    wide = wide_frame()
    return pd.concat({t: wide.xs("AA", axis=1, level=1) for t in tickers}, axis=1).swaplevel(axis=1)


def test_yfinance_bars_are_adjusted_by_adj_close(monkeypatch: pytest.MonkeyPatch, reference: Panel) -> None:
    seen = {}

    def download(tickers: list[str], *, start: str | None, end: str | None) -> pd.DataFrame:
        seen.update(tickers=tickers, start=start, end=end)
        return wide_frame()

    monkeypatch.setattr(yahoo, "download_daily", download)
    panel = load_bars("yfinance: AA,BB,AA", start="2020-01-01")
    assert seen == {"tickers": ["AA", "BB"], "start": "2020-01-01", "end": None}
    same_bars(panel, reference)
    assert panel.facts.source == "Yahoo Finance through yfinance, 2 tickers"
    assert panel.facts.volume_basis.endswith("split adjusted by the vendor")


def test_a_large_dividend_is_no_split_in_yfinance_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = wide_frame()
    wide[("Adj Close", "AA")] = wide[("Close", "AA")] * [0.5, 0.5, 1.0]
    monkeypatch.setattr(yahoo, "download_daily", lambda *_, **__: wide)
    assert load_bars("yfinance:AA,BB").volume["AA"].tolist() == [100, 100, 100]


def test_missing_yfinance_tickers_are_noted_and_none_at_all_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = yahoo_frame(["AA", "GONE"]).astype(float)
    wide.loc[:, wide.columns.get_level_values(1) == "GONE"] = np.nan
    monkeypatch.setattr(yahoo, "download_daily", lambda *_, **__: wide)
    panel = load_bars("yfinance:AA,GONE,NEVER")
    assert list(panel.tickers) == ["AA"]
    assert "1 tickers without a single price left out: GONE" in panel.facts.notes
    assert "yfinance returned no column for NEVER" in panel.facts.notes
    for nothing in (None, pd.DataFrame(), wide.iloc[:0], wide * np.nan):
        monkeypatch.setattr(yahoo, "download_daily", lambda *_, nothing=nothing, **__: nothing)
        with pytest.raises(
            SourceError, match="yfinance returned no bars for AA, GONE: check spelling, network and rate"
        ):
            load_bars("yfinance:AA,GONE")
    with pytest.raises(ValueError, match="yfinance needs tickers"):
        load_bars("yfinance: ,")


def test_every_setting_of_yfinance_that_touches_a_number_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}

    def download(tickers: list[str], **settings: object) -> pd.DataFrame:
        seen.update(settings, tickers=tickers)
        return wide_frame()

    monkeypatch.setitem(sys.modules, "yfinance", types.SimpleNamespace(download=download))
    yahoo.download_daily(["AA", "BB"], start=None, end="2020-12-31")
    off = ("auto_adjust", "back_adjust", "repair", "actions", "rounding", "prepost", "keepna", "progress")
    assert all(seen[name] is False for name in off)
    assert (seen["start"], seen["end"], seen["interval"]) == ("1900-01-01", "2021-01-01", "1d")
    assert seen["threads"] == 2


def test_loading_files_does_not_import_yfinance(tmp_path: Path) -> None:
    before = "yfinance" in sys.modules
    load_bars(save(bars_table(), tmp_path / "bars.csv"))
    assert ("yfinance" in sys.modules) == before


def test_the_builtin_market_is_loaded_lazily_and_cut(monkeypatch: pytest.MonkeyPatch, reference: Panel) -> None:
    built = types.SimpleNamespace(synthetic_market=lambda: types.SimpleNamespace(panel=reference))
    monkeypatch.setitem(sys.modules, "market.synthetic", built)
    assert load_bars("builtin").fingerprint() == reference.fingerprint()
    assert len(load_bars("builtin", start="2020-01-03").sessions) == 2


def test_sp500_bars_load_as_given(shared_data: Path) -> None:
    panel = load_bars(shared_data / "sp500_5y_2013_2018.parquet")
    assert panel.close.shape == (1259, 505)
    assert panel.printed.to_numpy().sum() == 619_394
    assert panel.facts.adjustment == "as given by the file (no adj_close)"
    assert "9 rows have an open or close outside low to high, kept as given" in panel.facts.notes
    assert "calendar XNYS: all 1,259 sessions match" in panel.facts.notes


def test_raw_bars_are_chained_over_splits(shared_data: Path) -> None:
    panel = load_bars(shared_data / "us_pit_2015_2017.parquet", point_in_time=True)
    assert panel.close.shape == (513, 2350)
    assert panel.printed.to_numpy().sum() == 1_104_175
    netflix = panel.close["NFLX"].loc["2015-07-14":"2015-07-15"]
    assert netflix.tolist() == pytest.approx([702.60 / 7, 98.13], abs=0.005)
    assert panel.volume["NFLX"].loc["2015-07-10"] == 7 * 3_078_800
    assert panel.volume["NFLX"].loc["2015-07-15"] == 30_898_600
    assert panel.dollar_volume["NFLX"].loc["2015-07-10"] == pytest.approx(680.599976 * 3_078_800)
    # a bad print at a tenth of the price is no split, and neither is PayPal leaving eBay
    assert panel.volume["SHAK"].loc["2015-09-04"] == 349_900
    assert panel.volume["EBAY"].loc["2015-07-17"] == pytest.approx(
        panel.dollar_volume["EBAY"].loc["2015-07-17"] / 66.29, rel=0.01
    )


@pytest.mark.slow
def test_wide_bars_are_adjusted_for_dividends(shared_data: Path) -> None:
    panel = load_bars(shared_data / "us_wide_2007_2020.parquet")
    assert panel.close.shape == (3651, 930)
    assert panel.printed.to_numpy().sum() == 2_935_067
    moves = panel.close.pct_change(fill_method=None)
    assert abs(moves["AAPL"].loc["2014-06-09"]) < 0.05
    assert abs(moves["AAPL"].loc["2020-08-31"]) < 0.05
    assert moves["KO"].loc["2016-06-13"] == pytest.approx((45.12 + 0.35) / 45.99 - 1, abs=2e-4)
    assert panel.dollar_volume["KO"].loc["2016-06-13"] / panel.volume["KO"].loc["2016-06-13"] == pytest.approx(45.12)
    assert "shows no split" in panel.facts.volume_basis
