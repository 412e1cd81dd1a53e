"""Features: definitions against slow twins, and the laws of time, order and scale, bit by bit."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.panel import Panel
from signals import FEATURE_SETS, compute_features, feature_table
from signals.features import Computing, fill_gaps
from signals.features.feature import feature
from tests.oracles.signal_panels import bits, delisting, panel_of, random_panel
from tests.oracles.slow_features import slow_core14

SESSIONS = Computing(gap_limit=0)  # every session counts, holes too

ORDER = [
    "ret_1d",
    "ret_5d",
    "ret_20d",
    "volatility",
    "vol_5d",
    "vol_volume",
    "dist_from_high",
    "dist_from_low",
    "price_range",
    "momentum",
    "momentum_5d",
    "volume_ratio",
    "volume_trend",
    "market_return",
]


def frames_of(panel: Panel) -> dict[str, pd.DataFrame]:
    return {name: getattr(panel, name) for name in ("open", "high", "low", "close", "volume", "dollar_volume")}


def scaled(panel: Panel, ticker: str, power: int) -> Panel:
    frames = {name: frame.copy() for name, frame in frames_of(panel).items()}
    for name in ("open", "high", "low", "close"):
        frames[name][ticker] *= 2.0**power
    frames["volume"][ticker] *= 2.0**-power
    return replace(panel, **frames)


def permuted(panel: Panel, order: np.ndarray) -> Panel:
    frames = {name: frame.iloc[:, order] for name, frame in frames_of(panel).items()}
    return replace(panel, universe=panel.universe.iloc[:, order], **frames)


def test_core14_has_the_reference_order_and_shape() -> None:
    panel = random_panel()
    features = compute_features(panel)
    assert list(features) == ORDER
    for frame in features.values():
        assert frame.index.equals(panel.sessions)
        assert frame.columns.equals(panel.tickers)
        assert set(frame.dtypes) == {np.dtype("float64")}
        assert frame.to_numpy().flags.f_contiguous


@pytest.mark.parametrize("seed", range(4))
def test_core14_equals_its_slow_twin(seed: int) -> None:
    panel = random_panel(seed)
    slow = slow_core14(panel)
    for name, frame in compute_features(panel, computing=SESSIONS).items():
        expected = slow[name]
        assert frame.isna().equals(expected.isna()), name
        np.testing.assert_allclose(frame, expected, rtol=1e-12, atol=1e-14, err_msg=name)


def test_core14_on_a_hand_computed_case() -> None:
    rows = np.arange(21.0)
    close = np.column_stack([100.0 + rows, np.full(21, 50.0)])
    bars = {"close": close, "open": close, "high": close + 2.0, "low": close - 1.0, "volume": close * 10.0}
    last = {name: frame.iloc[-1] for name, frame in compute_features(panel_of(bars)).items()}
    assert last["ret_1d"]["A"] == 120.0 / 119.0 - 1.0
    assert last["ret_5d"]["A"] == 120.0 / 115.0 - 1.0
    assert last["ret_20d"]["A"] == last["momentum"]["A"] == 120.0 / 100.0 - 1.0
    assert last["dist_from_high"]["A"] == 2.0 / 120.0
    assert last["dist_from_low"]["A"] == pytest.approx((120.0 - 100.0) / 120.0)  # low of session 1 is 101 − 1
    assert last["price_range"]["A"] == 3.0 / 120.0
    assert last["volume_ratio"]["A"] == pytest.approx(1200.0 / 1105.0)
    assert last["volume_trend"]["A"] == pytest.approx(1180.0 / 1105.0)
    assert last["vol_volume"]["A"] == pytest.approx(np.sqrt(35.0) * 10.0 / 1105.0)  # variance of 20 integers: 35
    assert last["market_return"]["A"] == last["market_return"]["B"] == pytest.approx(last["ret_1d"]["A"] / 2)
    assert last["volatility"]["B"] == last["vol_5d"]["B"] == last["vol_volume"]["B"] == 0.0


def test_the_market_return_is_that_of_the_universe_for_every_name_that_printed() -> None:
    close = np.array([[100.0, 100.0, 100.0, np.nan], [110.0, 130.0, 500.0, 10.0], [121.0, np.nan, 400.0, 11.0]])
    panel = panel_of({"close": close})
    eligible = pd.DataFrame(True, index=panel.sessions, columns=panel.tickers)
    eligible["C"] = False
    market = compute_features(panel.with_universe(eligible, described="not C"))["market_return"]
    assert market.iloc[0].isna().all()
    np.testing.assert_allclose(market.iloc[1], [0.2, 0.2, 0.2, 0.2])
    np.testing.assert_allclose(market.iloc[2], [0.1, np.nan, 0.1, 0.1])


def test_a_market_without_eligible_names_has_no_return() -> None:
    panel = random_panel()
    nobody = panel.with_universe(panel.universe & False, described="nobody")
    assert compute_features(nobody)["market_return"].isna().all(axis=None)


def test_warm_up_is_the_first_session_with_a_value() -> None:
    features = compute_features(random_panel(gaps=False))
    for member in FEATURE_SETS["core14"]:
        known = features[member.name].notna().to_numpy()
        assert not known[: member.warm_up].any(), member.name
        assert known[member.warm_up :].all(), member.name


def test_a_halt_leaves_no_value_that_reads_it() -> None:
    close = np.linspace(50.0, 60.0, 60)[:, None] * np.ones((1, 2))
    close[30, 0] = np.nan
    features = compute_features(panel_of({"close": close}), computing=SESSIONS)
    missing = {name: list(np.nonzero(frame["A"].isna().to_numpy()[21:])[0] + 21) for name, frame in features.items()}
    assert missing["ret_1d"] == [30, 31]
    assert missing["ret_5d"] == [30, 35]
    assert missing["ret_20d"] == [30, 50]
    assert missing["vol_5d"] == list(range(30, 36))
    assert missing["volatility"] == list(range(30, 51))
    assert missing["dist_from_high"] == missing["volume_trend"] == list(range(30, 50))
    assert missing["price_range"] == missing["market_return"] == [30]


def test_no_volume_has_no_ratio() -> None:
    features = compute_features(random_panel(gaps=True))
    silent = random_panel().volume["A"].rolling(20).sum() == 0
    assert silent.any()
    for name in ("vol_volume", "volume_ratio", "volume_trend"):
        assert features[name].loc[silent, "A"].isna().all()


@settings(max_examples=25)
@given(seed=st.integers(0, 50), ticker=st.sampled_from("ABCDEFGH"), power=st.integers(-30, 30))
def test_scaling_a_stock_by_a_power_of_two_changes_no_bit(seed: int, ticker: str, power: int) -> None:
    panel = random_panel(seed)
    after = compute_features(scaled(panel, ticker, power))
    for name, frame in compute_features(panel).items():
        assert bits(frame) == bits(after[name]), name


@settings(max_examples=25)
@given(seed=st.integers(0, 50), row=st.integers(0, 69))
def test_cutting_the_future_changes_no_bit(seed: int, row: int) -> None:
    panel = random_panel(seed)
    known = compute_features(panel.until(panel.sessions[row]))
    for name, frame in compute_features(panel).items():
        assert bits(frame.iloc[: row + 1]) == bits(known[name]), name


@settings(max_examples=25)
@given(seed=st.integers(0, 50), row=st.integers(0, 45))
def test_starting_later_changes_no_bit_after_the_warm_up(seed: int, row: int) -> None:
    panel = random_panel(seed)
    later = compute_features(panel.between(panel.sessions[row], None), computing=SESSIONS)
    for member in FEATURE_SETS["core14"]:
        full = compute_features(panel, names=[member.name], computing=SESSIONS)[member.name]
        full = full.iloc[row + member.warm_up :]
        assert bits(full) == bits(later[member.name].iloc[member.warm_up :]), member.name


@settings(max_examples=25)
@given(seed=st.integers(0, 50), order=st.permutations(range(30)))
def test_permuting_tickers_permutes_every_bit(seed: int, order: list[int]) -> None:
    panel = random_panel(seed, n_sessions=40, n_tickers=30)
    after = compute_features(permuted(panel, np.array(order)))
    for name, frame in compute_features(panel).items():
        assert bits(frame.iloc[:, order]) == bits(after[name]), name


def test_an_ineligible_name_changes_no_bit_of_the_others() -> None:
    panel = random_panel(n_tickers=20)
    eligible = panel.universe.copy()
    eligible["E"] = False
    panel = panel.with_universe(eligible, described="not E")
    without = permuted(panel, np.array([column for column in range(20) if panel.tickers[column] != "E"]))
    after = compute_features(without)
    for name, frame in compute_features(panel).items():
        assert bits(frame.drop(columns="E")) == bits(after[name]), name


def test_a_panel_shorter_than_every_window_has_no_windowed_feature() -> None:
    panel = random_panel(gaps=False)
    for n_sessions in (1, 3, 4):
        features = compute_features(panel.until(panel.sessions[n_sessions - 1]))
        assert features["volatility"].isna().all(axis=None)
        assert features["ret_5d"].isna().all(axis=None)
        assert features["price_range"].notna().all(axis=None)


def test_duplicates_are_declared_and_computed_once() -> None:
    features = compute_features(random_panel())
    assert features["momentum"] is features["ret_20d"]
    assert features["momentum_5d"] is features["ret_5d"]
    assert feature_table()["same_as"].dropna().to_dict() == {"momentum": "ret_20d", "momentum_5d": "ret_5d"}


def test_a_duplicate_alone_is_computed_all_the_same() -> None:
    panel = random_panel()
    alone = compute_features(panel, names=["momentum"])
    assert list(alone) == ["momentum"]
    assert bits(alone["momentum"]) == bits(compute_features(panel)["ret_20d"])


def test_names_are_returned_in_the_order_of_the_set() -> None:
    assert list(compute_features(random_panel(), names=["volume_ratio", "ret_1d"])) == ["ret_1d", "volume_ratio"]


def test_unknown_sets_and_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"feature_set must be one of \[.*'core14'.*\], was 'core15'"):
        compute_features(random_panel(), "core15")
    with pytest.raises(ValueError, match=r"names holds \['rsi'\], not in feature set core14"):
        compute_features(random_panel(), names=["rsi", "ret_1d"])


def test_every_feature_says_what_it_is() -> None:
    table = feature_table()
    assert list(table.index) == ORDER
    assert table["definition"].str.len().gt(10).all()
    assert table["group"].isin(["return", "volatility", "volume", "range", "market"]).all()
    with pytest.raises(ValueError, match="has no docstring"):
        feature(group="return", warm_up=0)(lambda panel: panel.close.to_numpy())


def test_inputs_are_not_written_to() -> None:
    panel = random_panel()
    before = panel.fingerprint()
    features = compute_features(panel)
    copies = {name: frame.copy() for name, frame in features.items()}
    fill_gaps(features, panel)
    assert panel.fingerprint() == before
    assert all(bits(features[name]) == bits(copies[name]) for name in features)


def gap_panel(printed: list[int], n_sessions: int, delistings: pd.DataFrame | None = None) -> Panel:
    close = np.full((n_sessions, 2), 10.0)
    close[:, 0] = np.nan
    close[printed, 0] = 10.0
    return panel_of({"close": close}, delistings)


def feature_on(panel: Panel, values: dict[int, float]) -> dict[str, pd.DataFrame]:
    frame = panel.close * np.nan
    frame.iloc[list(values), 0] = list(values.values())
    return {"x": frame}


def test_a_gap_is_filled_for_at_most_the_limit() -> None:
    panel = gap_panel(list(range(12)), 12)
    filled = fill_gaps(feature_on(panel, {1: 7.0, 10: 8.0}), panel, limit=5)["x"]["A"].to_numpy()
    np.testing.assert_array_equal(filled, [np.nan, *[7.0] * 6, *[np.nan] * 3, 8.0, 8.0])


def test_a_limit_of_zero_fills_nothing() -> None:
    panel = random_panel()
    features = compute_features(panel)
    assert all(bits(frame) == bits(features[name]) for name, frame in fill_gaps(features, panel, limit=0).items())


def test_a_delisted_name_is_not_filled() -> None:
    panel = gap_panel([0, 1, 2], 8, delisting("A", "2020-01-06"))  # the fourth session
    filled = fill_gaps(feature_on(panel, {1: 7.0}), panel)["x"]["A"].to_numpy()
    np.testing.assert_array_equal(filled, [np.nan, 7.0, 7.0, *[np.nan] * 5])


def test_a_name_that_returns_after_long_silence_starts_afresh() -> None:
    panel = gap_panel([0, 30, 31], 32)
    filled = fill_gaps(feature_on(panel, {0: 7.0}), panel, limit=100)["x"]["A"].to_numpy()
    np.testing.assert_array_equal(filled, [*[7.0] * 20, *[np.nan] * 12])


@settings(max_examples=20)
@given(seed=st.integers(0, 50), row=st.integers(0, 69), limit=st.integers(0, 30))
def test_filling_looks_at_no_later_session(seed: int, row: int, limit: int) -> None:
    panel = replace(random_panel(seed), delistings=delisting("D", "2020-02-25"))
    full = fill_gaps(compute_features(panel), panel, limit=limit)
    cut = panel.until(panel.sessions[row])
    known = fill_gaps(compute_features(cut), cut, limit=limit)
    for name, frame in full.items():
        assert bits(frame.iloc[: row + 1]) == bits(known[name]), name


def test_filling_equals_the_pandas_forward_fill_while_listed() -> None:
    panel = random_panel(3)
    frame = compute_features(panel)["ret_1d"]
    filled = fill_gaps({"ret_1d": frame}, panel, limit=3)["ret_1d"]
    alive = ["A", "B", "E", "F", "G", "H"]
    assert frame[alive].iloc[1:].isna().any(axis=None)
    pd.testing.assert_frame_equal(filled[alive], frame.ffill(limit=3)[alive])


def test_filling_refuses_bad_limits_and_foreign_frames() -> None:
    panel = random_panel()
    with pytest.raises(ValueError, match="limit must be at least 0 sessions, was -1"):
        fill_gaps({}, panel, limit=-1)
    with pytest.raises(ValueError, match="feature x and the panel differ"):
        fill_gaps({"x": panel.close.iloc[1:]}, panel)
