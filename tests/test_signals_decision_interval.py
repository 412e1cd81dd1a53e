"""Decision interval: scores that come weekly or monthly are annualised, compared and followed as such."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.evaluation import MODEL
from backtests.quick_evaluation import quick_evaluation
from backtests.report.judged_words import judged_words
from backtests.verdict import TrialStanding, headline, judge
from market.inputs import Inputs
from market.returns import forward_returns
from market.synthetic import SyntheticSettings, synthetic_market
from portfolio.book_settings import BookSettings
from portfolio.rules import TradingRules
from signals.decision_interval import DecisionPace, decision_pace
from strategy.runs.result import headline_rows
from tests.test_backtests_evaluation_horizon import rank_ic


def month_ends(sessions: pd.DatetimeIndex) -> np.ndarray:
    return np.flatnonzero(np.diff(sessions.month) != 0)


def test_regular_calendars_have_their_own_number_of_decisions():
    sessions = pd.bdate_range("2015-01-01", "2019-12-31")
    assert decision_pace(month_ends(sessions), 261) == DecisionPace(interval=22, per_year=12)
    assert decision_pace(np.flatnonzero(sessions.day_of_week == 4), 261) == DecisionPace(interval=5, per_year=52)
    around = pd.date_range("2015-01-01", "2019-12-31")
    assert decision_pace(month_ends(around), 365) == DecisionPace(interval=31, per_year=12)
    assert decision_pace(np.arange(0, 1000, 63), 252).per_year == 4
    assert decision_pace(np.arange(100), 365) == DecisionPace(interval=1, per_year=365)
    assert decision_pace(np.arange(0, 300, 3), 252) == DecisionPace(interval=3, per_year=84)


def test_a_hole_and_a_late_score_change_no_pace():
    rows = np.concatenate([np.arange(0, 210, 21), np.arange(400, 610, 21)])
    rows[3] += 2
    assert decision_pace(rows, 252) == DecisionPace(interval=21, per_year=12)


def test_returns_of_less_than_a_span_do_not_overlap():
    assert [DecisionPace(interval=21, per_year=12).overlap(horizon) for horizon in (1, 21, 22, 63)] == [1, 1, 2, 3]
    assert DecisionPace().overlap(5) == 5


@pytest.fixture(scope="module")
def evaluated():
    made = synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=700, planted_ic=0.05))
    scores = 1e-3 * made.oracle
    own = {"smoothing": 0.15}
    rules = TradingRules(name="own", portfolio=BookSettings(builder="quintile_long_short", **own))
    monthly = scores.iloc[month_ends(made.panel.sessions)]
    monthly = monthly[monthly.notna().any(axis=1)].iloc[-24:]
    return rules, Inputs(panel=made.panel), monthly, quick_evaluation(rules, Inputs(panel=made.panel), scores=monthly)


def test_monthly_scores_have_twelve_bets_a_year_and_an_ic_until_the_next(evaluated):
    rules, inputs, scores, found = evaluated
    interval = found.signal.pace.interval
    assert (found.signal.pace.per_year, found.signal.overlap) == (12, 1)
    own = found.signal.summary(MODEL)
    assert own.icir_annual == pytest.approx(own.icir * np.sqrt(12))
    forward = forward_returns(inputs.panel, rules.execution, horizon=interval).loc[scores.index]
    slow = []
    for day, row in scores.iterrows():
        both = pd.concat([row, forward.loc[day]], axis=1).dropna().to_numpy()
        slow += [rank_ic(*both.T.tolist())] if len(both) else []
    assert found.signal.summary_until_next().mean == pytest.approx(np.mean(slow))


def test_page_and_console_say_what_smoothing_means_for_them(evaluated):
    rules, inputs, scores, found = evaluated
    said = " ".join(judged_words(found))
    assert "12 a year" in said
    assert f"{found.signal.pace.interval} sessions until the next score" in said
    assert "15\u00a0% after one score, 28\u00a0% after two, 39\u00a0% after three" in said
    assert "--set portfolio.smoothing=1" in said
    followed = rules.with_book(rules.portfolio.model_copy(update={"smoothing": 1.0}))
    assert "smoothing" not in " ".join(judged_words(quick_evaluation(followed, inputs, scores=scores)))
    rows = dict(headline_rows(headline(found, judge(found, TrialStanding()))))
    assert "one session after each score" in rows["Rank IC"]
    assert "to the next score" in rows["Rank IC, long"]


def test_daily_scores_say_nothing_of_it():
    made = synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=300, planted_ic=0.05))
    rules = TradingRules(name="own", portfolio=BookSettings(builder="quintile_long_short"))
    panel = replace(made.panel, facts=replace(made.panel.facts, sessions_per_year=365.0))
    found = quick_evaluation(rules, Inputs(panel=panel), scores=1e-3 * made.oracle.iloc[-100:])
    assert found.signal.pace == DecisionPace(per_year=365)
    assert found.signal.until_next is None
    assert "Scores come" not in " ".join(judged_words(found))
