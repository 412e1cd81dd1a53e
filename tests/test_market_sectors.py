"""Sectors from a file: placed on the tickers asked for, and refused where they are ambiguous."""

import pandas as pd
import pytest

from core.errors import BarsError, SourceError
from market.sources.sectors import load_sectors

TICKERS = pd.Index(["A", "B", "C"], name="ticker")


def written(tmp_path, **columns):
    path = tmp_path / "sectors.parquet"
    pd.DataFrame(columns).to_parquet(path)
    return path


def test_each_ticker_gets_its_sector_and_an_unknown_one_none(tmp_path):
    path = written(tmp_path, Ticker=["B", "A", "Z", "C"], Sector=["Tech", "Oil", "Oil", ""])
    found = load_sectors(path, TICKERS)
    assert found.to_dict() == {"A": "Oil", "B": "Tech", "C": found["C"]}
    assert pd.isna(found["C"])


def test_a_ticker_told_twice_alike_is_one_and_with_two_sectors_is_refused(tmp_path):
    path = written(tmp_path, ticker=["A", "A"], sector=["Oil", "Oil"])
    assert load_sectors(path, TICKERS)["A"] == "Oil"
    with pytest.raises(BarsError, match="gives A two sectors"):
        load_sectors(written(tmp_path, ticker=["A", "A"], sector=["Oil", "Tech"]), TICKERS)


def test_a_file_without_the_columns_or_the_tickers_is_refused(tmp_path):
    with pytest.raises(BarsError, match="needs the columns ticker and sector"):
        load_sectors(written(tmp_path, ticker=["A"], industry=["Oil"]), TICKERS)
    with pytest.raises(SourceError, match="names no ticker of the bars"):
        load_sectors(written(tmp_path, ticker=["Z"], sector=["Oil"]), TICKERS)
