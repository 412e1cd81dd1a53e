"""Repeated sessions: a calendar filled forward is told from a market that stands still."""

import numpy as np
import pandas as pd
import pytest

from market.bars.repeated_sessions import repeated_sessions, without_repeated_sessions
from market.panel import Panel, PanelFacts, aligned_frame
from market.sources import load_bars

FACTS = PanelFacts(source="made", adjustment="as given", volume_basis="as given")


def rows(days: pd.DatetimeIndex, *, n_names: int = 4) -> pd.DataFrame:
    """Long bars of random walks."""
    rng = np.random.default_rng(5)
    tables = []
    for number in range(n_names):
        close = 50 * np.exp(0.02 * rng.standard_normal(len(days)).cumsum())
        tables.append(
            pd.DataFrame(
                {
                    "date": days,
                    "ticker": f"N{number}",
                    "open": close,
                    "high": close * 1.01,
                    "low": close * 0.99,
                    "close": close,
                    "volume": rng.integers(1000, 9000, len(days)).astype(float),
                }
            )
        )
    return pd.concat(tables)


def panel_of_rows(table: pd.DataFrame) -> Panel:
    wide = table.pivot(index="date", columns="ticker")
    frames = {
        name: aligned_frame(wide[name].to_numpy(), pd.DatetimeIndex(wide.index), wide[name].columns)
        for name in ("open", "high", "low", "close", "volume")
    }
    volume = frames["volume"]
    return Panel(**frames, dollar_volume=volume, universe=frames["close"].notna(), facts=FACTS)


def filled(table: pd.DataFrame) -> pd.DataFrame:
    """``asfreq("D").ffill()`` by ticker."""
    return pd.concat([one.set_index("date").asfreq("D").ffill().reset_index() for _, one in table.groupby("ticker")])


@pytest.mark.parametrize("n_names", [1, 4, 30])
def test_a_calendar_filled_forward_gives_the_panel_that_was_filled(n_names: int) -> None:
    sessions = pd.bdate_range("2020-01-01", periods=200).delete([5, 77])
    whole = panel_of_rows(rows(sessions, n_names=n_names))
    panel = without_repeated_sessions(panel_of_rows(filled(rows(sessions, n_names=n_names))))
    assert panel.sessions.equals(whole.sessions)
    pd.testing.assert_frame_equal(panel.close, whole.close)
    assert panel.facts.notes[0].endswith("the calendar was filled forward")


def test_bars_of_real_sessions_are_kept() -> None:
    panel = panel_of_rows(rows(pd.bdate_range("2020-01-01", periods=100)))
    assert not len(repeated_sessions(panel))
    assert without_repeated_sessions(panel) is panel


def test_a_holiday_with_flat_bars_and_no_volume_is_no_session() -> None:
    table = rows(pd.bdate_range("2020-01-01", periods=100))
    holiday = table["date"].unique()[40]
    last = table[table["date"] == table["date"].unique()[39]].set_index("ticker")["close"]
    at = table["date"] == holiday
    for name in ("open", "high", "low", "close"):
        table.loc[at, name] = table.loc[at, "ticker"].map(last)
    table.loc[at, "volume"] = 0.0
    assert repeated_sessions(panel_of_rows(table)).tolist() == [holiday]


def test_one_name_that_stands_still_is_a_session_and_so_is_a_halt_of_one_in_four() -> None:
    table = rows(pd.bdate_range("2020-01-01", periods=100), n_names=1)
    day, before = table["date"].unique()[40], table["date"].unique()[39]
    for name in ("open", "high", "low", "close"):
        table.loc[table["date"].isin([before, day]), name] = 50.0
    assert not len(repeated_sessions(panel_of_rows(table)))
    four = rows(pd.bdate_range("2020-01-01", periods=100))
    halted = (four["ticker"] == "N1") & (four["date"] == day)
    four.loc[halted, "close"] = four.loc[(four["ticker"] == "N1") & (four["date"] == before), "close"].to_numpy()
    four.loc[halted, "volume"] = 0.0
    assert not len(repeated_sessions(panel_of_rows(four)))


def test_prices_that_never_move_are_sessions_all_the_same() -> None:
    table = rows(pd.bdate_range("2020-01-01", periods=100))
    flat = table.assign(open=50.0, high=50.5, low=49.5, close=50.0, volume=1000.0)
    assert not len(repeated_sessions(panel_of_rows(flat)))
    stood = table["date"].isin(table["date"].unique()[20:35])
    table.loc[stood, ["open", "high", "low", "close", "volume"]] = [50.0, 50.5, 49.5, 50.0, 1000.0]
    assert not len(repeated_sessions(panel_of_rows(table)))


def test_weeks_filled_forward_are_weeks_again() -> None:
    fridays = pd.date_range("2018-01-05", periods=80, freq="W-FRI")
    panel = without_repeated_sessions(panel_of_rows(filled(rows(fridays))))
    assert panel.sessions.equals(panel_of_rows(rows(fridays)).sessions)


def test_a_file_that_was_filled_forward_is_loaded_as_its_sessions(tmp_path) -> None:
    from market.exchanges import exchange_of

    days = pd.DatetimeIndex(exchange_of("XNYS").sessions(np.datetime64("2019-01-01"), np.datetime64("2020-12-31")))
    filled(rows(days.as_unit("ns"))).to_csv(tmp_path / "bars.csv", index=False)
    panel = load_bars(tmp_path / "bars.csv")
    assert panel.sessions.equals(days.as_unit("ns").rename("session"))
    assert (panel.facts.exchange, panel.facts.sessions_per_year) == ("XNYS", 252)


def test_a_flat_holiday_is_no_session_where_bars_have_no_volume() -> None:
    sessions = pd.bdate_range("2020-01-01", periods=60)
    table = rows(sessions).assign(volume=np.nan).reset_index(drop=True)
    holiday = (table["date"] == sessions[30]).to_numpy()
    last = table.loc[(table["date"] == sessions[29]).to_numpy(), "close"].to_numpy()
    for name in ("open", "high", "low", "close"):
        table.loc[holiday, name] = last
    assert repeated_sessions(panel_of_rows(table)).equals(sessions[[30]])
    table.loc[holiday, "high"] = last * 1.01  # somebody traded
    assert not len(repeated_sessions(panel_of_rows(table)))
