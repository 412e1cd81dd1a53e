"""Distributions, groups and classification of a signal: small cases by hand, and laws."""

import numpy as np
import pandas as pd
import pytest

from signals.classification import over_median, sign_metrics
from signals.distribution import histogram, leg_hits, rank_stability, session_percentiles
from signals.groups import ic_by_group, size_terciles
from signals.score_metrics import information_coefficient, summarize_ic
from tests.oracles.signal_panels import panel_of, random_panel

NAN = np.nan


def frame(values: object) -> pd.DataFrame:
    numbers = np.array(values, dtype=float)
    sessions = pd.bdate_range("2020-01-01", periods=len(numbers), name="session")
    return pd.DataFrame(numbers, sessions, pd.Index([f"T{k:02d}" for k in range(numbers.shape[1])], name="ticker"))


def noise(seed: int, n_sessions: int = 60, n_tickers: int = 20) -> pd.DataFrame:
    return frame(np.random.default_rng(seed).normal(0, 0.01, (n_sessions, n_tickers)))


def test_a_histogram_counts_every_known_value_once() -> None:
    found = histogram(pd.Series([0.0, 0.1, 0.2, 1.0, NAN]), n_bins=2)
    assert found["count"].tolist() == [3, 1]
    assert found["low"].tolist() == [0.0, 0.5]
    assert found["high"].tolist() == [0.5, 1.0]
    assert histogram(pd.Series([NAN])).empty
    with pytest.raises(ValueError, match="n_bins must be at least 1"):
        histogram(pd.Series([1.0]), n_bins=0)


def test_percentiles_are_of_each_sessions_own_scores() -> None:
    found = session_percentiles(frame([[0, 1, 2, 3, 4], [NAN, 10, 10, 10, NAN]]))
    assert found.iloc[0].tolist() == pytest.approx([0.2, 1, 2, 3, 3.8])
    assert set(found.iloc[1]) == {10.0}


def test_leg_hits_by_hand() -> None:
    scores = frame([[1, 2, 3, 4, 5]] * 4)
    forward = frame([[-0.02, 0.0, 0.0, 0.0, 0.04], [0.01, 0.0, 0.0, 0.0, 0.02]] * 2)
    found = leg_hits(scores, forward)
    assert found.loc["long", "mean_return"] == pytest.approx(0.03)
    assert found.loc["short", "mean_return"] == pytest.approx(-0.005)
    assert found.loc["long", "over_all"] == pytest.approx(0.03 - (0.004 + 0.006) / 2)
    assert found.loc["long", "right_sign"] == 1.0
    assert found.loc["short", "right_sign"] == 0.5
    assert found.loc["long", "beats_median"] == 1.0
    assert found.loc["short", "beats_median"] == 0.5


def test_when_everything_rises_every_long_is_right_and_every_short_is_wrong() -> None:
    found = leg_hits(noise(1), noise(2).abs() + 1e-6)
    assert found["right_sign"].to_dict() == {"long": 1.0, "short": 0.0}


def test_flipping_the_signal_swaps_the_legs() -> None:
    scores, forward = noise(1), noise(2)
    ours, flipped = leg_hits(scores, forward), leg_hits(-scores, forward)
    assert ours.loc["long", "mean_return"] == pytest.approx(flipped.loc["short", "mean_return"])
    assert ours.loc["long", "beats_median"] == pytest.approx(1 - flipped.loc["short", "beats_median"])


def test_constant_ranks_are_perfectly_stable_and_noise_is_not() -> None:
    still = rank_stability(frame([list(range(10))] * 30))
    assert still["mean"].tolist() == pytest.approx([1, 1, 1])
    assert still["n_sessions"].tolist() == [29, 25, 10]
    assert abs(rank_stability(noise(3, 200))["mean"][1]) < 0.05
    assert np.isnan(rank_stability(noise(3, 10))["mean"][20])


def test_sizes_are_terciles_of_what_was_known_at_the_close() -> None:
    panel = random_panel(n_sessions=90, n_tickers=9, gaps=False)
    sizes = size_terciles(panel)
    assert sizes.iloc[:20].isna().all(axis=None)
    inside = panel.universe.iloc[-1]
    trailing = panel.dollar_volume.iloc[-63:].mean()[inside].sort_values()
    assert sizes.iloc[-1][trailing.index[0]] == "small"
    assert sizes.iloc[-1][trailing.index[-1]] == "large"
    assert sizes.where(~panel.universe).isna().all(axis=None)
    row = panel.sessions[60]
    assert size_terciles(panel.until(row)).loc[row].equals(sizes.loc[row])


def test_tomorrows_volume_changes_no_size_of_today() -> None:
    volumes = np.tile(np.arange(1.0, 10.0), (30, 1))
    later = volumes.copy()
    later[-1] = 1e6 * later[-1, ::-1]
    before, after = (size_terciles(panel_of({"close": volumes, "dollar_volume": v})) for v in (volumes, later))
    assert before.iloc[:-1].equals(after.iloc[:-1])
    assert not before.iloc[-1].equals(after.iloc[-1])


def test_nine_names_are_cut_into_three_times_three() -> None:
    closes = np.tile(np.arange(1.0, 10.0), (30, 1))
    sizes = size_terciles(panel_of({"close": closes, "dollar_volume": closes}))
    assert sizes.iloc[-1].value_counts().to_dict() == {"small": 3, "medium": 3, "large": 3}


def test_the_ic_of_a_group_is_that_of_its_names_alone() -> None:
    scores, forward = noise(1), noise(2)
    sectors = pd.Series(["one"] * 8 + ["two"] * 10 + ["few"] * 2, index=scores.columns)
    found = ic_by_group(scores, forward, sectors)
    alone = summarize_ic(information_coefficient(scores.iloc[:, :8], forward.iloc[:, :8]))
    assert found.loc["one", "mean"] == pytest.approx(alone.mean)
    assert found.loc["one", "mean_names"] == 8
    assert np.isnan(found.loc["few", "mean"])
    assert list(found.index) == ["few", "one", "two"]


def test_one_group_of_everybody_has_the_plain_ic() -> None:
    scores, forward = noise(1), noise(2)
    everyone = pd.DataFrame("all", index=scores.index, columns=scores.columns)
    plain = summarize_ic(information_coefficient(scores, forward))
    assert ic_by_group(scores, forward, everyone).loc["all", "mean"] == pytest.approx(plain.mean)


def test_the_confusion_table_by_hand() -> None:
    scores = frame([[1, 1, -1, -1, 1, 1, NAN]])
    forward = frame([[1, -1, 1, -1, 1, 0, 1]])
    found = sign_metrics(scores, forward)  # judged: TP, FP, FN, TN, TP
    assert found.count == 5
    assert found.accuracy == pytest.approx(3 / 5)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.f1 == pytest.approx(2 / 3)
    assert found.rising == pytest.approx(3 / 5)
    assert found.called == pytest.approx(3 / 5)


def test_calling_every_rise_is_as_accurate_as_rises_are_frequent() -> None:
    forward = noise(5)
    found = sign_metrics(forward * 0 + 1, forward)
    assert found.accuracy == found.rising == found.precision
    assert found.recall == found.called == 1.0
    assert found.standard_error > 0


def test_over_the_median_half_of_the_names_are_up() -> None:
    found = sign_metrics(over_median(noise(1)), over_median(noise(2)))
    assert found.rising == 0.5
    assert found.called == 0.5
    assert np.isnan(sign_metrics(noise(1) * NAN, noise(2)).accuracy)
