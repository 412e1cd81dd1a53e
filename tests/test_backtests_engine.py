"""The backtest: two engines in step, the traps of vectorbt, what is refused, and what a result says."""

import subprocess
import sys
import warnings
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backtests.breakdown.trading_summary import trading_summary
from backtests.engine import backtest as backtest_module
from backtests.engine.backtest import run_backtest
from backtests.engine.due_weights import due_weights
from backtests.engine.ledger import keep_ledger
from backtests.engine.vectorbt_engine import TARGET_AMOUNT, TARGET_PERCENT, vectorbt_equity
from backtests.statistics.metrics import sharpe_ratio
from core.errors import ParityError, UnsupportedBookError
from market import Execution
from market.panel import aligned_frame
from portfolio.costs import Costs
from tests.oracles.markets import delisting_table, panel_of, random_panel, random_weights

SEEDS = st.integers(0, 10_000)
EXECUTIONS = [Execution(), Execution(fill="next_close"), Execution(fill="close"), Execution(extra_delay=2)]
COSTS = Costs(trade_bps=5)
NAN = np.nan
ROOT = Path(__file__).resolve().parent.parent


def decided(panel, *rows):
    return aligned_frame(np.array(rows, dtype=float), panel.sessions, panel.tickers)


def backtest(panel, weights, execution=EXECUTIONS[0], costs=COSTS, capital=1e6):
    return run_backtest(panel, weights, execution=execution, costs=costs, capital=capital)


def troubled_case(seed, n_sessions=60, n_tickers=12):
    rng = np.random.default_rng(seed)
    panel = random_panel(rng, n_sessions=n_sessions, n_tickers=n_tickers)
    return panel, random_weights(rng, panel, long=0.5, short=0.5)


def _borrows(panel, weights, *, execution, costs):
    """Whether exits that found no print leave the random book without the cash for its buys."""
    run = keep_ledger(panel, due_weights(panel, weights, execution), execution=execution, costs=costs)
    return bool((run.cash < 0).any())


@settings(max_examples=25)
@given(
    seed=SEEDS,
    bps=st.floats(0, 50),
    fill=st.sampled_from(["next_open", "next_close", "close"]),
    extra_delay=st.integers(0, 3),
    capital=st.sampled_from([1.0, 1e6, 1e9]),
)
def test_both_engines_agree_on_troubled_markets(seed, bps, fill, extra_delay, capital):
    panel, weights = troubled_case(seed)
    terms = {"execution": Execution(fill=fill, extra_delay=extra_delay), "costs": Costs(trade_bps=bps)}
    assume(not _borrows(panel, weights, **terms))
    result = backtest(panel, weights, terms["execution"], terms["costs"], capital)
    assert result.parity < 1e-12


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_both_engines_agree_on_a_book_of_130_and_70(execution):
    rng = np.random.default_rng(7)
    panel = random_panel(rng, n_sessions=250, n_tickers=40, troubled=False)
    result = backtest(panel, random_weights(rng, panel, long=1.3, short=0.7), execution)
    assert result.parity < 1e-12
    assert "vectorbt" in result.engine


def test_sells_come_before_buys_and_every_target_is_reached():
    flat = np.full((3, 4), 10.0)
    panel = panel_of(flat, flat)
    weights = decided(panel, [0.65, 0.65, -0.35, -0.35], [-0.35, -0.35, 0.65, 0.65], [NAN] * 4)
    held = backtest(panel, weights, costs=Costs(trade_bps=0)).held_weights
    np.testing.assert_allclose(held.to_numpy(), weights.to_numpy()[:2], atol=1e-15)


def test_a_name_with_target_zero_exits():
    flat = np.full((4, 2), 10.0)
    panel = panel_of(flat, flat)
    result = backtest(panel, decided(panel, [0.5, 0.0], [0.0, 0.5], [NAN, NAN], [NAN, NAN]))
    assert result.held_weights["T000"].tolist()[1:] == [0.0, 0.0]


def test_a_weight_of_nan_beside_numbers_is_refused():
    flat = np.full((2, 2), 10.0)
    panel = panel_of(flat, flat)
    with pytest.raises(ValueError, match="weight of T001 on 2015-01-02 is NaN"):
        backtest(panel, decided(panel, [0.5, NAN], [0.5, 0.5]))


def test_an_exit_without_a_print_is_counted_and_carried():
    closes = np.array([[10, 10], [10, 10], [NAN, 10], [20, 10]], dtype=float)
    panel = panel_of(closes, closes)
    result = backtest(panel, decided(panel, [0.5, 0.0], [0.0, 0.1], [NAN, NAN], [NAN, NAN]))
    assert result.unfilled.to_dict("records") == [
        {
            "session": panel.sessions[2],
            "ticker": "T000",
            "target_weight": 0.0,
            "reason": "no print",
            "carried": False,
        }
    ]
    assert result.held_weights["T000"].iloc[-1] == 0.0


def test_unfilled_orders_say_why():
    opens = np.array([[10, 10], [NAN, 10], [NAN, 10], [10, 10]], dtype=float)
    closes = np.array([[10, 10], [10, 10], [NAN, 10], [10, 10]], dtype=float)
    result = backtest(panel_of(opens, closes), decided(panel_of(opens, closes), [0.5, 0.1], *[[NAN, NAN]] * 3))
    assert result.unfilled["reason"].tolist() == ["no open", "no print"]
    assert result.unfilled["carried"].tolist() == [False, True]


@pytest.mark.parametrize("delisting_return", [-1.0, -0.4, 0.1])
def test_a_pay_out_is_in_the_table_and_in_both_engines(delisting_return):
    closes = np.array([[10, 10], [8, 10], [NAN, 10], [NAN, 10]], dtype=float)
    table = delisting_table(["T000"], [pd.Timestamp("2015-01-05")], [delisting_return])
    panel = panel_of(closes, closes, delistings=table)
    result = backtest(panel, decided(panel, [0.5, -0.2], *[[NAN, NAN]] * 3), Execution(fill="close"))
    paid = result.cash_outs.iloc[0]
    assert (paid["ticker"], paid["session"], paid["shares"]) == ("T000", panel.sessions[2], 50_000.0)
    assert paid["proceeds"] == pytest.approx(50_000 * 8 * (1 + delisting_return))
    assert result.parity < 1e-12


def test_a_short_in_a_total_loss_is_covered_for_nothing():
    closes = np.array([[10, 10], [8, 10], [NAN, 10]], dtype=float)
    table = delisting_table(["T000"], [pd.Timestamp("2015-01-05")], [-1.0])
    panel = panel_of(closes, closes, delistings=table)
    result = backtest(
        panel, decided(panel, [-0.5, 0.2], *[[NAN, NAN]] * 2), Execution(fill="close"), Costs(trade_bps=0)
    )
    assert result.equity.iloc[-1] == pytest.approx(1.5e6)


def test_an_insolvent_book_is_refused_by_session():
    closes = np.array([[10], [10], [35], [10]], dtype=float)
    panel = panel_of(closes, closes)
    with pytest.raises(UnsupportedBookError, match="insolvent on 2015-01-06"):
        backtest(panel, decided(panel, [-0.9], [NAN], [NAN], [NAN]))


def test_a_borrowed_book_is_refused_by_session_and_net():
    flat = np.full((3, 4), 10.0)
    panel = panel_of(flat, flat)
    weights = decided(panel, [0.1] * 4, [0.8, 0.8, -0.2, -0.2], [0.1] * 4)
    with pytest.raises(UnsupportedBookError, match=r"decided on 2015-01-05 is 1\.2000"):
        backtest(panel, weights)


def test_a_full_book_before_a_borrowed_one_is_not_blamed():
    flat = np.full((3, 2), 10.0)
    panel = panel_of(flat, flat)
    with pytest.raises(UnsupportedBookError, match=r"decided on 2015-01-05 is 1\.2000"):
        backtest(panel, decided(panel, [0.5, 0.5], [0.6, 0.6], [NAN, NAN]))


def test_a_book_that_cannot_pay_its_fees_is_refused():
    flat = np.full((3, 2), 10.0)
    panel = panel_of(flat, flat)
    with pytest.raises(UnsupportedBookError, match=r"2015-01-05 would need borrowed cash.*cash_buffer"):
        backtest(panel, decided(panel, [0.5, 0.5], [0.5, 0.5], [NAN, NAN]), costs=Costs(trade_bps=10))


def test_a_fully_invested_book_without_costs_passes():
    rng = np.random.default_rng(3)
    panel = random_panel(rng, n_sessions=30, n_tickers=7, troubled=False)
    weights = decided(panel, *[[1 / 7] * 7] * 30)
    assert backtest(panel, weights, costs=Costs(trade_bps=0)).parity < 1e-12


def test_buys_beside_an_exit_that_found_no_print_may_need_borrowed_cash():
    closes = np.array([[10, 10], [10, 10], [NAN, 10]], dtype=float)
    panel = panel_of(closes, closes)
    with pytest.raises(UnsupportedBookError, match="unfilled orders"):
        backtest(panel, decided(panel, [0.9, 0.0], [0.0, 0.9], [NAN, NAN]))


def test_vectorbt_rejects_loudly_what_it_cannot_buy():
    flat = np.full((2, 3), 10.0)
    panel = panel_of(flat, flat)
    due = decided(panel, [0.8, 0.6, -0.2], [NAN] * 3)
    with pytest.raises(UnsupportedBookError, match="vectorbt rejects an order"):
        vectorbt_equity(panel, due, execution=Execution(fill="close"), costs=COSTS)


def test_order_types_are_those_of_vectorbt():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from vectorbt.portfolio.enums import SizeType
    assert (SizeType.TargetAmount, SizeType.TargetPercent) == (TARGET_AMOUNT, TARGET_PERCENT)


def test_importing_backtests_imports_nothing_heavy():
    heavy = {"vectorbt", "numba", "quantstats", "plotly", "torch", "scipy"}
    program = f"import sys, backtests; print(*{heavy} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == ""


def test_engines_that_disagree_fail_the_run(monkeypatch):
    panel, weights = troubled_case(1)

    def drifted(*arguments, **settings):
        return vectorbt_equity(*arguments, **settings) + 2e-9

    monkeypatch.setattr(backtest_module, "vectorbt_equity", drifted)
    with pytest.raises(ParityError, match=r"2\.0e-09 of capital, first on"):
        backtest(panel, weights)


def test_an_engine_that_answers_nan_fails_the_run(monkeypatch):
    panel, weights = troubled_case(1)
    monkeypatch.setattr(
        backtest_module, "vectorbt_equity", lambda *_, **kw: np.full(len(panel.sessions) - kw["start"], NAN)
    )
    with pytest.raises(ParityError):
        backtest(panel, weights)


def test_a_decision_on_the_very_bar_earns_nothing_on_noise():
    rng = np.random.default_rng(5)
    panel = random_panel(rng, n_sessions=300, n_tickers=20, troubled=False)
    day = panel.close / panel.open - 1.0
    weights = (day.rank(axis=1) - 10.5) / 200
    honest = backtest(panel, weights, costs=Costs(trade_bps=0))
    peeking = (weights * day).sum(axis=1)
    assert sharpe_ratio(peeking) > 30
    assert abs(sharpe_ratio(honest.net_returns)) < 3


def test_the_order_of_columns_does_not_matter():
    panel, weights = troubled_case(11)
    shuffled = weights.sample(frac=1, axis=1, random_state=0)
    pd.testing.assert_series_equal(backtest(panel, shuffled).equity, backtest(panel, weights).equity)


def test_the_span_starts_at_the_first_fill():
    panel, _ = troubled_case(2)
    weights = pd.DataFrame(NAN, index=panel.sessions, columns=panel.tickers)
    weights.iloc[5:8] = 0.0
    weights.iloc[8, 0], weights.iloc[8, 1:] = 0.1, 0.0
    assert backtest(panel, weights).equity.index[0] == panel.sessions[9]
    assert backtest(panel, weights.iloc[8:], Execution(extra_delay=2)).equity.index[0] == panel.sessions[11]


def test_a_book_that_stays_flat_is_a_flat_result():
    panel, _ = troubled_case(2)
    weights = pd.DataFrame(0.0, index=panel.sessions[4:6], columns=panel.tickers)
    result = backtest(panel, weights)
    assert result.equity.index[0] == panel.sessions[5]
    assert (result.equity == 1e6).all()
    assert (result.traded == 0).all()
    assert result.trades.empty


def test_weights_that_never_come_due_are_refused():
    panel, weights = troubled_case(2)
    with pytest.raises(ValueError, match="no decision that comes due"):
        backtest(panel, weights.iloc[-1:].fillna(0.0))


def test_weights_of_another_panel_are_refused():
    panel, weights = troubled_case(2)
    with pytest.raises(ValueError, match="differ in tickers"):
        backtest(panel, weights.iloc[:, 1:])
    with pytest.raises(ValueError, match="have no session in the panel"):
        backtest(panel.until(panel.sessions[30]), weights)
    with pytest.raises(ValueError, match="infinite"):
        backtest(panel, weights.replace(0.0, np.inf))
    with pytest.raises(ValueError, match="capital must be positive, was 0"):
        backtest(panel, weights, capital=0)


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_due_weights_are_the_decisions_of_delay_sessions_before(execution):
    panel, weights = troubled_case(4)
    due = due_weights(panel, weights, execution)
    kept = len(weights) - execution.delay
    np.testing.assert_array_equal(due.to_numpy()[execution.delay :], weights.to_numpy()[:kept])
    assert due.iloc[: execution.delay].isna().all(axis=None)
    with pytest.raises(UnsupportedBookError, match="needs borrowed cash"):
        due_weights(panel, weights.abs() + 1.0, execution)


@settings(max_examples=10)
@given(seed=SEEDS)
def test_the_series_of_a_result_account_for_each_other(seed):
    panel, weights = troubled_case(seed)
    assume(not _borrows(panel, weights, execution=Execution(), costs=Costs(trade_bps=30)))
    result = backtest(panel, weights, costs=Costs(trade_bps=30))
    np.testing.assert_allclose((1 + result.net_returns).cumprod() * 1e6, result.equity, rtol=1e-12)
    start = result.equity.shift(1, fill_value=1e6)
    paid = result.trades.groupby("session")["cost"].sum().reindex(result.equity.index, fill_value=0.0)
    np.testing.assert_allclose(result.cost * start, paid, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(result.gross_returns - result.net_returns, result.cost, atol=1e-15)
    np.testing.assert_allclose(result.turnover * 2, result.traded)
    held = (result.held_weights.abs() > 1e-12).any(axis=1)
    assert held.iloc[0]


def test_gross_and_net_come_from_the_same_trades():
    panel = panel_of(np.array([[10.0], [10], [11]]), np.array([[10.0], [10], [11]]))
    result = backtest(panel, decided(panel, [0.5], [0.5], [0.5]), Execution(fill="close"), Costs(trade_bps=100))
    assert result.traded.tolist() == pytest.approx([0.5, 2.5 / 995, 24.8875 / 1044.725])
    assert result.gross_returns.iloc[0] == pytest.approx(0.0, abs=1e-15)
    assert result.net_returns.iloc[0] == pytest.approx(-0.005)


def test_a_result_prints_what_must_stand_beside_a_sharpe_ratio():
    panel, weights = troubled_case(3)
    printed = str(backtest(panel, weights, Execution(fill="close")))
    for word in ("OPTIMISTIC", "Sharpe", "±", "5 bps", "parity", "unfilled", "2015-01-07 to"):
        assert word in printed


def test_a_result_is_frozen():
    panel, weights = troubled_case(3)
    with pytest.raises(FrozenInstanceError):
        backtest(panel, weights).parity = 0.0


def test_the_trading_summary_counts_and_averages():
    panel, weights = troubled_case(3)
    result = backtest(panel, weights)
    summary = trading_summary(result)
    assert summary.n_unfilled == len(result.unfilled)
    assert summary.n_trades == len(result.trades)
    assert summary.annual_turnover == pytest.approx(252 * result.turnover.mean())
    assert summary.cost_drag == pytest.approx(252 * result.cost.mean())
    assert summary.mean_gross == pytest.approx(result.held_weights.abs().sum(axis=1).mean())
    assert summary.mean_net == pytest.approx(summary.mean_long + summary.mean_short)
    assert summary.as_dict()["parity"] == result.parity


@pytest.mark.parametrize(("open_price", "close_price"), [(10, 35), (35, 10)])
def test_insolvency_at_either_moment_of_a_session_is_refused(open_price, close_price):
    panel = panel_of(np.array([[10.0], [10], [open_price]]), np.array([[10.0], [10], [close_price]]))
    with pytest.raises(UnsupportedBookError, match="insolvent on 2015-01-06"):
        backtest(panel, decided(panel, [-0.9], [NAN], [NAN]))
