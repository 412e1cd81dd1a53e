"""Judged span: figures are of the sessions with a decision; bars appended, holes and strays change none of them."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from backtests.book_checks import check_book
from backtests.breadth import measure_breadth
from backtests.engine.due_weights import due_weights
from backtests.engine.overlay_loop import decide_weights
from backtests.evaluation import Evaluation, evaluate_scores
from backtests.judged_span import judged_span
from backtests.report.judged_words import judged_words, span_words_of
from core.errors import DataError
from market.inputs import Inputs
from market.panel import Panel, PanelFacts, aligned_frame
from portfolio.book_settings import BookSettings
from portfolio.rules import TradingRules
from strategy.definitions.spec import load_spec
from strategy.studies.book_comparison import score_books
from tests.oracles.share_ledger import twin_ledger

pytestmark = pytest.mark.usefixtures("few_random_books")

N_NAMES = 12
RULES = TradingRules(name="book", portfolio=BookSettings())


def bars_of(n_sessions: int, *, seed: int = 3) -> Panel:
    """A random walk of twelve names."""
    rng = np.random.default_rng(seed)
    sessions = pd.bdate_range("2018-01-02", periods=1200)[:n_sessions]
    moves = rng.normal(0.0, 0.015, (1200, N_NAMES))[:n_sessions]
    gaps = rng.normal(0.0, 0.003, (1200, N_NAMES))[:n_sessions]
    volume = rng.uniform(5e5, 2e6, (1200, N_NAMES))[:n_sessions]
    close = 50.0 * np.exp(moves.cumsum(axis=0))
    opened = np.vstack([close[:1], close[:-1]]) * np.exp(gaps)
    tickers = pd.Index([f"N{place:02d}" for place in range(N_NAMES)])

    def frame(values: np.ndarray) -> pd.DataFrame:
        return aligned_frame(values, sessions, tickers)

    return Panel(
        open=frame(opened),
        high=frame(np.maximum(opened, close) * 1.001),
        low=frame(np.minimum(opened, close) * 0.999),
        close=frame(close),
        volume=frame(volume),
        dollar_volume=frame(close * volume),
        universe=frame(np.ones(close.shape, dtype=bool)),
        facts=PanelFacts(source="a walk", adjustment="none", volume_basis="none"),
    )


def scores_on(panel: Panel, rows: np.ndarray, *, seed: int = 5) -> pd.DataFrame:
    """Noise with a little foresight on some rows of the bars, from the first to the last of them."""
    ahead = panel.open.shift(-2) / panel.open.shift(-1) - 1.0
    noise = np.random.default_rng(seed).normal(0.0, 1.0, (1200, N_NAMES))[: len(panel.sessions)]
    given = (20.0 * ahead.fillna(0.0) + noise).iloc[rows]
    return given.reindex(panel.sessions[rows[0] : rows[-1] + 1])


def evaluated(panel: Panel, scores: pd.DataFrame, rules: TradingRules = RULES) -> Evaluation:
    return evaluate_scores(rules, Inputs(panel=panel), scores=scores, baselines={})


def ledger_returns(panel: Panel, scores: pd.DataFrame, rules: TradingRules = RULES) -> pd.Series:
    """Net returns by the slow share ledger, every session of the bars."""
    weights = decide_weights(rules, panel, scores)
    due = due_weights(panel, weights, rules.execution)
    equity = twin_ledger(panel, due, execution=rules.execution, costs=rules.costs, capital=1e6)["equity"]
    return equity / equity.shift(1, fill_value=1e6) - 1.0


def sharpe(returns: np.ndarray) -> float:
    return float(returns.mean() / returns.std(ddof=1) * np.sqrt(252))


def test_the_span_begins_with_the_first_fill_and_ends_with_the_last_holding() -> None:
    panel, rows = bars_of(500), np.arange(100, 220)
    span = judged_span(scores_on(panel, rows), panel, RULES)
    assert span.sessions.equals(panel.sessions[101:222])  # the last decision, of row 219, is held from 220 to 221
    assert (len(span.decisions), span.interval, span.holes, len(span.strays)) == (120, 1, (), 0)


def test_a_single_session_without_a_decision_is_a_pause_and_two_are_a_hole() -> None:
    scores, ends = scores_on(bars_of(500), np.arange(100, 220)), {223: 222, 224: 221, 225: 221}
    for n_sessions, last in ends.items():
        panel = bars_of(n_sessions)
        assert judged_span(scores, panel, RULES).sessions[-1] == panel.sessions[last]
    panel = bars_of(500)
    paused = judged_span(scores_on(panel, np.r_[100:180, 182:260]), panel, RULES)  # two decisions fail to come
    stopped = judged_span(scores_on(panel, np.r_[100:180, 183:260]), panel, RULES)
    assert (paused.holes, [hole.sessions for hole in stopped.holes]) == ((), [2])


def test_a_longer_horizon_is_held_longer() -> None:
    panel, rules = bars_of(500), TradingRules(horizon=5)
    span = judged_span(scores_on(panel, np.arange(100, 220)), panel, rules)
    assert span.sessions[-1] == panel.sessions[219 + 1 + 5]


def test_appended_bars_change_no_number() -> None:
    short, long = bars_of(222), bars_of(420)
    scores = scores_on(short, np.arange(100, 220))
    ours, theirs = evaluated(short, scores), evaluated(long, scores)
    assert ours.performance("book") == theirs.performance("book")
    assert ours.result.net_returns.equals(theirs.result.net_returns)
    assert ours.result.turnover.mean() == theirs.result.turnover.mean()
    assert ours.signal.decay.single.equals(theirs.signal.decay.single)
    assert ours.what_ifs is not None
    assert theirs.what_ifs is not None
    assert ours.what_ifs.stress.equals(theirs.what_ifs.stress)
    assert ours.what_ifs.smoothing.equals(theirs.what_ifs.smoothing)
    assert ours.baseline_comparison is not None
    assert theirs.baseline_comparison is not None
    for name, baseline in ours.baseline_comparison.baselines.items():
        assert baseline.sharpe == theirs.baseline_comparison.baselines[name].sharpe, name
    assert ours.breadth == theirs.breadth
    assert "The bars go on for 198 sessions" in " ".join(judged_words(theirs))


@cache
def with_a_hole() -> tuple[Panel, pd.DataFrame, Evaluation]:
    """Eighty scored sessions, 320 without, eighty scored."""
    panel = bars_of(600)
    scores = scores_on(panel, np.r_[100:180, 500:580])
    return panel, scores, evaluated(panel, scores)


def test_a_hole_is_in_no_figure_and_told_apart() -> None:
    panel, scores, found = with_a_hole()
    returns = ledger_returns(panel, scores).to_numpy()
    judged = np.r_[101:182, 501:582]  # two stretches of 80 decisions, each held one session longer
    assert found.result.net_returns.index.equals(panel.sessions[judged])
    assert found.performance("book").sharpe == pytest.approx(sharpe(returns[judged]), abs=1e-9)
    hole = found.span.holes[0] if found.span else None
    assert hole is not None
    assert (hole.first, hole.last, hole.sessions) == (panel.sessions[182], panel.sessions[500], 319)
    assert hole.net_return == pytest.approx(np.prod(1.0 + returns[182:501]) - 1.0, abs=1e-12)
    told = " ".join(judged_words(found))
    assert "319 sessions without a decision are in no figure" in told


def test_every_table_follows_the_hole() -> None:
    panel, scores, found = with_a_hole()
    own = found.performance("book").sharpe
    what_ifs, legs = found.what_ifs, found.studies["book"].legs
    assert what_ifs is not None
    settings = RULES.portfolio
    assert what_ifs.cost.loc[5.0, "sharpe"] == pytest.approx(own, abs=1e-9)
    assert what_ifs.smoothing.loc[settings.smoothing, "sharpe"] == pytest.approx(own, abs=1e-9)
    assert what_ifs.stress.loc[("50/50", "base"), "sharpe"] == pytest.approx(own, abs=1e-9)
    assert what_ifs.smoothing.loc[settings.smoothing, "turnover"] == pytest.approx(found.result.turnover.mean())
    assert legs.sum(axis=1).to_numpy() == pytest.approx(found.result.net_returns.to_numpy(), abs=1e-12)
    assert len(found.studies["book"].concentration) == len(found.result.net_returns)
    spec = load_spec("quintile_long_short")
    spec = spec.model_copy(update={"portfolio": settings})
    held, refused = score_books(spec, Inputs(panel=panel), scores)
    assert not refused
    assert all(len(result.net_returns) == 162 for _, result in held.values())


def test_a_stray_score_years_before_is_left_out() -> None:
    panel, rows = bars_of(600), np.r_[3, 400:560]
    found = evaluated(panel, scores_on(panel, rows))
    alone = evaluated(panel, scores_on(panel, np.arange(400, 560)))
    assert found.span is not None
    assert list(found.span.strays) == [panel.sessions[3]]
    assert found.result.net_returns.equals(alone.result.net_returns)
    assert "1 scored session lies far from all others" in " ".join(judged_words(found))


def test_strays_on_both_sides_and_level_scores_are_told_by_date() -> None:
    panel, rows = bars_of(600), np.r_[3, 5, 100:260, 595]
    scores = scores_on(panel, rows)
    scores.iloc[200 - 3 : 204 - 3] = 1.0  # rows 200 to 203 of the bars
    span = judged_span(scores, panel, RULES)
    days = [f"{day:%Y-%m-%d}" for day in panel.sessions[[3, 5, 200, 595]]]
    assert span_words_of(span)[-1].endswith(
        f"3 scored sessions lie far from all others and are left out: {days[0]} to {days[1]} and {days[3]}."
    )
    told = " ".join(judged_words(evaluated(panel, scores)))
    assert f"All scores are the same in 4 sessions, the first {days[2]}: nothing is ranked there." in told


def test_monthly_decisions_hold_until_the_next() -> None:
    panel, rows = bars_of(600), np.arange(100, 520, 21)
    scores = scores_on(panel, rows)
    span = judged_span(scores, panel, RULES)
    assert span.interval == 21
    assert span.holes == ()
    assert span.sessions[0] == panel.sessions[101]
    assert span.sessions[-1] == panel.sessions[rows[-1] + 1 + 41]  # a second score in a row has failed to come
    late = np.r_[100:260:21, 400:520:21]  # six months without
    assert [hole.sessions for hole in judged_span(scores_on(panel, late), panel, RULES).holes] == [400 - 247 - 42]


def test_scores_of_no_name_of_the_universe_decide_nothing_and_are_told() -> None:
    panel, rows = bars_of(500), np.arange(100, 220)
    held = panel.universe.copy()
    held.iloc[180:] = False
    span = judged_span(scores_on(panel, rows), panel.with_universe(held, described="until 180"), RULES)
    days = [f"{day:%Y-%m-%d}" for day in panel.sessions[[180, 219]]]
    assert span.sessions.equals(panel.sessions[101:182])
    told = "40 scored sessions decide nothing, for no listed name of the universe has a score then"
    assert span_words_of(span) == (f"{told}: {days[0]} to {days[1]}.",)
    assert span.as_dict()["idle"] == 40


def test_scores_that_never_fill_are_refused() -> None:
    panel = bars_of(300)
    with pytest.raises(DataError, match="fills within the bars"):
        judged_span(scores_on(panel, np.arange(299, 300)), panel, RULES)


def test_breadth_by_hand() -> None:
    sessions = pd.bdate_range("2020-01-01", periods=60)
    scored, eligible = pd.Series(10, sessions), pd.Series(12, sessions)
    scored.iloc[20:40] = 5
    scored.iloc[30] = 2
    weights = pd.DataFrame({"A": 0.1, "B": -0.2}, index=sessions)
    weights.loc[sessions[7], "B"] = -0.3
    found = measure_breadth(scored, eligible, held_weights=weights)
    assert (found.scored_median, found.eligible_median) == (10.0, 12.0)
    assert (found.worst_scored, found.worst_eligible, found.worst_session) == (2, 12, sessions[30])
    assert found.worst_share == pytest.approx(2 / 12)
    assert (found.largest_weight, found.largest_name, found.largest_session) == (0.3, "B", sessions[7])
    assert (found.collapsed, found.thin_sessions, found.thin_from) == (True, 20, sessions[20])
    scored.iloc[20] = 6  # half is enough
    assert not measure_breadth(scored, eligible, held_weights=weights).collapsed


def test_a_month_of_few_names_is_no_collapse_and_two_are() -> None:
    sessions = pd.bdate_range("2020-01-01", periods=12)
    scored, eligible = pd.Series(10, sessions), pd.Series(10, sessions)
    weights = pd.DataFrame({"A": 0.1}, index=sessions)
    scored.iloc[4] = 1
    assert not measure_breadth(scored, eligible, held_weights=weights, interval=21).collapsed
    scored.iloc[5] = 1
    assert measure_breadth(scored, eligible, held_weights=weights, interval=21).collapsed


def test_a_collapse_is_said() -> None:
    panel = bars_of(300)
    scores = scores_on(panel, np.arange(50, 280))
    scores.iloc[100:140, 2:] = np.nan
    told = " ".join(judged_words(evaluated(panel, scores)))
    assert "2 of 12 at the worst" in told
    assert "The cross-section collapsed: in 40 sessions in a row" in told


def test_a_book_says_what_the_bars_lack() -> None:
    inputs = Inputs(panel=bars_of(60))
    with pytest.raises(DataError, match="hedge SPY is no ticker of the bars"):
        check_book(BookSettings(builder="index_hedged", hedge="SPY"), inputs)
    with pytest.raises(DataError, match="sectors are missing"):
        check_book(BookSettings(neutral="sector"), inputs)


def test_a_companion_that_cannot_be_held_is_named() -> None:
    panel = bars_of(300)
    hedged = BookSettings(builder="index_hedged", hedge="SPY")
    rules = TradingRules(name="book", companions={"hedged": hedged})
    found = evaluated(panel, scores_on(panel, np.arange(50, 280)), rules)
    assert list(found.results) == ["book"]
    assert "hedge SPY is no ticker" in found.refused["hedged"]
    assert "hedged has no book: hedge SPY" in " ".join(judged_words(found))
