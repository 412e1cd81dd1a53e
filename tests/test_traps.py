"""Traps: every row of TRAPS.md that touches what exists, and the test that fails when the trap is set again.

The tests of this file set a trap on purpose and see it snap. Where a test elsewhere already fails, it is named here
instead of written twice, and ``test_every_test_named_here_exists`` keeps the list true.

vectorbt
    buys before sells, columns with their own cash
        test_traps.py::test_a_setting_of_vectorbt_that_misleads_is_noticed
    net above 100 % clipped in silence
        test_backtests_engine.py::test_a_borrowed_book_is_refused_by_session_and_net
    insolvency ignored
        test_backtests_engine.py::test_an_insolvent_book_is_refused_by_session
    insolvency between two closes
        test_backtests_engine.py::test_insolvency_at_either_moment_of_a_session_is_refused
    a NaN weight means hold
        test_backtests_engine.py::test_a_weight_of_nan_beside_numbers_is_refused
    an unselected name never exits
        test_backtests_engine.py::test_a_name_with_target_zero_exits
    a NaN price drops the order
        test_backtests_engine.py::test_an_exit_without_a_print_is_counted_and_carried
    a NaN price drops the order, unsaid
        test_traps.py::test_an_order_dropped_at_a_missing_price_is_noticed
    a delisted name marked for ever
        test_backtests_engine.py::test_a_pay_out_is_in_the_table_and_in_both_engines
    a delisted name marked for ever, unsaid
        test_traps.py::test_a_delisting_that_one_engine_forgets_is_noticed
    price 0 raises
        test_backtests_engine.py::test_a_short_in_a_total_loss_is_covered_for_nothing
    a year of 365 days
        test_traps.py::test_a_year_of_365_days_is_noticed
    exposures, statistics, benchmark of vectorbt
        test_traps.py::test_nothing_but_the_value_is_taken_from_vectorbt
    val_price and the overnight gap
        test_traps.py::test_a_setting_of_vectorbt_that_misleads_is_noticed
    same-bar fill on noise
        test_backtests_engine.py::test_a_decision_on_the_very_bar_earns_nothing_on_noise
    same-bar fill, set in the schedule
        test_traps.py::test_a_fill_on_the_bar_of_the_decision_is_noticed
    fees at 100 % net
        test_backtests_engine.py::test_a_book_that_cannot_pay_its_fees_is_refused
    tiny orders lost
        test_traps.py::test_a_setting_of_vectorbt_that_misleads_is_noticed
    Sharpe of a constant
        test_backtests_metrics.py::test_a_constant_has_no_sharpe_ratio
    column order
        test_backtests_engine.py::test_the_order_of_columns_does_not_matter

quantstats
    prices or returns guessed
        test_traps.py::test_quantstats_is_never_left_to_guess
    a flat strategy has no tearsheet
        test_backtests_tearsheet.py::test_what_quantstats_cannot_draw_is_refused_in_one_line
    a ticker as benchmark downloads
        test_traps.py::test_quantstats_never_meets_a_ticker
    parametric value at risk
        test_backtests_metrics.py::test_value_at_risk_is_the_historical_quantile_and_shortfall_the_mean_below
    numbers compared, not taken
        test_backtests_metrics.py::test_quantstats_agrees_where_its_conventions_do
    links and scripts
        test_backtests_tearsheet.py::test_the_page_works_offline_and_runs_nothing

yfinance
    an empty frame without an exception
        test_market_sources.py::test_missing_yfinance_tickers_are_noted_and_none_at_all_is_an_error
    auto_adjust flips its default
        test_market_sources.py::test_every_setting_of_yfinance_that_touches_a_number_is_given
    adjusted closes change: hash the bars
        test_market_panel.py::test_the_fingerprint_changes_with_any_number

training
    dates mixed in a batch
        test_models_rank_loss.py::test_no_session_reads_another
    dates mixed in a batch, set in the loss
        test_traps.py::test_two_sessions_mixed_into_one_are_another_loss
    full-sample scaler
        test_models_windows.py::test_later_rows_change_no_bit_of_the_scaler
    full-sample anything
        test_strategy_pipeline.py::test_noise_after_validation_changes_no_bit_of_the_model
    purge
        test_models_sample_splits.py::test_no_label_of_a_span_reaches_into_the_next_and_no_row_is_dropped_needlessly
    raw-scale temperature
        test_models_rank_loss.py::test_the_rank_term_ignores_level_and_scale_of_the_predictions
    raw-scale temperature, set in the spec
        test_traps.py::test_a_temperature_in_raw_units_no_longer_ranks
    every comparison is a trial
        test_quintile_evaluate_decide.py::test_other_scores_are_another_trial
    level features rewrite history
        test_signals_features.py::test_scaling_a_stock_by_a_power_of_two_changes_no_bit
    forward-filled prices make fake zero returns
        test_signals_features.py::test_a_halt_leaves_no_value_that_reads_it

overlays and clocks of the reference
    a missing next return earns 0
        test_market_panel.py::test_a_missing_price_leaves_the_forward_return_missing
    today's list as universe
        test_traps.py::test_a_list_of_its_own_day_is_not_held_on_that_day
    costs halved
        test_backtests_ledger.py::test_the_cost_is_paid_on_traded_notional_one_way
    text and code disagree
        test_strategy_freeze.py::test_the_definition_at_the_root_is_the_newest_version_with_its_history

look-ahead
    held weights compared instead of decisions
        test_strategy_pipeline.py::test_a_decision_on_the_bars_so_far_is_the_decision_on_all_bars
    a one-bar peek
        test_traps.py::test_a_peek_of_one_bar_is_seen_in_the_decisions

statistics
    overlapping labels
        test_signals_score_metrics.py::test_overlapping_labels_widen_the_error
    standard error of a Sharpe ratio
        test_backtests_metrics.py::test_the_standard_error_is_the_spread_of_simulated_sharpe_ratios
    ties by ticker
        test_portfolio_builders.py::test_ties_break_by_ticker_name_whatever_the_column_order
"""

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import backtests.engine.backtest
import backtests.engine.vectorbt_engine
from backtests.engine.backtest import run_backtest
from backtests.statistics.metrics import sharpe_ratio
from backtests.tearsheet import render_tearsheet
from core.errors import ParityError
from market import Execution, cash_outs
from market.universe import choose_universe
from models.losses.session_losses import session_losses
from models.model_settings import LossSettings
from portfolio.book import build_book
from portfolio.book_settings import BookSettings
from portfolio.costs import Costs
from tests.oracles.markets import delisting_table, panel_of, random_panel, random_weights

TESTS = Path(__file__).resolve().parent
REBALANCED = {"long": 0.7, "short": 0.6, "hold": 0.0}


def test_every_test_named_here_exists() -> None:
    named = re.findall(r"(test_\w+\.py)::(test_\w+)", __doc__ or "")
    assert len(named) > 40
    for file, test in named:
        defined = {node.name for node in ast.walk(_tree(TESTS / file)) if isinstance(node, ast.FunctionDef)}
        assert test in defined, f"{file}::{test}"


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "trap",
    [
        {"call_seq": "default"},
        {"cash_sharing": False, "call_seq": "default"},
        {"val_price": -np.inf},
        {"direction": "longonly"},
        {"size_type": 0},
        {"min_size": 50.0},
        {"update_value": True},
        {"lock_cash": True},
    ],
    ids=lambda trap: ", ".join(trap),
)
def test_a_setting_of_vectorbt_that_misleads_is_noticed(trap: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from vectorbt.portfolio import Portfolio

    rng = np.random.default_rng(2)
    panel = random_panel(rng, n_sessions=40, n_tickers=8, troubled=False)
    weights = random_weights(rng, panel, **REBALANCED)
    terms: dict[str, Any] = {"execution": Execution(), "costs": Costs(trade_bps=20)}
    assert run_backtest(panel, weights, **terms).parity < 1e-12
    honest = Portfolio.from_orders
    monkeypatch.setattr(Portfolio, "from_orders", lambda close, **given: honest(close, **(given | trap)))
    if "cash_sharing" in trap:
        monkeypatch.setattr(Portfolio, "value", _summed)
    with pytest.raises((ParityError, backtests.engine.backtest.UnsupportedBookError)):
        run_backtest(panel, weights, **terms)


def _summed(portfolio: Any) -> pd.Series:
    assets = portfolio.asset_value(group_by=False).sum(axis=1)
    cash = portfolio.cash(group_by=False)
    return assets + (cash if cash.ndim == 1 else cash.sum(axis=1))


def test_an_order_dropped_at_a_missing_price_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    closes = np.array([[10, 10], [10, 10], [np.nan, 10], [20, 10], [30, 10]], dtype=float)
    panel = panel_of(closes, closes)
    weights = pd.DataFrame([[0.5, 0.4], [0.0, 0.4]], index=panel.sessions[:2], columns=panel.tickers)
    result = run_backtest(panel, weights, execution=Execution(), costs=Costs())
    assert len(result.unfilled) == 1
    monkeypatch.setattr(
        backtests.engine.vectorbt_engine,
        "_first_chance",
        lambda due, prints, _leaves: (due.notna() & prints).to_numpy(),
    )
    with pytest.raises(ParityError):
        run_backtest(panel, weights, execution=Execution(), costs=Costs())


def test_a_delisting_that_one_engine_forgets_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    closes = np.array([[10, 10], [10, 10], [10, 10], [np.nan, 10], [np.nan, 10]], dtype=float)
    sessions = panel_of(closes, closes).sessions
    panel = panel_of(closes, closes, delistings=delisting_table(["T000"], [sessions[2]], [-0.5]))
    weights = pd.DataFrame([[0.5, 0.4]], index=sessions[:1], columns=panel.tickers)
    assert run_backtest(panel, weights, execution=Execution(), costs=Costs(trade_bps=0)).equity.iloc[-1] == 750_000
    monkeypatch.setattr(backtests.engine.vectorbt_engine, "cash_outs", lambda panel: cash_outs(panel) * np.nan)
    with pytest.raises(ParityError):
        run_backtest(panel, weights, execution=Execution(), costs=Costs(trade_bps=0))


def test_a_fill_on_the_bar_of_the_decision_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    panel = random_panel(rng, n_sessions=250, n_tickers=20, troubled=False)
    day = panel.close / panel.open - 1.0  # known at the close, earned by whoever filled at that open
    weights = (day.rank(axis=1) - 10.5) / 200

    def ratio() -> float:
        result = run_backtest(panel, weights, execution=Execution(), costs=Costs(trade_bps=0))
        return sharpe_ratio(result.net_returns)

    assert abs(ratio()) < 3
    monkeypatch.setattr(Execution, "delay", property(lambda _self: 0))
    assert ratio() > 30


def test_a_year_of_365_days_is_noticed() -> None:
    returns = pd.Series(np.random.default_rng(1).normal(0.001, 0.01, 252))
    by_hand = returns.mean() / returns.std(ddof=1) * 252**0.5
    assert sharpe_ratio(returns) == pytest.approx(by_hand)
    assert sharpe_ratio(returns, sessions_per_year=365) == pytest.approx(1.2035 * by_hand, rel=1e-3)


def test_nothing_but_the_value_is_taken_from_vectorbt() -> None:
    package = Path(backtests.engine.vectorbt_engine.__file__).parent
    for path in package.rglob("*.py"):
        tree = _tree(path)
        imports = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imports |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        touches = any(name.split(".")[0] == "vectorbt" for name in imports)
        assert touches == (path.name == "vectorbt_engine.py"), path.name
    read = {
        node.attr
        for node in ast.walk(_tree(Path(backtests.engine.vectorbt_engine.__file__)))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id.lower() == "portfolio"
    }
    assert read == {"from_orders", "value"}


def test_quantstats_is_never_left_to_guess() -> None:
    import quantstats

    wealth = pd.Series(np.linspace(1.0, 2.0, 60), pd.bdate_range("2017-01-02", periods=60))
    guessed = quantstats.utils._prepare_returns(wealth.copy())
    assert not np.allclose(guessed.iloc[1:], wealth.iloc[1:])  # the trap is still there: it took them for prices
    with pytest.raises(ValueError, match="give returns, not prices"):
        render_tearsheet(wealth, title="x")


def test_quantstats_never_meets_a_ticker() -> None:
    returns = pd.Series(np.random.default_rng(1).normal(0, 0.01, 60), pd.bdate_range("2017-01-02", periods=60))
    with pytest.raises(AttributeError):
        render_tearsheet(returns, market="SPY", title="x")  # type: ignore[arg-type]


def test_two_sessions_mixed_into_one_are_another_loss() -> None:
    rng = torch.Generator().manual_seed(1)
    returns = 0.01 * torch.randn(2, 12, generator=rng) + torch.tensor([[0.0], [0.05]])
    mask = torch.ones(2, 12, dtype=torch.bool)
    apart = session_losses(returns, returns, mask, settings=LossSettings(), target_sd=0.01).terms["soft_rank"]
    level = torch.tensor([[0.05], [0.0]])  # right within each day, wrong about the day
    shifted = returns + level - level.flip(0)
    within = session_losses(shifted, returns, mask, settings=LossSettings(), target_sd=0.01).terms["soft_rank"]
    torch.testing.assert_close(within, apart)
    flat = [part.reshape(1, -1) for part in (shifted, returns, mask)]
    mixed = session_losses(*flat, settings=LossSettings(), target_sd=0.01).terms["soft_rank"]
    assert float(mixed) > 0.5 > float(within.max())


def test_a_temperature_in_raw_units_no_longer_ranks() -> None:
    order = torch.arange(20.0)
    predictions = (0.001 * torch.exp(order / 4.0))[None]  # right in order, far from a straight line
    returns, mask = order[None] / 1000, torch.ones(1, 20, dtype=torch.bool)

    def rank_loss(scale: float, kind: str) -> float:
        settings = LossSettings.model_validate({"rank_scale": kind})
        losses = session_losses(scale * predictions, returns, mask, settings=settings, target_sd=0.01)
        return float(losses.terms["soft_rank"])

    assert rank_loss(1.0, "zscore") == pytest.approx(rank_loss(1e-3, "zscore"), abs=1e-4)
    linear = 1.0 - float(np.corrcoef(predictions.numpy()[0], order.numpy())[0, 1])
    assert rank_loss(1e-3, "raw") == pytest.approx(linear, abs=0.02)  # a straight line is fitted, no rank
    assert rank_loss(1e-3, "zscore") < linear / 3
    assert LossSettings().rank_scale == "zscore"


def test_a_list_of_its_own_day_is_not_held_on_that_day(tmp_path: Path) -> None:
    panel = random_panel(np.random.default_rng(1), n_sessions=30, n_tickers=4, troubled=False)
    day = panel.sessions[10]
    members = tmp_path / "members.csv"
    members.write_text(f"date,ticker\n{day:%Y-%m-%d},T001\n")
    chosen = choose_universe(panel, members).universe
    assert not chosen.loc[:day].any(axis=None)
    assert chosen["T001"].loc[panel.sessions[11] :].all()


@pytest.mark.parametrize("peek", [0, 1])
def test_a_peek_of_one_bar_is_seen_in_the_decisions(peek: int) -> None:
    """Decisions on the bars until t, against those on all bars; the last row alone tells."""
    panel = random_panel(np.random.default_rng(3), n_sessions=80, n_tickers=12, troubled=False)
    settings = BookSettings(smoothing=1.0)

    def decisions(bars: Any) -> pd.DataFrame:
        scores = -bars.close.pct_change(fill_method=None).shift(-peek)
        return build_book(scores, bars, settings).weights

    everything = decisions(panel)
    for session in panel.sessions[20:60:10]:
        alone = decisions(panel.until(session)).iloc[-1]
        same = np.array_equal(alone.to_numpy(), everything.loc[session].to_numpy(), equal_nan=True)
        assert same == (peek == 0)
