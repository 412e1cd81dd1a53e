"""Readers: files beside the bars are read as bars are, and what they hold is the same however it is written."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quintile as qt
from core.errors import BarsError, DataError, SourceError
from market.bars.bar_files import bars_from_path
from market.bars.row_checks import row_defects, without_rows
from market.input_remarks import input_remarks
from market.inputs import Inputs, load_inputs
from market.panel import Panel
from market.request import BarsRequest
from market.sources import load_bars
from market.sources.benchmark import load_benchmark, read_levels, read_vix
from market.sources.factor_returns import checked_factors, load_factors, read_factors
from market.sources.members import MemberSpans, read_members
from market.sources.sectors import load_sectors
from signals.score_file import align_scores, cut_scores, ended_names, read_scores, scores_of_no_session
from strategy.trading.holdings import read_holdings
from tests.oracles.small_panels import panel_of

SESSIONS = pd.bdate_range("2019-01-02", periods=90)
FIELDS = ("open", "high", "low", "close", "volume", "dollar_volume", "universe")
RNG = np.random.default_rng(15)
LEVELS = pd.Series(1000 * np.cumprod(1 + RNG.normal(0, 0.01, 90)), index=SESSIONS)


def long_table(names: tuple[str, ...] = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    parts = []
    for name in names:
        close = 50 * np.cumprod(1 + rng.normal(0, 0.02, 90))
        prices = {"open": close * 1.001, "high": close * 1.01, "low": close * 0.99, "close": close}
        parts.append(pd.DataFrame({"date": SESSIONS.strftime("%Y-%m-%d"), "ticker": name, **prices, "volume": 1e6}))
    return pd.concat(parts, ignore_index=True)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def index_text(closes: dict[int, str] | None = None, *, days: pd.Index = SESSIONS, head: str = "Date,Close\n") -> str:
    """A file of the levels, with other words in some places."""
    words = {row: f"{level:.6f}" for row, level in enumerate(LEVELS)} | (closes or {})
    return head + "".join(f"{day:%Y-%m-%d},{words[row]}\n" for row, day in enumerate(days))


@pytest.mark.parametrize("word", ["", "null", "NaN", "N/A", "-", ".", " na "])
def test_a_missing_close_carries_the_level_into_the_return_after_the_hole(word: str, tmp_path: Path) -> None:
    returns = load_benchmark(written(tmp_path / "index.csv", index_text({40: word})), SESSIONS)
    assert returns.iloc[40] == 0
    assert returns.iloc[41] == pytest.approx(LEVELS.iloc[41] / LEVELS.iloc[39] - 1, abs=1e-8)
    assert (1 + returns.iloc[1:]).prod() == pytest.approx(LEVELS.iloc[-1] / LEVELS.iloc[0], abs=1e-8)


def test_a_benchmark_of_another_calendar_loses_no_return_and_is_not_carried_beyond_its_end(tmp_path: Path) -> None:
    kept = [row for row in range(85) if row % 7 != 3]  # days of its own holidays, and an early end
    lines = "".join(f"{SESSIONS[row]:%Y-%m-%d},{LEVELS.iloc[row]}\n" for row in kept)
    found = read_levels(written(tmp_path / "i.csv", f"Date,Close\n2018-12-31,990\n2019-01-05,980\n{lines}"), SESSIONS)
    assert (1 + found.returns.iloc[1:85]).prod() == pytest.approx(LEVELS.iloc[kept[-1]] / LEVELS.iloc[0])
    assert found.returns.iloc[85:].isna().all()
    assert list(found.absent) == [day for row, day in enumerate(SESSIONS) if row not in kept]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (index_text({3: "0"}), r"close must be a positive number, was 0 on 2019-01-07 \(1 such rows in i.csv\)"),
        (index_text({3: "-5", 4: "-6"}), r"was -5 on 2019-01-07 \(2 such rows"),
        (index_text({3: "ten"}), r"holds text where close on 2019-01-07 should be a number: 'ten'"),
        (index_text({k: f"{(-1) ** k * 0.01}" for k in range(90)}), r"look like returns, give levels"),
        (index_text({k: f"{0.001 + k % 2}" for k in range(90)}), r"look like returns, or levels of more than one"),
        (index_text({k: "" for k in range(90) if k % 21}), r"looks like weekly or monthly closes"),
        ("Date,Open,High\n2019-01-02,1,2\n", "has no column for close"),
        (index_text({3: "0", 5: "x"}), r"2 kinds of defects: 1\) .* text .*; 2\) close must be a positive number"),
    ],
)
def test_a_benchmark_that_cannot_be_one_says_why(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BarsError, match=message):
        load_benchmark(written(tmp_path / "i.csv", text), SESSIONS)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_yfinance_headers_and_files_of_one_series_are_read(suffix: str, tmp_path: Path) -> None:
    wide = pd.DataFrame({(field, "^GSPC"): LEVELS for field in ("Close", "High", "Low", "Open", "Volume")})
    wide.columns = pd.MultiIndex.from_tuples(wide.columns, names=["Price", "Ticker"])
    wide.index.name = "Date"
    path = tmp_path / f"gspc{suffix}"
    wide.to_csv(path) if suffix == ".csv" else wide.to_parquet(path)
    assert load_benchmark(path, SESSIONS).iloc[1:].to_numpy() == pytest.approx(LEVELS.pct_change().iloc[1:].to_numpy())
    one = written(tmp_path / "SP500.csv", index_text(head="observation_date,SP500\n"))
    assert load_benchmark(one, SESSIONS).iloc[5] == pytest.approx(LEVELS.pct_change().iloc[5], abs=1e-6)


def test_thousands_separators_semicolons_and_compressed_files_are_numbers(tmp_path: Path) -> None:
    quoted = index_text({k: f'"{level:,.2f}"' for k, level in enumerate(LEVELS * 10)})
    comma = index_text({k: f"{level:.2f}".replace(".", ",") for k, level in enumerate(LEVELS * 10)})
    german = comma.replace("Date,", "Date;").replace("\n20", "\n§20")
    german = "\n".join(line.replace(",", ";", 1) for line in german.replace("§", "").splitlines()) + "\n"
    with gzip.open(tmp_path / "zip.csv.gz", "wt") as opened:
        opened.write(index_text({k: f"{level:.2f}" for k, level in enumerate(LEVELS * 10)}))
    files = (written(tmp_path / "q.csv", quoted), written(tmp_path / "g.csv", german), tmp_path / "zip.csv.gz")
    for path in files:
        assert read_levels(path, SESSIONS).values.to_numpy() == pytest.approx(LEVELS.to_numpy() * 10, abs=0.006)


@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
def test_times_in_utc_of_an_exchange_further_east_are_its_days(zone: str | None, tmp_path: Path) -> None:
    stamps = SESSIONS.tz_localize("Asia/Tokyo").tz_convert("UTC")
    table = pd.DataFrame({"Date": stamps.strftime("%Y-%m-%dT%H:%M:%SZ"), "Close": LEVELS.to_numpy()})
    table.to_csv(tmp_path / "n225.csv", index=False)
    found = read_levels(tmp_path / "n225.csv", SESSIONS, zone=zone)
    assert found.values.to_numpy() == pytest.approx(LEVELS.to_numpy())
    assert "read as" in found.notes[0]


@pytest.mark.parametrize(
    ("rate", "unit"),
    [
        (5.25, "percent a year, divide by 100 and by 252"),
        (0.0525, "a rate of a year, divide by 252"),
        (0.020833, "percent a session, divide by 100"),
        (0.0043, "a rate of a month"),
    ],
)
@pytest.mark.parametrize("name", ["rf", "RF", "Rf", "risk_free", "risk-free"])
def test_a_risk_free_rate_of_another_unit_is_refused_by_its_size(rate: float, unit: str, name: str) -> None:
    factors = pd.DataFrame({"mkt": RNG.normal(0, 0.01, 90), name: rate}, index=SESSIONS)
    with pytest.raises(BarsError, match=unit):
        checked_factors(factors, origin="french.csv")
    daily = checked_factors(factors.assign(**{name: 0.0525 / 252}), origin="french.csv")
    assert daily.values.columns.tolist() == ["mkt", "rf"]
    assert daily.notes == ()


@pytest.mark.parametrize(
    ("per_year", "fine", "refused", "unit"),
    [
        (52, 0.0525 / 52, 0.0525, "273% a year: it looks like a rate of a year, divide by 52"),
        (12, 0.0525 / 12, 0.0525, "63% a year: it looks like a rate of a year, divide by 12"),
        (365, 0.0525 / 365, 0.0525, "1916% a year: it looks like a rate of a year, divide by 365"),
        (365, 0.0525 / 365, 0.0525 / 12, "a rate of a month, divide by 30, or of a year, divide by 365"),
    ],
)
def test_a_risk_free_rate_is_judged_by_the_sessions_a_year(
    per_year: float, fine: float, refused: float, unit: str
) -> None:
    factors = pd.DataFrame({"mkt": RNG.normal(0, 0.01, 90), "rf": fine}, index=SESSIONS)
    assert checked_factors(factors, origin="f.csv", sessions_per_year=per_year).values["rf"].iloc[0] == fine
    with pytest.raises(BarsError, match=unit):
        checked_factors(factors.assign(rf=refused), origin="f.csv", sessions_per_year=per_year)


def test_weekly_bars_take_the_risk_free_return_of_a_week(tmp_path: Path) -> None:
    weeks = pd.date_range("2019-01-04", periods=90, freq="W-FRI").strftime("%Y-%m-%d")
    bars = long_table().assign(date=np.tile(weeks, 6)).to_csv(index=False)
    text = "date,mkt,rf\n" + "".join(f"{day},{0.01 * (-1) ** k},0.00104\n" for k, day in enumerate(weeks))
    request = BarsRequest(bars=str(written(tmp_path / "b.csv", bars)), factors=str(written(tmp_path / "f.csv", text)))
    factors = load_inputs(request).factors
    assert factors is not None
    assert (factors["rf"] == 0.00104).all()


def test_the_risk_free_return_has_one_name_in_python_too(tmp_path: Path) -> None:
    panel = load_bars(save(long_table(), tmp_path / "bars.csv"))
    factors = pd.DataFrame({"mkt": RNG.normal(0, 0.01, 90), "RF": 1e-4, "still": 0.01}, index=panel.sessions)
    inputs = Inputs(panel=panel, factors=factors)
    assert inputs.factors is not None
    assert inputs.factors.columns.tolist() == ["mkt", "rf"]
    assert "still never moves" in inputs.notes[0]
    assert replace(inputs, panel=panel.until(panel.sessions[80])).notes == inputs.notes
    alone = Inputs(panel=panel, factors=factors.assign(mkt=0.0))
    assert "mkt, still never move, so that they tell" in alone.notes[0]
    assert replace(alone, panel=panel).notes == (
        alone.notes[0],
        "no given factor moves: there is no regression on factors",
    )
    for wrong in ({"factors": 100 * factors[["mkt"]]}, {"vix": 0.16 + 0 * factors["mkt"]}, {"benchmark": LEVELS}):
        with pytest.raises(BarsError, match=r"looks? like"):
            Inputs(panel=panel, **wrong)


def test_factor_files_know_row_numbers_codes_and_slow_columns(tmp_path: Path) -> None:
    factors = pd.DataFrame({"date": SESSIONS, "Mkt": RNG.normal(0, 0.01, 90), "SMB": RNG.normal(0, 0.01, 90)})
    factors.loc[4, "SMB"] = -99.99
    factors["rf"] = np.where(np.arange(90) % 21 == 0, 2e-4, np.nan)
    factors.to_csv(tmp_path / "f.csv")  # with pandas' row numbers in front
    found = read_factors(tmp_path / "f.csv", SESSIONS)
    assert found.values.columns.tolist() == ["mkt", "smb", "rf"]
    assert np.flatnonzero(found.values["smb"].isna()).tolist() == [4]
    assert (found.values["rf"] == 2e-4).all()
    assert any("-99.99 read as missing" in note for note in found.notes)
    assert any("85 of 90 sessions" in note for note in found.notes)
    factors.assign(SMB=np.where(np.arange(90) % 21 == 0, 0.02, np.nan)).to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(BarsError, match=r"smb for 5 of the 85 sessions .* looks like weekly or monthly"):
        load_factors(tmp_path / "m.csv", SESSIONS)
    factors.assign(SMB=LEVELS.to_numpy()).to_csv(tmp_path / "l.csv", index=False)
    with pytest.raises(BarsError, match="these look like levels"):
        load_factors(tmp_path / "l.csv", SESSIONS)


def test_a_vix_in_fractions_is_refused(tmp_path: Path) -> None:
    fractions = index_text({k: f"{0.16 + 0.001 * k}" for k in range(90)})
    with pytest.raises(BarsError, match="fractions: multiply by 100"):
        read_vix(written(tmp_path / "vix.csv", fractions), SESSIONS)
    points = index_text({k: f"{16 + 0.1 * k}" for k in range(90)} | {7: "."})
    assert read_vix(written(tmp_path / "vix.csv", points), SESSIONS).values.iloc[7] == pytest.approx(16.6)


def test_what_files_were_worth_in_the_judged_sessions_is_said(tmp_path: Path) -> None:
    save(long_table(), tmp_path / "bars.csv")
    written(tmp_path / "i.csv", index_text({40: "", 50: ""}))
    written(tmp_path / "s.csv", "ticker,sector\nAAA,Oil\nBBB,Oil\n")
    request = BarsRequest(
        bars=str(tmp_path / "bars.csv"), benchmark=str(tmp_path / "i.csv"), sectors=str(tmp_path / "s.csv")
    )
    inputs = load_inputs(request)
    told = input_remarks(inputs, SESSIONS[45:60])
    assert "no sector for 4 of 6 tickers" in told[0]
    assert "no close in 1 of the 15 judged sessions, the first 2019-03-13" in told[1]
    short = Inputs(panel=inputs.panel, factors=pd.DataFrame({"mkt": LEVELS.pct_change()}, index=SESSIONS))
    assert "15 judged sessions have them all, it needs 60" in input_remarks(short, SESSIONS[45:60])[0]


def save(table: pd.DataFrame, path: Path) -> Path:
    table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("spelling", ["FFF ", " FFF", "FFF\u00a0", "\ufeffFFF", "F\u200bFF"])
def test_what_nobody_sees_makes_no_second_name(spelling: str, tmp_path: Path) -> None:
    table = long_table()
    right = load_bars(save(table, tmp_path / "right.csv"))
    late = (table["ticker"] == "FFF") & (table["date"] > "2019-03-01")
    panel = load_bars(save(table.assign(ticker=table["ticker"].mask(late, spelling)), tmp_path / "padded.csv"))
    pd.testing.assert_frame_equal(panel.close, right.close)
    assert any("read without outer blanks" in note for note in panel.facts.notes)
    again = table[late].assign(ticker=spelling, close=table["close"] * 1.001)
    with pytest.raises(BarsError, match="more than one row for FFF on 2019-03-04, written 'FFF' and"):
        load_bars(save(pd.concat([table, again]), tmp_path / "both.csv"))
    scores = -np.log(panel.close).diff().rename(columns={"FFF": spelling})
    pd.testing.assert_frame_equal(align_scores(scores, panel), align_scores(-np.log(panel.close).diff(), panel))
    sectors = written(tmp_path / "s.csv", f"Symbol,GICS Sector\n{spelling},Oil\n")
    assert load_sectors(sectors, panel.tickers)["FFF"] == "Oil"
    assert read_holdings(written(tmp_path / "h.csv", f'ticker,shares\n{spelling},"1,000"\n')).amounts["FFF"] == 1000


def test_scores_of_one_ticker_in_two_columns_merge_or_are_refused(tmp_path: Path) -> None:
    panel = load_bars(save(long_table(), tmp_path / "bars.csv"))
    scores = -np.log(panel.close).diff()
    early = np.arange(90) < 50
    split = scores.assign(**{"FFF": scores["FFF"].where(early), "FFF ": scores["FFF"].where(~early)})
    pd.testing.assert_frame_equal(align_scores(split, panel), align_scores(scores, panel))
    with pytest.raises(DataError, match="'FFF' and 'FFF ', which are one ticker, in 89 sessions"):
        align_scores(scores.assign(**{"FFF ": scores["FFF"]}), panel)
    with pytest.raises(DataError, match=r"\['fff'\] \(the bars have FFF for fff\)"):
        align_scores(scores.rename(columns={"FFF": "fff"}), panel)


def test_scores_of_dates_that_were_left_out_of_the_bars_are_left_out_and_told(tmp_path: Path) -> None:
    table = long_table()
    thin = (table["date"] == f"{SESSIONS[40]:%Y-%m-%d}") & (table["ticker"] != "AAA")
    panel = load_bars(save(table[~thin], tmp_path / "thin.csv"))
    assert SESSIONS[40] not in panel.sessions
    scores = -np.log(load_bars(save(table, tmp_path / "whole.csv")).close).diff()
    pd.testing.assert_frame_equal(align_scores(scores, panel), align_scores(scores.drop(SESSIONS[40]), panel))
    (note,) = scores_of_no_session(scores, panel)
    assert "Scores of 1 dates" in note
    assert f"{SESSIONS[40]:%Y-%m-%d}" in note
    assert scores_of_no_session(scores.drop(SESSIONS[40]), panel) == ()
    strange = scores.rename(index={SESSIONS[0]: pd.Timestamp("2018-12-31")})
    with pytest.raises(DataError, match="1 sessions that the bars lack, the first 2018-12-31"):
        align_scores(strange, panel)


def test_an_infinite_score_is_named() -> None:
    panel = panel_of({name: [1.0, 2.0, 3.0] for name in "AB"})
    scores = panel.close.astype(float)
    scores.iloc[1, 1] = np.inf
    told = f"that of B on {panel.sessions[1]:%Y-%m-%d} is infinite"
    with pytest.raises(DataError, match=told):
        align_scores(scores, panel)


def test_names_that_differ_by_case_or_punctuation_are_told(tmp_path: Path) -> None:
    panel = load_bars(save(long_table(("AAA", "BRK-B", "BRK.B", "CCC", "aaa")), tmp_path / "bars.csv"))
    (note,) = [each for each in panel.facts.notes if "case or punctuation" in each]
    assert note.endswith("AAA and aaa, BRK-B and BRK.B")
    members = written(tmp_path / "members.csv", "ticker,start,end\nccc,2019-01-01,\nAAA,2019-01-01,9999-12-31\n")
    chosen = qt.choose_universe(panel, str(members))
    assert chosen.facts.notes[-1] == "members.csv names 1 tickers without bars: ccc (the bars have CCC for ccc)"


def test_scores_after_a_names_bars_end_are_counted(tmp_path: Path) -> None:
    table = long_table()
    whole = load_bars(save(table, tmp_path / "whole.csv"))
    scores = -np.log(whole.close).diff()
    gone = table[(table["ticker"] != "FFF") | (table["date"] <= f"{SESSIONS[49]:%Y-%m-%d}")]
    panel = load_bars(save(gone, tmp_path / "gone.csv"))
    (note,) = ended_names(scores, panel)  # listed for twenty sessions without a print, so the last twenty-one fall away
    assert "bars of 1 names end" in note
    assert "FFF (21)" in note
    assert ended_names(scores, whole) == ()


def test_start_and_end_cut_the_scores_and_nothing_else() -> None:
    scores = pd.DataFrame({"A": 1.0, "B": 2.0}, index=SESSIONS)
    assert cut_scores(scores, "2019-02-01", "2019-02-28").index.equals(SESSIONS[22:42])
    assert cut_scores(scores, None, None) is scores
    with pytest.raises(DataError, match="they run from 2019-01-02 to 2019-05-07"):
        cut_scores(scores, "2020-01-01", None)
    with pytest.raises(ValueError, match="ISO date"):
        cut_scores(scores, "1/2/2019", None)


def test_score_files_take_every_spelling(tmp_path: Path) -> None:
    scores = pd.DataFrame(RNG.normal(size=(90, 2)).round(4), index=SESSIONS, columns=["A", "B"])
    scores.iloc[3, 0] = np.nan
    plain = scores.rename_axis(index="date").reset_index()
    numbered, dotted, semi = tmp_path / "n.csv", tmp_path / "d.csv", tmp_path / "s.csv"
    plain.to_csv(numbered)
    plain.assign(date=SESSIONS.strftime("%Y.%m.%d")).to_csv(dotted, index=False, na_rep=".")
    plain.to_csv(semi, index=False, sep=";", decimal=",")
    long = plain.melt("date", var_name="Symbol", value_name="Score")
    pd.concat([long, long[:5]]).to_csv(tmp_path / "l.csv", index=False)
    for name in ("n.csv", "d.csv", "s.csv", "l.csv"):
        np.testing.assert_allclose(read_scores(tmp_path / name).to_numpy(), scores.to_numpy())


@pytest.mark.parametrize(
    "dates",
    [
        lambda days: days.tz_localize("Asia/Tokyo"),
        lambda days: days.tz_localize("Asia/Tokyo").tz_convert("UTC"),
        lambda days: days.strftime("%Y/%m/%d"),
        lambda days: days.strftime("%Y%m%d").astype(int),
        lambda days: days.strftime("%Y-%m-%d 00:00:00 UTC"),
    ],
)
def test_frames_are_read_as_files_are(dates: Callable[[pd.DatetimeIndex], pd.Index], tmp_path: Path) -> None:
    table = long_table()
    right = load_bars(save(table, tmp_path / "bars.csv"))
    days = dates(pd.DatetimeIndex(table["date"]))
    pd.testing.assert_frame_equal(
        qt.load_bars(table.assign(date=days, ticker=table["ticker"] + " ")).close, right.close
    )
    wide = {name: table.pivot(index="date", columns="ticker", values=name) for name in FIELDS[:5]}
    stamped = {name: frame.set_axis(dates(pd.DatetimeIndex(frame.index))) for name, frame in wide.items()}
    pd.testing.assert_frame_equal(qt.load_bars(stamped).close, right.close)


def test_lines_of_separators_alone_are_no_rows(tmp_path: Path) -> None:
    path = save(long_table(), tmp_path / "bars.csv")
    right = load_bars(path).close
    path.write_text(path.read_text() + ",,,,,,\n,,,,,,\n")
    pd.testing.assert_frame_equal(load_bars(path).close, right)


@pytest.mark.parametrize("end", ["9999-12-31", "", "null", "2262-04-12", "3000/01/01"])
def test_an_end_beyond_every_clock_is_open(end: str, tmp_path: Path) -> None:
    text = f"ticker,start,end\nAAA,2019/01/02,{end}\nBBB,2019.01.02,2019-02-01\n"
    found = read_members(written(tmp_path / "m.csv", text))
    assert isinstance(found, MemberSpans)
    assert found.ends[0] == np.datetime64("2262-01-01")
    assert found.ends[1] == np.datetime64("2019-02-01")


def test_a_typed_end_beyond_every_clock_is_open(tmp_path: Path) -> None:
    ends = pd.Series(np.array(["9999-12-31", "2019-02-01"], dtype="datetime64[s]"))
    table = pd.DataFrame({"ticker": ["AAA", "BBB"], "start": pd.to_datetime("2019-01-02"), "end": ends})
    table.to_parquet(tmp_path / "m.parquet")
    found = read_members(tmp_path / "m.parquet")
    assert isinstance(found, MemberSpans)
    assert found.ends.tolist() == np.array(["2262-01-01", "2019-02-01"], dtype="datetime64[ns]").tolist()


def test_one_error_names_every_defect_of_a_source(tmp_path: Path) -> None:
    table = long_table().astype({"close": object, "date": object})
    table.loc[1, "close"], table.loc[2, "close"], table.loc[3, "close"] = 0, -1, "ten"
    table.loc[4, "high"], table.loc[5, "date"], table.loc[6, "ticker"] = 0.5, "13/01/2019", ""
    again = table.iloc[20:21].assign(volume=5.0)
    path = save(pd.concat([table, again]), tmp_path / "bars.csv")
    with pytest.raises(BarsError) as told:
        load_bars(path)
    words = str(told.value)
    assert "\n" not in words
    for each in (
        "6 kinds of defects",
        "close must be a positive number, was 0 for AAA on 2019-01-03 (2 such rows in bars.csv)",
        "'13/01/2019'; write dates like 2015-01-31",
        "no ticker in a row of 2019-01-10 (1 such rows)",
        "close of AAA on 2019-01-07 should be a number: 'ten' (1 such cells)",
        "high is below low for AAA on 2019-01-08",
        "more than one row for AAA on 2019-01-30 (1 such keys)",
    ):
        assert each in words, words
    rows = bars_from_path(path)  # and the audit goes on with the rest
    kept = without_rows(rows, row_defects(rows, origin="bars.csv"))
    assert len(kept.dates) == 540 - 7  # the row of text is one without a close: no print
    assert row_defects(kept, origin="bars.csv") == ()


def test_rows_equal_in_every_value_count_once(tmp_path: Path) -> None:
    table = long_table()
    panel = load_bars(save(pd.concat([table, table[:3]]), tmp_path / "bars.csv"))
    pd.testing.assert_frame_equal(panel.close, load_bars(save(table, tmp_path / "once.csv")).close)
    assert any("3 rows repeat another in every value, dropped: first AAA on 2019-01-02" in n for n in panel.facts.notes)


def test_files_without_bars_in_a_folder_are_passed_over_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "bars"
    folder.mkdir()
    for name, part in long_table().groupby("ticker"):
        save(part.drop(columns="ticker"), folder / f"{name}.csv")
    written(folder / "README.txt", "daily bars")
    written(folder / "sectors.csv", "symbol,sector\nAAA,Oil\n")
    panel = load_bars(folder)
    assert panel.tickers.tolist() == ["AAA", "BBB", "CCC", "DDD", "EEE", "FFF"]
    assert "2 files without bars passed over: README.txt, sectors.csv" in panel.facts.notes
    for name, old, new in (("AAA", "high", "hight"), ("BBB", "volume", "vol")):
        path = folder / f"{name}.csv"
        path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BarsError, match=r"AAA.csv has no column for high.*BBB.csv has no column for volume"):
        load_bars(folder)
    for name in ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF"):
        (folder / f"{name}.csv").unlink()
    with pytest.raises(SourceError, match=r"no file in bars has bars: found README\.txt, sectors\.csv"):
        load_bars(folder)


def test_a_delisting_beyond_every_clock_is_none_yet(tmp_path: Path) -> None:
    panel = load_bars(save(long_table(), tmp_path / "bars.csv"))
    open_end = pd.DataFrame({"session": np.array(["9999-12-31"], "datetime64[s]"), "delisting_return": [0.0]}, ["AAA"])
    inside = Panel(**{name: getattr(panel, name) for name in FIELDS}, delistings=open_end, facts=panel.facts)
    assert inside.delistings.empty


def test_bars_of_hours_are_told_as_such(tmp_path: Path) -> None:
    daily = long_table()
    hours = [
        daily.assign(date=daily["date"] + f" {hour}:00", close=daily["close"] * (1 + hour / 1e4)) for hour in (10, 15)
    ]
    pd.concat(hours).to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(
        BarsError, match=r"\(540 such keys\): these look like bars of hours or minutes, give one a session"
    ):
        load_bars(tmp_path / "x.csv")


def test_prose_of_many_files_is_noted_once(tmp_path: Path) -> None:
    for name, rows in long_table().groupby("ticker"):
        written(tmp_path / f"{name}.csv", "Daily bars, by hand\n\n" + rows.drop(columns="ticker").to_csv(index=False))
    notes = load_bars(tmp_path).facts.notes
    assert sum("lines of prose around the rows passed over" in note for note in notes) == 1
