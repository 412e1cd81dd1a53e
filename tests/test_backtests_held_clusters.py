"""Clusters: like stands beside like, later returns are not read, and the picture shows what was measured."""

import numpy as np
import pandas as pd

from backtests.breakdown.held_clusters import MAX_NAMES, held_clusters
from backtests.report.figures.clusters_figures import clusters_figure
from market.panel import aligned_frame
from tests.oracles.markets import panel_of


def blocks(n_names=6, n_sessions=80):
    """Names that follow one of two factors in turn: 0, 2, 4 the first, 1, 3, 5 the second."""
    rng = np.random.default_rng(0)
    factors = rng.normal(0, 0.02, (n_sessions, 2))
    closes = 50 * np.cumprod(
        1 + factors[:, np.arange(n_names) % 2] + rng.normal(0, 0.002, (n_sessions, n_names)), axis=0
    )
    panel = panel_of(closes, closes)
    return panel, aligned_frame(np.full(closes.shape, 1 / n_names), panel.sessions, panel.tickers)


def test_names_of_one_factor_stand_side_by_side():
    panel, held = blocks()
    found = held_clusters(held, panel, 60)
    assert [int(name[1:]) % 2 for name in found.correlation.index] in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])
    expected = panel.close.pct_change().iloc[-60:].corr()
    pd.testing.assert_frame_equal(
        found.correlation, expected.loc[found.correlation.index, found.correlation.columns], check_names=False
    )
    assert len(found.tree) == 5


def test_returns_after_the_last_held_session_are_not_read():
    panel, held = blocks()
    early = held.iloc[:70]
    whole, cut = held_clusters(early, panel, 60), held_clusters(early, panel.until(panel.sessions[69]), 60)
    pd.testing.assert_frame_equal(whole.correlation, cut.correlation)


def test_few_names_or_a_short_past_have_no_clusters():
    panel, held = blocks()
    assert held_clusters(held * (held.columns < "T002"), panel, 60) is None
    assert held_clusters(held.iloc[:30], panel, 60) is None


def test_only_the_largest_positions_are_clustered():
    panel, held = blocks(MAX_NAMES + 5)
    held.iloc[-1, :5] = 1e-4
    found = held_clusters(held, panel, 60)
    assert len(found.correlation) == MAX_NAMES
    assert not set(found.correlation.index) & set(panel.tickers[:5])


def test_the_picture_has_every_pair_and_every_joint():
    panel, held = blocks()
    found = held_clusters(held, panel, 60)
    figure = clusters_figure(found)
    np.testing.assert_allclose(figure.data[0].z, found.correlation, atol=1e-6)
    assert len(figure.data) == 1 + len(found.tree)
    places = [place for joint in figure.data[1:] for place, height in zip(joint.x, joint.y, strict=True) if height == 0]
    assert sorted(places) == [0, 1, 2, 3, 4, 5]
