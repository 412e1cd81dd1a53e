"""Universe: point in time by law, the rules by hand, and the dead-name test."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UniverseError
from market import Panel, listed
from market.panel import BAR_FIELDS
from market.sources import load_bars
from market.universe import choose_universe, survivorship, top_by_dollar_volume
from tests.oracles.dollar_volume_lists import top_names
from tests.oracles.small_panels import delisted, panel_of, random_panel


def long_panel(seed: int = 0, *, missing: float = 0.25) -> Panel:
    return random_panel(seed, n_sessions=150, n_tickers=8, missing=missing)


def flat_panel(n_sessions: int, n_tickers: int, *, dead: dict[int, int] | None = None) -> Panel:
    """Constant prices; ticker number -> session number from which it no longer prints."""
    close = np.full((n_tickers, n_sessions), 10.0)
    for ticker, last in (dead or {}).items():
        close[ticker, last:] = np.nan
    return panel_of({f"T{number:03d}": prices for number, prices in enumerate(close.tolist())})


def test_all_takes_listed_names_with_a_print_in_the_last_five_sessions() -> None:
    nan = float("nan")
    panel = panel_of({"A": [nan, 1, nan, nan, nan, nan, nan, 1], "B": [1.0] * 8})
    chosen = choose_universe(panel, "all")
    assert chosen.universe["A"].tolist() == [False, True, True, True, True, True, False, True]
    assert chosen.universe["B"].all()
    assert chosen.facts.universe == "all listed names, with a print in the last 5 sessions"


def test_a_delisted_name_leaves_at_the_close_of_its_last_session() -> None:
    nan = float("nan")
    panel = panel_of({"A": [1, 1, nan, nan], "B": [1.0] * 4}, delistings=delisted({"A": ("2020-01-02", -0.5)}))
    assert choose_universe(panel, "all").universe["A"].tolist() == [True, False, False, False]


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(45, 149), st.sampled_from(["all", "top3"]))
def test_the_universe_reads_no_later_row(seed: int, row: int, universe: str) -> None:
    panel = long_panel(seed)
    full = choose_universe(panel, universe).universe.iloc[: row + 1]
    if full.to_numpy().any():
        pd.testing.assert_frame_equal(choose_universe(panel.until(panel.sessions[row]), universe).universe, full)


def test_corrupting_the_future_changes_no_earlier_row() -> None:
    panel = long_panel(3)
    row = 100
    scale = np.where(np.arange(150) > row, 1000.0, 1.0)[:, None] * np.arange(1, 9)[None, :]
    scale[: row + 1] = 1.0
    corrupt = replace(panel, dollar_volume=panel.dollar_volume * scale)
    one, other = (choose_universe(p, "top3").universe for p in (panel, corrupt))
    assert one.iloc[: row + 1].equals(other.iloc[: row + 1])
    assert not one.equals(other)


@pytest.mark.parametrize("seed", range(4))
def test_top_lists_equal_their_slow_twin_in_every_session(seed: int) -> None:
    panel = long_panel(seed, missing=0.3)
    chosen = choose_universe(panel, "top3").universe
    recent = choose_universe(panel, "all").universe
    for session in panel.sessions:
        expected = top_names(panel, session, 3) & set(recent.columns[recent.loc[session]])
        assert set(chosen.columns[chosen.loc[session]]) == expected, session


def test_a_list_holds_from_the_session_after_its_month_end() -> None:
    volume = {"A": [300.0] * 70 + [1.0] * 60, "B": [200.0] * 130}
    panel = panel_of({"A": [1.0] * 130, "B": [1.0] * 130}, first="2020-01-01", volume=volume)
    chosen = choose_universe(panel, "top1").universe
    assert not chosen.loc[:"2020-02-28"].to_numpy().any()  # 23 prints in January; February's list holds from March on
    assert chosen.loc["2020-03-02":"2020-04-30", "A"].all()
    lists = top_by_dollar_volume(panel, 1)
    assert lists.loc["2020-03-31", "A"]
    assert lists.loc["2020-05-29", "B"]
    assert chosen.loc["2020-05-29", "A"]
    assert chosen.loc["2020-06-01":, "B"].all()


def test_equal_dollar_volumes_are_ordered_by_ticker_whatever_the_columns() -> None:
    panel = panel_of({name: [1.0] * 90 for name in ("C", "A", "D", "B")})
    last = choose_universe(panel, "top2").universe.iloc[-1]
    assert set(last.index[last]) == {"A", "B"}


@settings(max_examples=15)
@given(st.integers(0, 200))
def test_the_universe_permutes_with_the_tickers(seed: int) -> None:
    panel = long_panel(seed)
    shuffled = replace(panel, **{name: getattr(panel, name)[panel.tickers[::-1]] for name in (*BAR_FIELDS, "universe")})
    for rule in ("all", "top3"):
        one, other = choose_universe(panel, rule).universe, choose_universe(shuffled, rule).universe
        pd.testing.assert_frame_equal(other[panel.tickers], one)


def test_a_name_that_fell_silent_by_the_month_end_takes_no_place_on_the_list() -> None:
    silent = [1.0] * 58 + [float("nan")] * 12  # five sessions before 2020-03-31, the 65th, and then back
    volume = {"A": [1e9] * 58 + [float("nan")] * 12, "B": [1.0] * 70}
    panel = panel_of({"A": silent, "B": [1.0] * 70}, volume=volume)
    chosen = choose_universe(panel, "top1").universe
    assert chosen["A"].iloc[50]
    assert chosen["B"].iloc[65:].all()


def test_the_last_list_is_the_one_of_the_last_session_and_serves_the_next() -> None:
    panel = panel_of({"A": [1.0] * 70})
    lists = top_by_dollar_volume(panel, 1)
    assert lists.index.tolist()[-2:] == [pd.Timestamp("2020-03-31"), panel.sessions[-1]]
    assert lists["A"].iloc[-1]


def test_fewer_than_forty_prints_are_not_enough() -> None:
    for prints, enough in ((39, False), (40, True)):
        volume = [1e9] * prints
        close = {"A": [float("nan")] * (65 - prints) + [1.0] * (prints + 5), "B": [1.0] * 70}
        shares = {"A": [float("nan")] * (65 - prints) + volume + [1.0] * 5, "B": [1.0] * 70}
        panel = panel_of(close, first="2020-01-01", volume=shares)  # the 66th session is 2020-04-01
        assert choose_universe(panel, "top1").universe["A"].iloc[-1] == enough


def test_impossible_universes_are_one_clear_line(tmp_path: Path) -> None:
    panel = panel_of({"A": [1.0] * 60})
    with pytest.raises(ValueError, match="topN needs at least 1 name, was top0"):
        choose_universe(panel, "top0")
    for word in ("topx", "top", "", "TOP5"):
        with pytest.raises(ValueError, match='universe must be "all", "topN" like top400, or a member file, was'):
            choose_universe(panel, word)
    with pytest.raises(UniverseError, match="universe top5 has no eligible name in any session"):
        choose_universe(panel.between(None, "2020-02-20"), "top5")
    silent = panel_of({"A": [1.0] * 60}, volume={"A": [float("nan")] * 60})
    with pytest.raises(UniverseError, match="no name of these bars has more than 0 sessions with volume: give bars"):
        choose_universe(silent, "top5")


def test_more_names_than_there_are_is_a_note() -> None:
    chosen = choose_universe(panel_of({"A": [1.0] * 70}), "top5")
    assert "universe top5 is larger than the 1 names there are" in chosen.facts.notes
    assert chosen.facts.universe.startswith("top 5 by mean dollar volume of 63 sessions")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_member_list_holds_from_the_session_after_its_date(tmp_path: Path, suffix: str) -> None:
    panel = panel_of({"A": [1.0] * 6, "B": [1.0] * 6, "C": [1.0] * 6})
    rows = [("2020-01-02", "A"), ("2020-01-02", "Z"), ("2020-01-04", "B"), ("2020-01-04", "B"), ("2020-01-04", "A")]
    table = pd.DataFrame(rows, columns=["Date", "Symbol"])
    path = tmp_path / f"members{suffix}"
    if suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.astype({"Date": "datetime64[ns]"}).to_parquet(path)
    chosen = choose_universe(panel, path)
    assert chosen.universe["A"].tolist() == [False, False, True, True, True, True]  # sessions 01, 02, 03, 06, 07, 08
    assert chosen.universe["B"].tolist() == [False, False, False, True, True, True]
    assert not chosen.universe["C"].any()
    assert f"members{suffix} names 1 tickers without bars: Z" in chosen.facts.notes
    assert chosen.facts.universe.startswith(f"members of members{suffix}: 2 lists, each held from the session after")
    assert str(tmp_path) not in str(chosen.facts)
    for session in panel.sessions[2:]:
        early = choose_universe(panel.until(session), str(path))
        assert early.universe.iloc[-1].equals(chosen.universe.loc[session])


def test_a_member_without_a_fresh_print_is_not_eligible(tmp_path: Path) -> None:
    (tmp_path / "members.csv").write_text("date,ticker\n2019-12-31,A\n2019-12-31,B\n")
    panel = panel_of({"A": [1.0] + [float("nan")] * 6, "B": [1.0] * 7})
    chosen = choose_universe(panel, tmp_path / "members.csv")
    assert chosen.universe["A"].tolist() == [True] * 5 + [False] * 2


def test_an_old_last_list_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "members.csv").write_text("date,ticker\n2019-10-31,A\n")
    chosen = choose_universe(panel_of({"A": [1.0] * 30}), tmp_path / "members.csv")
    assert "the last list of members.csv is of 2019-10-31 and holds to the end of the bars" in chosen.facts.notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,ticker\n2020-01-02,Z\n", r"members\.csv names none of the 1 tickers of the bars"),
        ("date,ticker\n2021-01-02,A\n", r"has no list before the last session: its first is of 2021-01-02"),
        ("date,stock\n2020-01-02,A\n", r"members\.csv has no column for ticker: looked for ticker/symbol/name"),
        ("date,ticker\nJanuary,A\n", "a date that is not in ISO form: 'January'"),
        ("date,ticker\n2020-01-02,\n", r"no ticker in a row of 2020-01-02"),
    ],
)
def test_unusable_member_files_are_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "members.csv").write_text(text)
    with pytest.raises(UniverseError, match=message):
        choose_universe(panel_of({"A": [1.0] * 6}), tmp_path / "members.csv")


def test_many_years_without_a_death_are_survivors_even_if_declared() -> None:
    panel = flat_panel(756, 100)
    for declared in (False, True):
        found = survivorship(replace(panel, facts=replace(panel.facts, point_in_time=declared)))
        assert found.stamp == "SURVIVOR-BIASED"
    assert found.evidence.startswith(
        "0 of 100 names stop trading before the end; at 3% a year 9 would be expected of 300"
    )


def test_deaths_as_expected_support_the_word_of_the_source_and_prove_nothing_without_it() -> None:
    panel = flat_panel(756, 100, dead={number: 60 * number + 50 for number in range(9)})
    assert survivorship(panel).stamp == "UNKNOWN"
    declared = survivorship(replace(panel, facts=replace(panel.facts, point_in_time=True)))
    assert declared.stamp == "DECLARED POINT-IN-TIME"
    assert declared.evidence.startswith("9 of 100 names stop trading")


@pytest.mark.parametrize(("deaths", "stamp"), [(2, "SURVIVOR-BIASED"), (3, "DECLARED POINT-IN-TIME")])
def test_fewer_deaths_than_a_quarter_of_the_expected_mark_survivors(deaths: int, stamp: str) -> None:
    panel = flat_panel(756, 100, dead=dict.fromkeys(range(deaths), 700))  # 9 expected
    assert survivorship(replace(panel, facts=replace(panel.facts, point_in_time=True))).stamp == stamp


def test_a_small_panel_says_nothing_about_survivors() -> None:
    panel = flat_panel(252, 20)
    for declared in (False, True):
        found = survivorship(replace(panel, facts=replace(panel.facts, point_in_time=declared)))
        assert found.stamp == "UNKNOWN"
        assert found.evidence.endswith("too few to tell")


def test_names_that_are_not_listed_yet_are_not_dead() -> None:
    close = np.full((100, 900), 10.0)
    close[:60, :800] = np.nan
    panel = panel_of({f"T{number:03d}": prices for number, prices in enumerate(close.tolist())})
    early = panel.until(panel.sessions[790])
    assert survivorship(early).evidence.startswith("0 of 40 names")


def test_the_recorded_bars_are_stamped_for_what_they_are(shared_data: Path) -> None:
    assert survivorship(load_bars(shared_data / "sp500_5y_2013_2018.parquet")).stamp == "SURVIVOR-BIASED"
    raw = load_bars(shared_data / "us_pit_2015_2017.parquet")
    assert survivorship(raw).stamp == "UNKNOWN"
    declared = replace(raw, facts=replace(raw.facts, point_in_time=True))
    assert survivorship(declared).stamp == "DECLARED POINT-IN-TIME"


@pytest.mark.slow
def test_the_wide_bars_are_survivors_and_their_member_lists_are_our_top_lists(shared_data: Path) -> None:
    panel = load_bars(shared_data / "us_wide_2007_2020.parquet")
    assert survivorship(panel).stamp == "SURVIVOR-BIASED"
    ours = choose_universe(panel, "top400").universe.loc["2007-07":]
    theirs = choose_universe(panel, shared_data / "us_wide_2007_2020_top_adv_members.parquet").universe.loc["2007-07":]
    assert (ours & theirs).to_numpy().sum() > 0.97 * theirs.to_numpy().sum()
    assert not (ours & ~listed(panel).loc["2007-07":]).to_numpy().any()
