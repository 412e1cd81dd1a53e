"""Both engines on recorded bars with raw prices, halts and names that stop trading; skipped where there are none."""

import pytest

from backtests import Costs, run_backtest
from market import Execution
from market.sources import load_bars
from market.universe import choose_universe
from portfolio import BookSettings, build_book

EXECUTIONS = [
    Execution(),
    Execution(fill="next_close"),
    Execution(fill="close"),
    Execution(extra_delay=3),
]


@pytest.fixture(scope="module")
def panel(shared_data):
    bars = load_bars(shared_data / "us_pit_2015_2017.parquet", point_in_time=True)
    return choose_universe(bars, "top1000")


@pytest.mark.slow
@pytest.mark.parametrize("execution", EXECUTIONS, ids=lambda execution: f"{execution.fill}+{execution.extra_delay}")
@pytest.mark.parametrize("builder", ["quintile_long_short", "filter_negative"])
def test_both_engines_agree_on_names_that_stop_trading(panel, execution, builder):
    reversal = -(panel.close / panel.close.shift(1) - 1.0).where(panel.universe)
    book = build_book(reversal, panel, BookSettings(builder=builder))
    result = run_backtest(panel, book.weights, execution=execution, costs=Costs())
    assert result.parity < 1e-10
    assert len(result.cash_outs) > 20
    assert len(result.unfilled) > 50
