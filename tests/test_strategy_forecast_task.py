"""What is forecast and when: origins that are judged, refits that expand or roll, and what a task refuses."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import DataError
from market.panel import Panel
from market.synthetic import SyntheticSettings, synthetic_market
from models.forecasters.forecaster_settings import forecaster_settings
from models.forecasters.forecasts import Forecasts
from strategy.forecasts.forecast_study import study_forecasts
from strategy.forecasts.forecast_task import TaskSettings, forecast_task

WORD = "linear:penalty=0.1"


@pytest.fixture(scope="module")
def panel() -> Panel:
    market = synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=500, seed=5))
    panel = market.panel if hasattr(market, "panel") else market
    return panel.of_tickers(list(panel.tickers[:2]))


def on_test(panel: Panel, **told: object) -> Forecasts:
    task = forecast_task(panel, None, TaskSettings.model_validate({"horizons": (1, 3), **told}))
    results = study_forecasts(task, {WORD: forecaster_settings(WORD)})
    return next(row.test for row in results.rows if row.name == WORD)


def test_every_third_origin_is_every_third_of_all(panel):
    every, all_ = on_test(panel, every=3), on_test(panel)
    assert list(every.sessions) == list(all_.sessions[::3])
    np.testing.assert_allclose(every.mean, all_.mean[::3], rtol=1e-12)


def test_a_refit_is_a_fit_of_the_split_moved_on(panel):
    refit = on_test(panel, refit=20)
    task = forecast_task(panel, None, TaskSettings(horizons=(1, 3), refit=20))
    assert len(refit.sessions) == task.split.test.stop - task.split.test.start
    second, history = task.splits[1], task.history("core14")
    fresh = forecaster_settings(WORD).made().fit(history, second, context=_context()).forecasts(history, second.test)
    np.testing.assert_array_equal(refit.of(fresh.sessions).mean, fresh.mean)
    assert not np.allclose(on_test(panel).of(fresh.sessions).mean, fresh.mean)


@pytest.mark.parametrize("rolling", [False, True])
def test_no_fit_reads_a_label_that_is_realised_at_or_after_its_first_origin(panel, rolling):
    task = forecast_task(panel, None, TaskSettings(horizons=(1, 3), refit=7, rolling=rolling))
    covered = [row for split in task.splits for row in range(split.test.start, split.test.stop)]
    assert covered == list(range(task.split.test.start, task.split.test.stop))
    for split in task.splits:
        assert split.validation.stop - 1 + 3 < split.test.start
        assert split.train.stop - 1 + 3 < split.validation.start
    lengths = {split.train.stop - split.train.start for split in task.splits}
    assert (len(lengths) == 1) == rolling


def test_what_comes_after_an_origin_moves_no_forecast_of_a_refitted_one(panel):
    honest = on_test(panel, refit=10)
    cut = honest.sessions[25]
    later = panel.close * 0.0 + 1.5
    later.loc[:cut] = 1.0
    names = ("open", "high", "low", "close")
    frames = {name: getattr(panel, name) * later for name in names}
    moved = on_test(replace(panel, **frames), refit=10)
    np.testing.assert_array_equal(moved.mean[:26], honest.mean[:26])
    assert not np.allclose(moved.mean[30:], honest.mean[30:])


def test_returns_that_share_sessions_are_counted_by_the_origins_that_lie_between(panel):
    from backtests.forecasts.forecast_score import Judged

    judged = Judged(outcomes=np.zeros(1), starts=np.zeros(1), naive=1.0, benchmark=on_test(panel), every=3)
    assert [judged.overlapping(horizon) for horizon in (1, 3, 4, 7)] == [1, 1, 2, 3]


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"horizons": (3, 1)}, "rising"),
        ({"horizons": (300,)}, "252"),
        ({"rolling": True}, "refit"),
        ({"every": 0}, "every"),
    ],
)
def test_impossible_tasks_are_refused(told, word):
    with pytest.raises(ValueError, match=word):
        TaskSettings.model_validate(told)


def test_too_little_history_is_refused_with_the_remedy(panel):
    with pytest.raises(DataError, match="give more history"):
        forecast_task(panel.until(panel.sessions[29]), None, TaskSettings())
    with pytest.raises(DataError, match="shorten --horizons"):
        forecast_task(panel, None, TaskSettings(horizons=(60,)))
    with pytest.raises(DataError, match="no symbol 'GONE'"):
        forecast_task(panel, ["GONE"], TaskSettings())


def _context():
    from models.forecasters.forecaster import ForecastContext

    return ForecastContext()
