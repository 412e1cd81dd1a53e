"""wide95 and the compact sets: against TA-Lib, slow twins and hand-computed bars, and the laws of time and scale."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market.panel import Panel
from market.sources import load_bars
from signals import FEATURE_SETS, compute_features, feature_table
from signals.features import Computing
from signals.features.recursive_averages import (
    NEGLECTED,
    decayed_mean,
    ema,
    ema_window,
    linear_slope,
    weighted_sum,
    wilder,
)
from signals.features.window_statistics import (
    mean_deviation,
    sessions_since_max,
    sessions_since_min,
    trailing_correlation,
)
from tests.oracles import slow_windows as slow
from tests.oracles.signal_panels import bits, panel_of, random_panel
from tests.oracles.slow_wide import slow_wide
from tests.oracles.talib_twins import TALIB_TWINS

SETS = ("compact7", "compact12", "wide95")
FIELDS = ("open", "high", "low", "close", "volume", "dollar_volume")
LONGEST = max(member.warm_up for member in FEATURE_SETS["wide95"])


@pytest.fixture(scope="module")
def panel() -> Panel:
    return random_panel(3, n_sessions=LONGEST + 130, n_tickers=3, gaps=False)


@pytest.fixture(scope="module")
def features(panel: Panel) -> dict[str, pd.DataFrame]:
    return everything(panel)


def everything(panel: Panel) -> dict[str, pd.DataFrame]:
    """Both sets over sessions, holes too."""
    sessions = Computing(gap_limit=0)
    return compute_features(panel, "compact12", computing=sessions) | compute_features(
        panel, "wide95", computing=sessions
    )


def members() -> dict[str, int]:
    return {member.name: member.warm_up for name in SETS for member in FEATURE_SETS[name]}


def with_bars(panel: Panel, **factors: np.ndarray | float) -> Panel:
    return replace(panel, **{name: getattr(panel, name) * factor for name, factor in factors.items()})


def test_wide95_holds_the_six_groups_of_the_reference() -> None:
    table = feature_table("wide95")
    groups = {"price": 10, "technical": 40, "volume": 10, "momentum": 15, "volatility": 10, "pattern": 10}
    assert Counter(table["group"]) == groups
    assert table.index.is_unique
    assert table["definition"].is_unique
    assert table["definition"].str.len().between(10, 140).all()


def test_the_compact_sets_hold_the_names_of_the_reference() -> None:
    seven = ["close", "volume", "high", "low", "sma_5", "sma_20", "rsi_14"]
    assert [member.name for member in FEATURE_SETS["compact7"]] == seven
    five = ["sma_50", "macd", "bollinger_upper", "bollinger_lower", "obv"]
    assert [member.name for member in FEATURE_SETS["compact12"]] == [*seven, *five]


def test_warm_up_is_the_first_session_with_a_value(features: dict[str, pd.DataFrame]) -> None:
    for name, warm_up in members().items():
        known = features[name].notna().to_numpy()
        assert not known[:warm_up].any(), name
        assert known[warm_up:].all(), name


@pytest.mark.parametrize("n_sessions", [1, 2, 30])
def test_a_panel_shorter_than_a_window_lacks_what_reads_it(panel: Panel, n_sessions: int) -> None:
    short = everything(panel.until(panel.sessions[n_sessions - 1]))
    for name, warm_up in members().items():
        assert short[name].notna().to_numpy().sum() == 3 * max(n_sessions - warm_up, 0), name


def test_starting_later_changes_no_bit_after_the_warm_up(panel: Panel, features: dict[str, pd.DataFrame]) -> None:
    for row in (1, 17):
        later = everything(panel.between(panel.sessions[row], None))
        for name, warm_up in members().items():
            told = features[name].iloc[row + warm_up :]
            assert bits(told) == bits(later[name].iloc[warm_up:]), name


def test_cutting_the_future_changes_no_bit(panel: Panel, features: dict[str, pd.DataFrame]) -> None:
    for row in (LONGEST + 1, LONGEST + 60):
        for name, frame in everything(panel.until(panel.sessions[row])).items():
            assert bits(frame) == bits(features[name].iloc[: row + 1]), name


def test_another_future_changes_no_bit(panel: Panel, features: dict[str, pd.DataFrame]) -> None:
    row = LONGEST + 40
    noise = np.ones(panel.close.shape)
    noise[row + 1 :] = np.exp(np.random.default_rng(1).normal(0.0, 0.3, noise[row + 1 :].shape))
    for name, frame in everything(with_bars(panel, **dict.fromkeys(FIELDS, noise))).items():
        assert bits(frame.iloc[: row + 1]) == bits(features[name].iloc[: row + 1]), name


def test_a_halt_takes_values_away_and_changes_none(panel: Panel, features: dict[str, pd.DataFrame]) -> None:
    row = 60
    halt = np.ones(panel.close.shape)
    halt[row, 0] = np.nan
    halted = everything(with_bars(panel, **dict.fromkeys(FIELDS, halt)))
    for name, warm_up in members().items():
        told, found = features[name].iloc[:, 0], halted[name].iloc[:, 0]
        assert bits(found.dropna()) == bits(told[found.notna()]), name
        assert bits(found.iloc[:row]) == bits(told.iloc[:row]), name
        assert np.isnan(found.iloc[row]), name
        assert found.iloc[max(warm_up, row + warm_up + 1) :].notna().all(), name
        assert bits(features[name].iloc[:, 1:]) == bits(halted[name].iloc[:, 1:]), name


def test_a_window_is_unknown_as_long_as_it_holds_the_halt(panel: Panel) -> None:
    row, halt = 300, np.ones(panel.close.shape)
    halt[row, 0] = np.nan
    halted = everything(with_bars(panel, **dict.fromkeys(FIELDS, halt)))
    for name in ("sma_50", "ema_20", "rsi_7", "atr_14", "cci_20", "chaikin_oscillator", "parkinson_20"):
        missing = np.flatnonzero(halted[name].iloc[row:, 0].isna())
        assert list(missing) == list(range(members()[name] + 1)), name


@pytest.mark.parametrize("split", [False, True])
def test_a_later_dividend_or_split_changes_no_bit(panel: Panel, features: dict[str, pd.DataFrame], split: bool) -> None:
    factor = 2.0 ** np.array([-3.0, 5.0, 1.0])
    scaled = dict.fromkeys(FIELDS[:4], factor) | {"volume": 1.0 / factor if split else 1.0}
    for name, frame in everything(with_bars(panel, **scaled)).items():
        assert bits(frame) == bits(features[name]), name


def test_permuting_tickers_permutes_every_bit(panel: Panel, features: dict[str, pd.DataFrame]) -> None:
    order = [2, 0, 1]
    frames = {name: getattr(panel, name).iloc[:, order] for name in (*FIELDS, "universe")}
    for name, frame in everything(replace(panel, **frames)).items():
        assert bits(frame) == bits(features[name].iloc[:, order]), name


def test_every_feature_has_one_independent_twin() -> None:
    told = set(TALIB_TWINS) | set(slow_wide(random_panel(n_sessions=2)))
    assert told == {member.name for member in FEATURE_SETS["wide95"]}
    assert len(TALIB_TWINS) == 80


def against_talib(panel: Panel, prices: Mapping[str, pd.DataFrame], *, features: dict[str, pd.DataFrame]) -> None:
    """Hold the features of a panel without gaps against TA-Lib's on the same bars in another unit of price."""
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed: pip install TA-Lib")
    for ticker in panel.tickers:
        bars = {field: np.ascontiguousarray(prices[field][ticker], dtype="float64") for field in FIELDS[:5]}
        for name, twin in TALIB_TWINS.items():
            found = features[name][ticker].to_numpy()[700:]  # by then its recursions have forgotten where they began
            expected = np.asarray(twin(talib, bars), dtype="float64")[700:]
            np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-4 * found.std(), err_msg=f"{name} {ticker}")


def frames_of(panel: Panel) -> dict[str, pd.DataFrame]:
    return {field: getattr(panel, field) for field in FIELDS[:5]}


def test_features_that_talib_has_agree_with_it() -> None:
    panel = random_panel(5, n_sessions=1100, n_tickers=2, gaps=False)
    against_talib(panel, frames_of(panel), features=compute_features(panel, "wide95", names=list(TALIB_TWINS)))


def in_ticks(seed: int, *, n_sessions: int, n_tickers: int = 3, still: bool = True) -> dict[str, np.ndarray]:
    """Bars in whole ticks of a price of some hundred, so that many are equal; a stretch without any move."""
    rng = np.random.default_rng(seed)
    shape = (n_sessions, n_tickers)
    close = np.round((200.0 if still else 2000.0) * np.exp(np.cumsum(rng.normal(0.0, 0.004, shape), axis=0)))
    opened = np.maximum(close + rng.integers(-1, 2, shape), 2.0)
    high = np.maximum(opened, close) + rng.integers(0, 2, shape)
    low = np.minimum(opened, close) - rng.integers(0, 2, shape)
    for prices in (opened, high, low, close) if still else ():
        prices[300:345, 0] = close[300, 0]
    return {
        "open": opened,
        "high": high,
        "low": low,
        "close": close,
        "volume": np.floor(np.exp(rng.normal(10, 1, shape))),
    }


def priced(ticks: dict[str, np.ndarray], tick: float, rng: np.random.Generator, *, by_session: bool) -> Panel:
    """The bars at a tick of so much, rounded as an adjustment by session, or as each price by itself, rounds them."""
    factors = tick * (1.0 + rng.integers(-3, 4, (4, *ticks["close"].shape)) * 2.2e-16)
    names = ("open", "high", "low", "close")
    prices = {name: ticks[name] * factors[0 if by_session else k] for k, name in enumerate(names)}
    prices["high"] = np.maximum.reduce(list(prices.values()))
    prices["low"] = np.minimum.reduce(list(prices.values()))
    return panel_of({**prices, "volume": ticks["volume"], "dollar_volume": prices["close"] * ticks["volume"]})


def test_talib_on_ticks_agrees_with_ours_on_prices_rounded_to_the_cent() -> None:
    ticks = in_ticks(2, n_sessions=1000, n_tickers=2, still=False)
    ticks["high"] += 1.0  # TA-Lib writes 0 for a bar without a range
    panel = priced(ticks, 0.01, np.random.default_rng(0), by_session=True)
    exact = {name: pd.DataFrame(values, panel.sessions, panel.tickers) for name, values in ticks.items()}
    against_talib(panel, exact, features=compute_features(panel, "wide95", names=list(TALIB_TWINS)))


@pytest.mark.parametrize("by_session", [True, False])
def test_rounding_is_no_move(by_session: bool) -> None:
    ticks = in_ticks(1, n_sessions=800)
    exact = everything(panel_of({**ticks, "dollar_volume": ticks["close"] * ticks["volume"]}))
    rounded = everything(priced(ticks, 0.01, np.random.default_rng(0), by_session=by_session))
    for name, told in exact.items():
        scale = float(np.nanstd(told))
        np.testing.assert_allclose(rounded[name], told, rtol=0.0, atol=1e-8 * scale, err_msg=name)


def test_the_money_flow_of_equal_typical_prices_by_hand() -> None:
    high, low, close = ([10.03, 10.06, 10.04] * 6)[:16], ([10.01, 9.98, 10.0] * 6)[:16], [10.02] * 16
    high[15], low[15], close[15] = 10.05, 10.02, 10.04  # the only rise: every typical price before is 10.02
    bars = {name: np.array(values)[:, None] for name, values in (("high", high), ("low", low), ("close", close))}
    volume = np.full((16, 1), 100.0)
    found = compute_features(panel_of({**bars, "open": bars["close"], "volume": volume}), "wide95")
    index = found["money_flow_index_14"]["A"]
    assert np.isnan(index.iloc[14])  # no flow at all
    assert index.iloc[15] == 100.0


@pytest.mark.slow
def test_every_recorded_name_agrees_with_talib(shared_data: Path) -> None:
    recorded = load_bars(shared_data / "sp500_5y_2013_2018.parquet")
    features = compute_features(recorded, "wide95", names=list(TALIB_TWINS), computing=Computing(gap_limit=0))
    whole = {name: frame.where(recorded.printed) for name, frame in frames_of(recorded).items()}
    body = pd.concat([whole["open"], whole["close"]], keys=["open", "close"])
    odd = (body.groupby(level=1).max() > whole["high"]) | (body.groupby(level=1).min() < whole["low"])
    held = 0
    for ticker in recorded.tickers:
        clean = np.all([frame[ticker].notna() for frame in whole.values()], axis=0) & ~odd[ticker].to_numpy()
        rows = max(np.split(np.flatnonzero(clean), np.flatnonzero(np.diff(np.flatnonzero(clean)) > 1) + 1), key=len)
        if len(rows) < 760:
            continue
        held += 1
        bars = {
            name: (frame[[ticker]] if name == "volume" else (frame[[ticker]] * 1e4).round()).iloc[rows]
            for name, frame in whole.items()
        }
        own = {name: frame[[ticker]].iloc[rows] for name, frame in features.items()}
        against_talib(recorded.of_columns(*_place_of(recorded, ticker)), bars, features=own)
    assert held > 450


def _place_of(panel: Panel, ticker: str) -> tuple[int, int]:
    place = list(panel.tickers).index(ticker)
    return place, place + 1


def test_features_that_talib_lacks_equal_their_slow_twins(panel: Panel, features: dict[str, pd.DataFrame]) -> None:
    for name, expected in slow_wide(panel).items():
        rows = slice(members()[name], None)
        np.testing.assert_allclose(features[name].iloc[rows], expected.iloc[rows], rtol=2e-6, atol=1e-13, err_msg=name)


def test_volatilities_of_ranges_on_hand_computed_bars() -> None:
    flat = np.ones((27, 1))
    bars = {"open": flat, "high": flat * np.exp(0.02), "low": flat * np.exp(-0.01), "close": flat, "volume": flat}
    last = {name: frame.iloc[-1, 0] for name, frame in compute_features(panel_of(bars), "wide95").items()}
    year = np.sqrt(252.0)
    assert last["parkinson_20"] == pytest.approx(0.03 / np.sqrt(4.0 * np.log(2.0)) * year)
    assert last["garman_klass_20"] == pytest.approx(np.sqrt(0.5) * 0.03 * year)
    assert last["rogers_satchell_20"] == pytest.approx(np.sqrt(0.02**2 + 0.01**2) * year)
    weight = 1.0 - 0.34 / (1.34 + 21.0 / 19.0)  # neither gaps nor bodies: only the ranges' part is left
    assert last["yang_zhang_20"] == pytest.approx(np.sqrt(weight * (0.02**2 + 0.01**2)) * year)
    assert last["historical_volatility_20"] == last["downside_deviation_20"] == last["ulcer_index_14"] == 0.0


def test_patterns_on_hand_computed_bars() -> None:
    opened, close = np.full((22, 1), 10.0), np.full((22, 1), 10.0)
    close[20], opened[21], close[21] = 9.0, 8.9, 10.5  # a fall, covered by a rise over the highest high of 20
    bars = {
        "open": opened,
        "close": close,
        "high": np.maximum(opened, close) + 0.1,
        "low": np.minimum(opened, close) - 0.1,
    }
    features = compute_features(panel_of(bars), "wide95")
    assert list(features["engulfing"]["A"].iloc[-3:]) == [0.0, -1.0, 1.0]  # a bar without a body counts as a rise
    assert list(features["breakout_20"]["A"].iloc[-2:]) == [-1.0, 1.0]
    assert list(features["doji"]["A"].iloc[-3:]) == [1.0, 0.0, 0.0]
    assert features["pivot_distance"]["A"].iloc[-1] == pytest.approx((10.1 + 8.9 + 9.0) / 3.0 / 10.5 - 1.0)


def test_bars_without_range_movement_or_volume_have_no_ratio() -> None:
    flat = np.full((LONGEST + 40, 1), 0.1)  # a mean of these is rounded: none may pass for a movement
    features = everything(panel_of({"close": flat, "volume": flat * 0.0}))
    unknown = {name for name, frame in features.items() if frame.isna().all(axis=None)}
    divide = {"rsi_14", "cci_20", "bollinger_position", "adx_14", "trend_fit_20", "balance_of_power", "williams_r_14"}
    assert unknown >= divide | {"relative_volume_20", "obv_20", "vwap_20", "volume_oscillator", "efficiency_ratio_10"}
    known = {name: frame.iloc[-1, 0] for name, frame in features.items() if name not in unknown}
    level = {"aroon_up_25": 100.0, "aroon_down_25": 100.0, "doji": 1.0}
    np.testing.assert_allclose([known[name] - level.get(name, 0.0) for name in known], 0.0, atol=1e-12)


def test_an_exponential_mean_is_cut_off_where_a_millionth_is_left() -> None:
    impulse = np.zeros((400, 1))
    impulse[0] = 1.0
    answer = ema(np.r_[np.zeros((ema_window(20) - 1, 1)), impulse], 20)[ema_window(20) - 1 :, 0]
    assert (answer[ema_window(20) :] == 0.0).all()
    assert answer.sum() == pytest.approx(1.0)
    assert answer[0] == pytest.approx(2.0 / 21.0, rel=2e-6)
    assert (19.0 / 21.0) ** ema_window(20) <= NEGLECTED < (19.0 / 21.0) ** (ema_window(20) - 1)


def test_exponential_means_differ_from_the_recursion_by_a_millionth() -> None:
    close = random_panel(n_sessions=700, gaps=False).close
    for found, alpha in ((ema(close.to_numpy(), 26), 2 / 27), (wilder(close.to_numpy(), 14), 1 / 14)):
        recursion = close.ewm(alpha=alpha, adjust=False).mean().to_numpy()
        np.testing.assert_allclose(found[600:], recursion[600:], rtol=1e-6)
    squares = close.pct_change().to_numpy() ** 2
    recursion = (close.pct_change() ** 2).ewm(alpha=0.06, adjust=True).mean().to_numpy()
    np.testing.assert_allclose(decayed_mean(squares, 0.94)[600:], recursion[600:], rtol=1e-5)


@pytest.mark.parametrize("window", [1, 2, 7])
def test_window_kernels_equal_their_slow_twins(window: int) -> None:
    rng = np.random.default_rng(window)
    x, y = np.round(rng.normal(size=(2, 60, 4)), 1)  # rounded: some values tie
    x[rng.random(x.shape) > 0.97] = np.nan
    weights = rng.normal(size=window)
    expected = slow.slow_windows(lambda of: slow.ordered_sum(np.r_[0.0, weights * of]), window, x)
    assert bits(pd.DataFrame(weighted_sum(x, weights))) == bits(pd.DataFrame(expected))
    np.testing.assert_array_equal(mean_deviation(x, window), slow.slow_windows(slow.mean_deviation, window, x))
    np.testing.assert_array_equal(sessions_since_max(x, window), slow.slow_windows(slow.since_maximum, window, x))
    np.testing.assert_array_equal(sessions_since_min(x, window), slow.slow_windows(slow.since_maximum, window, -x))
    if window > 2:
        expected = slow.slow_windows(slow.correlation, window, x, y)
        np.testing.assert_allclose(trailing_correlation(x, y, window), expected, rtol=1e-9, atol=1e-12)


def test_a_tile_ends_without_a_seam() -> None:
    values = np.random.default_rng(0).normal(size=(2100, 1))
    found = weighted_sum(values, np.ones(3))[:, 0]
    np.testing.assert_allclose(found[2:], np.convolve(values[:, 0], np.ones(3), "valid"), atol=1e-12)
    np.testing.assert_allclose(linear_slope(np.arange(30.0)[:, None] * 0.5, 20)[19:], 0.5)
