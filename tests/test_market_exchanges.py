"""Exchanges: the table against the library it was written from, and whose sessions bars hold, on bars made here."""

import datetime as dt
import warnings
from importlib.metadata import version
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from core.conventions import SESSIONS_PER_YEAR
from market.calendar import exchange_sessions, finished_day, longest_gap, next_session, opening_after, with_exchange
from market.exchange_fit import fitting_exchange, own_sessions_per_year
from market.exchanges import exchange_code, exchange_of, exchange_of_tickers, known_exchanges, table_library
from market.panel import Panel
from tests.oracles.small_panels import panel_of

LETTERS = pd.Index(["AAA", "BBB"], dtype="str")


def sessions_of(code: str, first: str, last: str) -> pd.DatetimeIndex:
    return exchange_sessions(code, start=pd.Timestamp(first), end=pd.Timestamp(last))


def panel_on(sessions: pd.DatetimeIndex, tickers: tuple[str, ...] = ("AAA", "BBB")) -> Panel:
    panel = panel_of({ticker: [1.0] * len(sessions) for ticker in tickers})
    frames = {
        name: getattr(panel, name).set_axis(sessions.rename("session"), axis=0)
        for name in ("open", "high", "low", "close", "volume", "dollar_volume", "universe")
    }
    return Panel(**frames, facts=panel.facts)


@pytest.mark.parametrize("code", ["XNYS", "XTKS", "XBOM", "XHKG", "XPAR", "XSAU", "24/7", "24/5"])
def test_the_table_is_what_the_library_draws(code: str) -> None:
    import exchange_calendars

    assert table_library() == version("exchange-calendars"), "write it again: python -m tests.exchange_table"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn = exchange_calendars.get_calendar(code, start="2021-01-04", end="2026-06-30")
    told = sessions_of(code, "2021-01-04", "2026-06-30")
    assert told.equals(pd.DatetimeIndex(drawn.sessions.tz_localize(None)).as_unit("ns"))
    exchange = exchange_of(code)
    day = drawn.sessions[-1]
    assert exchange.opening(day.date()) == drawn.opens[day]
    assert exchange.closing(day.date()) == drawn.closes[day]


def test_a_year_of_an_exchange_is_its_mean_over_twenty_years() -> None:
    years = {code: exchange_of(code).sessions_per_year for code in ("XNYS", "XTKS", "24/7", "24/5", "XBOM")}
    assert years == {"XNYS": 252, "XTKS": 245, "24/7": 365, "24/5": 261, "XBOM": 246}
    counted = [len(sessions_of("XTKS", f"{year}-01-01", f"{year}-12-31")) for year in range(2005, 2025)]
    assert round(np.mean(counted)) == 245
    assert years["XNYS"] == SESSIONS_PER_YEAR


@pytest.mark.parametrize("code", [code for code in known_exchanges() if code not in ("XCBF", "24/7", "24/5")])
def test_three_years_tell_every_exchange_or_a_twin_of_it(code: str) -> None:
    sessions = sessions_of(code, "2021-09-01", "2024-08-31")
    found, reason = fitting_exchange(sessions, LETTERS)
    assert reason.startswith("inferred")
    assert sessions_of(found, "2021-09-01", "2024-08-31").equals(sessions)


@pytest.mark.parametrize("code", ["XNYS", "XTKS", "XBOM", "XHKG", "24/7"])
def test_holes_of_a_vendor_and_bars_of_holidays_do_not_hide_an_exchange(code: str) -> None:
    whole = sessions_of(code, "2019-01-01", "2020-12-31")
    holed = whole.delete([17, 100, 101, 300])
    holidays = pd.bdate_range("2019-01-01", "2020-12-31").difference(whole)[:3]
    assert fitting_exchange(holed.union(holidays), LETTERS)[0] == code


def test_sixty_sessions_that_fit_several_are_the_first_and_say_so() -> None:
    sessions = sessions_of("XPAR", "2021-09-01", "2021-11-20")
    code, reason = fitting_exchange(sessions, LETTERS)
    assert (code, reason) == (
        "XLON",
        "inferred: its calendar fits best, 0 of 58 sessions differ; that of XETR, XPAR, XASX and others as well",
    )
    assert fitting_exchange(sessions, pd.Index(["AIR.PA", "OR.PA"]))[0] == "XPAR"


def test_the_shape_of_tickers_tells_ties_apart() -> None:
    quiet = sessions_of("XTKS", "2021-06-01", "2021-07-16")  # no holiday in Tokyo, none in Hong Kong but one
    assert fitting_exchange(quiet, pd.Index(["7203", "9984"]))[0] == "XTKS"


def test_weekdays_without_a_holiday_are_their_own_calendar() -> None:
    assert fitting_exchange(pd.bdate_range("2019-01-01", "2020-12-31"), LETTERS)[0] == "24/5"


def test_dates_that_no_exchange_held_have_none() -> None:
    rng = np.random.default_rng(4)
    days = pd.bdate_range("2019-01-01", "2020-12-31")
    kept = days[np.sort(rng.choice(len(days), 480, replace=False))]
    code, reason = fitting_exchange(kept, LETTERS)
    assert code == "none"
    assert reason.startswith("no calendar fits: of the nearest, ")
    assert own_sessions_per_year(kept) == pytest.approx(480 / len(days) * 5 / 7 * 365.25, abs=0.5)


@pytest.mark.parametrize(("code", "lost"), [("XNYS", 20), ("XTKS", 20), ("24/5", 3)])
def test_an_exchange_whose_holidays_bars_keep_is_told_whatever_sessions_they_lack(code: str, lost: int) -> None:
    held = sessions_of(code, "2019-01-01", "2020-12-31")
    gone = np.random.default_rng(7).choice(len(held) - 2, lost, replace=False) + 1
    found, reason = fitting_exchange(held.delete(np.sort(gone)), LETTERS)
    assert found == code
    assert f"{lost} of {len(held) - lost:,} sessions differ" in reason


@pytest.mark.parametrize(
    ("rule", "per_year", "kind"), [("W-FRI", 52, "weekly"), ("ME", 12, "monthly"), ("BQE", 4, "quarterly")]
)
def test_bars_that_are_not_daily_say_what_they_are(rule: str, per_year: int, kind: str) -> None:
    sessions = pd.date_range("2015-01-01", "2020-12-31", freq=rule)
    assert own_sessions_per_year(sessions) == per_year
    assert fitting_exchange(sessions, LETTERS) == ("none", f"these bars are not daily but {kind}")
    told = fitting_exchange(sessions, LETTERS, exchange="XNYS")
    assert told == ("none", f"these bars are not daily but {kind}, so that XNYS is not their calendar")


def test_a_part_of_a_year_of_weekdays_is_counted_by_weekday() -> None:
    assert own_sessions_per_year(pd.bdate_range("2020-01-06", periods=13)) == 261
    assert own_sessions_per_year(pd.DatetimeIndex(["2020-01-06"])) == SESSIONS_PER_YEAR
    assert own_sessions_per_year(pd.date_range("2020-01-06", periods=60)) == 365


def test_suffixes_are_those_of_four_tickers_in_five() -> None:
    assert exchange_of_tickers(["7203.T", "9984.T", "6758.T", "8306.T", "SPY"]) == "XTKS"
    assert exchange_of_tickers(["7203.T", "9984.T", "INFY.NS"]) is None
    assert exchange_of_tickers(["AAPL", "BRK.B", "BF.A", "T", "F", "V"]) is None
    assert [exchange_of_tickers([each]) for each in ("BTC-USD", "ADAUSDT", "EURUSD=X", "RELIANCE.NS", "SHOP.TO")] == [
        "24/7", "24/7", "24/5", "XBOM", "XTSE",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "code"), [("xnys", "XNYS"), (" NASDAQ ", "XNYS"), ("XNSE", "XBOM"), ("JPX", "XTKS"), ("NONE", "none")]
)
def test_other_names_of_an_exchange_are_its_code(word: str, code: str) -> None:
    assert exchange_code(word) == code


def test_a_wrong_code_names_those_that_look_like_it() -> None:
    with pytest.raises(ValueError, match=r"no calendar for exchange 'XTKZ': .*did you mean XTKS"):
        exchange_code("XTKZ")


def test_the_next_session_is_the_exchange_s_own() -> None:
    tokyo = with_exchange(panel_on(sessions_of("XTKS", "2018-01-01", "2019-12-30")))
    assert tokyo.facts.exchange == "XTKS"
    assert next_session(tokyo) == pd.Timestamp("2020-01-06")
    assert next_session(tokyo, delay=2) == pd.Timestamp("2020-01-07")
    assert opening_after(tokyo) == dt.datetime(2020, 1, 6, 9, tzinfo=ZoneInfo("Asia/Tokyo"))
    coins = with_exchange(panel_on(sessions_of("24/7", "2019-01-01", "2019-12-06")))
    assert next_session(coins) == pd.Timestamp("2019-12-07")  # a Saturday


def test_bars_of_no_exchange_name_no_next_session_and_the_earliest_day_it_can_be() -> None:
    own = with_exchange(panel_on(sessions_of("XTKS", "2018-01-01", "2019-12-27")), "none")
    assert next_session(own) is None
    assert opening_after(own) == dt.datetime(2019, 12, 30, 1, tzinfo=dt.UTC)  # a Monday: they print on no weekend
    assert longest_gap(own.sessions) == 4


@pytest.mark.parametrize(
    ("code", "now", "day"),
    [
        ("XNYS", "2024-03-05 16:59 America/New_York", "2024-03-04"),
        ("XNYS", "2024-03-05 17:00 America/New_York", "2024-03-05"),
        ("XTKS", "2024-03-05 16:29 Asia/Tokyo", "2024-03-04"),
        ("XTKS", "2024-03-05 16:30 Asia/Tokyo", "2024-03-05"),
        ("XTKS", "2024-03-05 08:00 America/New_York", "2024-03-05"),
        ("24/7", "2024-03-05 23:59 UTC", "2024-03-04"),
        ("24/7", "2024-03-06 00:00 UTC", "2024-03-05"),
        ("none", "2024-03-06 12:00 UTC", "2024-03-05"),
    ],
)
def test_a_bar_of_the_day_is_finished_an_hour_after_the_exchange_closes(code: str, now: str, day: str) -> None:
    moment, zone = now.rsplit(" ", 1)
    asked = dt.datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone))
    assert finished_day(code, asked) == dt.date.fromisoformat(day)
