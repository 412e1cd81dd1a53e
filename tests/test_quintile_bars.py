"""Bars in memory: long, wide and yfinance's columns are the same bars as the file they came from."""

from pathlib import Path

import pandas as pd
import pytest

import quintile as qt
from core.errors import BarsError
from tests.frozen_market import small_bars

FIELDS = ("open", "high", "low", "close", "volume")


@pytest.fixture(scope="module")
def bars_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bars(tmp_path_factory.mktemp("bars") / "bars.parquet", n_sessions=200)


@pytest.fixture(scope="module")
def bars(bars_path: Path) -> qt.Panel:
    return qt.load_bars(bars_path)


def yfinance_columns(rows: pd.DataFrame) -> pd.DataFrame:
    """What yfinance's download gives: (Price, Ticker) columns over dates."""
    wide = rows.pivot(index="date", columns="ticker")
    pairs = [(field.capitalize(), ticker) for field, ticker in wide.columns]
    return wide.set_axis(pd.MultiIndex.from_tuples(pairs, names=["Price", "Ticker"]), axis=1).rename_axis("Date")


def test_every_form_in_memory_is_the_bars_of_the_file(bars_path: Path, bars: qt.Panel) -> None:
    rows = pd.read_parquet(bars_path)
    wide = yfinance_columns(rows)
    forms = {
        "long": rows,
        "shuffled": rows.sample(frac=1.0, random_state=1),
        "by date and ticker": rows.set_index(["date", "ticker"]),
        "in capitals": rows.rename(columns=str.capitalize),
        "yfinance": wide,
        "yfinance by ticker": wide.swaplevel(axis=1).sort_index(axis=1),
        "a frame a field": {name: getattr(bars, name) for name in FIELDS},
    }
    for name, form in forms.items():
        assert qt.load_bars(form).fingerprint() == bars.fingerprint(), name


def test_bars_in_memory_are_cut_and_chosen_like_those_of_a_file(bars_path: Path) -> None:
    words = {"universe": "top10", "start": "2015-03-02", "end": "2015-07-31"}
    from_file = qt.load_bars(bars_path, **words)
    from_rows = qt.load_bars(pd.read_parquet(bars_path), **words)
    assert from_rows.fingerprint() == from_file.fingerprint()
    assert from_rows.universe.iloc[-1].sum() == 10


def test_bars_of_a_file_know_what_loads_them_and_changed_ones_do_not(bars_path: Path, bars: qt.Panel) -> None:
    assert bars.request == qt.BarsRequest(bars=str(bars_path))
    assert bars.until("2015-06-01").request is None
    assert bars.with_universe(bars.universe, described="all").request is None
    assert qt.load_bars(pd.read_parquet(bars_path)).request is None


def test_a_missing_column_is_named(bars_path: Path) -> None:
    with pytest.raises(BarsError, match="a DataFrame has no column for volume"):
        qt.load_bars(pd.read_parquet(bars_path).drop(columns="volume"))


def test_bars_show_themselves_in_a_notebook_with_every_word_escaped(bars_path: Path) -> None:
    named = qt.load_bars({name: getattr(qt.load_bars(bars_path), name) for name in FIELDS})
    shown = named.with_universe(named.universe, described="<b>mine</b>")._repr_html_()
    assert "<svg" in shown
    assert "&lt;b&gt;mine&lt;/b&gt;" in shown
    assert "<b>" not in shown
    assert repr(named) == "<Panel a DataFrame: 200 sessions × 29 tickers, 2015-01-02 to 2015-10-08>"


def test_features_are_frames_by_name(bars: qt.Panel) -> None:
    found = qt.features(bars, "core14", names=["ret_5d"])
    expected = bars.close.pct_change(5, fill_method=None)
    pd.testing.assert_frame_equal(found["ret_5d"], expected, check_freq=False)
