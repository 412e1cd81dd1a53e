"""Frictions: a ledger by hand with all of them, its numpy twin, and what must hold whatever they cost."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from backtests.breakdown.attribution import leg_returns
from backtests.engine.backtest import run_backtest
from backtests.engine.due_weights import due_weights
from backtests.engine.frictions import borrow_rates, night_years
from backtests.engine.ledger import keep_ledger
from backtests.engine.many_books import net_returns_of
from backtests.engine.trailing_print_mean import trailing_print_mean
from backtests.report.sections.front_section import parity_words
from core.errors import UnsupportedBookError
from market import Execution
from market.panel import aligned_frame
from portfolio.costs import Costs
from tests.oracles.markets import delisting_table, panel_of, random_panel, random_weights
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


BY_HAND = Costs(
    trade_bps=10,
    impact="linear",
    impact_bps=100,
    borrow_bps=360,
    cash_bps=180,
    borrowing_bps=720,
    rebate_bps=90,
    maintenance_margin=0.4,
    initial_margin=0.5,
)


def dear(notionals, volumes):
    """10 bps of each trade, and 100 bps of it for each average day's dollar volume that it takes."""
    trade = sum(abs(amount) for amount in notionals) * 0.001
    impact = sum(abs(amount) * 0.01 * abs(amount) / volume for amount, volume in zip(notionals, volumes, strict=True))
    return trade, impact


def test_a_ledger_by_hand_with_every_friction_is_right_to_the_cent():
    # Fri 2, Mon 5, Tue 6 (B halts), Wed 7 (D trades for the last time), Thu 8 and Fri 9 January 2015
    opens = [
        [10, 10, 10, 10],
        [10, 10, 10, 10],
        [11, NAN, 10, 10],
        [11, 10, 14, 10],
        [11, 10, 14, NAN],
        [12, 10, 14, NAN],
    ]
    closes = [
        [10, 10, 10, 10],
        [11, 10, 10, 10],
        [11, NAN, 14, 10],
        [11, 10, 14, 8],
        [12, 10, 14, NAN],
        [12, 11, 13, NAN],
    ]
    gone = delisting_table(["T003"], [pd.Timestamp("2015-01-07")], [-0.5])
    panel = panel_of(np.array(opens, dtype=float), np.array(closes, dtype=float), delistings=gone)
    hold = [NAN] * 4
    weights = decided(panel, [0.8, 0.6, -0.5, -0.2], [0.6, 0.4, -0.5, -0.2], hold, [0.3, 0.2, -0.1, 0], hold, hold)
    fees = pd.Series({"T003": 720.0})  # C pays the flat 360
    result = run_backtest(panel, weights, execution=Execution(), costs=BY_HAND, borrow_fees=fees)
    rows = []

    # Monday: the book of Friday's close, bought at 10. Friday's dollar volume of each name was 10 x 100,000.
    trade, impact = dear([800_000, 600_000, -500_000, -200_000], [1e6] * 4)
    assert (trade, impact) == pytest.approx((2_100, 12_900))
    cash = 1_000_000 - 800_000 - 600_000 + 500_000 + 200_000 - trade - impact
    equity = cash + 80_000 * 11 + 60_000 * 10 - 50_000 * 10 - 20_000 * 10
    rows.append((equity, trade, impact, 0, 0))
    assert (cash, equity) == pytest.approx((285_000, 1_065_000))

    # Tuesday, one night: fees on 500,000 of C and 200,000 of D; their 700,000 is collateral, so 415,000 is borrowed.
    borrow = 500_000 * 0.036 / 360 + 200_000 * 0.072 / 360
    interest = 415_000 * 0.072 / 360 - 700_000 * 0.009 / 360
    assert (borrow, interest) == pytest.approx((90, 65.50))
    cash -= borrow + interest
    at_fill = cash + 80_000 * 11 + 60_000 * 10 - 50_000 * 10 - 20_000 * 10
    a, c, d = 0.6 * at_fill / 11, -0.5 * at_fill / 10, -0.2 * at_fill / 10  # B halts: its order waits
    orders = [(a - 80_000) * 11, (c + 50_000) * 10, (d + 20_000) * 10]
    trade, impact = dear(orders, [1.05e6, 1e6, 1e6])
    cash += -sum(orders) - trade - impact
    equity = cash + a * 11 + 60_000 * 10 + c * 14 + d * 10
    call = equity / (a * 11 + 60_000 * 10 - c * 14 - d * 10)
    rows.append((equity, trade, impact, borrow, interest))
    assert call == pytest.approx(0.387, abs=5e-4)  # below 0.4

    # Wednesday: B's order (0.4) has a price again. With it the book would be 2.3 x equity; it is cut to 2 x.
    borrow = -c * 14 * 0.036 / 360 - d * 10 * 0.072 / 360
    interest = -(cash + c * 14 + d * 10) * 0.072 / 360 + (c * 14 + d * 10) * 0.009 / 360
    cash -= borrow + interest
    at_fill = cash + a * 11 + 60_000 * 10 + c * 14 + d * 10
    level = at_fill / (a * 11 + 60_000 * 10 - c * 14 - d * 10)
    wanted = a * 11 + 0.4 * at_fill - c * 14 - d * 10
    shrink = 2 * at_fill / wanted
    after = [a * shrink, 0.4 * at_fill / 10 * shrink, c * shrink, d * shrink]
    orders = [(after[0] - a) * 11, (after[1] - 60_000) * 10, (after[2] - c) * 14, (after[3] - d) * 10]
    trade, impact = dear(orders, [32 / 3 * 1e5, 1e6, 34 / 3 * 1e5, 1e6])
    cash += -sum(orders) - trade - impact
    a, b, c, d = after
    equity = cash + a * 11 + b * 10 + c * 14 + d * 8
    rows.append((equity, trade, impact, borrow, interest))
    assert a * 11 + b * 10 - c * 14 - d * 10 == pytest.approx(2 * at_fill)

    # Thursday: D fell to 8, which leaves some 27,000 of free cash: it earns 180 bps, the collateral 90. D is paid out
    # at 8 x (1 - 0.5), for nothing; then the small book of Wednesday's close.
    borrow = -c * 14 * 0.036 / 360 - d * 8 * 0.072 / 360
    interest = -(cash + c * 14 + d * 8) * 0.018 / 360 + (c * 14 + d * 8) * 0.009 / 360
    assert 0 < cash + c * 14 + d * 8 < 27_000
    cash -= borrow + interest
    cash += d * 4
    at_fill = cash + a * 11 + b * 10 + c * 14
    after = [0.3 * at_fill / 11, 0.2 * at_fill / 10, -0.1 * at_fill / 14]
    orders = [(after[0] - a) * 11, (after[1] - b) * 10, (after[2] - c) * 14]
    trade, impact = dear(orders, [43 / 4 * 1e5, 1e6, 48 / 4 * 1e5])
    cash += -sum(orders) - trade - impact
    a, b, c = after
    equity = cash + a * 12 + b * 10 + c * 14
    rows.append((equity, trade, impact, borrow, interest))

    # Friday: nothing comes due; the night is charged as before.
    borrow = -c * 14 * 0.036 / 360
    interest = -(cash + c * 14) * 0.018 / 360 + c * 14 * 0.009 / 360
    cash -= borrow + interest
    rows.append((cash + a * 12 + b * 11 + c * 13, 0, 0, borrow, interest))
    assert interest < 0

    before = result.equity.shift(1, fill_value=1e6)
    found = pd.concat([result.equity, result.cost_parts.mul(before, axis=0)], axis=1)
    np.testing.assert_allclose(found.to_numpy(), np.array(rows), rtol=0, atol=0.005)
    assert result.margin_events["action"].tolist() == ["called", "cut"]
    assert result.margin_events["session"].tolist() == list(panel.sessions[2:4])
    assert result.margin_events["level"].tolist() == pytest.approx([call, level])
    assert np.isnan(result.parity)
    assert result.engine == "ledger only: vectorbt knows no impact, borrow fees, interest, margin"


PRICEY = {
    "trade_bps": 30,
    "impact_bps": 80,
    "borrow_bps": 2000,
    "borrowing_bps": 1500,
}
CHEAP = {"trade_bps": 1, "impact": "square_root", "impact_bps": 2, "borrow_bps": 10, "borrowing_bps": 5}


@pytest.mark.parametrize("dearer", PRICEY)
@settings(max_examples=10)
@given(seed=SEEDS)
def test_a_higher_cost_or_fee_never_helps_an_unlevered_book(dearer, seed):
    panel, weights, _ = troubled_case(seed, long=0.5, short=0.3)
    due = due_weights(panel, weights, Execution())
    terms = [Costs(**CHEAP), Costs(**(CHEAP | {dearer: PRICEY[dearer]}))]
    cheap, dear_ = (keep_ledger(panel, due, execution=Execution(), costs=costs).equity for costs in terms)
    assert (dear_ <= cheap + 1e-6).all()


@settings(max_examples=10)
@given(seed=SEEDS)
def test_higher_rates_on_what_is_lent_never_hurt_an_unlevered_book(seed):
    panel, weights, _ = troubled_case(seed, long=0.5, short=0.3)
    due = due_weights(panel, weights, Execution())
    terms = [Costs(), Costs(cash_bps=300), Costs(cash_bps=300, rebate_bps=200)]
    ends = [keep_ledger(panel, due, execution=Execution(), costs=costs).equity[-1] for costs in terms]
    assert ends == sorted(ends)


@settings(max_examples=10)
@given(seed=SEEDS, leverage=st.sampled_from([0.8, 2.5]))
def test_gross_returns_less_the_parts_of_the_cost_are_net_returns(seed, leverage):
    panel, weights, fees = troubled_case(seed, long=0.6 * leverage, short=0.4 * leverage)
    result = run_backtest(panel, weights, execution=Execution(), costs=TWINS["margin"], borrow_fees=fees)
    parts = result.cost_parts.sum(axis=1)
    np.testing.assert_allclose(result.gross_returns - parts, result.net_returns, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(result.gross_returns, result.net_returns + result.cost)
    before = result.equity.shift(1, fill_value=1e6)
    traded = (result.cost_parts["trade"] + result.cost_parts["impact"]) * before
    paid = result.trades.groupby("session")["cost"].sum().reindex(result.equity.index, fill_value=0.0)
    np.testing.assert_allclose(paid, traded, rtol=1e-9, atol=1e-6)


@settings(max_examples=10)
@given(seed=SEEDS, leverage=st.sampled_from([0.8, 2.5]))
def test_both_sides_and_the_costs_add_up_to_net_returns(seed, leverage):
    panel, weights, fees = troubled_case(seed, long=0.6 * leverage, short=0.4 * leverage)
    result = run_backtest(panel, weights, execution=Execution(), costs=TWINS["margin"], borrow_fees=fees)
    legs = leg_returns(result, panel)
    np.testing.assert_allclose(legs.sum(axis=1), result.net_returns, rtol=0, atol=1e-12)


def test_a_position_closed_out_at_the_close_belongs_to_its_side():
    panel = panel_of(np.array([[10.0], [10], [10]]), np.array([[10.0], [10], [35]]))
    costs = Costs(trade_bps=0, **MARGIN)
    result = run_backtest(panel, decided(panel, [-0.9], [NAN], [NAN]), execution=Execution(), costs=costs)
    assert leg_returns(result, panel)["short"].tolist() == pytest.approx([0.0, -2.25])


@pytest.mark.parametrize(("parity", "line"), [(NAN, "ledger only"), (2e-13, "2.0e−13")])
def test_a_report_says_where_only_the_ledger_kept_the_book(parity, line):
    assert parity_words(parity) == line


@pytest.mark.parametrize("shape", ["linear", "square_root"])
def test_impact_is_measured_by_the_volume_before_the_fill(shape):
    flat = np.full((30, 1), 10.0)
    panel = panel_of(flat, flat)
    busy = panel.dollar_volume.copy()
    busy.iloc[25:] *= 100  # the session of the fill and those after it
    weights = decided(panel, *[[NAN]] * 24, [0.25], *[[NAN]] * 5)
    costs = Costs(trade_bps=0, impact=shape, impact_bps=40)
    due = due_weights(panel, weights, Execution())
    quiet = keep_ledger(panel, due, execution=Execution(), costs=costs).impact
    loud = dataclasses.replace(panel, dollar_volume=busy)
    assert (keep_ledger(loud, due, execution=Execution(), costs=costs).impact == quiet).all()
    share = {"linear": 0.25, "square_root": 0.5}[shape]
    assert quiet[25] == pytest.approx(250_000 * 40e-4 * share)


def test_a_fill_at_the_close_of_its_decision_is_not_measured_by_that_sessions_volume():
    flat = np.full((3, 1), 10.0)
    panel = panel_of(flat, flat)
    costs = Costs(trade_bps=0, impact="linear", impact_bps=100)
    due = due_weights(panel, decided(panel, [0.5], [NAN], [NAN]), Execution(fill="close"))
    run = keep_ledger(panel, due, execution=Execution(fill="close"), costs=costs)
    assert run.impact.tolist() == pytest.approx([5_000, 0, 0])  # no volume is known yet: as at participation 1


@pytest.mark.parametrize(
    ("opens", "closes", "end"), [((10, 10, 35), (10, 10, 10), -1.25), ((10, 10, 10), (10, 10, 35), -1.25)]
)
def test_an_insolvent_margin_account_ends_flat_and_marked(opens, closes, end):
    panel = panel_of(np.array([*opens, 10.0])[:, None], np.array([*closes, 10.0])[:, None])
    costs = Costs(trade_bps=0, **MARGIN)
    result = run_backtest(panel, decided(panel, [-0.9], [NAN], [NAN], [NAN]), execution=Execution(), costs=costs)
    assert result.equity.index[-1] == panel.sessions[2]
    assert result.net_returns.iloc[-1] == pytest.approx(end - 1)
    assert result.margin_events["action"].tolist() == ["closed out"]
    assert (result.held_weights.iloc[-1] == 0).all()
    assert result.trades["shares"].sum() == 0
    assert result.equity.iloc[-1] == pytest.approx(1e6 - result.trades["notional"].sum())


def test_a_borrowed_book_needs_a_rate_and_runs_on_the_ledger():
    flat = np.full((3, 2), 10.0)
    panel = panel_of(flat, flat)
    weights = decided(panel, [0.8, 0.6], [NAN, NAN], [NAN, NAN])
    with pytest.raises(UnsupportedBookError, match=r"1\.4000 of equity: it needs borrowed cash, set costs"):
        run_backtest(panel, weights, execution=Execution(), costs=Costs())
    free = run_backtest(panel, weights, execution=Execution(), costs=Costs(trade_bps=0, borrowing_bps=0))
    assert (free.engine, free.equity.iloc[-1]) == ("ledger only: vectorbt knows no borrowed cash", 1e6)
    paid = run_backtest(panel, weights, execution=Execution(), costs=Costs(trade_bps=0, borrowing_bps=360))
    assert paid.equity.iloc[-1] == pytest.approx(1e6 - 400_000 * 0.036 / 360)


def test_rates_that_charge_nothing_leave_both_engines():
    panel, weights, _ = troubled_case(3, long=0.4, short=0.0)
    result = run_backtest(
        panel, weights, execution=Execution(), costs=Costs(borrow_bps=300, borrowing_bps=500, **MARGIN)
    )
    assert result.parity < 1e-12


@pytest.mark.parametrize("costs", TWINS.values(), ids=TWINS)
def test_many_books_are_kept_alike(costs):
    panel, weights, _ = troubled_case(5)
    terms = {"execution": Execution(), "costs": costs}
    found = net_returns_of(panel, {"a": weights, "b": weights / 2}, **terms, capital=1e6)["b"]
    kept = run_backtest(panel, weights / 2, **terms).net_returns
    pd.testing.assert_series_equal(found.loc[kept.index], kept, check_names=False, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"impact": "linear"}, "go together"),
        ({"impact_bps": 10}, "go together"),
        ({"maintenance_margin": 0.3}, "give both or neither"),
        ({"maintenance_margin": 0.5, "initial_margin": 0.3}, "at least maintenance_margin 0.5, was 0.3"),
        ({"borrow_bps": -1}, "greater than or equal to 0"),
    ],
)
def test_costs_that_make_no_sense_are_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        Costs(**given)


def test_costs_print_what_is_charged():
    assert str(Costs()) == "5 bps one way on traded notional"
    line = str(BY_HAND)
    for words in (
        "linear impact 100 bps",
        "borrow fee 360 bps per year",
        "borrowed cash 720",
        "margin 0.4, cut to 0.5",
    ):
        assert words in line


def test_borrow_fees_by_name_must_fit():
    panel, weights, fees = troubled_case(1)
    terms = {"execution": Execution(), "costs": Costs()}
    with pytest.raises(ValueError, match="tickers without bars"):
        run_backtest(panel, weights, **terms, borrow_fees=pd.Series({"XYZ": 1.0}))
    with pytest.raises(ValueError, match="0 or more"):
        run_backtest(panel, weights, **terms, borrow_fees=-fees)


def test_a_fee_may_be_nothing_or_a_fraction_of_a_basis_point_but_not_without_end():
    panel = random_panel(np.random.default_rng(0), n_sessions=4, n_tickers=3)
    rates = borrow_rates(panel, Costs(borrow_bps=30), pd.Series([0.0, 0.5, NAN], panel.tickers))
    np.testing.assert_allclose(rates, [[0.0, 0.00005, 0.0030]])
    with pytest.raises(ValueError, match="0 or more basis points"):
        borrow_rates(panel, Costs(), pd.Series([0.0, np.inf, NAN], panel.tickers))


def test_a_night_is_counted_in_calendar_days_and_the_first_session_has_none():
    weekend = pd.DatetimeIndex(["2021-01-07", "2021-01-08", "2021-01-11"])
    np.testing.assert_allclose(night_years(weekend) * 360, [0, 1, 3])


def test_every_friction_has_a_meaning_and_decides_nothing_by_default():
    assert Costs().deciding() == {"trade_bps": 5.0}
    assert all(field.description for field in Costs.model_fields.values())


@settings(max_examples=25)
@given(seed=SEEDS, window=st.integers(1, 25))
def test_the_trailing_mean_has_the_bits_of_the_librarys(seed, window):
    rng = np.random.default_rng(seed)
    values = np.asfortranarray(rng.lognormal(13, 3, (60, 4)))
    values[rng.random(values.shape) < 0.2] = np.nan
    values[10:40, 0], values[20:, 1], values[:, 2] = 7.1, 0.0, np.where(values[:, 2] > 4e5, 1e12, 0.1)
    expected = pd.DataFrame(values).rolling(window, min_periods=1).mean().to_numpy()
    np.testing.assert_array_equal(trailing_print_mean(values, window), expected)
