"""Ensembles in a study: rows beside their members, which are fitted once, and what cannot be one."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

import quintile as qt
from backtests.report.forecasts.forecast_words import findings
from core.errors import DataError
from market.panel import Panel
from models.forecasters.ensemble_forecaster import combined, ensemble_of, named_ensembles
from models.forecasters.forecaster import NothingFitted, SeriesHistory
from models.forecasters.forecaster_settings import fitted_as
from models.forecasters.forecasts import Forecasts
from strategy.forecasts.forecast_study import study_forecasts
from strategy.forecasts.forecast_task import ForecastTask, TaskSettings
from tests.oracles.small_runs import long_bars, refusal
from tests.test_models_forecasters import panel_of

WORDS = ("mean", "validation", ".25,.75", "trimmed:0.1")
ENSEMBLES = named_ensembles(WORDS)


@dataclass
class Noise(NothingFitted):
    """A forecaster that says noise of its own, or fails; it counts how often it is fitted."""

    seed: int
    fails: bool = False
    fits: list[int] = field(default_factory=list)
    feature_set: str | None = None

    def made(self) -> "Noise":
        return self

    def fit(self, history, split, *, context):
        self.fits.append(split.train.stop)
        if self.fails:
            raise DataError("it holds nothing")
        return self

    def forecasts(self, history: SeriesHistory, rows: slice) -> Forecasts:
        noise = np.random.default_rng(self.seed).normal(0.0, 0.005, (len(history.sessions), 2, 2))
        known = 0.4 * np.nan_to_num(history.outcomes())[rows]
        return Forecasts(
            sessions=history.sessions[rows],
            tickers=history.panel.tickers,
            horizons=history.horizons,
            mean=noise[rows] + known * (self.seed % 2),
        )

    @property
    def facts(self) -> dict[str, int]:
        return {"parameters": 7}


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of(np.random.default_rng(5).normal(0.0, 0.01, (400, 2)))


def task_of(panel: Panel, **told: object) -> ForecastTask:
    return ForecastTask(panel, TaskSettings.told({"horizons": (1, 3), **told}))


@pytest.mark.parametrize("told", [{}, {"refit": 20}, {"every": 2}])
def test_an_ensemble_is_what_its_members_said_and_fits_none_of_them_again(panel: Panel, told) -> None:
    task, members = task_of(panel, **told), {"knows": Noise(1), "guesses": Noise(2)}
    results = study_forecasts(task, members, ensembles=ENSEMBLES)
    rows = {row.name: row for row in results.rows}
    for member in members.values():
        assert member.fits == [split.train.stop for split in task.splits]
    mean = (rows["knows"].test.mean + rows["guesses"].test.mean) / 2.0
    assert np.allclose(rows["ensemble mean"].test.mean, mean, rtol=0.0, atol=1e-15)
    given = 0.25 * rows["knows"].test.mean + 0.75 * rows["guesses"].test.mean
    assert np.allclose(rows["ensemble .25,.75"].test.mean, given, rtol=0.0, atol=1e-15)
    assert np.allclose(rows["ensemble trimmed:0.1"].test.mean, mean, rtol=0.0, atol=1e-15)
    assert rows["ensemble mean"].facts["parameters"] == 14
    assert rows["ensemble mean"].train_rmse > 0.0
    assert np.isfinite(rows["ensemble validation"].test.quantile(0.9)).all()
    assert rows["ensemble validation"].test_score.errors.n == rows["knows"].test_score.errors.n
    said = findings(results)
    assert "ensemble trimmed:0.1 leaves out nothing: 10% of 2 models are less than one." in said
    assert "ensemble .25,.75 weighs knows 0.250 · guesses 0.750." in said


def test_each_refit_has_weights_of_its_own_validation(panel: Panel) -> None:
    task, members = task_of(panel, refit=20), {"knows": Noise(1), "guesses": Noise(2)}
    results = study_forecasts(task, members, ensembles={"both": ensemble_of("validation")})
    found, history = next(row.test for row in results.rows if row.name == "both"), task.history(None)
    for split in task.splits:
        spans = {
            name: tuple(each.forecasts(history, task.origins(rows)) for rows in (split.validation, split.test))
            for name, each in members.items()
        }
        one = combined(ensemble_of("validation"), spans, history).test
        assert np.allclose(found.of(one.sessions).mean, one.mean, rtol=0.0, atol=1e-15)


def test_an_ensemble_without_a_member_is_not_asked_and_says_which(panel: Panel) -> None:
    members = {"knows": Noise(1), "lost": Noise(2, fails=True)}
    results = study_forecasts(task_of(panel), members, ensembles={"both": ensemble_of("mean")})
    assert results.failed == {"lost": "it holds nothing", "both": "lost says nothing"}


def test_what_a_pretrained_member_may_have_seen_fits_no_weight(panel: Panel) -> None:
    class Pretrained(Noise):
        trained_until = panel.sessions[300].date()  # within validation

    real = replace(panel, facts=replace(panel.facts, synthetic=False))
    task = task_of(real)
    members = {"saw": Pretrained(1), "guesses": Noise(2)}
    results = study_forecasts(task, members, ensembles={"both": ensemble_of("validation")})
    row = next(row for row in results.rows if row.name == "both")
    blind = {"saw": Pretrained(1), "guesses": Noise(2)}
    spans = {}
    for name, each in blind.items():
        before, after = (
            each.forecasts(task.history(None), task.origins(rows)) for rows in (task.split.validation, task.split.test)
        )
        kept = np.asarray(before.sessions >= panel.sessions[300])
        spans[name] = (before.where(kept) if name == "saw" else before, after)
    assert 0 < int(kept.sum()) < len(kept)
    one = combined(ensemble_of("validation"), spans, task.history(None))
    assert row.facts["weights"] == one.facts["weights"]


def test_ensembles_are_asked_from_python_too(panel: Panel, tmp_path: Path) -> None:
    study = qt.forecast(
        None, panel, models=["linear", "ar:p=1"], horizons=(1,), ensembles=[".5,.5"], store=tmp_path, quiet=True
    )
    mean = (study.forecasts("linear") + study.forecasts("ar:p=1")) / 2.0
    assert np.allclose(study.forecasts("ensemble .5,.5"), mean, rtol=0.0, atol=1e-15)
    with pytest.raises(ValueError, match="takes mean, validation"):
        qt.forecast(None, panel, models=["linear", "ar:p=1"], ensembles=["best"], quiet=True)


def test_ways_to_fit_go_to_those_that_have_one() -> None:
    assert fitted_as("lstm_compact", "finetune") == "lstm_compact:fit=finetune"
    assert fitted_as("linear:fit=pooled", "each") == "linear:fit=pooled"
    assert fitted_as("arima:p=1", "each") == "arima:p=1"
    assert fitted_as("linear", None) == "linear"
    with pytest.raises(ValueError, match="--fit takes pooled, each, finetune, was 'alone'"):
        fitted_as("linear", "alone")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--ensemble", "median"], "--ensemble takes mean, validation"),
        (["--ensemble", ".5,.5"], "2 weights are given for 3, linear, ar, smoothing"),
        (["--models", "linear", "--ensemble", "mean"], "two models or more, --models names 1"),
        (["--fit", "alone"], "--fit takes pooled, each, finetune"),
    ],
)
def test_what_makes_no_ensemble_is_one_line_before_anything_is_read(options, said, monkeypatch, capsys) -> None:
    found = refusal(
        "forecast", "run", "AAA", "--bars", "nowhere.parquet", *options, monkeypatch=monkeypatch, capsys=capsys
    )
    assert said in found


@pytest.mark.slow
def test_the_command_shows_an_ensemble_beside_its_members(panel: Panel, tmp_path, monkeypatch, capsys) -> None:
    from typer.testing import CliRunner

    from quintile.cli import app

    long_bars(panel).to_parquet(tmp_path / "bars.parquet")
    monkeypatch.chdir(tmp_path)
    words = ["forecast", "run", "all", "--bars", "bars.parquet", "--models", "linear,ar:p=1", "--horizons", "1,2"]
    left = CliRunner().invoke(
        app, [*words, "--ensemble", "mean", "--ensemble", ".5,.5", "--fit", "finetune", "--quiet"]
    )
    assert left.exit_code == 0, left.output
    page = (tmp_path / "forecast.html").read_text(encoding="utf-8")
    for name in ("linear:fit=finetune", "ensemble mean", "ensemble .5,.5"):
        assert name in left.output
        assert name in page
