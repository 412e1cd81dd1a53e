"""Why two results differ: laws of the division, mixes of small recipes, and a run against what else can be read."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.report.figures.gap_figures import path_figure, steps_figure
from backtests.report.stamps import SYNTHETIC
from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR
from core.errors import DataError, RunError
from live.differences.differences_page import render_differences
from live.differences.explanation import FIGURES, Explanation
from live.differences.gap_division import explain
from live.differences.given_shares import GivenFills, keep_fills, keep_whole_shares
from live.differences.inferred_rules import inferred_rules, least_capital
from live.differences.recipe import STAGES, Recipe, UniverseRule, placed_scores
from live.differences.recipe_sources import Told, recipes
from live.differences.shapley_values import shapley_values
from live.differences.stage_groups import stage_groups
from market.panel import Panel
from market.returns import Execution
from market.synthetic import SyntheticSettings, synthetic_market
from portfolio.book_settings import BookSettings, RiskSettings
from portfolio.costs import Costs
from portfolio.rules import TradingRules
from signals.score_metrics import information_coefficient
from tests.frozen_market import Bench

Game = Callable[[frozenset[str]], np.ndarray]
TABLE = {"": 0.0, "a": 4.0, "b": 1.0, "c": 0.0, "ab": 9.0, "ac": 4.0, "bc": 1.0, "abc": 9.0}


def game(table: dict[str, float]) -> Game:
    return lambda group: np.array(table["".join(sorted(group))])


def test_three_stages_by_hand() -> None:
    # a comes before b in half of the orders: (4 + 8) / 2; b: (1 + 5) / 2; c adds nothing to anything
    found = shapley_values(("a", "b", "c"), game(TABLE))
    assert {name: float(value) for name, value in found.items()} == pytest.approx({"a": 6.0, "b": 3.0, "c": 0.0})


def test_a_player_that_adds_nothing_gets_exactly_nothing() -> None:
    assert float(shapley_values(("a", "b", "c"), game(TABLE))["c"]) == 0.0


def test_parts_sum_to_the_whole_and_equal_players_get_the_same() -> None:
    rng = np.random.default_rng(3)
    drawn: dict[frozenset[str], np.ndarray] = {}
    players = ("a", "b", "c", "d")

    def worth(group: frozenset[str]) -> np.ndarray:
        alike = frozenset(
            "a" if player == "b" and "a" not in group else player for player in group
        )  # a and b are twins
        return drawn.setdefault(alike, rng.normal(size=5))

    found = shapley_values(players, worth)
    whole = worth(frozenset(players)) - worth(frozenset())
    np.testing.assert_allclose(sum(found.values()), whole, atol=1e-14)
    np.testing.assert_allclose(found["a"], found["b"], atol=1e-14)


def test_the_division_backwards_is_the_division_with_its_sign_changed() -> None:
    every = frozenset("abc")
    forwards = shapley_values(("a", "b", "c"), game(TABLE))
    backwards = shapley_values(("a", "b", "c"), lambda group: game(TABLE)(every - group))
    assert {name: float(-value) for name, value in backwards.items()} == pytest.approx(
        {name: float(value) for name, value in forwards.items()}
    )


def test_too_many_or_repeated_players_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 10 different names"):
        shapley_values(("a", "a"), game(TABLE))


@pytest.fixture(scope="module")
def market() -> Panel:
    return synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=150)).panel


@pytest.fixture(scope="module")
def scores(market: Panel) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    drawn = pd.DataFrame(rng.normal(0, 0.01, (80, 20)), market.sessions[40:120], market.tickers)
    return drawn.where(market.universe.loc[drawn.index])


def recipe(panel: Panel, scores: pd.DataFrame, name: str = "a", **rules: Any) -> Recipe:
    """Given scores on bars, with the returns that their own replay gives."""
    book = BookSettings(builder="quintile_long_short", k=0.25)
    made = Recipe(
        name=name,
        kind="run",
        panel=panel,
        universe=UniverseRule(words="given", table=panel.universe),
        rules=TradingRules(**({"portfolio": book} | rules)),
        net=pd.Series(dtype=float),
        scores=scores,
    )
    return replace(made, net=replayed(made))


def replayed(side: Recipe) -> pd.Series:
    from live.differences.mixed_replays import MixedReplays

    replays = MixedReplays(
        first=side, second=side, groups=stage_groups(side, side), clock=side.rules.execution, horizon=1
    )
    return replays.net_returns(frozenset())


def other_bars(panel: Panel) -> Panel:
    """The panel with one close and one open another number."""
    close, opened = panel.close.copy(), panel.open.copy()
    close.iloc[70, 2] = min(close.iloc[70, 2] * 1.001, panel.high.iloc[70, 2])
    opened.iloc[75, 3] = panel.low.iloc[75, 3]
    return replace(panel, close=close, open=opened)


def sums(found: Explanation) -> None:
    for figure in FIGURES:
        parts = [part.figures[figure] for part in found.parts]
        if found.gap[figure] is None:
            continue
        assert abs(sum(value or 0.0 for value in parts) - (found.gap[figure] or 0.0)) <= 1e-9
    whole = found.paths.iloc[-1].sum()
    assert np.isfinite(whole)


def test_the_same_recipe_twice_is_the_same_to_the_bit(market: Panel, scores: pd.DataFrame) -> None:
    side = recipe(market, scores)
    found = explain(side, side)
    assert found.same
    assert "the same to the bit" in found.sentence
    assert all(value == 0.0 for part in found.parts for value in part.figures.values())
    assert found.places == ()
    assert "\nSYNTHETIC: " in str(found)


def test_the_page_says_what_only_follows_and_draws_no_figure_that_is_missing(
    market: Panel, scores: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[float] = []
    monkeypatch.setattr(
        "live.differences.differences_page.steps_figure",
        lambda names, steps, **told: ends.append(sum(steps)) or steps_figure(names, steps, **told),
    )
    found = explain(recipe(market, scores), recipe(market, scores, "b", **CHANGES["book"]))
    html = render_differences(found)
    assert ends == pytest.approx([found.second.figures[name] for name in FIGURES[:2]])  # from A the steps lead to B
    assert "fills, follows" in html
    assert "book, follows" not in html
    assert "From A to B: Sharpe ratio" in html
    assert SYNTHETIC.sentence in html
    without = render_differences(replace(found, gap={**found.gap, "Sharpe ratio": None}))
    assert "From A to B: Sharpe ratio" not in without


def test_steps_stand_on_each_other_and_the_gap_through_time_is_the_sum_of_its_parts() -> None:
    bars = steps_figure(["book", "costs"], [0.10, -0.04, 0.01], ends=("A", "B"), form=".1%").data[0]
    assert bars.y == ("A", "book", "costs", "B")
    np.testing.assert_allclose(bars.base, [0.0, 0.10, 0.06, 0.0])
    np.testing.assert_allclose(bars.x, [0.10, -0.04, 0.01, 0.07])
    assert bars.marker.color == (MARKET_COLOUR, BOOK_COLOURS[1], BOOK_COLOURS[0], MARKET_COLOUR)
    days = pd.to_datetime(["2020-01-02", "2020-01-03"])
    paths = pd.DataFrame({"bars": [0.0, 0.0], "book": [0.01, 0.03], "costs": [-0.01, -0.02]}, index=days)
    whole, *parts = path_figure(paths).data
    np.testing.assert_allclose(whole.y, [0.0, 0.01])
    assert [each.name for each in parts] == ["book", "costs"]
    np.testing.assert_allclose(parts[1].y, [-0.01, -0.02])


def test_an_overlay_decides_anew_where_the_costs_it_reads_are_others(market: Panel, scores: pd.DataFrame) -> None:
    risk = RiskSettings(volatility_target=0.05)
    here = recipe(market, scores, risk=risk)
    there = recipe(market, scores, "b", risk=risk, costs=Costs(trade_bps=200.0))
    found = explain(here, there)
    assert [part.name for part in found.ranked()] == ["costs"]  # nothing is left over as not replayed


def test_a_rank_ic_is_of_the_sessions_that_both_score(market: Panel, scores: pd.DataFrame) -> None:
    found = explain(recipe(market, scores), recipe(market, scores.iloc[15:], "b"))
    assert found.gap["rank IC"] == 0.0
    assert not any("Rank ICs are measured" in remark for remark in found.remarks)


CHANGES: dict[str, dict[str, Any]] = {
    "book": {"portfolio": BookSettings(builder="quintile_long_short", k=0.4)},
    "fills": {"execution": Execution(fill="next_close")},
    "costs": {"costs": Costs(trade_bps=25.0)},
}


@pytest.mark.parametrize("stage", CHANGES)
def test_one_changed_stage_is_all_of_the_gap(stage: str, market: Panel, scores: pd.DataFrame) -> None:
    found = explain(recipe(market, scores), recipe(market, scores, "b", **CHANGES[stage]))
    assert any("Rank ICs are measured" in remark for remark in found.remarks) == (stage == "fills")
    sums(found)
    assert [part.name for part in found.ranked()] == [stage]
    for part in found.parts:
        if part.name != stage:
            assert all(value == 0.0 for value in part.figures.values())
    assert found.parts[[part.name for part in found.parts].index(stage)].figures["rank IC"] == 0.0
    assert next(place.stage for place in found.places if not place.follows) == stage


@pytest.mark.parametrize("dearer", [{}, pytest.param({"costs": Costs(trade_bps=9)}, marks=pytest.mark.slow)])
def test_bars_universe_scores_and_costs_at_once_sum_and_turn_round(
    dearer: dict[str, Any], market: Panel, scores: pd.DataFrame
) -> None:
    bars = other_bars(market)
    eligible = bars.universe.copy()
    eligible.iloc[60:, 5] = False
    there = recipe(
        replace(bars, universe=eligible),
        scores.where(eligible.loc[scores.index]) * 0.9 + 0.001,
        "b",
        **dearer,
    )
    here = recipe(market, scores)
    found, back = explain(here, there), explain(there, here)
    sums(found)
    assert {part.name for part in found.parts if part.differs} == {"bars", "universe", "features and scores", *dearer}
    for part, turned in zip(found.parts, back.parts, strict=True):
        for figure in FIGURES:
            assert part.figures[figure] == pytest.approx(-(turned.figures[figure] or 0.0), abs=1e-12)
    places = {place.stage: place for place in found.places}
    assert (places["bars"].session, places["bars"].ticker) == (f"{market.sessions[70]:%Y-%m-%d}", market.tickers[2])
    assert (places["universe"].session, places["universe"].ticker) == (
        f"{market.sessions[60]:%Y-%m-%d}",
        market.tickers[5],
    )
    np.testing.assert_allclose(
        found.paths.diff().sum(axis=1).iloc[1:],
        (there.net - here.net).reindex(found.sessions).iloc[1:],
        atol=1e-15,
    )


def test_another_universe_of_the_same_bars_is_all_of_the_gap(market: Panel, scores: pd.DataFrame) -> None:
    eligible = market.universe.copy()
    eligible.iloc[:, 3] = False
    there = recipe(market.with_universe(eligible, described="all but one"), scores, "b")
    found = explain(recipe(market, scores), there)
    assert [part.name for part in found.ranked()] == ["universe"]  # and nothing is left over as not replayed


def test_given_scores_stay_within_the_universe_of_a_mix(market: Panel, scores: pd.DataFrame) -> None:
    eligible = market.universe.copy()
    eligible.iloc[:, 3] = False
    placed = placed_scores(scores, market.with_universe(eligible, described="all but one"))
    assert placed.iloc[:, 3].isna().all()
    pd.testing.assert_frame_equal(placed.drop(columns=placed.columns[3]), scores.drop(columns=placed.columns[3]))


def test_a_mix_is_what_the_engine_makes_of_it(market: Panel, scores: pd.DataFrame) -> None:
    """The oracle: with two stages, the first's part is the mean of both orders, each replayed by hand."""
    from backtests.statistics.metrics import annual_return

    book, cost = CHANGES["book"], CHANGES["costs"]
    here, there = recipe(market, scores), recipe(market, scores, "b", **book, **cost)
    found = explain(here, there)
    values = [
        annual_return(each.net)
        for each in (here, recipe(market, scores, **book), recipe(market, scores, **cost), there)
    ]
    by_name = {part.name: part.figures["annual return"] for part in found.parts}
    assert by_name["book"] == pytest.approx(((values[1] - values[0]) + (values[3] - values[2])) / 2, abs=1e-15)


def test_what_is_not_replayed_is_a_part_of_its_own(market: Panel, scores: pd.DataFrame) -> None:
    side = recipe(market, scores)
    edited = side.net.copy()
    edited.iloc[10] += 0.01
    found = explain(side, replace(side, name="b", net=edited))
    sums(found)
    assert found.parts[-1].name == "not replayed"
    assert not found.same
    assert any(
        "b recorded other returns" in remark and f"{edited.index[10]:%Y-%m-%d}" in remark for remark in found.remarks
    )


def test_a_mix_that_borrows_without_a_rate_is_held_without_interest(market: Panel, scores: pd.DataFrame) -> None:
    geared = {"portfolio": BookSettings(builder="long_only", long=1.0, short=0.0, cash_buffer=0.0)}
    lent = {"costs": Costs(trade_bps=5, borrowing_bps=100.0)}
    found = explain(recipe(market, scores), recipe(market, scores, "b", **geared, **lent))
    sums(found)  # a book that borrows is replayed without interest where the other side has no rate
    assert {part.name for part in found.ranked()} == {"book", "costs"}


RUINOUS = {"portfolio": BookSettings(k=0.25, long=3.0, short=3.0, max_position=2.0), "costs": Costs(trade_bps=1.0)}


def test_a_mix_that_is_ruined_makes_book_fills_and_costs_one_part(
    market: Panel, scores: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []
    monkeypatch.setattr(
        "live.differences.mixed_replays.information_coefficient",
        lambda *told: measured.append(1) or information_coefficient(*told),
    )
    small = {"portfolio": BookSettings(k=0.25, long=0.05, short=0.05), "costs": Costs(trade_bps=4000.0)}
    here = recipe(market, scores, **small)
    found = explain(here, recipe(market, scores, "b", **RUINOUS))  # the large book at the costs of the small one
    sums(found)
    assert [part.name for part in found.ranked()] == ["book to costs"]
    assert [part.name for part in found.parts] == ["bars", "universe", "features and scores", "book to costs"]
    assert any("the book is insolvent" in remark and "are one part" in remark for remark in found.remarks)
    assert len(measured) == 1  # what the joined stages do not change is not computed again


@pytest.mark.parametrize("whole", [True, False])
def test_given_fills_that_another_sides_costs_ruin_are_no_mix(market: Panel, scores: pd.DataFrame, whole: bool) -> None:
    from backtests.engine.backtest import ledger_backtest
    from backtests.engine.overlay_loop import decide_weights

    here = recipe(market, scores)
    weights = decide_weights(here.rules, market, scores)
    trades = ledger_backtest(market, weights, execution=here.rules.execution, costs=Costs(trade_bps=0.0)).trades
    table = trades[["session", "ticker", "shares", "price"]].assign(fee=0.0)
    table = table.assign(shares=table["shares"].round() if whole else table["shares"])
    given = GivenFills(table=table[table["shares"] != 0.0], capital=1e6, told_fees=False)
    found = inferred_rules(given, market, name="t.csv")
    filled = replace(here, name="t", weights=found.weights, fills=given, net=found.kept.net_returns)
    small = {"portfolio": BookSettings(k=0.25, long=0.05, short=0.05), "costs": Costs(trade_bps=4000.0)}
    joined = explain(recipe(market, scores, **small), filled)
    sums(joined)
    assert "costs and above" in [part.name for part in joined.parts]
    assert any("the book is insolvent on" in remark and "are one part" in remark for remark in joined.remarks)


@pytest.mark.slow
def test_a_mix_that_is_ruined_by_the_bars_is_refused_and_told(market: Panel, scores: pd.DataFrame) -> None:
    steady = scores.ffill().bfill() * 0.0 + np.arange(20.0)  # the first name is short throughout
    factor = np.ones(market.close.shape)
    factor[80:, 0] = 10.0
    leapt = replace(market, **{name: getattr(market, name) * factor for name in ("open", "high", "low", "close")})
    small = {"portfolio": BookSettings(k=0.25, long=0.05, short=0.05)}
    with pytest.raises(RunError, match="a mix of a and b cannot be held, so that their gap cannot be divided"):
        explain(recipe(leapt, steady, **small), recipe(market, steady, "b", **RUINOUS))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"sessions_per_year": 365.0}, "252 sessions a year and b 365"),
        ({"exchange": "XTKS"}, "exchange XNYS and b of XTKS"),
        ({"currency": "JPY"}, "currency USD and b of JPY"),
    ],
)
def test_results_of_other_calendars_or_currencies_have_no_common_gap(
    facts: dict[str, Any], words: str, market: Panel, scores: pd.DataFrame
) -> None:
    known = replace(market, facts=replace(market.facts, exchange="XNYS", currency="USD"))
    other = replace(known, facts=replace(known.facts, **facts))
    with pytest.raises(RunError, match=words):
        explain(recipe(known, scores), recipe(other, scores, "b"))


def test_results_without_a_common_session_are_refused(market: Panel, scores: pd.DataFrame) -> None:
    early = replace(recipe(market, scores), net=recipe(market, scores).net.iloc[:30])
    late = replace(recipe(market, scores, "b"), net=recipe(market, scores).net.iloc[40:])
    with pytest.raises(RunError, match=r"share no sessions, a runs from \d{4}"):
        explain(early, late)


def test_shares_kept_at_the_engines_fills_are_the_engines_books(market: Panel, scores: pd.DataFrame) -> None:
    from backtests.engine.backtest import ledger_backtest
    from backtests.engine.overlay_loop import decide_weights

    rules = TradingRules(
        portfolio=BookSettings(builder="quintile_long_short", k=0.25),
        costs=Costs(trade_bps=7, borrow_bps=40, cash_bps=100, rebate_bps=50, impact="square_root", impact_bps=20),
    )
    weights = decide_weights(rules, market, scores)
    result = ledger_backtest(market, weights, execution=rules.execution, costs=rules.costs)
    table = result.trades[["session", "ticker", "shares", "price"]].assign(fee=result.trades["cost"])
    given = GivenFills(table=table, capital=1e6)
    kept = keep_fills(market, given, execution=rules.execution, costs=rules.costs)
    np.testing.assert_allclose(kept.net_returns, result.net_returns, atol=1e-12)
    np.testing.assert_allclose(kept.cost, result.cost, atol=1e-12)
    own = keep_fills(market, given, execution=rules.execution, costs=None)
    overnight = result.cost_parts[["borrow", "interest"]].sum(axis=1)
    np.testing.assert_allclose(own.net_returns.iloc[:2], (result.net_returns + overnight).iloc[:2], atol=1e-9)


def test_whole_shares_are_the_engines_cut_to_whole_ones(market: Panel, scores: pd.DataFrame) -> None:
    from backtests.engine.due_weights import due_weights, first_due
    from backtests.engine.overlay_loop import decide_weights

    rules = TradingRules(portfolio=BookSettings(builder="quintile_long_short", k=0.25))
    due = due_weights(market, decide_weights(rules, market, scores), rules.execution)
    kept = keep_whole_shares(
        market, due, execution=rules.execution, costs=rules.costs, capital=1e9, start=first_due(due)
    )
    assert (kept.trades["shares"] % 1.0 == 0.0).all()
    np.testing.assert_allclose(kept.net_returns, recipe(market, scores).net, atol=1e-5)  # a billion hides the cut


def test_clock_costs_and_books_are_read_off_fills(market: Panel, scores: pd.DataFrame) -> None:
    from backtests.engine.backtest import ledger_backtest
    from backtests.engine.overlay_loop import decide_weights

    book = TradingRules(portfolio=BookSettings(builder="quintile_long_short", k=0.25))
    weights = decide_weights(book, market, scores)
    for fill in ("next_open", "next_close", "close"):
        clock = Execution(fill=fill, no_volume="fills")
        result = ledger_backtest(market, weights, execution=clock, costs=Costs(trade_bps=3.0))
        table = result.trades[["session", "ticker", "shares", "price"]].assign(fee=result.trades["cost"])
        found = inferred_rules(GivenFills(table=table, capital=1e6), market, wanted=weights)
        assert found.execution == clock
        assert found.costs == Costs(trade_bps=3.0)
        wanted = weights.reindex(found.weights.index)
        same = np.abs(found.weights.to_numpy() - wanted.to_numpy()) < 1e-9
        assert same.mean() > 0.99  # an order that found no print was wanted and not held


def test_the_same_fills_of_a_tenth_of_the_capital_are_no_difference(market: Panel, scores: pd.DataFrame) -> None:
    from backtests.engine.backtest import ledger_backtest
    from backtests.engine.overlay_loop import decide_weights

    here = recipe(market, scores)
    weights = decide_weights(here.rules, market, scores)
    trades = ledger_backtest(market, weights, execution=here.rules.execution, costs=here.rules.costs).trades
    table = trades[["session", "ticker", "shares", "price"]].assign(fee=trades["cost"] / 10.0)
    given = GivenFills(table=table.assign(shares=table["shares"] / 10.0), capital=1e5)
    found = explain(replace(here, weights=weights), replace(here, name="b", weights=weights, fills=given))
    assert [place for place in found.places if place.stage == "fills"] == []
    dearer = replace(given, table=given.table.assign(shares=given.table["shares"] * 1.5))
    found = explain(replace(here, weights=weights), replace(here, name="b", weights=weights, fills=dearer))
    assert "shares of a capital of 1,000,000" in next(place.what for place in found.places if place.stage == "fills")


def test_a_capital_that_the_fills_lose_is_refused_and_one_that_is_too_small_is_doubted(market: Panel) -> None:
    session, name = market.sessions[40], market.tickers[0]
    price = float(market.open.loc[session, name])
    table = pd.DataFrame({"session": [session], "ticker": [name], "shares": [100.0], "price": [price], "fee": [0.0]})
    falls = -float((market.close[name].iloc[40:] - price).min())
    assert falls > 0.0
    with pytest.raises(DataError, match=r"t\.csv loses its capital of .* with --capital what it began with"):
        inferred_rules(GivenFills(table=table, capital=99.0 * falls), market, name="t.csv")
    found = inferred_rules(GivenFills(table=table, capital=100.0 * price / 6.0), market.until(session), name="t.csv")
    assert "up to 6 times its equity: see whether --capital is right" in found.words[-1]


def test_a_book_that_begins_later_is_told_by_where_it_begins(market: Panel, scores: pd.DataFrame) -> None:
    from backtests.engine.overlay_loop import decide_weights

    side = recipe(market, scores)
    weights = decide_weights(side.rules, market, scores).dropna(how="all")
    late = replace(side, name="b", weights=weights.iloc[10:-1])
    found = explain(replace(side, weights=weights), replace(late, net=replayed(late)))
    place = next(place for place in found.places if place.stage == "book")
    begins = [f"{weights.index[row]:%Y-%m-%d}" for row in (0, 10)]
    assert str(place) == f"{begins[1]}: book held since {begins[0]} against begins"


def test_the_least_capital_pays_every_purchase() -> None:
    table = pd.DataFrame(
        {
            "session": pd.to_datetime(["2020-01-02", "2020-01-03", "2020-01-06"]),
            "ticker": ["A", "A", "B"],
            "shares": [10.0, -5.0, 4.0],
            "price": [10.0, 12.0, 20.0],
            "fee": [1.0, 1.0, 1.0],
        }
    )
    assert least_capital(table, origin="t.csv") == 123.0  # 101 − 59 + 81
    with pytest.raises(DataError, match=r"t.csv sells short.*--capital"):
        least_capital(table.assign(shares=[-10.0, 5.0, 4.0]), origin="t.csv")


@pytest.mark.slow
def test_trades_at_the_close_without_fees_are_fills_and_costs(bench: Bench, tmp_path: Path) -> None:
    """What another tool does by default: it fills at the close of the decision and charges nothing."""
    from backtests.engine.backtest import ledger_backtest

    told = Told(store=bench.store, capital=1e6)
    here, _ = recipes(bench.run, bench.run, told)
    weights = bench.run.read_frame("weights")
    result = ledger_backtest(here.panel, weights, execution=Execution(fill="close"), costs=Costs(trade_bps=0.0))
    trades = result.trades.assign(Side=np.where(result.trades["shares"] > 0, "Buy", "Sell"))
    named = {"session": "Timestamp", "ticker": "Column", "shares": "Size", "price": "Price", "cost": "Fees"}
    trades.assign(shares=trades["shares"].abs()).rename(columns=named).to_csv(tmp_path / "orders.csv", index=False)
    found = explain(*recipes(bench.run.run_id, str(tmp_path / "orders.csv"), told))
    sums(found)
    parts = {part.name: part.figures["annual return"] or 0.0 for part in found.parts}
    assert set(parts) == {"bars", "book and above", "fills", "costs"}
    assert abs(parts["book and above"]) < 0.05 * abs(found.gap["annual return"] or 0.0)
    assert parts["costs"] > 0.0
    assert found.gap["rank IC"] is None
    assert STAGES[5] in {place.stage for place in found.places}
