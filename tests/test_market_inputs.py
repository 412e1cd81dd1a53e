"""Sectors and VIX: where they come from and where they end up."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import SourceError
from market.inputs import load_inputs
from market.request import BarsRequest
from market.sources.benchmark import load_benchmark, load_levels


@pytest.fixture
def vix_file(tmp_path: Path) -> Path:
    sessions = pd.bdate_range("2015-01-02", periods=300)
    path = tmp_path / "vix.csv"
    pd.DataFrame({"date": sessions, "close": 15.0 + np.arange(300) % 10}).to_csv(path, index=False)
    return path


def test_the_built_in_market_knows_its_sectors_and_takes_a_vix(vix_file: Path) -> None:
    inputs = load_inputs(BarsRequest(vix=str(vix_file), end="2016-06-30"))
    assert inputs.sectors is not None
    assert set(inputs.panel.tickers) <= set(inputs.sectors.index)
    assert inputs.vix is not None
    assert inputs.vix.index.equals(inputs.panel.sessions)
    assert inputs.vix.dropna().between(15, 24).all()


def test_without_a_file_there_is_no_vix() -> None:
    inputs = load_inputs(BarsRequest(end="2015-12-31"))
    assert inputs.vix is None


def test_levels_are_levels_and_a_benchmark_is_their_return(vix_file: Path) -> None:
    sessions = pd.bdate_range("2015-01-02", periods=300)
    levels, returns = load_levels(vix_file, sessions), load_benchmark(vix_file, sessions)
    assert levels.iloc[:3].tolist() == [15.0, 16.0, 17.0]
    assert returns.iloc[1] == pytest.approx(1 / 15)
    assert levels.name == returns.name == "vix"


def test_a_missing_file_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"give a \.parquet or \.csv file"):
        load_levels(tmp_path / "none.csv", pd.bdate_range("2015-01-02", periods=3))
