"""``quintile forecast run``: what it writes, and one clear line for everything it cannot do."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from core.errors import MissingExtraError, QuintileError
from models.forecasters.forecast_extra import forecast_library
from quintile.cli import app


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bars of two random walks: 570 sessions, 130, 30, with a gap, and one that never moves."""
    made = tmp_path_factory.mktemp("forecasts")
    sessions, rng = pd.bdate_range("2019-01-01", periods=570), np.random.default_rng(1)
    steps = rng.normal(0.0, 0.01, size=(len(sessions), 2))
    close = pd.DataFrame(100.0 * np.exp(np.cumsum(steps, axis=0)), sessions, ["AAA", "BBB"])
    gap = close.copy()
    gap.iloc[200:230, 0] = np.nan
    frames = {"ok": close, "months": close[:130], "thirty": close[:30], "gap": gap, "flat": close * 0.0 + 50.0}
    for name, frame in frames.items():
        long = frame.rename_axis("date").reset_index().melt("date", var_name="ticker", value_name="close").dropna()
        long.assign(open=long.close, high=long.close, low=long.close, volume=1e4).to_parquet(made / f"{name}.parquet")
    (made / "bars.pkl").write_bytes(pickle.dumps({"close": [1.0]}))
    (made / "notes.html").write_text("mine", encoding="utf-8")
    (made / "none.txt").write_text("\n", encoding="utf-8")
    return made


def forecast(folder: Path, *words: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    return CliRunner().invoke(app, ["forecast", "run", *words, "--quiet"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["NOPE", "--bars", "ok.parquet"], "the bars hold no symbol 'NOPE': they hold 2, such as AAA, BBB"),
        (["none.txt", "--bars", "ok.parquet"], "none.txt names no symbol"),
        (["lost.txt", "--bars", "ok.parquet"], "lost.txt is no file: give one with a symbol a line"),
        (["AAA", "--bars", "ok.parquet", "--models", ","], "--models names no forecaster"),
        (["AAA", "--bars", "thirty.parquet"], "a forecast needs 120 sessions, the bars have 30: give more history"),
        (["AAA", "--bars", "months.parquet"], "the test span has 19 origins with an outcome, 30 are the least"),
        (["AAA", "--bars", "ok.parquet", "--every", "50"], "judge more of them with a smaller `every`"),
        (["AAA", "--bars", "ok.parquet", "--horizons", "60"], "shorten --horizons or give more history"),
        (["AAA", "--bars", "ok.parquet", "--horizons", "300"], "horizons: must be rising whole numbers from 1 to 252"),
        (["AAA", "--bars", "ok.parquet", "--horizons", "a..b"], "--horizons takes whole numbers such as 1,5, or 1..7"),
        (
            ["AAA", "--bars", "ok.parquet", "--clock", "noon"],
            "clock: input should be 'close' or 'next_open'",
        ),
        (["AAA", "--bars", "ok.parquet", "--rolling"], "rolling drops sessions at each refit: give refit too"),
        (["AAA", "--bars", "ok.parquet", "--models", "hope"], "'hope' is no forecaster: name one of persistence"),
        (
            ["AAA", "--bars", "ok.parquet", "--models", "arima:z=1"],
            "unknown key z: remove it, or give one of p, q",
        ),
        (["AAA", "--bars", "ok.parquet", "--models", "cross_attention"], "cross_attention"),
        (["AAA", "--bars", "bars.pkl"], "bars.pkl is neither .parquet nor .csv"),
        (["AAA", "--bars", "flat.parquet"], "the close of AAA never changes: there is nothing to forecast"),
        (["AAA", "--bars", "ok.parquet", "--page", "notes.html"], "notes.html"),
    ],
)
def test_what_cannot_be_forecast_is_refused_in_one_line(folder, words, said, monkeypatch):
    before = sorted(path.name for path in folder.iterdir())
    answer = forecast(folder, *words, monkeypatch=monkeypatch)
    assert isinstance(answer.exception, QuintileError | ValueError), answer.output
    assert said in str(answer.exception)
    assert "\n" not in str(answer.exception)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert (folder / "notes.html").read_text(encoding="utf-8") == "mine"


def test_a_missing_extra_is_told_with_the_line_that_installs_it():
    with pytest.raises(MissingExtraError, match=r"nosuchlibrary is .*: `pip install 'quintile\[forecast\]'`"):
        forecast_library("nosuchlibrary.part")


def test_a_history_of_570_sessions_works_and_says_what_it_cannot_show(folder, monkeypatch):
    words = ["AAA,BBB", "--bars", "ok.parquet", "--models", "linear", "--horizons", "1", "--json"]
    answer = forecast(folder, *words, "--page", "short.html", monkeypatch=monkeypatch)
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.output)
    assert told["findings"][0].startswith("No model beats persistence over all 2 series")
    assert any("test sessions cannot show" in sentence for sentence in told["findings"])
    assert "Skill over persistence" in (folder / "short.html").read_text(encoding="utf-8")


def test_a_gap_is_carried_and_forecast_across(folder, monkeypatch):
    words = ["AAA", "--bars", "gap.parquet", "--models", "linear", "--horizons", "1,5", "--json"]
    answer = forecast(folder, *words, "--page", "gap.html", monkeypatch=monkeypatch)
    assert answer.exit_code == 0, answer.output


def test_every_forecaster_that_was_shown_is_counted_once(folder, monkeypatch):
    def judged(models: str, page: str) -> str:
        words = ["BBB", "--bars", "ok.parquet", "--models", models, "--horizons", "1", "--out", "counted", "--json"]
        answer = forecast(folder, *words, "--page", page, monkeypatch=monkeypatch)
        assert answer.exit_code == 0, answer.output
        found = [each for each in json.loads(answer.output)["findings"] if "judged on this span" in each]
        assert len(found) == 1
        return found[0]

    assert judged("ar:p=1", "one.html").startswith("1 forecaster has been judged")
    assert judged("ar:p=1", "one.html").startswith("1 forecaster has been judged")
    assert judged("ar:p=1,ar:p=2", "two.html").startswith("2 forecasters have been judged")
    assert "2 forecasters have been judged" in (folder / "two.html").read_text(encoding="utf-8")
