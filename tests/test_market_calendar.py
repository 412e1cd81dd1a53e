"""Calendar: sessions of the bars against those of the exchange."""

import datetime as dt
import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pandas as pd
import pytest

from market import Panel
from market.calendar import check_calendar, exchange_sessions, not_closed
from market.panel import BAR_FIELDS
from market.sources import load_bars
from strategy.trading.data_checks import check_data
from tests.oracles.small_panels import panel_of


def january() -> Panel:
    """Business days from 2020-01-01, a holiday, to 2020-01-21, the day after another."""
    return panel_of({"A": [1.0] * 15})


def without(panel: Panel, *days: str) -> Panel:
    frames = {name: getattr(panel, name).drop(pd.to_datetime(list(days))) for name in (*BAR_FIELDS, "universe")}
    return replace(panel, **frames)


def test_sessions_of_the_exchange_match_themselves() -> None:
    panel = without(january(), "2020-01-01", "2020-01-20")
    check = check_calendar(panel, "XNYS")
    assert (check.missing, check.extra) == ((), ())
    assert check.note == "calendar XNYS: all 13 sessions match"


def test_missing_and_extra_sessions_are_named() -> None:
    check = check_calendar(without(january(), "2020-01-03", "2020-01-06"), "XNYS")
    assert check.missing == (pd.Timestamp("2020-01-03"), pd.Timestamp("2020-01-06"))
    assert check.extra == (pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-20"))
    assert check.note == (
        "calendar XNYS: 2 sessions missing from the bars (2020-01-03, 2020-01-06); "
        "2 sessions not held by the exchange (2020-01-01, 2020-01-20)"
    )
    with pytest.raises(FrozenInstanceError):
        check.exchange = "XLON"


def test_long_lists_are_cut_in_the_note_only() -> None:
    check = check_calendar(without(january(), "2020-01-03", "2020-01-06", "2020-01-07", "2020-01-08"), "XNYS")
    assert len(check.missing) == 4
    assert "4 sessions missing from the bars (2020-01-03, 2020-01-06, 2020-01-07, …)" in check.note


def test_a_single_session_and_other_exchanges_can_be_checked() -> None:
    panel = panel_of({"A": [1.0]}, first="2020-01-20")
    assert len(check_calendar(panel, "XNYS").extra) == 1
    assert check_calendar(panel, "XLON").note == "calendar XLON: all 1 sessions match"
    weekend = pd.Timestamp("2020-01-04")
    assert exchange_sessions("XNYS", start=weekend, end=weekend).empty
    assert exchange_sessions("XNYS", start=pd.Timestamp("1950-01-03"), end=pd.Timestamp("1950-01-06")).size == 4


def test_an_unknown_exchange_is_one_clear_line() -> None:
    with pytest.raises(ValueError, match="no calendar for exchange 'NOWHERE': give a market identifier code like XNYS"):
        check_calendar(january(), "NOWHERE")


def test_loaded_bars_carry_the_note(tmp_path: Path) -> None:
    days = ["2020-01-02", "2020-01-06"]
    bars = pd.DataFrame(
        {"date": days, "ticker": "A", "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": [1, 2]}
    )
    bars.to_csv(tmp_path / "bars.csv", index=False)
    notes = load_bars(tmp_path / "bars.csv", exchange="XNYS").facts.notes
    assert notes == ("calendar XNYS: 1 sessions missing from the bars (2020-01-03)",)


def test_importing_market_does_not_import_the_calendars_or_vendors() -> None:
    code = "import sys, market.sources, market.universe; print({'exchange_calendars', 'yfinance'} & set(sys.modules))"
    root = Path(__file__).resolve().parent.parent
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert found.stdout.strip() == "set()"


def test_a_drawn_calendar_is_kept_beside_the_stored_data_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path))
    days = {"start": pd.Timestamp("1980-01-02"), "end": pd.Timestamp("1980-03-03")}
    drawn = exchange_sessions("XNYS", **days)
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    pd.testing.assert_index_equal(exchange_sessions("XNYS", **days), drawn)
    pd.testing.assert_index_equal(exchange_sessions("XNYS", start=drawn[3], end=drawn[5]), drawn[3:6])
    with pytest.raises(ImportError):
        exchange_sessions("XNYS", start=days["start"], end=pd.Timestamp("1981-03-02"))


@pytest.mark.parametrize(
    "harm", ["not JSON", '{"library": "0.1", "first": "2019-01-01"}', "of another library", "a day lost"]
)
def test_a_kept_calendar_that_is_not_what_the_library_draws_is_drawn_again(
    harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path))
    days = {"start": pd.Timestamp("1980-01-02"), "end": pd.Timestamp("1980-03-03")}
    drawn = exchange_sessions("XNYS", **days)
    (path,) = (tmp_path / ".calendars").iterdir()
    whole = json.loads(path.read_text())
    other = {
        "of another library": {"library": "0.1", "sessions": []},
        "a day lost": {"sessions": whole["sessions"][1:]},
    }
    path.write_text(json.dumps(whole | other[harm]) if harm in other else harm)
    pd.testing.assert_index_equal(exchange_sessions("XNYS", **days), drawn)
    assert json.loads(path.read_text()) == whole


def test_a_wider_request_widens_the_kept_calendar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path))
    for year in ("1982", "1980", "1984"):
        exchange_sessions("XNYS", start=pd.Timestamp(f"{year}-02-01"), end=pd.Timestamp(f"{year}-03-01"))
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    whole = exchange_sessions("XNYS", start=pd.Timestamp("1980-02-01"), end=pd.Timestamp("1984-03-01"))
    assert len(whole[whole.year == 1981]) == 253


def test_where_there_is_no_store_no_calendar_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / "none"))
    exchange_sessions("XNYS", start=pd.Timestamp("1980-01-02"), end=pd.Timestamp("1980-03-03"))
    assert not list(tmp_path.iterdir())


def test_an_exchange_is_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / "data"))
    exchange_sessions("XNYS", start=pd.Timestamp("1980-01-02"), end=pd.Timestamp("1980-03-03"))
    with pytest.raises(ValueError, match="no calendar for exchange"):
        exchange_sessions("../.calendars/XNYS", start=pd.Timestamp("2020-01-02"), end=pd.Timestamp("2020-03-02"))
    assert [path.name for path in (tmp_path / "data").rglob("*.json")] == ["XNYS.json"]


def ends(day: str, exchange: str, *, n_sessions: int = 1) -> Panel:
    first = pd.bdate_range(end=day, periods=n_sessions)[0] if n_sessions > 1 else pd.Timestamp(day)
    panel = panel_of({"A": [1.0] * n_sessions}, first=f"{first:%Y-%m-%d}")
    sessions = panel.sessions[:-1].append(pd.DatetimeIndex([day], name="session"))
    frames = {name: getattr(panel, name).set_axis(sessions, axis=0) for name in (*BAR_FIELDS, "universe")}
    return replace(panel, **frames, facts=replace(panel.facts, exchange=exchange, synthetic=False))


def test_a_decision_on_bars_of_a_close_to_come_is_blocked() -> None:
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=7)
    (first, *_) = check_data(ends(f"{tomorrow:%Y-%m-%d}", "24/7")).blocking
    assert first.endswith("wait for the close, set the clock right, or name their exchange")


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("day", "exchange", "moment"),
    [
        ("2026-11-30", "XNYS", "2026-11-30 21:00"),  # New York closes at 16:00, which is 21:00 in winter
        ("2026-07-01", "XNYS", "2026-07-01 20:00"),
        ("2026-11-30", "XTKS", "2026-11-30 06:30"),
        ("2026-11-28", "24/7", "2026-11-29 00:00"),
        ("2026-11-30", "24/5", "2026-11-30 21:00"),
        ("2026-07-01", "none", "2026-07-01 20:00"),
        ("2026-11-28", "none", "2026-11-28 21:00"),
    ],
)
def test_a_bar_is_known_from_the_close_on_and_not_before(day: str, exchange: str, moment: str) -> None:
    panel, now = ends(day, exchange), utc(moment)
    assert not_closed(panel, now) is None
    told = not_closed(panel, now - dt.timedelta(minutes=1))
    assert told is not None
    assert told.startswith(f"the bars end {day}, a session that ends {moment} UTC, and the clock says ")


def test_a_bar_of_a_day_without_a_session_is_refused_by_name() -> None:
    later = utc("2030-01-01 00:00")
    assert not_closed(ends("2026-11-29", "XNYS"), later) == (
        "the bars end 2026-11-29, a Sunday, on which XNYS holds no session: load them without it"
    )
    sunday = not_closed(ends("2026-11-29", "none", n_sessions=100), later)
    assert sunday == (
        "the bars end 2026-11-29, a Sunday, on which these bars usually do not print: load them without it"
    )
    assert not_closed(ends("2026-11-29", "24/7"), later) is None
    assert not_closed(ends("2026-11-26", "XNYS"), later) is None, "a holiday of another exchange may be a session"
