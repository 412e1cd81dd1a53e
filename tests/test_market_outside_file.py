"""Outside files: which column is what, and from which session's close on a row counts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.errors import BarsError, SourceError
from market.outside.company_facts import company_facts
from market.outside.outside_file import outside_of_frame, read_outside
from market.outside.outside_table import OutsideTable

NEWS = ("date", "ticker", "news", "known_at")


def written(folder: Path, text: str, name: str = "news.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def since(folder: Path, *known_at: str, exchange: str = "XNYS") -> list[str]:
    rows = "".join(f"2019-11-20,A{place:02d},1.0,{known}\n" for place, known in enumerate(known_at))
    table = read_outside(written(folder, f"{','.join(NEWS)}\n{rows}"), name="news", exchange=exchange)
    return [f"{day:%Y-%m-%d}" for day in table.rows["since"]]


# --- the clock ---


def test_news_counts_from_the_first_session_whose_close_lies_after_it(tmp_path: Path) -> None:
    known = {
        "2019-11-27T15:59:00-05:00": "2019-11-27",
        "2019-11-27T16:00:00-05:00": "2019-11-28",  # known at the close is not known before it; Thanksgiving
        "2019-11-27T17:00:00-05:00": "2019-11-28",
        "2019-11-29T12:59:00-05:00": "2019-11-29",
        "2019-11-29T14:00:00-05:00": "2019-11-30",  # the exchange closed at 13:00 that Friday
        "2019-11-30T10:00:00-05:00": "2019-12-01",  # a Saturday: any day before Monday is Monday
        "2019-12-02T20:59:00Z": "2019-12-02",
        "2019-12-02T21:00:00Z": "2019-12-03",
        "2019-12-03T02:00:00+09:00": "2019-12-02",  # noon in New York
        "2019-12-02 15:30": "2019-12-02",  # no zone: the exchange's own
        "2019-12-02": "2019-12-03",
        "2019-12-02T00:00:00-05:00": "2019-12-03",  # midnight is a date
        "2019-12-02T05:00:00Z": "2019-12-03",  # so is the exchange's midnight, in whatever zone a table keeps it
        "2019-12-02T05:01:00Z": "2019-12-02",
    }
    assert since(tmp_path, *known) == list(known.values())


def test_a_clock_of_tokyo_closes_when_tokyo_does(tmp_path: Path) -> None:
    known = ("2019-12-02T14:59:00+09:00", "2019-12-02T15:00:00+09:00", "2019-12-02T05:00:00Z", "2019-12-02 15:30")
    assert since(tmp_path, *known, exchange="XTKS") == ["2019-12-02", "2019-12-03", "2019-12-02", "2019-12-03"]


def test_without_an_exchange_a_row_counts_from_the_day_after(tmp_path: Path) -> None:
    known = ("2019-12-02T03:00:00Z", "2019-12-02 03:00", "2019-12-02", "2019-12-02T20:00:00-05:00")
    assert since(tmp_path, *known, exchange="none") == ["2019-12-03", "2019-12-03", "2019-12-03", "2019-12-04"]


def test_a_market_around_the_clock_closes_at_midnight(tmp_path: Path) -> None:
    known = ("2019-12-02T23:59:00Z", "2019-12-07T12:00:00Z")
    assert since(tmp_path, *known, exchange="24/7") == ["2019-12-02", "2019-12-07"]


@pytest.mark.parametrize("kind", ["text", "naive", "zoned", "date"])
def test_a_clock_reads_the_same_from_every_type(tmp_path: Path, kind: str) -> None:
    moments = pd.DatetimeIndex(["2019-12-02 15:30", "2019-12-02 17:00", "2019-12-06 12:00"])
    column: Any = {
        "text": [f"{moment:%Y-%m-%dT%H:%M}" for moment in moments],
        "naive": moments,
        "zoned": moments.tz_localize("America/New_York").tz_convert("UTC"),
        "date": moments.date,
    }[kind]
    frame = pd.DataFrame({"date": "2019-12-01", "ticker": ["A", "B", "C"], "news": 1.0, "known_at": column})
    frame.to_parquet(tmp_path / "news.parquet")
    wanted = (
        ["2019-12-02", "2019-12-03", "2019-12-06"] if kind != "date" else ["2019-12-03", "2019-12-03", "2019-12-07"]
    )
    for table in (
        read_outside(tmp_path / "news.parquet", name="news", exchange="XNYS"),
        outside_of_frame(frame, name="news", exchange="XNYS"),
    ):
        assert [f"{day:%Y-%m-%d}" for day in table.rows["since"]] == wanted


def test_of_two_revisions_before_one_close_the_later_one_counts(tmp_path: Path) -> None:
    rows = "2019-11-20,A,1.0,2019-12-02T10:00-05:00\n2019-11-20,A,2.0,2019-12-02T09:00-05:00\n"
    table = read_outside(written(tmp_path, f"{','.join(NEWS)}\n{rows}"), name="news", exchange="XNYS")
    assert table.rows["value"].tolist() == [1.0]


def test_without_an_exchange_times_still_order_the_revisions_of_a_day(tmp_path: Path) -> None:
    rows = "2019-11-20,A,2.0,2019-12-02 11:00\n2019-11-20,A,1.0,2019-12-02 10:00\n"
    table = read_outside(written(tmp_path, f"{','.join(NEWS)}\n{rows}"), name="news", exchange="none")
    assert table.rows["value"].tolist() == [2.0]
    assert f"{table.rows['since'].iloc[0]:%Y-%m-%d}" == "2019-12-03"
    assert table.notes == ()


# --- the columns ---


def test_a_published_series_is_read_as_it_comes(tmp_path: Path) -> None:
    text = "observation_date,VIXCLS\n2019-12-02,14.91\n2019-12-03,.\n2019-12-04,14.80\n"
    table = read_outside(written(tmp_path, text), name="vix", exchange="XNYS")
    assert table.is_of_everyone
    assert table.rows["value"].tolist() == [14.91, 14.80]
    assert f"{table.rows['since'].iloc[0]:%Y-%m-%d}" == "2019-12-03"
    assert table.notes == ("news.csv has no known_at: each value counts from the session after its date",)


def test_a_column_of_the_tables_name_comes_first(tmp_path: Path) -> None:
    text = "date,symbol,revenue,EPS,filed\n2019-09-30,A,100,1.5,2019-11-05\n"
    table = read_outside(written(tmp_path, text), name="eps", exchange="XNYS")
    assert table.rows.iloc[0].tolist() == ["A", pd.Timestamp("2019-09-30"), pd.Timestamp("2019-11-06"), 1.5]


def test_a_series_in_memory_is_of_the_whole_market() -> None:
    table = outside_of_frame(pd.Series([1.0, 2.0], index=pd.to_datetime(["2020-01-02", "2020-01-03"])), name="rate")
    assert table.is_of_everyone
    assert table.rows["value"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("date,value\n", SourceError, "holds no rows"),
        ("ticker,value\nA,1\n", BarsError, "no column for date or known_at"),
        ("date,ticker,eps,revenue\n2020-01-02,A,1,2\n", BarsError, "no column news or value, and 2 to choose from"),
        ("date,value\n2020-01-02,much\n", BarsError, "'much'"),
        ("date,value\n2020-13-02,1\n", BarsError, "holds '2020-13-02', which is no date"),
        ("date,value,known_at\n2020-01-02,1,\n", BarsError, "does not say when it was known in row 1"),
        ("date,value,known_at\n2020-01-02,1,soon\n", BarsError, "soon"),
        ("date,value,known_at\n2020-01-02,1,2020-01-02T25:00\n", BarsError, "no date or time"),
        ("date,value,filed\n2020-06-30,1,2020-05-05\n", BarsError, "known_at is before its date, row 1"),
        ("date,ticker,value\n2020-01-02,,1\n", BarsError, "names no ticker in row 1"),
        ("date,value\n2020-01-02,1\n2020-01-02,2\n", BarsError, "two values of 2020-01-02 that were known at the same"),
        ("date,value\n2020-01-02,inf\n", BarsError, "infinite news"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(tmp_path: Path, text: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error) as refused:
        read_outside(written(tmp_path, text), name="news", exchange="XNYS")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["text", "time", "date"])
def test_a_row_without_a_moment_is_named_by_its_place_in_the_file(tmp_path: Path, kind: str) -> None:
    days = pd.Series(pd.to_datetime(["2020-01-03", "2020-01-03", None]))
    column = {"text": days.dt.strftime("%Y-%m-%d"), "time": days, "date": days.dt.date}[kind]
    frame = pd.DataFrame({"date": "2020-01-02", "ticker": ["A", "B", "C"], "value": [np.nan, 1.0, 2.0]})
    frame.assign(known_at=column).to_parquet(tmp_path / "news.parquet")
    with pytest.raises(BarsError, match=r"news\.parquet does not say when it was known in row 3 \(1 such rows\)"):
        read_outside(tmp_path / "news.parquet", name="news", exchange="XNYS")


def test_a_row_without_a_value_needs_no_clock(tmp_path: Path) -> None:
    text = "date,value,known_at\n2020-01-02,,\n2020-01-03,2,2020-01-06\n"
    assert read_outside(written(tmp_path, text), name="news", exchange="XNYS").rows["value"].tolist() == [2.0]


# --- EDGAR ---


def entry(
    start: str | None, end: str, value: float, filed: str, *, fy: int, fp: str, form: str = "10-Q"
) -> dict[str, Any]:
    first = {} if start is None else {"start": start}
    return first | {"end": end, "val": value, "accn": filed, "fy": fy, "fp": fp, "form": form, "filed": filed}


INCOME = [
    entry("2019-01-01", "2019-03-31", 10.0, "2019-05-02", fy=2019, fp="Q1"),
    entry("2019-04-01", "2019-06-30", 11.0, "2019-08-01", fy=2019, fp="Q2"),
    entry("2019-01-01", "2019-06-30", 21.0, "2019-08-01", fy=2019, fp="Q2"),  # half a year ends on the same day
    entry("2019-01-01", "2019-12-31", 45.0, "2020-02-20", fy=2019, fp="FY", form="10-K"),
    entry("2020-01-01", "2020-03-31", 12.0, "2020-05-01", fy=2020, fp="Q1"),
    entry("2019-01-01", "2019-03-31", 9.0, "2020-05-01", fy=2020, fp="Q1"),  # last year's quarter, restated
    entry("2020-01-01", "2020-03-31", 12.5, "2020-06-15", fy=2020, fp="Q1", form="10-Q/A"),
]
SHARES = [entry(None, "2020-03-31", 1000.0, "2020-05-01", fy=2020, fp="Q1")]


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    figures = {
        "us-gaap": {
            "NetIncomeLoss": {"label": "Net income", "units": {"USD": INCOME}},
            "SharesOutstanding": {"label": "Shares", "units": {"shares": SHARES}},
        }
    }
    return written(tmp_path, json.dumps({"cik": 1, "entityName": "A", "facts": figures}), "CIK1.json")


def test_a_quarter_is_told_by_its_days_and_not_by_the_filing_that_repeats_it(facts: Path, tmp_path: Path) -> None:
    rows = company_facts(facts, ticker="A", tag="NetIncomeLoss")
    assert rows["value"].tolist() == [10.0, 11.0, 9.0, 12.0, 12.5]
    rows.to_csv(tmp_path / "income.csv", index=False)
    table = read_outside(tmp_path / "income.csv", name="income", exchange="XNYS")
    sessions = pd.to_datetime(["2019-05-02", "2019-05-03", "2020-05-01", "2020-05-04", "2020-06-15", "2020-06-16"])
    values = table.values_at(sessions, pd.Index(["A"]), days=400)["A"]
    np.testing.assert_array_equal(values, [np.nan, 10.0, 11.0, 12.0, 12.0, 12.5])


def test_a_filing_dropped_would_know_the_quarter_months_too_early(facts: Path, tmp_path: Path) -> None:
    rows = company_facts(facts, ticker="A", tag="NetIncomeLoss").drop(columns="known_at").drop_duplicates("date")
    table = outside_of_frame(rows, name="income", exchange="XNYS")
    assert f"{table.rows['since'].iloc[0]:%Y-%m-%d}" == "2019-04-01"  # a month before it was filed
    assert "has no known_at" in table.notes[0]


def test_years_and_instants_are_apart(facts: Path) -> None:
    assert company_facts(facts, ticker="A", tag="NetIncomeLoss", period="year")["value"].tolist() == [45.0]
    shares = company_facts(facts, ticker="A", tag="SharesOutstanding", unit="shares", period="instant")
    assert shares["value"].tolist() == [1000.0]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"tag": "Revenues"}, "has no figure Revenues: it has NetIncomeLoss, SharesOutstanding"),
        ({"tag": "dei:Shares"}, "has no figure dei:Shares: take a companyfacts file"),
        ({"tag": "NetIncomeLoss", "unit": "EUR"}, "has NetIncomeLoss in no EUR: it has USD"),
        ({"tag": "SharesOutstanding", "unit": "shares"}, "has no SharesOutstanding of a quarter"),
    ],
)
def test_a_figure_that_is_not_there_is_told(facts: Path, told: dict[str, Any], said: str) -> None:
    with pytest.raises(SourceError, match=said):
        company_facts(facts, ticker="A", **told)


@pytest.mark.parametrize("text", ["[]", "{}", '{"facts": 1}', '{"facts": {"us-gaap": {"NetIncomeLoss": 1}}}', "no"])
def test_a_file_of_another_form_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError):
        company_facts(written(tmp_path, text, "CIK2.json"), ticker="A", tag="NetIncomeLoss")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"end": 20190331}, "has the end '20190331', which is no date: repair it"),
        ({"filed": None}, "has the filed 'None', which is no date: repair it"),
        ({"val": True}, "has no NetIncomeLoss of a quarter"),
        ({"val": [1.0]}, "has no NetIncomeLoss of a quarter"),
        ({"val": "12"}, "has no NetIncomeLoss of a quarter"),
    ],
)
def test_a_cell_of_another_type_is_told(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    figures = {"us-gaap": {"NetIncomeLoss": {"units": {"USD": [INCOME[0] | changed]}}}}
    path = written(tmp_path, json.dumps({"facts": figures}), "CIK3.json")
    with pytest.raises(SourceError, match=said):
        company_facts(path, ticker="A", tag="NetIncomeLoss")


def test_a_page_in_place_of_the_file_is_told_with_what_to_take(tmp_path: Path) -> None:
    path = written(tmp_path, "<html>404</html>", "CIK4.json")
    with pytest.raises(SourceError, match=r"CIK4\.json is not JSON \(.*\): take a companyfacts file of EDGAR"):
        company_facts(path, ticker="A", tag="NetIncomeLoss")


def test_tables_of_one_file_are_the_same_in_any_order_of_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"date": pd.date_range("2020-01-01", periods=50), "ticker": "A", "value": rng.normal(size=50)})
    frame["known_at"] = frame["date"] + pd.to_timedelta(rng.integers(0, 9, 50), unit="D")
    tables: list[OutsideTable] = [
        outside_of_frame(each, name="value", exchange="XNYS")
        for each in (frame, frame.sample(frac=1.0, random_state=1))
    ]
    assert tables[0].sha256 == tables[1].sha256
