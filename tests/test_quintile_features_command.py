"""``quintile features``: a table of what a set covers, kept beside the data and only read the second time."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quintile.cli import app
from tests.oracles.signal_panels import random_panel


@pytest.fixture
def bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / "data"))
    panel = random_panel(gaps=False)
    long = {name: getattr(panel, name).stack() for name in ("open", "high", "low", "close", "volume")}
    path = tmp_path / "bars.csv"
    panel.close.stack().to_frame("close").assign(**long).rename_axis(["date", "ticker"]).to_csv(path)
    return str(path)


def told(*words: str) -> dict:
    answer = CliRunner().invoke(app, ["features", *words, "--json"], catch_exceptions=False)
    return json.loads(answer.stdout)


def test_features_are_told_and_kept(bars: str, tmp_path: Path) -> None:
    first = told(bars, "--memory", "2GB")
    covered = {row["feature"]: row["coverage"] for row in first["features"]}
    sessions = first["sessions"]
    assert covered["price_range"] == 1.0
    assert covered["ret_20d"] == covered["momentum"] == pytest.approx((sessions - 20) / sessions)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "data" / ".features").glob("*.npy")}
    assert len(kept) == 12
    assert told(bars)["features"] == first["features"]
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_nothing_is_kept_where_nothing_is_wanted(bars: str, tmp_path: Path) -> None:
    assert told(bars, "--no-cache", "--dtype", "float64")["tickers"] == 8
    assert not (tmp_path / "data" / ".features").exists()
    with pytest.raises(ValueError, match="--out sets the cache folder and --no-cache turns the cache off"):
        told(bars, "--no-cache", "--out", str(tmp_path))
