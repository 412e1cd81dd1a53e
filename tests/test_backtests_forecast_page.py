"""What a study of forecasts says: that the best trivial forecast stands beside persistence, in words and pictures."""

import re

import numpy as np
import pandas as pd
import pytest

from backtests.forecasts.forecast_results import BENCHMARK, ForecastResults
from backtests.forecasts.skill import session_losses, skill_of
from backtests.report.figures.forecast_figures import fan_figure, residuals_figure, skill_figure
from backtests.report.forecasts.forecast_page import forecast_page
from backtests.report.forecasts.forecast_words import error_table, findings
from market.panel import Panel, PanelFacts
from models.forecasters.forecaster_settings import forecaster_settings
from strategy.forecasts.forecast_study import study_forecasts
from strategy.forecasts.forecast_task import TaskSettings, forecast_task

TRIVIAL = ("persistence", "drift", "historical_mean", "historical_volatility", "ema")


def walk(drift: float, *, n: int = 700, seed: int = 3) -> Panel:
    """Two random walks with a drift, in per cent of their volatility of 1 %."""
    sessions = pd.bdate_range("2015-01-01", periods=n, name="session")
    steps = np.random.default_rng(seed).normal(drift, 0.01, size=(n, 2))
    close = pd.DataFrame(100.0 * np.exp(np.cumsum(steps, axis=0)), sessions, pd.Index(["UP", "<i>"], name="ticker"))
    one = close * 0.0 + 1.0
    facts = PanelFacts(source="simulated", adjustment="none", volume_basis="shares", synthetic=True)
    return Panel(open=close, high=close, low=close, close=close, volume=one, dollar_volume=one, universe=one > 0.0,
                 facts=facts)  # fmt: skip


@pytest.fixture(scope="module")
def rising() -> ForecastResults:
    task = forecast_task(walk(0.004), None, TaskSettings(horizons=(1, 3)))
    return study_forecasts(task, {word: forecaster_settings(word) for word in ("ar:p=1", "smoothing")})


def test_where_prices_rise_what_beats_persistence_is_told_beside_drift(rising):
    said = findings(rising)
    assert rising.best_trivial.name in ("drift", "historical_mean")
    assert said[0].startswith("ar:p=1, smoothing beat persistence")
    assert said[1].startswith(rising.best_trivial.name)
    assert "No model beats it" in said[1]


def test_skill_over_the_best_trivial_is_that_of_its_losses(rising):
    row, best = rising.models[0], rising.best_trivial
    off, base = (np.abs(rising.judged.outcomes - each.test.mean) for each in (row, best))
    expected = skill_of(session_losses(off, base, row.test.sessions), horizon=3)
    assert rising.over_best_trivial(row) == expected
    assert rising.over_best_trivial(best).interval.estimate == 0.0


def test_every_measure_and_every_trivial_forecast_stands_in_the_table(rising):
    columns, rows = error_table(rising)
    assert [row[0] for row in rows[:5]] == list(TRIVIAL)
    assert all(len(row) == len(columns) for row in rows)
    cells = dict(zip(columns, rows[0], strict=True))
    assert cells["skill over persistence"] == "–"
    assert float(cells["MSE of returns"]) == pytest.approx(float(cells["RMSE of returns"][:-1]) ** 2 / 1e4, rel=1e-2)


def test_the_page_holds_all_pictures_and_escapes_names(rising):
    page = forecast_page(rising, command="quintile forecast run")
    head = page.split("<script", 1)[0]
    assert "Forecasts of UP, &lt;i&gt;" in head
    assert "<i>" not in re.sub(r"<script.*?</script>", "", page, flags=re.S)
    for title in ("Skill over persistence", "Skill by sessions ahead", "Residuals", "Calibration", "Skill by series"):
        assert title in page, title
    assert "Errors of prices, and residuals" in page


def test_one_bad_forecaster_hides_no_other():
    good = pd.DataFrame({"estimate": [0.01], "low": [-0.01], "high": [0.03]}, index=[1])
    low, high = skill_figure({"good": good, "fair": good, "bad": good - 0.5}).layout.yaxis.range
    assert -low == high == pytest.approx(0.033)


def test_residuals_are_drawn_as_shares():
    values = np.array([-0.02, -0.01, 0.01, 0.02, np.nan])
    figure = residuals_figure({"all": values, "none": np.array([np.nan])})
    inside = np.abs(values[:4]) <= np.quantile(np.abs(values[:4]), 0.99)
    assert float(np.sum(figure.data[0].y)) == pytest.approx(inside.mean())
    assert float(np.sum(figure.data[1].y)) == 0.0


def test_the_fan_begins_at_the_last_close_and_shows_persistence():
    past = pd.Series([99.0, 100.0])
    ahead = pd.DataFrame(
        {"low90": [90.0], "low68": [95.0], "middle": [101.0], "high68": [105.0], "high90": [110.0]}, [1]
    )
    traces = {trace.name: trace for trace in fan_figure(past, ahead).data}
    assert list(traces["persistence"].y) == [100.0, 100.0]
    assert traces["expected"].y[0] == 100.0
    assert BENCHMARK in traces
