"""False alarms and delay of the monitor in small: paths of many at once are called as the rule calls each of them."""

import numpy as np
import pandas as pd
import pytest

from backtests.statistics.confidence_sequence import difference_reach
from benchmarks.monitor_power import DROPS, NULLS, REAL, Design, calls, calls_of_drop, false_share, memory
from live.monitor.monitor_rule import decline_of

SMALL = Design(n_nulls=100, n_drops=40, n_live=120, n_dropped=200)


@pytest.mark.parametrize("horizon", [1, 3])
def test_many_paths_are_called_as_each_of_them_is(horizon: int) -> None:
    rng = np.random.default_rng(0)
    paths = 0.03 + 0.07 * rng.standard_normal((6, 300))
    paths[2:, 200:] -= 0.06
    found = calls(paths, 150, horizon=horizon)
    for path, session in zip(paths, found, strict=True):
        series = pd.Series(path, index=pd.bdate_range("2020-01-01", periods=300))
        call = decline_of(series.iloc[150:], series.iloc[:150], horizon=horizon)
        assert session == (np.inf if call is None else series.index[150:].get_loc(call.session) + 1)
    assert np.isfinite(found[2:]).all()


def test_ics_that_did_not_fall_are_seldom_called_and_fallen_ones_soon() -> None:
    assert false_share(NULLS["500 independent names"], SMALL) <= 0.05
    found = calls_of_drop(DROPS["500 independent names"], SMALL)
    assert 20 <= np.median(found) <= 60


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NULLS if name != "200 names, skill comes and goes"])
def test_two_thousand_null_extensions_are_called_at_most_once_in_twenty(name: str) -> None:
    assert false_share(NULLS[name], Design()) <= 0.05


@pytest.mark.slow
def test_streams_that_move_slowly_leave_both_sides_at_most_once_in_twenty() -> None:
    rngs = [np.random.default_rng([7, number]) for number in range(2_000)]
    paths = np.stack([memory(rng, 625, deviation=REAL, phi=0.8) for rng in rngs])
    earlier, live = paths[:, :375], paths[:, 375:]
    reach = difference_reach(live, earlier, alpha=0.05, horizon=1, side="both")
    gaps = live.cumsum(axis=1) / np.arange(1.0, 251.0) - earlier.mean(axis=1, keepdims=True)
    assert (np.abs(gaps) > reach).any(axis=1).mean() == pytest.approx(0.037, abs=0.001)
