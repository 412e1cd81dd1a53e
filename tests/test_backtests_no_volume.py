"""No volume: an order waits at a bar in which nothing traded, in both engines, unless the source never has a volume."""

import numpy as np
import pandas as pd
import pytest

from backtests.engine.backtest import run_backtest
from backtests.engine.backtest_result import BacktestResult
from backtests.engine.many_books import net_returns_of
from market import Execution, Panel, forward_returns
from portfolio.costs import Costs
from tests.oracles.small_panels import delisted, panel_of

FREE = Costs(trade_bps=0.0)
CLOSES = {"A": [10.0, 10.0, 11.0, 12.0, 12.0], "B": [20.0] * 5}
HALTED = {"A": [500.0, 500.0, 0.0, 500.0, 500.0], "B": [500.0] * 5}


def book(panel: Panel, *rows: tuple[float, float]) -> pd.DataFrame:
    decided = [*rows, *[(np.nan, np.nan)] * (len(panel.sessions) - len(rows))]
    return pd.DataFrame(decided, index=panel.sessions, columns=panel.tickers)


def traded(panel: Panel, weights: pd.DataFrame, execution: Execution | None = None) -> BacktestResult:
    return run_backtest(panel, weights, execution=execution or Execution(fill="next_close"), costs=FREE)


def test_an_order_waits_for_the_next_bar_with_a_volume() -> None:
    panel = panel_of(CLOSES, volume=HALTED)
    result = traded(panel, book(panel, (0.0, 0.0), (0.5, 0.0)))
    [fill] = result.trades.to_dict("records")
    assert (fill["session"], fill["ticker"], fill["price"]) == (panel.sessions[3], "A", 12.0)
    [waited] = result.unfilled.to_dict("records")
    assert (waited["session"], waited["reason"], waited["target_weight"]) == (panel.sessions[2], "no volume", 0.5)
    assert result.parity < 1e-9


def test_the_former_rule_fills_at_the_stale_price() -> None:
    panel = panel_of(CLOSES, volume=HALTED)
    result = traded(panel, book(panel, (0.0, 0.0), (0.5, 0.0)), Execution(fill="next_close", no_volume="fills"))
    assert list(result.trades["price"]) == [11.0]
    assert result.unfilled.empty


@pytest.mark.parametrize("silent", [0.0, np.nan])
def test_a_source_without_any_volume_fills(silent: float) -> None:
    panel = panel_of(CLOSES, volume={"A": [silent] * 5, "B": [500.0] * 5})
    result = traded(panel, book(panel, (0.0, 0.0), (0.5, 0.0)))
    assert list(result.trades["price"]) == [11.0]


def test_an_unknown_volume_is_not_none() -> None:
    panel = panel_of(CLOSES, volume=HALTED | {"A": [500.0, 500.0, np.nan, 500.0, 500.0]})
    assert list(traded(panel, book(panel, (0.0, 0.0), (0.5, 0.0))).trades["price"]) == [11.0]


def test_a_holder_of_a_name_that_never_trades_again_is_paid_out() -> None:
    panel = panel_of(
        {"A": [10.0, 10.0, 10.0, 10.0, np.nan], "B": [20.0] * 5},
        volume={"A": [500.0, 500.0, 0.0, 0.0, np.nan], "B": [500.0] * 5},
        delistings=delisted({"A": ("2020-01-06", -0.5)}),
    )
    result = traded(panel, book(panel, (0.5, 0.0), (0.0, 0.0)))
    assert list(result.trades["session"]) == [panel.sessions[1]]
    assert list(result.unfilled["reason"]) == ["no volume", "no volume"]  # an exit that is paid out misses nothing
    assert list(result.cash_outs["price"]) == [5.0]
    assert result.equity.iloc[-1] == pytest.approx(0.75e6)
    assert result.parity < 1e-9


@pytest.mark.parametrize("fill", ["next_open", "next_close", "close"])
def test_labels_and_fills_share_the_rule(fill: str) -> None:
    panel = panel_of(CLOSES, volume=HALTED)
    execution = Execution(fill=fill)
    forward = forward_returns(panel, execution)["A"].to_numpy()
    untradable = 2 - execution.delay
    assert np.isnan(forward[[untradable - 1, untradable]]).all()
    known = [row for row in range(5 - execution.delay - 1) if row not in (untradable - 1, untradable)]
    assert not np.isnan(forward[known]).any()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("fill", ["next_open", "next_close"])
def test_both_engines_and_many_books_agree_on_random_bars(seed: int, fill: str) -> None:
    rng = np.random.default_rng(seed)
    prices = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (40, 5)), axis=0))
    prices[rng.random(prices.shape) < 0.1] = np.nan
    prices[0] = 50.0
    shares = np.where(rng.random(prices.shape) < 0.3, 0.0, 1000.0)
    names = list("ABCDE")
    opens = prices * np.exp(rng.normal(0, 0.01, prices.shape))
    tables = [dict(zip(names, values.T.tolist(), strict=True)) for values in (prices, opens, shares)]
    panel = panel_of(tables[0], opens=tables[1], volume=tables[2])
    weights = pd.DataFrame(rng.dirichlet(np.ones(5), 40) * 0.4, index=panel.sessions, columns=panel.tickers)
    weights[::3] = np.nan
    execution = Execution(fill=fill)
    result = run_backtest(panel, weights, execution=execution, costs=Costs(trade_bps=5.0))
    assert result.parity < 1e-9
    filled = panel.volume.stack().loc[pd.MultiIndex.from_frame(result.trades[["session", "ticker"]])]
    first = (panel.volume > 0).cumsum().stack().loc[filled.index] == 0
    assert ((filled > 0) | first).all()
    assert (result.unfilled["reason"] == "no volume").any()
    other = net_returns_of(panel, {"x": weights}, execution=execution, costs=Costs(trade_bps=5.0))["x"]
    pd.testing.assert_series_equal(other.dropna(), result.net_returns, check_names=False, check_freq=False, atol=1e-12)
