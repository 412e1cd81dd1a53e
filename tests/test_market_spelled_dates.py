"""Spelled dates: other orders of day and month, other names of the date, and files as their publishers write them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from core.errors import BarsError, SourceError
from market.bars.dates import local_dates, read_dates
from market.sources import load_bars
from market.sources.benchmark import read_levels
from market.sources.factor_returns import read_factors
from market.sources.members import MemberLists, read_members
from signals.score_file import read_scores

DAYS = pd.bdate_range("2019-12-02", periods=40).as_unit("ns")
PERCENT = np.random.default_rng(4).normal(0, [1.0, 0.6, 0.5], (40, 3)).round(2)
PROSE = "This file was created by hand from bars, and\nthe bill return is simple, compounding to a month.\n\n"
ORDERS = ["%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m-%d-%Y", "%d-%b-%Y", "%b %d, %Y", "%A, %B %d, %Y", "%a %b %d %Y"]


def dated(*texts: str) -> list[str]:
    days, _ = local_dates(pa.chunked_array([list(texts)]), origin="x.csv")
    return [str(day) for day in days.astype("datetime64[D]")]


@pytest.mark.parametrize("form", [*ORDERS, "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p"])
def test_dates_in_any_order_are_those_of_iso_form(form: str) -> None:
    assert dated(*DAYS.strftime(form)) == list(DAYS.strftime("%Y-%m-%d"))


def test_one_date_shows_the_order_of_all_and_a_note_says_which() -> None:
    assert dated("1/2/2020", "1/31/2020") == ["2020-01-02", "2020-01-31"]
    assert dated("1/2/2020", "31/1/2020") == ["2020-02-01", "2020-01-31"]
    read = read_dates(pa.chunked_array([["1/2/2020", "1/31/2020", ""]]), origin="x.csv")
    assert read.notes == ("dates like 1/2/2020 read with the month first",)
    assert [defect.kind for defect in read.defects] == ["no date"]


def test_the_hours_of_a_half_day_clock_fall_on_the_exchange_day() -> None:
    column = pa.chunked_array([["01/14/2020 11:30 PM +00:00", "01/15/2020 12:05 AM +00:00"]])
    days, _ = local_dates(column, origin="x.csv", zone="Asia/Tokyo")
    assert [str(day)[:10] for day in days] == ["2020-01-15", "2020-01-15"]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["01/02/2020", "03/04/2020"], "whose day and month cannot be told apart: '01/02/2020'"),
        (["13/01/2020", "01/13/2020"], "not in ISO form: '13/01/2020'"),
        (["2020-01-13", "14/01/2020"], "not in ISO form: '14/01/2020'"),
        (["31/02/2020"], "an impossible date: '2020-02-31'"),
        (["01/31/20"], "not in ISO form: '01/31/20'"),
        (["13 Foo 2020"], "not in ISO form: '13 Foo 2020'"),
        (["202001", "202002"], "a month without a day, where daily rows are needed: '202001'"),
    ],
)
def test_dates_that_show_no_order_are_refused_in_one_line(texts: list[str], told: str) -> None:
    with pytest.raises(BarsError, match="write dates like 2015-01-31") as raised:
        dated(*texts)
    assert told in str(raised.value)


def test_months_in_numbers_are_told_as_months() -> None:
    with pytest.raises(BarsError, match="a month without a day, where daily rows are needed: '202001'"):
        local_dates(pa.chunked_array([[202001, 202002]]), origin="x.parquet")


@pytest.mark.parametrize("name", ["Datum", "timestamp", "Date/Time", "time", "Trade Date", "<DATE>"])
@pytest.mark.parametrize("numbered", [False, True])
def test_bars_and_files_beside_them_know_the_date_by_many_names(name: str, numbered: bool, tmp_path: Path) -> None:
    close = pd.DataFrame(100 + PERCENT.cumsum(axis=0), index=DAYS, columns=list("ABC"))
    long = close.rename_axis(index="date", columns="ticker").stack().rename("close").reset_index()
    long = long.assign(open=long["close"], high=long["close"] + 1, low=long["close"] - 1, volume=1e6)
    file = tmp_path / "x.csv"
    long.rename(columns={"date": name}).to_csv(file, index=numbered)
    pd.testing.assert_frame_equal(load_bars(file).close, close, check_names=False, check_freq=False)
    long[["date", "ticker"]].rename(columns={"date": name}).to_csv(file, index=numbered)
    assert isinstance(members := read_members(file), MemberLists)
    assert set(members.dates) == set(DAYS.to_numpy())
    close.rename_axis(index=name).reset_index().to_csv(file, index=numbered)
    pd.testing.assert_frame_equal(read_scores(file), close, check_names=False, check_freq=False)
    close[["A"]].rename(columns={"A": "Close"}).rename_axis(index=name).reset_index().to_csv(file, index=numbered)
    np.testing.assert_allclose(read_levels(file, DAYS).values, close["A"])


def test_a_ticker_called_time_is_no_date(tmp_path: Path) -> None:
    scores = pd.DataFrame(PERCENT[:, :2], index=DAYS, columns=["AAA", "TIME"])
    scores.to_csv(tmp_path / "s.csv")
    assert list(read_scores(tmp_path / "s.csv").columns) == ["AAA", "TIME"]


def published(
    path: Path, *, above: str = PROSE, below: str = "\nCopyright 2024 the Publisher\n", form: str = "%Y%m%d"
) -> Path:
    """Factors as their publishers write them: in percent, prose above and below, codes for what is missing."""
    rows = [f"{day:{form}},{a:8.2f},{b:8.2f},{c:8.2f},   0.006\n" for day, (a, b, c) in zip(DAYS, PERCENT, strict=True)]
    rows[3] = rows[3].replace(f"{PERCENT[3, 1]:8.2f}", "  -99.99")
    path.write_text(above + ",Mkt-RF,SMB,HML,RF\n" + "".join(rows) + below, encoding="utf-8", newline="\r\n")
    return path


@pytest.mark.parametrize("form", ["%Y%m%d", "%m/%d/%Y"])
def test_published_factors_are_read_as_they_are(form: str, tmp_path: Path) -> None:
    found = read_factors(published(tmp_path / "f.csv", form=form), DAYS)
    expected = PERCENT / 100
    expected[3, 1] = np.nan
    np.testing.assert_allclose(found.values[["mkt-rf", "smb", "hml"]], expected)
    np.testing.assert_allclose(found.values["rf"], 0.00006)
    told = " ".join(found.notes)
    assert "lines of prose around the rows of f.csv passed over" in told
    assert "returns of f.csv read as percent" in told
    assert "1 factor returns of -99.99 read as missing" in told


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%b %d, %Y"])
def test_prose_above_semicolons_and_quoted_dates(form: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"Datum": DAYS.strftime(form), "A": PERCENT[:, 0], "B": PERCENT[:, 1]})
    for separator, decimal in ((";", ","), (",", ".")):
        text = "Scores of today,\nby hand\n\n" + frame.to_csv(index=False, sep=separator, decimal=decimal)
        (tmp_path / "s.csv").write_text(text)
        np.testing.assert_array_equal(read_scores(tmp_path / "s.csv"), PERCENT[:, :2])


def test_published_factors_of_months_are_told_as_such(tmp_path: Path) -> None:
    below = "\n Annual Factors: January-December \n,Mkt-RF,SMB,HML,RF\n  1927,   29.47,  -2.04,  -4.54,  3.12\n"
    with pytest.raises(BarsError, match="a month without a day, where daily rows are needed: '201912'"):
        read_factors(published(tmp_path / "f.csv", form="%Y%m", below=below), DAYS)


@pytest.mark.parametrize("below", ["20200127,0.1\n", "AAA BBB,20200127\n", "AAA\n"])
def test_a_row_cut_short_is_no_prose(below: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not a readable CSV file"):
        read_factors(published(tmp_path / "f.csv", below=below), DAYS)


def test_plain_factors_in_percent_are_still_refused(tmp_path: Path) -> None:
    with pytest.raises(BarsError, match="looks like percent, divide by 100"):
        read_factors(published(tmp_path / "f.csv", above="", below=""), DAYS)
