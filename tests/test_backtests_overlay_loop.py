"""Overlays: state machines by hand, and the laws that hold for the book they act on."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.engine.many_books import net_returns_of
from backtests.engine.overlay_loop import decide_book, decide_weights, traded_part
from market.inputs import Inputs
from market.synthetic import SyntheticSettings, synthetic_market
from portfolio.book import build_book
from portfolio.book_settings import RiskSettings
from portfolio.risk import kill_switches, scale_weights, switch_off, volatility_scale
from strategy.definitions.spec import load_spec, override
from strategy.evaluate import evaluate
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore

FLAT, BACK = ("flat", "flat already"), ("re-enter", "still flat")
OVERLAYS = (
    "risk.volatility_target=0.08",
    "risk.loss_sigmas=2.0",
    "risk.drawdown_limit=0.02",
    "risk.drawdown_reentry=0.01",
    "risk.sharpe_floor=0.0",
    "risk.sharpe_sessions=30",
)


@pytest.fixture(scope="module")
def market():
    return synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=330, planted_ic=0.02))


@pytest.fixture(scope="module")
def scores(market):
    return 1e-3 * market.oracle.iloc[-200:]


@pytest.fixture(scope="module")
def spec():
    return override(load_spec("filter_negative"), OVERLAYS)


@pytest.fixture(scope="module")
def book(market, scores, spec):
    return decide_book(spec.rules, market.panel, scores)


def series(values):
    return pd.Series(np.asarray(values, dtype=float), pd.bdate_range("2020-01-01", periods=len(values), name="session"))


def test_weights_alone_are_the_books_weights_to_the_bit(market, scores, spec, book):
    alone = decide_weights(spec.rules, market.panel, scores)
    pd.testing.assert_frame_equal(alone, book.weights, check_exact=True)


def test_the_scale_is_one_until_there_is_enough_history_and_bounded_after():
    risk = RiskSettings(volatility_target=0.08, target_sessions=4)
    calm, wild = 1e-4, 0.05
    returns = series([np.nan, *[calm, -calm] * 2, *[wild, -wild] * 2, 0.01, -0.002, 0.004, 0.0])
    scale = volatility_scale(returns, risk)
    assert scale.iloc[:4].tolist() == [1.0] * 4
    assert scale.iloc[4] == 2.0
    assert scale.iloc[8] == 0.5
    assert scale.iloc[-1] == pytest.approx(0.08 / (np.std([0.01, -0.002, 0.004, 0.0], ddof=1) * np.sqrt(252)))


def test_a_book_that_does_not_move_is_not_scaled():
    assert volatility_scale(series([0.0] * 30), RiskSettings(volatility_target=0.08)).eq(1.0).all()


def test_the_scale_never_asks_for_borrowed_cash():
    weights = pd.DataFrame({"A": [0.9, 0.9, 1.2, np.nan], "B": [-0.3, -0.3, 0.0, np.nan]}, index=series([0] * 4).index)
    scaled, factor = scale_weights(weights, series([1.5, 2.0, 2.0, 2.0]), max_net=0.99)
    assert factor.iloc[:3].tolist() == pytest.approx([1.5, 1.65, 1.0])
    assert scaled.iloc[1].tolist() == pytest.approx([0.9 * 1.65, -0.3 * 1.65])
    assert scaled.iloc[3].isna().all()


def test_a_loss_beyond_its_band_is_flat_for_one_session():
    quiet = [0.001, -0.001, 0.002, -0.002]
    returns = series([*quiet, -0.02, 0.0, -0.02])
    switches = kill_switches(returns, RiskSettings(loss_sigmas=3.0, loss_sessions=4))
    assert switches.out.tolist() == [False] * 4 + [True, False, False]
    fired, back = switches.events.itertuples(index=False)
    assert (fired.session, fired.rule, fired.action) == (returns.index[4], "daily loss", "flat")
    assert fired.threshold == pytest.approx(-3 * np.std(quiet, ddof=1))
    assert (fired.value, fired.sessions_out) == (-0.02, 0)
    assert (back.session, back.action, back.sessions_out) == (returns.index[5], "re-enter", 1)


def test_a_longer_rest_counts_from_the_last_loss():
    returns = series([0.001, -0.001, 0.002, -0.002, -0.02, -0.5, 0.0, 0.0, 0.0])
    out = kill_switches(returns, RiskSettings(loss_sigmas=3.0, loss_sessions=4, loss_rest=2)).out
    assert out.tolist() == [False] * 4 + [True, True, True, False, False]


def test_a_drawdown_halts_until_it_has_mostly_healed():
    returns = series([0.0, -0.05, -0.04, 0.02, 0.02, 0.02])
    switches = kill_switches(returns, RiskSettings(drawdown_limit=0.08, drawdown_reentry=0.04))
    assert switches.out.tolist() == [False, False, True, True, True, False]
    assert switches.events["value"].tolist() == pytest.approx([0.95 * 0.96 - 1, 0.95 * 0.96 * 1.02**3 - 1])
    assert switches.events["sessions_out"].tolist() == [0, 3]


def test_a_first_session_loss_is_a_drawdown():
    assert kill_switches(series([-0.1]), RiskSettings(drawdown_limit=0.08)).out.tolist() == [True]


def test_a_negative_sharpe_ratio_disables_until_it_turns():
    returns = series([0.01, 0.02, -0.04, 0.0, 0.05])
    switches = kill_switches(returns, RiskSettings(sharpe_floor=0.0, sharpe_sessions=3))
    assert switches.out.tolist() == [False, False, True, True, False]
    assert switches.events["threshold"].tolist() == [0.0, 0.0]


def test_a_switch_that_finds_the_book_flat_says_so():
    returns = series([0.001, -0.001, 0.002, -0.09, 0.03, 0.03])
    risk = RiskSettings(loss_sigmas=3.0, loss_sessions=3, drawdown_limit=0.08, sharpe_floor=0.0, sharpe_sessions=5)
    switches = kill_switches(returns, risk)
    assert switches.out.tolist() == [False, False, False, True, True, True]
    assert switches.events[["rule", "action"]].to_numpy().tolist() == [
        ["daily loss", "flat"],
        ["drawdown", "flat"],
        ["daily loss", "still flat"],
        ["Sharpe ratio", "flat already"],
        ["drawdown", "still flat"],
    ]


def test_a_session_without_a_decision_still_goes_flat_and_comes_back_without_the_dead():
    index = series([0] * 5).index
    weights = pd.DataFrame({"A": [0.5, np.nan, np.nan, np.nan, 0.2], "B": [-0.5, np.nan, np.nan, np.nan, -0.2]}, index)
    listed = pd.DataFrame({"A": True, "B": [True, True, False, False, False]}, index)
    switched = switch_off(weights, pd.Series([False, True, False, False, True], index), listed)
    assert switched["A"].iloc[[0, 1, 2, 4]].tolist() == [0.5, 0.0, 0.5, 0.0]
    assert switched["B"].iloc[[0, 1, 2, 4]].tolist() == [-0.5, 0.0, 0.0, 0.0]
    assert switched.iloc[3].isna().all()


def test_a_book_that_has_not_begun_is_not_made_flat():
    weights = pd.DataFrame({"A": [np.nan, 0.5]}, series([0, 0]).index)
    switched = switch_off(weights, pd.Series([True, False], weights.index), weights.notna())
    assert switched["A"].isna().tolist() == [True, False]


def test_every_switch_fires_in_the_test_book_and_every_event_is_seen_in_its_weights(book):
    assert set(book.events["rule"]) == {"daily loss", "drawdown", "Sharpe ratio"}
    held = book.weights.abs().sum(axis=1)
    for event in book.events.itertuples():
        before = held.shift(1)[event.session]
        if event.action == "flat":
            assert held[event.session] == 0.0 < before
        elif event.action == "re-enter":
            assert before == 0.0 < held[event.session]
        else:
            assert held[event.session] == 0.0


def test_the_book_is_flat_only_where_an_event_says_so(book):
    decided = book.weights.notna().any(axis=1)
    flat = book.weights[decided].abs().sum(axis=1) == 0.0
    pd.testing.assert_series_equal(flat, book.diagnostics.loc[decided, "out"], check_names=False)


def test_a_switch_that_fires_empties_what_is_held_in_the_next_session(book, market, spec):
    from backtests.engine.backtest import run_backtest

    result = run_backtest(market.panel, book.weights, execution=spec.execution, costs=spec.costs)
    sessions = market.panel.sessions
    for session in book.events.loc[book.events["action"] == "flat", "session"]:
        after = sessions[sessions.get_loc(session) + 1 :]
        if len(after):
            traded = market.panel.open.loc[after[0]].notna()  # a name without a print cannot be sold yet
            assert result.held_weights.loc[after[0], traded].abs().sum() == 0.0
    assert result.cost[book.diagnostics["out"].shift(1, fill_value=False).reindex(result.cost.index)].sum() > 0.0


def test_a_decision_on_the_bars_so_far_is_the_decision_on_all_bars_with_overlays_on(book, market, scores, spec):
    turns = set(book.events["session"]) & set(scores.index[:120])
    for session in sorted({scores.index[0], scores.index[1], scores.index[30], *list(turns)[:3]}):
        alone = decide_book(spec.rules, market.panel.until(session), scores.loc[:session])
        np.testing.assert_array_equal(alone.weights.loc[session].to_numpy(), book.weights.loc[session].to_numpy())


def test_the_stages_tell_the_whole_order(book):
    assert list(book.stages) == ["target", "smoothed", "vol_scaled", "switched", "limited"]
    scaled = book.stages["smoothed"].mul(book.diagnostics["scale"], axis=0)
    pd.testing.assert_frame_equal(book.stages["vol_scaled"], scaled, check_exact=True)
    assert book.diagnostics["scale"].between(0.5, 2.0).all()


def test_the_scale_is_measured_on_what_the_unscaled_book_earned_after_costs(book, market, scores, spec):
    plain = override(load_spec("filter_negative"), [])
    weights = build_book(scores, market.panel, plain.portfolio).weights
    part = traded_part(market.panel, scores)
    returns = net_returns_of(part, {"a": weights.loc[scores.index[0] :]}, execution=spec.execution, costs=spec.costs)
    expected = volatility_scale(returns["a"], spec.risk)
    found = book.diagnostics["scale"].loc[expected.index]
    np.testing.assert_allclose(found.to_numpy(), expected.to_numpy(), rtol=1e-12)


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), row=st.integers(0, 79))
def test_what_overlays_say_at_a_close_does_not_change_with_the_returns_after_it(seed, row):
    rng = np.random.default_rng(seed)
    risk = RiskSettings(
        volatility_target=0.08,
        loss_sigmas=2.0,
        drawdown_limit=0.03,
        drawdown_reentry=0.01,
        sharpe_floor=0.0,
        sharpe_sessions=10,
    )
    returns = series(rng.normal(0, 0.01, 80))
    other = returns.copy()
    other.iloc[row + 1 :] = rng.normal(0, 0.1, 79 - row)
    for told in (lambda given_: volatility_scale(given_, risk), lambda given_: kill_switches(given_, risk).out):
        pd.testing.assert_series_equal(told(returns).iloc[: row + 1], told(other).iloc[: row + 1], check_exact=True)
    events = [kill_switches(given_, risk).events for given_ in (returns, other)]
    known = [event[event["session"] <= returns.index[row]].reset_index(drop=True) for event in events]
    pd.testing.assert_frame_equal(known[0], known[1], check_exact=True)


def test_prices_after_a_decision_do_not_move_it_with_overlays_on(book, market, scores, spec):
    from strategy.proofs.futures import corrupted

    row = int(market.panel.sessions.get_loc(scores.index[100]))
    other = corrupted(market.panel, row, rng=np.random.default_rng(5), kind="everything")
    told = decide_book(spec.rules, other, scores).weights.iloc[: row + 1]
    pd.testing.assert_frame_equal(told, book.weights.iloc[: row + 1], check_exact=True)


def test_without_overlays_the_book_is_the_plain_one_bit_for_bit(market, scores):
    plain = load_spec("filter_negative")
    found = decide_book(plain.rules, market.panel, scores)
    expected = build_book(scores, market.panel, plain.portfolio, costs=plain.costs)
    pd.testing.assert_frame_equal(found.weights, expected.weights, check_exact=True)
    assert found.events is None


def test_overlays_that_are_off_leave_the_fingerprint_and_any_other_value_moves_it():
    spec = load_spec("filter_negative")
    assert "risk" not in spec.deciding()
    assert override(spec, ["risk.volatility_target=0.08"]).fingerprint() != spec.fingerprint()
    assert override(spec, ["portfolio.rank_gate=0.1"]).fingerprint() != spec.fingerprint()


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        (["risk.drawdown_limit=0.03"], "drawdown_reentry must be less than drawdown_limit 0.03, was 0.04"),
        (["risk.least_scale=3.0"], "least_scale must not exceed largest_scale"),
        (["risk.sharpe_floor=0.5"], "sharpe_reentry must be at least sharpe_floor"),
    ],
)
def test_re_entry_rules_that_cannot_hold_are_refused(assignments, words):
    with pytest.raises(ValueError, match=words):
        override(load_spec(), assignments)


@pytest.mark.slow
def test_a_report_draws_and_lists_what_the_overlays_did_and_the_book_without_its_filter(
    few_random_books, market, scores, spec, book, tmp_path
):
    given_spec = override(spec, ["portfolio.neutral=legs"])
    finished = evaluate(
        scores, Inputs(panel=market.panel), spec=given_spec, context=RunContext(store=RunStore(tmp_path))
    )
    html = finished.report.read_text(encoding="utf-8")
    for words in ("Risk overlays", "every event of the kill switches", "factor of the volatility target"):
        assert words in html
    assert "the same book without its filter" in html
    events = finished.folder.read_frame("events")
    assert list(events.columns) == ["session", "rule", "value", "threshold", "action", "sessions_out"]
    assert {"scale", "out"} <= set(finished.folder.read_frame("diagnostics").columns)
    expected = decide_book(given_spec.rules, market.panel, finished.scores).weights.loc[finished.weights.index]
    pd.testing.assert_frame_equal(finished.weights, expected, check_freq=False, check_exact=True)
