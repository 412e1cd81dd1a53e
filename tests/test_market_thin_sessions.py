"""Thin sessions: dates at which most names did not trade are left out, named, judged by the past, kept on request."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quintile as qt
from market import Panel, load_bars
from market.bars.thin_sessions import thin_sessions, without_thin_sessions
from market.request import BarsRequest
from market.synthetic import synthetic_market
from tests.oracles.small_panels import panel_of


def market(printed: np.ndarray, volume: np.ndarray | None = None) -> Panel:
    """Prices of 10 that go up by 1 % a session, where a name printed."""
    prices = np.where(printed, 10.0 * 1.01 ** np.arange(len(printed))[:, None], np.nan)
    names = [f"T{k:02d}" for k in range(printed.shape[1])]
    shares = np.where(printed, 1000.0 if volume is None else volume, np.nan)
    return panel_of(dict(zip(names, prices.T, strict=True)), volume=dict(zip(names, shares.T.tolist(), strict=True)))


def everybody(n_sessions: int = 40, n_tickers: int = 14) -> np.ndarray:
    return np.ones((n_sessions, n_tickers), dtype=bool)


def rows(panel: Panel) -> list[int]:
    return panel.sessions.get_indexer(thin_sessions(panel).index).tolist()


def test_a_session_that_most_names_lost_is_left_out_with_the_bars_of_the_others() -> None:
    printed = everybody()
    printed[20, 1:] = False
    panel = market(printed)
    left = without_thin_sessions(panel)
    assert left.sessions.equals(panel.sessions.delete(20))
    assert left.facts.notes == (
        "1 session left out, in which fewer than half of the names that usually trade did: 2020-01-29 (1 of 14); "
        "--keep-thin-sessions keeps them",
    )
    pd.testing.assert_frame_equal(left.close, panel.close.drop(panel.sessions[20]), check_freq=False)


def test_flat_bars_of_a_holiday_are_no_session() -> None:
    volume = np.full((40, 8), 500.0)
    volume[[15, 30]] = 0.0
    assert rows(market(everybody(n_tickers=8), volume)) == [15, 30]


@pytest.mark.parametrize("silent", [0.0, np.nan])
def test_a_source_without_volume_loses_nothing(silent: float) -> None:
    assert rows(market(everybody(), np.full((40, 14), silent))) == []


def test_years_without_recorded_volume_are_kept() -> None:
    volume = np.full((40, 14), 500.0)
    volume[:20] = 0.0
    assert rows(market(everybody(), volume)) == []


def test_half_of_the_names_are_enough() -> None:
    printed = everybody()
    printed[20, 7:] = False
    printed[25, 6:] = False
    assert rows(market(printed)) == [25]


def test_a_market_that_lists_gradually_or_begins_small_is_kept() -> None:
    printed = np.arange(40)[:, None] >= 3 * np.arange(14)[None, :]
    assert rows(market(printed)) == []


@pytest.mark.parametrize("n_tickers", [1, 2, 3, 4])
def test_a_few_names_are_judged_by_nobody(n_tickers: int) -> None:
    printed = everybody(n_tickers=n_tickers)
    printed[20, : max(n_tickers - 1, 1)] = False
    volume = np.full(printed.shape, 500.0)
    volume[30] = 0.0
    assert rows(market(printed, volume)) == []


def test_a_market_that_shrinks_for_good_is_the_usual_one_after_a_week() -> None:
    printed = everybody()
    printed[20:, 4:] = False
    assert rows(market(printed)) == list(range(20, 26))


@pytest.mark.parametrize("row", [10, 20, 21, 39])
def test_a_session_is_judged_by_the_sessions_before_it(row: int) -> None:
    rng = np.random.default_rng(3)
    printed = rng.random((40, 14)) < np.where(rng.random(40) < 0.2, 0.3, 0.95)[:, None]
    panel = market(printed)
    known = thin_sessions(panel.until(panel.sessions[row]))
    pd.testing.assert_frame_equal(known, thin_sessions(panel).loc[: panel.sessions[row]], check_freq=False)


def test_the_built_in_market_has_none() -> None:
    assert thin_sessions(synthetic_market().panel).empty


def written(tmp_path: Path) -> Path:
    printed = everybody()
    printed[20, 1:] = False
    panel = market(printed)
    bars = {name: getattr(panel, name).stack() for name in ("open", "high", "low", "close", "volume")}
    table = pd.DataFrame(bars).reset_index().rename(columns={"session": "date"})
    table.to_csv(tmp_path / "bars.csv", index=False)
    return tmp_path / "bars.csv"


def test_every_way_in_leaves_them_out_and_a_switch_keeps_them(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert [len(load_bars(path, keep_thin_sessions=kept).sessions) for kept in (False, True)] == [39, 40]
    assert len(qt.load_bars(path).sessions) == 39
    assert len(qt.load_bars(pd.read_csv(path)).sessions) == 39
    kept = qt.load_inputs(qt.BarsRequest(bars=str(path), keep_thin_sessions=True)).panel
    assert len(kept.sessions) == 40


def test_a_request_recorded_before_kept_them() -> None:
    assert BarsRequest.recorded({"bars": "x"}).keep_thin_sessions
    assert BarsRequest.for_bars({"bars": "x"}, bars="y").keep_thin_sessions
    assert not BarsRequest.recorded({"bars": "x", "keep_thin_sessions": False}).keep_thin_sessions
    assert not BarsRequest(bars="x").keep_thin_sessions


def test_a_ticker_that_printed_only_then_is_left_out(tmp_path: Path) -> None:
    printed = everybody()
    printed[:, 13] = False
    printed[20] = False
    printed[20, 13] = True
    assert "T13" not in without_thin_sessions(market(printed)).tickers
