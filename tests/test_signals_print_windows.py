"""Print windows: a short hole is skipped, a longer one restarts the windows, and no later row is read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.panel import Panel
from signals import FEATURE_SETS, compute_features, register_feature_set
from signals.features import Computing, feature_sets, fill_gaps, kept_features
from signals.features.feature import feature
from signals.features.print_windows import sessions_read, short_holes
from strategy.definitions.spec import load_spec, override
from strategy.learning.training_data import model_features
from tests.oracles.signal_panels import bits, delisting, panel_of, random_panel

SESSIONS, PRINTS = Computing(gap_limit=0), Computing(gap_limit=5)
SETS = ("core14", "compact12", "wide95")
FIELDS = ("open", "high", "low", "close", "volume", "dollar_volume")


def with_holes(panel: Panel, ticker: str, rows: list[int], fields: tuple[str, ...] = FIELDS) -> Panel:
    frames = {name: getattr(panel, name).copy() for name in fields}
    for frame in frames.values():
        frame.iloc[rows, list(panel.tickers).index(ticker)] = np.nan
    return replace(panel, **frames)


def without_rows(panel: Panel, rows: list[int]) -> Panel:
    kept = [row for row in range(len(panel.sessions)) if row not in rows]
    return replace(panel, **{name: getattr(panel, name).iloc[kept] for name in (*FIELDS, "universe")})


@pytest.mark.parametrize("feature_set", SETS)
def test_windows_over_prints_are_windows_over_bars_without_the_holes(feature_set: str) -> None:
    holes = [40, 90, 91, 92, 93, 94, 200, 230, 231]
    full = random_panel(4, n_sessions=420, n_tickers=3, gaps=False)
    panel = with_holes(full, "B", holes)
    found = compute_features(panel, feature_set, computing=PRINTS)
    alone = compute_features(without_rows(full, holes), feature_set, computing=SESSIONS)
    whole = compute_features(full, feature_set, computing=SESSIONS)
    for name in found:
        if name == "market_return":
            continue
        assert found[name].loc[:, "B"].iloc[holes].isna().all(), name
        assert bits(found[name]["B"].drop(full.sessions[holes])) == bits(alone[name]["B"]), name
        assert bits(found[name][["A", "C"]]) == bits(whole[name][["A", "C"]]), name


def test_a_return_over_a_hole_by_hand() -> None:
    close = np.array([[10.0], [11.0], [np.nan], [np.nan], [12.1], [np.nan], [24.2]])
    one = compute_features(panel_of({"close": close}), names=["ret_1d"], computing=PRINTS)["ret_1d"]["A"]
    np.testing.assert_allclose(one, [np.nan, 0.1, np.nan, np.nan, 0.1, np.nan, 1.0])
    short = compute_features(panel_of({"close": close}), names=["ret_1d"], computing=Computing(gap_limit=1))
    np.testing.assert_allclose(short["ret_1d"]["A"], [np.nan, 0.1, *[np.nan] * 4, 1.0])


@pytest.mark.parametrize("feature_set", SETS)
def test_a_longer_hole_restarts_the_windows(feature_set: str) -> None:
    panel = with_holes(random_panel(4, n_sessions=300, n_tickers=2, gaps=False), "A", list(range(100, 106)))
    found = compute_features(panel, feature_set, computing=PRINTS)
    for name, frame in compute_features(panel, feature_set, computing=SESSIONS).items():
        assert bits(frame.where(panel.printed)) == bits(found[name]), name


def test_one_missing_bar_blinds_nobody() -> None:
    panel = with_holes(random_panel(2, n_sessions=300, n_tickers=6, gaps=False), "C", [150])
    spec = load_spec()
    lost = {
        windows: sum(
            int(frame["C"].iloc[60:].isna().sum())
            for frame in model_features(override(spec, {"features.windows": windows}), panel).values()
        )
        for windows in ("prints", "sessions")
    }
    assert lost["prints"] == 0
    assert lost["sessions"] > 90  # some fifteen sessions of each feature over twenty


def test_a_session_without_most_prints_keeps_the_market_return() -> None:
    close = np.array([[10.0, 20.0, 40.0], [11.0, np.nan, np.nan], [11.0, 22.0, 48.0], [12.1, 22.0, 48.0]])
    panel = panel_of({"close": close})
    market = compute_features(panel, names=["market_return"], computing=PRINTS)["market_return"]
    np.testing.assert_allclose(market["A"], [np.nan, 0.1, (0.0 + 0.1 + 0.2) / 3, 0.1 / 3])
    assert np.isnan(market["B"].iloc[1])
    assert bits(market["B"].iloc[2:]) == bits(market["A"].iloc[2:])


@pytest.mark.parametrize(("limit", "moved"), [(3, 0.05), (4, 0.0), (5, 0.05)])
def test_the_market_return_reaches_back_over_a_hole_of_the_limit_and_no_further(limit: int, moved: float) -> None:
    close = np.array([[10.0, 10.0], *[[np.nan, 10.0]] * (5 if limit == 4 else limit), [11.0, 10.0]])
    found = compute_features(panel_of({"close": close}), names=["market_return"], computing=Computing(gap_limit=limit))
    assert found["market_return"]["B"].iloc[-1] == pytest.approx(moved)


@settings(max_examples=40)
@given(seed=st.integers(0, 80), row=st.integers(0, 69), limit=st.integers(0, 8))
def test_cutting_the_future_changes_no_bit(seed: int, row: int, limit: int) -> None:
    panel = replace(random_panel(seed), delistings=delisting("D", "2020-02-25"))
    rng = np.random.default_rng(seed)
    for ticker in "ABE":
        panel = with_holes(panel, ticker, list(np.flatnonzero(rng.random(70) < 0.15)))
    panel = with_holes(panel, "F", [30, 41, 42], ("volume",))
    computing = Computing(gap_limit=limit)
    known = compute_features(panel.until(panel.sessions[row]), computing=computing)
    for name, frame in compute_features(panel, computing=computing).items():
        assert bits(frame.iloc[: row + 1]) == bits(known[name]), name


@pytest.mark.parametrize("row", [262, 271, 274, 275, 276, 299, 300])
def test_cutting_the_future_changes_no_bit_of_wide95(row: int) -> None:
    panel = with_holes(random_panel(9, n_sessions=310, n_tickers=3, gaps=False), "A", [200, 250, 270, 274, 275, 299])
    panel = with_holes(panel, "B", [262, 263, 299, 300], ("volume",))
    panel = with_holes(panel, "C", [299, 300])  # its first hole, open where bars are cut within
    known = compute_features(panel.until(panel.sessions[row]), "wide95", computing=PRINTS)
    for name, frame in compute_features(panel, "wide95", computing=PRINTS).items():
        assert bits(frame.iloc[: row + 1]) == bits(known[name]), name


def test_a_bar_without_volume_blinds_no_volume_and_costs_no_price() -> None:
    full = random_panel(6, n_sessions=120, n_tickers=2, gaps=False)
    panel = with_holes(full, "A", [60], ("volume", "dollar_volume"))
    found, told = (compute_features(each, computing=PRINTS) for each in (panel, full))
    skipped = compute_features(without_rows(full, [60]), computing=SESSIONS)
    for name in ("ret_1d", "ret_20d", "volatility", "dist_from_high", "price_range", "market_return"):
        assert bits(found[name]) == bits(told[name]), name
    for name in ("volume_ratio", "vol_volume", "volume_trend"):
        assert list(np.flatnonzero(found[name]["A"].iloc[19:].isna())) == [60 - 19], name
        assert bits(found[name]["A"].iloc[61:80]) == bits(skipped[name]["A"].iloc[60:79]), name
        assert bits(found[name]["A"].iloc[80:]) == bits(told[name]["A"].iloc[80:]), name


def test_a_source_without_volume_keeps_its_price_features() -> None:
    panel = with_holes(random_panel(6, n_sessions=60, n_tickers=2, gaps=False), "A", [30])
    silent = replace(panel, volume=panel.volume * np.nan, dollar_volume=panel.volume * np.nan)
    found = compute_features(silent, computing=PRINTS)
    assert list(np.flatnonzero(found["ret_20d"]["A"].iloc[20:].isna())) == [10]
    assert found["volume_ratio"].isna().all(axis=None)


def test_a_hole_as_long_as_silence_is_never_skipped() -> None:
    known = np.ones((60, 2), dtype=bool)
    known[10:29, 0] = False
    known[10:30, 1] = False
    holes = short_holes(known, 40)
    assert holes[10:29, 0].all()
    assert not holes[:, 1].any()


def test_a_hole_that_has_not_ended_is_none() -> None:
    known = np.array([[False], [True], [False], [True], [False]])
    assert short_holes(known, 5)[:, 0].tolist() == [False, False, True, False, False]


def test_sessions_that_a_window_reads_count_its_holes() -> None:
    panel = with_holes(random_panel(1, n_sessions=80, n_tickers=2, gaps=False), "A", [30, 33, 34, 60])
    assert sessions_read(panel, 20, 0) == 20
    assert sessions_read(panel, 20, 5) == 23
    assert sessions_read(panel, 40, 5) == 44


@settings(max_examples=25)
@given(seed=st.integers(0, 50), row=st.integers(0, 45))
def test_starting_later_changes_no_bit_after_what_a_window_reads(seed: int, row: int) -> None:
    panel = random_panel(seed)
    later = compute_features(panel.between(panel.sessions[row], None), computing=PRINTS)
    for member in FEATURE_SETS["core14"]:
        read = sessions_read(panel, member.warm_up, 5)
        full = compute_features(panel, names=[member.name], computing=PRINTS)[member.name].iloc[row + read :]
        assert bits(full) == bits(later[member.name].iloc[read:]), member.name


def test_a_feature_of_ones_own_sees_the_true_dates_of_the_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[pd.DatetimeIndex] = []

    @feature(group="momentum", warm_up=2)
    def two_prints(panel: Panel) -> np.ndarray:
        """Close ÷ close 2 prints earlier − 1."""
        seen.append(panel.sessions)
        return (panel.close / panel.close.shift(2) - 1.0).to_numpy()

    monkeypatch.setattr(feature_sets, "_sets", dict(feature_sets._sets))
    register_feature_set("my_prints", (two_prints,))
    panel = with_holes(random_panel(1, n_sessions=12, n_tickers=3, gaps=False), "B", [5])
    frames = {**FEATURE_SETS, "my_prints": (two_prints,)}
    monkeypatch.setattr("signals.features.registry.FEATURE_SETS", frames)
    found = compute_features(panel, "my_prints", computing=PRINTS)["two_prints"]
    assert sorted(len(each) for each in seen) == [11, 12]
    assert panel.sessions[5] not in min(seen, key=len)
    prints = panel.close["B"].dropna()
    pd.testing.assert_series_equal(found["B"].dropna(), (prints / prints.shift(2) - 1.0).dropna(), check_names=False)


def test_the_cache_keeps_both_rules_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from signals.features import feature_code

    monkeypatch.setattr(feature_code, "STARTED", 4e9)
    feature_code._module_hash.cache_clear()
    panel = with_holes(random_panel(4, n_sessions=90, n_tickers=3, gaps=False), "B", [50])
    for _ in range(2):
        for limit in (0, 5):
            kept = kept_features(panel, "core14", home=tmp_path, gap_limit=limit)
            told = compute_features(panel, computing=Computing(gap_limit=limit))
            assert all(bits(kept[name]) == bits(told[name]) for name in told)
    assert len(list(tmp_path.glob("volatility-*.npy"))) == 2


def test_a_feature_is_carried_in_the_hole_itself() -> None:
    panel = with_holes(random_panel(2, n_sessions=80, n_tickers=2, gaps=False), "A", [50, 51])
    filled = fill_gaps(compute_features(panel, computing=PRINTS), panel, limit=5)["volatility"]["A"]
    assert filled.iloc[50] == filled.iloc[51] == filled.iloc[49]
    assert filled.iloc[52] != filled.iloc[49]
