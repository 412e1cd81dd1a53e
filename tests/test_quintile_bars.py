"""Bars in memory: long, wide and yfinance's columns are the same bars as the file they came from."""

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import quintile as qt
from core.errors import BarsError, SourceError
from quintile.bar_frames import as_inputs
from strategy.walk_forward.walk_settings import CombinatorialSettings, WalkSettings
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
    found = qt.features(bars, "core14", names=["ret_5d"], computing=qt.Computing(gap_limit=0))
    expected = bars.close.pct_change(5, fill_method=None)
    pd.testing.assert_frame_equal(found["ret_5d"], expected, check_freq=False)


def test_bars_of_any_form_go_wherever_bars_go(bars_path: Path, bars: qt.Panel) -> None:
    rows = pd.read_parquet(bars_path)
    expected = qt.features(bars, "core14", names=["ret_5d"])["ret_5d"]
    for form in (rows, yfinance_columns(rows), {name: getattr(bars, name) for name in FIELDS}):
        pd.testing.assert_frame_equal(qt.features(form, "core14", names=["ret_5d"])["ret_5d"], expected)
    market = qt.synthetic_market(qt.SyntheticSettings(n_tickers=20, n_sessions=200))
    assert as_inputs(market).oracle is market.oracle
    weights = pd.DataFrame(0.3, index=bars.sessions[:50], columns=bars.tickers[:3])
    held = qt.backtest(weights, rows)
    pd.testing.assert_series_equal(held.equity, qt.backtest(weights, bars).equity)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "bars must be a DataFrame, a mapping of field to DataFrame, or the name of a source, were None"),
        (["AAPL"], "were of type list"),
        ({}, "were of type dict"),
        ({"open": 3.0}, "were of type dict"),
    ],
)
def test_what_are_no_bars_is_said_in_one_line(given: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        qt.load_bars(given)
    with pytest.raises(TypeError, match=r"bars must come from qt\.load_bars, or be a DataFrame of daily bars, were"):
        qt.features(given)


def test_dates_may_be_dates_and_are_refused_where_no_bar_lies(bars_path: Path) -> None:
    rows = pd.read_parquet(bars_path)
    for first in (dt.date(2015, 3, 2), pd.Timestamp("2015-03-02")):
        for source in (rows, bars_path):
            assert qt.load_bars(source, start=first).sessions[0] == pd.Timestamp("2015-03-02")
    for source in (rows, bars_path):
        with pytest.raises(ValueError, match="start must be an ISO date like 2015-01-31, was 'soon'"):
            qt.load_bars(source, start="soon")
        with pytest.raises(SourceError, match="has no bar from 2031-01-01 to 2015-10-08: it runs from 2015-01-02"):
            qt.load_bars(source, start="2031-01-01")
        assert (
            qt.load_bars(source, start="1600-01-01", end="9999-12-31").close.shape == qt.load_bars(source).close.shape
        )
        with pytest.raises(SourceError, match="has no bar from 2300-01-01"):  # which no nanosecond clock reaches
            qt.load_bars(source, start="2300-01-01")
        with pytest.raises(SourceError, match="has no bar from 2015-01-02 to 1600-12-31"):
            qt.load_bars(source, end="1600-12-31")


def test_a_name_where_a_value_is_needed_is_answered_with_what_makes_one(bars: qt.Panel) -> None:
    wrong: Any = "filter_negative"
    asked = {
        "spec must be a StrategySpec, was 'filter_negative': qt.load_strategy gives one": lambda: qt.run(wrong, bars),
        "spec must be a StrategySpec, was": lambda: qt.walk_forward(wrong, bars),
        "run must be a Run, was 'filter_negative': qt.run or qt.load_run": lambda: qt.compare_books(wrong),
        "run must be a Run": lambda: qt.freeze(wrong, "mine@1.0.0"),
        "subject must be a Run": lambda: qt.prove(wrong),
        "version must be a FrozenVersion": lambda: qt.paper(wrong),
        "scores must be a DataFrame or the path of a file, were a list": lambda: qt.evaluate([wrong], bars),  # type: ignore[arg-type]
        "rules must be a TradingRules": lambda: qt.evaluate(bars.close, bars, rules=wrong),
    }
    for message, call in asked.items():
        with pytest.raises(TypeError, match=message):
            call()


def test_what_a_walk_cannot_take_is_said_in_one_line(bars: qt.Panel) -> None:
    spec = qt.load_strategy()
    wrong: dict[str, dict[str, Any]] = {
        "^unknown option folds: a walk takes train, test, .*combinatorial$": {"folds": 3},
        "^learner: Input should be 'model' or 'ridge', was 'forest'$": {"learner": "forest"},
        "^train: Input should be greater than or equal to 2, was 0$": {"train": 0},
        "^combinatorial takes two numbers": {"combinatorial": (6,)},
    }
    for message, options in wrong.items():
        with pytest.raises(ValueError, match=message):
            qt.walk_forward(spec, bars, **options)


def test_a_pair_of_groups_is_a_combinatorial_walk_of_ridge_unless_a_learner_is_named() -> None:
    groups = CombinatorialSettings(n_groups=5, k_test=1)
    found = WalkSettings.of({"combinatorial": (5, 1), "learner": None, "first_test": None})
    assert (found.combinatorial, found.learner) == (groups, "ridge")
    assert WalkSettings.of({"combinatorial": (5, 1), "learner": "network"}).learner == "model"
    assert WalkSettings.of({"combinatorial": groups}).combinatorial == groups
    assert WalkSettings.of({"combinatorial": (), "seeds": ()}) == WalkSettings()


def test_weights_that_are_no_frame_are_refused(bars: qt.Panel) -> None:
    weights = pd.DataFrame(0.2, index=bars.sessions[:50], columns=bars.tickers[:3])
    with pytest.raises(TypeError, match="weights must be a DataFrame of sessions × tickers, were a Series"):
        qt.backtest(weights.iloc[0], bars)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"weights name .* twice: keep one column"):
        qt.backtest(pd.concat([weights, weights], axis=1), bars)
    with pytest.raises(TypeError, match="costs must be a Costs, was 5"):
        qt.backtest(weights, bars, costs=5)  # type: ignore[arg-type]
