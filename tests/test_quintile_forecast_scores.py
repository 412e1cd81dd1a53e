"""``--as-scores``: forecasts of test origins become scores, and are judged as what they are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

import quintile as qt
from core.errors import DataError
from market.panel import Panel
from models.forecasters.forecaster_settings import forecaster_settings
from models.forecasters.forecasts import Forecasts
from models.forecasters.score_frames import score_frame, write_scores
from quintile.cli.forecasts.score_option import save_scores
from signals.score_file import read_scores
from strategy.forecasts.forecast_study import study_forecasts
from strategy.forecasts.forecast_task import ForecastTask, TaskSettings
from tests.oracles.small_runs import long_bars, refusal, small_market


@pytest.fixture(scope="module")
def market() -> Panel:
    return small_market(300).panel


def forecasts_of(mean: np.ndarray, horizons: tuple[int, ...] = (1,)) -> Forecasts:
    sessions = pd.bdate_range("2020-01-01", periods=len(mean), name="session")
    tickers = pd.Index([f"S{place}" for place in range(mean.shape[1])], name="ticker")
    return Forecasts(sessions=sessions, tickers=tickers, horizons=horizons, mean=mean)


@pytest.mark.slow
def test_scores_are_the_test_forecasts_and_their_ic_is_that_of_plain_loops(market: Panel, tmp_path: Path) -> None:
    task = ForecastTask(market, TaskSettings(horizons=(1, 5)))
    results = study_forecasts(task, {"linear": forecaster_settings("linear:features=core14")})
    said = save_scores(results, tmp_path / "scores.parquet", horizon=5)
    assert results.selected is not None
    test, scores = results.selected.test, read_scores(tmp_path / "scores.parquet")
    assert f"over 5 sessions at {len(scores)} test origins" in said
    assert set(scores.index) <= set(market.sessions[task.split.test])
    placed = scores.reindex(columns=market.tickers)
    assert np.array_equal(placed, test.at(5).loc[scores.index], equal_nan=True)
    run = qt.evaluate(scores, market, store=tmp_path / "runs", quick=True)
    opens, universe = market.open.to_numpy(), market.universe.to_numpy()
    for session, found in run.ic["model"].dropna().items():
        row, pairs = market.sessions.get_loc(session), []
        for place in range(len(market.tickers)):
            score = placed.loc[session].iloc[place]
            came = opens[row + 2, place] / opens[row + 1, place] - 1.0
            if universe[row, place] and np.isfinite(score) and np.isfinite(came):
                pairs.append((score, came))
        ranks = [rankdata(side) for side in zip(*pairs, strict=True)]
        assert found == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-12)


def test_a_file_of_scores_is_read_back_to_the_bit(tmp_path: Path) -> None:
    mean = np.random.default_rng(0).normal(0.0, 0.01, (4, 6, 1))
    mean[1, 2], mean[3, 1:] = np.nan, np.nan
    scores = score_frame(forecasts_of(mean))
    assert len(scores) == 3  # a session with one name ranks nothing
    for name in ("scores.parquet", "scores.csv"):
        write_scores(scores, tmp_path / name)
        assert np.array_equal(read_scores(tmp_path / name), scores, equal_nan=True)


def test_forecasts_that_rank_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="rank no name above another"):
        score_frame(forecasts_of(np.zeros((3, 6, 1))))
    with pytest.raises(DataError, match="4 names make no book: 5 names are the least"):
        score_frame(forecasts_of(np.zeros((3, 4, 1))))
    with pytest.raises(ValueError, match="--horizon must be one that is forecast, 1, was 2"):
        score_frame(forecasts_of(np.ones((3, 6, 1))), horizon=2)


def test_what_cannot_be_written_is_one_clear_line_before_anything_is_fitted(
    market: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long_bars(market).to_parquet(tmp_path / "bars.parquet")
    (tmp_path / "mine.csv").write_text("mine", encoding="utf-8")
    monkeypatch.setattr("strategy.forecasts.forecast_study.study_forecasts", lambda *_, **__: pytest.fail("fitted"))
    names, few = ",".join(market.tickers[:5]), str(market.tickers[0])
    for symbols, options, said in (
        (names, ("--as-scores", tmp_path / "x.txt"), "--as-scores must end in .parquet or .csv, was 'x.txt'"),
        (names, ("--as-scores", tmp_path / "x.csv", "--horizon", 9), "--horizon must be one that is forecast, 1, 2"),
        (names, ("--as-scores", tmp_path / "bars.parquet"), "would overwrite"),
        (names, ("--as-scores", tmp_path / "mine.csv"), "is there already"),
        (names, ("--horizon", 1), "--horizon is of --as-scores"),
        (few, ("--as-scores", tmp_path / "x.csv"), "scores of 1 name make no book: 5 names are the least"),
    ):
        words = ("forecast", "run", symbols, "--bars", tmp_path / "bars.parquet", "--quiet", *options)
        assert said in refusal(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert (tmp_path / "mine.csv").read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.parquet", "mine.csv"]
