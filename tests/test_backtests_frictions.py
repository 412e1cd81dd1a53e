"""Frictions: a ledger by hand with all of them, its numpy twin, and what must hold whatever they cost."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from backtests import Costs, run_backtest
from backtests.engine import run_backtest as run
from backtests.ledger import keep_ledger
from backtests.many_books import net_returns_of
from backtests.schedule import due_weights
from market import Execution, UnsupportedBookError
from market.panel import aligned_frame
from tests.oracles.markets import panel_of, random_panel, random_weights
from tests.oracles.share_ledger import twin_ledger

SEEDS = st.integers(0, 10_000)
EXECUTIONS = st.sampled_from([Execution(), Execution(fill="close"), Execution(fill="next_close", extra_delay=1)])
MARGIN = {"maintenance_margin": 0.45, "initial_margin": 0.6}
EVERYTHING = {
    "impact_bps": 40,
    "borrow_bps": 300,
    "cash_bps": 200,
    "borrowing_bps": 600,
    "rebate_bps": 100,
}
TWINS = {
    "nothing but trades": Costs(trade_bps=20),
    "linear": Costs(impact="linear", **EVERYTHING),
    "square root": Costs(impact="square_root", **EVERYTHING),
    "margin": Costs(impact="square_root", **EVERYTHING, **MARGIN),
}
NAN = np.nan


def decided(panel, *rows):
    return aligned_frame(np.array(rows, dtype=float), panel.sessions, panel.tickers)


def troubled_case(seed, *, long=0.6, short=0.4, n_tickers=9):
    rng = np.random.default_rng(seed)
    panel = random_panel(rng, n_sessions=60, n_tickers=n_tickers)
    fees = pd.DataFrame(rng.uniform(0, 2000, panel.close.shape), panel.sessions, panel.tickers)
    return panel, random_weights(rng, panel, long=long, short=short), fees.where(fees > 300)


@pytest.mark.parametrize("costs", TWINS.values(), ids=TWINS)
@settings(max_examples=12)
@given(seed=SEEDS, execution=EXECUTIONS, leverage=st.sampled_from([1.0, 3.0]), by_name=st.booleans())
def test_the_kernel_equals_its_numpy_twin(costs, seed, execution, leverage, by_name):
    panel, weights, fees = troubled_case(seed, long=0.6 * leverage, short=0.4 * leverage)
    due = due_weights(panel, weights, execution, may_borrow=True)
    given_fees = fees if by_name and costs.borrow_bps else None
    kept = keep_ledger(panel, due, execution=execution, costs=costs, capital=1e6, borrow_fees=given_fees)
    twin = twin_ledger(panel, due, execution=execution, costs=costs, capital=1e6, fees=given_fees)
    assert kept.stop in (-1, len(twin) - 1)
    for name, wanted in twin.items():
        found = getattr(kept, name)[: len(twin)]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * (1e6 if name not in ("called", "cut") else 1))
    assert (kept.equity[len(twin) :] == kept.equity[len(twin) - 1]).all()
