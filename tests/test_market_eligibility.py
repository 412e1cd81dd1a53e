"""Eligibility: conditions behind a universe and memberships from and to, by hand and point in time."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UniverseError
from market import Panel
from market.eligibility import Eligibility
from market.universe import choose_universe
from quintile.bar_requests import absolute_universe
from tests.oracles.small_panels import panel_of, random_panel

NAN = float("nan")
SPANS = "ticker,start,end\nA,2019-12-01,2020-01-06\nB,2020-01-03,\nZ,2020-01-01,\nA,2020-01-08,2020-01-09\n"


def quoted(panel: Panel, *, declared: bool = True) -> Panel:
    adjustment = "as given by the file (no adj_close)"
    return replace(panel, facts=replace(panel.facts, adjustment=adjustment, point_in_time=declared))


def test_a_name_is_old_enough_so_many_sessions_after_its_first_print() -> None:
    chosen = choose_universe(panel_of({"A": [1.0] * 6, "B": [NAN, NAN, 1.0, NAN, 1.0, 1.0]}), "all,age=2")
    assert chosen.universe["A"].tolist() == [False, False, True, True, True, True]
    assert chosen.universe["B"].tolist() == [False, False, False, False, True, True]
    assert chosen.facts.universe.startswith("all listed names, 2 sessions or more after their first print, with a")


def test_a_price_floor_reads_the_last_close_of_five_sessions() -> None:
    panel = quoted(panel_of({"A": [4.9, 5.0, NAN, 4.0, 6.0, 5.0], "B": [9.0] * 6}))
    chosen = choose_universe(panel, "all,price=5")
    assert chosen.universe["A"].tolist() == [False, True, True, False, True, True]
    assert "at 5 or more a share" in chosen.facts.universe


def test_a_price_floor_refuses_prices_that_are_adjusted_or_not_declared() -> None:
    panel = quoted(panel_of({"A": [9.0] * 6}))
    facts = replace(panel.facts, adjusted=True)
    for refused in (replace(panel, facts=facts), quoted(panel, declared=False)):
        with pytest.raises(UniverseError, match=r"price=5 needs prices as they were quoted.*--point-in-time"):
            choose_universe(refused, "all,price=5")
    assert choose_universe(panel, "all,price=5").universe.all(axis=None)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), row=st.integers(90, 148), universe=st.sampled_from(["all,age=20", "top5,price=1"]))
def test_conditions_read_no_later_row(seed: int, row: int, universe: str) -> None:
    panel = quoted(random_panel(seed, n_sessions=150, n_tickers=8, missing=0.25))
    whole = choose_universe(panel, universe)
    early = choose_universe(panel.until(panel.sessions[row]), universe)
    pd.testing.assert_frame_equal(early.universe, whole.universe.iloc[: row + 1])


@pytest.mark.parametrize("text", ["top400,age=", "all,age=1.5", "all,price=-1", "all,age=5,age=6", "all,price=dear"])
def test_a_condition_without_a_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="once, as a number like"):
        Eligibility.parse(text)


def test_a_comma_in_a_path_is_no_condition() -> None:
    assert Eligibility.parse("lists, old/members.csv,price=5,age=9") == Eligibility(
        source="lists, old/members.csv", age=9, price=5.0
    )


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_membership_lasts_from_its_start_to_the_session_before_its_end(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"members{suffix}"
    (tmp_path / "members.csv").write_text(SPANS)
    if suffix == ".parquet":
        pd.read_csv(tmp_path / "members.csv", parse_dates=["start", "end"]).to_parquet(path)
    panel = panel_of({name: [1.0] * 7 for name in "ABC"})  # sessions 01, 02, 03, 06, 07, 08, 09
    chosen = choose_universe(panel, path)
    assert chosen.universe["A"].tolist() == [True, True, True, False, False, True, False]
    assert chosen.universe["B"].tolist() == [False, False, True, True, True, True, True]
    assert not chosen.universe["C"].any()
    assert f"members{suffix} names 1 tickers without bars: Z" in chosen.facts.notes
    for session in panel.sessions:
        early = choose_universe(panel.until(session), path)
        assert early.universe.iloc[-1].equals(chosen.universe.loc[session])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ticker,start,end\nA,2020-01-03,2020-01-02\n", r"ends A before it starts, in row 1"),
        ("ticker,start,end\nA,,2020-01-02\n", r"has no date in row 1"),
        ("ticker,start,end\nA,soon,\n", r"not in ISO form: 'soon'"),
        ("start,end\n2020-01-01,\n", r"has no column for ticker"),
    ],
)
def test_unusable_memberships_are_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "members.csv").write_text(text)
    with pytest.raises(UniverseError, match=message):
        choose_universe(panel_of({"A": [1.0] * 6}), tmp_path / "members.csv")


def test_a_later_command_finds_a_member_file_with_conditions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "members.csv").write_text(SPANS)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b.csv").write_text(SPANS)
    assert absolute_universe("members.csv,age=20") == f"{tmp_path}/members.csv,age=20"
    assert absolute_universe("a,b.csv,age=20,price=5") == f"{tmp_path}/a,b.csv,age=20,price=5"
    assert absolute_universe("top400,age=20") == "top400,age=20"
