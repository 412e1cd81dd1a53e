"""Shared series: what several features read is computed once a block, and changes no number."""

import numpy as np
import pytest

from market import Panel
from signals import FEATURE_SETS, compute_features
from signals.features import Computing
from signals.features.shared_series import shared, sharing
from tests.oracles.signal_panels import bits, random_panel


@pytest.fixture(scope="module")
def panel() -> Panel:
    return random_panel(5, n_sessions=420, n_tickers=5, gaps=True)


def counted():
    calls = []

    @shared
    def series(panel: Panel, sessions: int) -> np.ndarray:
        calls.append(sessions)
        return panel.close.to_numpy() * sessions

    return series, calls


def test_a_series_is_computed_once_for_each_panel_and_argument_while_it_is_shared(panel: Panel) -> None:
    series, calls = counted()
    with sharing():
        assert series(panel, 2) is series(panel, 2)
        series(panel, 3)
        shorter = series(panel.between(None, panel.sessions[9]), 2)
    assert calls == [2, 3, 2]
    assert shorter.shape == (10, 5)


def test_a_series_is_computed_anew_where_nothing_is_shared(panel: Panel) -> None:
    series, calls = counted()
    with sharing():
        series(panel, 2)
    series(panel, 2)
    with sharing():
        np.testing.assert_array_equal(series(panel, 2), 2.0 * panel.close.to_numpy())
    assert calls == [2, 2, 2]


def test_a_shared_series_cannot_be_written_to_whether_alone_or_not(panel: Panel) -> None:
    series, _ = counted()
    with sharing(), pytest.raises(ValueError, match="read-only"):
        series(panel, 2)[:] = 0.0
    with pytest.raises(ValueError, match="read-only"):
        series(panel, 2)[:] = 0.0


def test_every_feature_has_the_same_bits_alone_and_among_the_others(panel: Panel) -> None:
    together = compute_features(panel, "wide95", computing=Computing(gap_limit=0))  # a formula by itself skips no hole
    for feature in FEATURE_SETS["wide95"]:
        assert bits(feature(panel)) == bits(together[feature.name]), feature.name
