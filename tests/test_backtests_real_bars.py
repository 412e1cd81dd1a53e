"""Both engines on every book that both can keep: recorded bars with halts and dead names, and the built-in market."""

import pandas as pd
import pytest

from backtests.engine.backtest import run_backtest
from market import Execution, Panel
from market.sources import load_bars
from market.synthetic import synthetic_market
from market.universe import choose_universe
from portfolio.book import build_book
from portfolio.book_settings import BookSettings
from portfolio.costs import Costs
from strategy.definitions.spec import load_spec
from strategy.studies.book_lineup import book_lineup

EXECUTIONS = [
    Execution(),
    Execution(fill="next_close"),
    Execution(fill="close"),
    Execution(extra_delay=3),
]
LINEUP = book_lineup(load_spec("filter_negative"))
BOOKS = LINEUP | {
    # orders that halts leave unfilled would need more cash than the usual one percent
    "S5 long-only": LINEUP["S5 long-only"].model_copy(update={"cash_buffer": 0.03}),
    "rank gate": BookSettings(rank_gate=0.05),
    "legs levelled": BookSettings(rank_gate=0.05, neutral="legs"),
    "beta-neutral": BookSettings(neutral="beta"),
}
LEDGER_ONLY = {
    "impact": Costs(impact="square_root", impact_bps=20.0),
    "borrow fees": Costs(borrow_bps=50.0),
    "interest": Costs(cash_bps=100.0, rebate_bps=50.0),
    "borrowed cash": Costs(borrowing_bps=300.0),
    "margin": Costs(maintenance_margin=0.5, initial_margin=0.6),
}


@pytest.fixture(scope="module")
def panel(shared_data):
    bars = load_bars(shared_data / "us_pit_2015_2017.parquet", point_in_time=True)
    return choose_universe(bars, "top1000")


@pytest.fixture(scope="module")
def builtin():
    return synthetic_market().panel


def reversal(panel: Panel) -> pd.DataFrame:
    return -(panel.close / panel.close.shift(1) - 1.0).where(panel.universe)


def kept(panel: Panel, settings: BookSettings, costs: Costs, execution: Execution | None = None):
    book = build_book(reversal(panel), panel, settings, costs=costs)
    return run_backtest(panel, book.weights, execution=execution or Execution(), costs=costs)


@pytest.mark.slow
@pytest.mark.parametrize("execution", EXECUTIONS, ids=lambda execution: f"{execution.fill}+{execution.extra_delay}")
@pytest.mark.parametrize("builder", ["quintile_long_short", "filter_negative"])
def test_both_engines_agree_on_names_that_stop_trading(panel, execution, builder):
    result = kept(panel, BookSettings(builder=builder), Costs(), execution)
    assert result.parity < 1e-10
    assert len(result.cash_outs) > 20
    assert len(result.unfilled) > 50


@pytest.mark.slow
@pytest.mark.parametrize("name", BOOKS)
def test_both_engines_agree_on_every_book_of_recorded_bars(panel, name):
    result = kept(panel, BOOKS[name], Costs())
    assert result.engine.startswith("vectorbt")
    assert result.parity < 1e-9
    assert len(result.cash_outs) > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", BOOKS)
def test_both_engines_agree_on_every_book_of_the_built_in_market(builtin, name):
    result = kept(builtin, BOOKS[name], Costs())
    assert result.engine.startswith("vectorbt")
    assert result.parity < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("friction", LEDGER_ONLY)
def test_what_vectorbt_cannot_express_is_kept_by_the_ledger_and_named(builtin, friction):
    lent = BookSettings(builder="bottom_k", long=1.6, short=0.4)
    settings = lent if friction in ("borrowed cash", "margin") else BookSettings()
    costs = LEDGER_ONLY[friction]
    costs = costs.model_copy(update={"borrowing_bps": 300.0}) if friction == "margin" else costs
    result = kept(builtin, settings, costs)
    assert result.engine.startswith("ledger only")
    assert friction in result.engine
