"""Ticks and lots: the common step of prices and volumes, from bars whose step is known."""

import numpy as np
import pandas as pd
import pytest

from market.bars.ticks import price_ticks, volume_lots
from market.panel import Panel, PanelFacts, aligned_frame

SESSIONS = pd.bdate_range("2020-01-01", periods=300)
FACTS = PanelFacts(source="made", adjustment="as given", volume_basis="as given")


def bars_on(step: float, level: float, *, lot: float = 1.0, factor: np.ndarray | None = None) -> Panel:
    """One name on a random walk of whole ticks around a level."""
    rng = np.random.default_rng(3)
    close = np.maximum(np.round(level * np.exp(0.02 * rng.standard_normal(300).cumsum() * 0.3) / step), 20) * step
    high, low = close + step * rng.integers(0, 5, 300), close - step * rng.integers(0, 5, 300)
    volume = lot * rng.integers(1, 5000, 300)
    scale = np.ones(300) if factor is None else factor
    prices = {"open": close, "high": high, "low": low, "close": close}
    frames = {
        name: aligned_frame((values * scale)[:, None], SESSIONS, pd.Index(["A"])) for name, values in prices.items()
    }
    volumes = aligned_frame(volume[:, None], SESSIONS, pd.Index(["A"]))
    return Panel(**frames, volume=volumes, dollar_volume=volumes, universe=frames["close"].notna(), facts=FACTS)


@pytest.mark.parametrize(
    ("step", "level"),
    [(1.0, 300.0), (5.0, 4000.0), (0.01, 50.0), (0.01, 900.0), (0.05, 2500.0), (0.0625, 40.0), (1e-6, 0.003)],
)
def test_the_tick_is_the_step_that_prices_were_written_in(step: float, level: float) -> None:
    assert price_ticks(bars_on(step, level))["A"] == pytest.approx(step)


def test_prices_in_single_precision_keep_their_tick() -> None:
    bars = bars_on(0.01, 50.0)
    single = aligned_frame(bars.close.to_numpy().astype(np.float32).astype(float), bars.sessions, bars.tickers)
    panel = Panel(
        open=single,
        high=single,
        low=single,
        close=single,
        volume=bars.volume,
        dollar_volume=bars.volume,
        universe=single.notna(),
        facts=FACTS,
    )
    assert price_ticks(panel)["A"] == pytest.approx(0.01)


def test_a_dividend_factor_is_taken_out() -> None:
    factor = np.where(np.arange(300) < 290, 0.98314159, 1.0)
    bars = bars_on(0.01, 50.0, factor=factor)
    known = aligned_frame(factor[:, None], bars.sessions, bars.tickers)
    assert price_ticks(bars, factor=known)["A"] == pytest.approx(0.01)


def test_prices_on_no_step_have_no_tick() -> None:
    assert np.isnan(price_ticks(bars_on(0.01, 50.0, factor=np.exp(np.linspace(-0.1, 0, 300))))["A"])


def test_the_latest_prices_tell_where_older_ones_were_adjusted() -> None:
    factor = np.where(np.arange(300) < 200, 0.98314159, 1.0)
    assert price_ticks(bars_on(0.01, 50.0, factor=factor))["A"] == pytest.approx(0.01)


def test_one_price_for_ever_tells_no_tick() -> None:
    bars = bars_on(0.01, 50.0)
    flat = aligned_frame(np.full((300, 1), 100.0), bars.sessions, bars.tickers)
    panel = Panel(
        open=flat,
        high=flat,
        low=flat,
        close=flat,
        volume=bars.volume,
        dollar_volume=bars.volume,
        universe=flat.notna(),
        facts=FACTS,
    )
    assert np.isnan(price_ticks(panel)["A"])


@pytest.mark.parametrize("lot", [1.0, 100.0, 1000.0])
def test_the_lot_is_the_step_of_volumes(lot: float) -> None:
    assert volume_lots(bars_on(1.0, 300.0, lot=lot))["A"] == lot


def test_fractions_of_a_share_have_no_lot() -> None:
    assert np.isnan(volume_lots(bars_on(1.0, 300.0, lot=0.12345))["A"])
