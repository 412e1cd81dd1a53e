"""Panel, the execution clock and listing: laws and hand cases."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.errors import BarsError
from market import Execution, Panel, cash_outs, fill_prices, forward_returns, listed
from market.panel import BAR_FIELDS, aligned_frame
from tests.oracles.small_panels import delisted, panel_of, random_panel

NAN = math.nan
FILLS = ("next_open", "next_close", "close")


def changed(panel: Panel, field: str, row: int, column: int, value: float) -> Panel:
    frame = getattr(panel, field).copy()
    frame.iloc[row, column] = value
    return replace(panel, **{field: frame})


@given(st.sampled_from(BAR_FIELDS), st.integers(0, 11), st.integers(0, 3), st.integers(0, 50))
def test_the_fingerprint_changes_with_any_number(field: str, row: int, column: int, seed: int) -> None:
    panel = random_panel(seed, missing=0)
    value = getattr(panel, field).iloc[row, column]
    nudged = np.nextafter(value, 0 if field == "low" else math.inf)
    assert changed(panel, field, row, column, nudged).fingerprint() != panel.fingerprint()


def test_the_fingerprint_changes_with_universe_dates_tickers_basis_and_delistings() -> None:
    panel = panel_of({"A": [1, 2, 3], "B": [4, 5, 6]})
    renamed = {name: getattr(panel, name).rename(columns={"A": "C"}) for name in (*BAR_FIELDS, "universe")}
    others = [
        panel.with_universe(~panel.universe, described="none"),
        panel_of({"A": [1, 2, 3], "B": [4, 5, 6]}, first="2020-01-02"),
        replace(panel, **renamed),
        replace(panel, facts=replace(panel.facts, adjustment="splits")),
        replace(panel, facts=replace(panel.facts, volume_basis="raw")),
        replace(panel, delistings=delisted({"A": ("2020-01-03", -0.5)})),
        replace(panel, delistings=delisted({"A": ("2020-01-03", -0.4)})),
        panel_of({"A": [1, 2, NAN], "B": [4, 5, 6]}),
    ]
    prints = [panel.fingerprint(), *(other.fingerprint() for other in others)]
    assert len(set(prints)) == len(prints)


def test_the_fingerprint_ignores_memory_layout_notes_and_the_bits_of_nan() -> None:
    panel = panel_of({"A": [1, NAN, 3], "B": [4, 5, 6]})
    c_order = pd.DataFrame(np.ascontiguousarray(panel.close.to_numpy()), panel.sessions, panel.tickers)
    negative_nan = c_order.mask(c_order.isna(), -NAN)
    same = replace(panel, close=negative_nan, facts=replace(panel.facts, notes=("a note",), source="elsewhere"))
    assert same.fingerprint() == panel.fingerprint()


def test_until_ends_with_the_session_and_forgets_later_delistings() -> None:
    panel = panel_of({"A": [1, 2, NAN, NAN], "B": [4, 5, 6, 7]}, delistings=delisted({"A": ("2020-01-02", -1.0)}))
    assert list(panel.until("2020-01-02").sessions) == list(panel.sessions[:2])
    assert list(panel.until("2020-01-02").delistings.index) == ["A"]
    assert panel.until("2020-01-01").delistings.empty
    assert panel.until("2020-01-04").sessions[-1] == pd.Timestamp("2020-01-03")


@given(st.integers(0, 30), st.integers(0, 11), st.integers(0, 11))
def test_until_twice_is_until_the_earlier(seed: int, one: int, other: int) -> None:
    panel = random_panel(seed)
    early, late = panel.sessions[min(one, other)], panel.sessions[max(one, other)]
    assert panel.until(late).until(early).fingerprint() == panel.until(early).fingerprint()


def test_between_includes_both_ends_and_refuses_an_empty_span() -> None:
    panel = panel_of({"A": [1, 2, 3, 4]})
    assert panel.between("2020-01-02", "2020-01-03").close["A"].tolist() == [2, 3]
    with pytest.raises(BarsError, match="no session between 2021-01-01 and None: the bars run from 2020-01-01"):
        panel.between("2021-01-01", None)
    for beyond in ("2300-01-01", "9999-12-31"):  # no nanosecond clock reaches them
        assert panel.between(None, beyond).sessions.equals(panel.sessions)
        with pytest.raises(BarsError, match="no session between"):
            panel.between(beyond, None)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("open", 0.0, "open must be positive and finite, was not for B on 2020-01-02 \\(1 such rows\\)"),
        ("close", -1.0, "close must be positive"),
        ("high", float("inf"), "high must be positive and finite"),
        ("high", 1.0, "high is below low for B on 2020-01-02"),
        ("volume", -1.0, "volume is negative for B on 2020-01-02"),
    ],
)
def test_impossible_bars_are_named(field: str, value: float, message: str) -> None:
    panel = panel_of({"A": [1, 2, 3], "B": [4, 5, 6]})
    with pytest.raises(BarsError, match=message):
        changed(panel, field, 1, 1, value)


def test_misaligned_unsorted_and_repeated_axes_are_refused() -> None:
    panel = panel_of({"A": [1, 2, 3], "B": [4, 5, 6]})
    with pytest.raises(BarsError, match="volume and close differ in sessions or tickers"):
        replace(panel, volume=panel.volume[["B", "A"]])
    frames = {name: getattr(panel, name) for name in (*BAR_FIELDS, "universe")}
    with pytest.raises(BarsError, match="sorted and unique"):
        replace(panel, **{name: frame.iloc[::-1] for name, frame in frames.items()})
    with pytest.raises(BarsError, match="without a time zone"):
        replace(panel, **{name: frame.tz_localize("UTC") for name, frame in frames.items()})
    with pytest.raises(BarsError, match=r"tickers must be unique, repeated: \['A'\]"):
        replace(panel, **{name: frame.set_axis(["A", "A"], axis=1) for name, frame in frames.items()})


def test_delistings_must_name_known_tickers_that_no_longer_print() -> None:
    with pytest.raises(BarsError, match=r"delistings name tickers without bars: \['Z'\]"):
        panel_of({"A": [1, 2]}, delistings=delisted({"Z": ("2020-01-01", 0.0)}))
    with pytest.raises(BarsError, match="A prints after its delisting on 2020-01-01"):
        panel_of({"A": [1, 2]}, delistings=delisted({"A": ("2020-01-01", 0.0)}))


def test_aligned_frames_keep_one_ticker_contiguous() -> None:
    frame = aligned_frame(np.ones((3, 2)), pd.bdate_range("2020-01-01", periods=3), pd.Index(["A", "B"]))
    assert frame.to_numpy().flags.f_contiguous
    assert (frame.index.name, frame.columns.name) == ("session", "ticker")


def test_forward_returns_by_hand_for_all_executions_and_horizons() -> None:
    panel = panel_of({"A": [10, 20, 30, 60, 90]}, opens={"A": [8, 16, 24, 30, 75]})
    expected = {
        ("close", 1, 0): [1.0, 0.5, 1.0, 0.5, NAN],
        ("close", 2, 0): [2.0, 2.0, 2.0, NAN, NAN],
        ("close", 1, 1): [0.5, 1.0, 0.5, NAN, NAN],
        ("next_close", 1, 0): [0.5, 1.0, 0.5, NAN, NAN],
        ("next_close", 2, 0): [2.0, 2.0, NAN, NAN, NAN],
        ("next_open", 1, 0): [0.5, 0.25, 1.5, NAN, NAN],
        ("next_open", 3, 0): [75 / 16 - 1, NAN, NAN, NAN, NAN],
        ("next_open", 1, 2): [1.5, NAN, NAN, NAN, NAN],
    }
    for (fill, horizon, first), returns in expected.items():
        found = forward_returns(panel, Execution(fill=fill), horizon=horizon, first=first)
        assert found["A"].tolist() == pytest.approx(returns, nan_ok=True), (fill, horizon, first)


def test_an_extra_delay_moves_the_clock_by_one_session() -> None:
    panel = panel_of({"A": [10, 20, 30, 60, 90]}, opens={"A": [8, 16, 24, 30, 75]})
    for fill in FILLS:
        late = forward_returns(panel, Execution(fill=fill, extra_delay=1))
        pd.testing.assert_frame_equal(late, forward_returns(panel, Execution(fill=fill)).shift(-1))


def test_a_missing_price_leaves_the_forward_return_missing() -> None:
    panel = panel_of({"A": [10, NAN, 30, 60]})
    assert forward_returns(panel, Execution(fill="close"))["A"].tolist() == pytest.approx(
        [NAN, NAN, 1, NAN], nan_ok=True
    )


@given(st.integers(0, 30), st.sampled_from(FILLS), st.integers(1, 4), st.integers(0, 2))
def test_cumulative_forward_returns_chain_single_sessions(seed: int, fill: str, horizon: int, first: int) -> None:
    panel, execution = random_panel(seed, missing=0), Execution(fill=fill)
    steps = [1 + forward_returns(panel, execution, first=first + step) for step in range(horizon)]
    chained = steps[0]
    for step in steps[1:]:
        chained = chained * step
    found = 1 + forward_returns(panel, execution, horizon=horizon, first=first)
    pd.testing.assert_frame_equal(found, chained, rtol=1e-12)


@given(st.integers(0, 30), st.sampled_from(FILLS), st.integers(1, 3))
def test_forward_returns_permute_with_the_tickers(seed: int, fill: str, horizon: int) -> None:
    panel = random_panel(seed)
    order = panel.tickers[::-1]
    shuffled = replace(panel, **{name: getattr(panel, name)[order] for name in (*BAR_FIELDS, "universe")})
    pd.testing.assert_frame_equal(
        forward_returns(shuffled, Execution(fill=fill), horizon=horizon)[panel.tickers],
        forward_returns(panel, Execution(fill=fill), horizon=horizon),
    )


def test_execution_names_its_clock_and_refuses_impossible_values() -> None:
    assert [Execution(fill=fill).delay for fill in FILLS] == [1, 1, 0]
    assert [Execution(fill=fill).is_optimistic for fill in FILLS] == [False, False, True]
    assert not Execution(fill="close", extra_delay=1).is_optimistic
    panel = panel_of({"A": [10.0, 20]}, opens={"A": [9.0, 19]})
    assert fill_prices(panel, Execution())["A"].tolist() == [9, 19]
    assert fill_prices(panel, Execution(fill="next_close"))["A"].tolist() == [10, 20]
    with pytest.raises(ValidationError):
        Execution(extra_delay=-1)
    with pytest.raises(ValueError, match="horizon must be at least 1 session, was 0"):
        forward_returns(panel, Execution(), horizon=0)
    with pytest.raises(ValueError, match="first must be at least 0 sessions, was -1"):
        forward_returns(panel, Execution(), first=-1)


def test_nothing_is_delayed_unless_asked_and_at_most_a_month() -> None:
    assert Execution().extra_delay == Execution(extra_delay=0).extra_delay == 0
    assert Execution(extra_delay=21).delay == 22
    with pytest.raises(ValidationError):
        Execution(extra_delay=22)


def test_a_name_is_listed_from_its_first_print_until_a_long_silence() -> None:
    panel = panel_of({"A": [NAN, 5, NAN, 5, NAN, NAN, NAN, 5], "B": [1.0] * 8})
    assert listed(panel, max_silent=3)["A"].tolist() == [False, True, True, True, True, True, False, True]
    assert listed(panel, max_silent=3)["B"].all()


def test_a_long_silence_pays_out_once_and_a_known_delisting_the_session_after() -> None:
    close = {"A": [5, NAN, NAN, NAN, NAN, NAN], "B": [1, 2, 3, NAN, NAN, NAN], "C": [1, 2, 3, 4, 5, 6]}
    panel = panel_of(close, delistings=delisted({"B": ("2020-01-03", -0.3)}))
    paid = cash_outs(panel, max_silent=3)
    assert paid["A"].tolist() == pytest.approx([NAN, NAN, NAN, 0, NAN, NAN], nan_ok=True)
    assert paid["B"].tolist() == pytest.approx([NAN, NAN, NAN, -0.3, NAN, NAN], nan_ok=True)
    assert paid["C"].isna().all()
    assert listed(panel)["B"].tolist() == [True, True, False, False, False, False]


def test_a_delisting_date_after_the_last_print_pays_out_after_that_date() -> None:
    panel = panel_of({"A": [5, NAN, NAN, NAN, NAN]}, delistings=delisted({"A": ("2020-01-03", -1.0)}))
    assert cash_outs(panel, max_silent=4)["A"].tolist() == pytest.approx([NAN, NAN, NAN, -1.0, NAN], nan_ok=True)


def test_a_delisting_after_a_long_silence_pays_nobody_again() -> None:
    close = {"A": [5, NAN, NAN, NAN, NAN, NAN], "B": [5, NAN, NAN, 6, NAN, NAN]}
    panel = panel_of(close, delistings=delisted({"A": ("2020-01-06", -1.0), "B": ("2020-01-07", -0.5)}))
    paid = cash_outs(panel, max_silent=2)
    assert paid["A"].tolist() == pytest.approx([NAN, NAN, 0, NAN, NAN, NAN], nan_ok=True)
    assert paid["B"].tolist() == pytest.approx([NAN, NAN, 0, NAN, NAN, -0.5], nan_ok=True)  # it printed again between


def test_a_delisting_in_the_last_session_is_not_paid_yet() -> None:
    panel = panel_of({"A": [5, 6], "B": [5, 6]}, delistings=delisted({"A": ("2020-01-02", -1.0)}))
    assert cash_outs(panel).isna().all().all()
    assert listed(panel)["A"].tolist() == [True, False]


@given(st.integers(0, 40), st.integers(0, 11), st.integers(1, 5))
def test_listing_and_cash_outs_read_no_later_row(seed: int, row: int, silence: int) -> None:
    panel = random_panel(seed, missing=0.5)
    early = panel.until(panel.sessions[row])
    pd.testing.assert_frame_equal(listed(early, max_silent=silence), listed(panel, max_silent=silence).iloc[: row + 1])
    pd.testing.assert_frame_equal(
        cash_outs(early, max_silent=silence), cash_outs(panel, max_silent=silence).iloc[: row + 1]
    )
