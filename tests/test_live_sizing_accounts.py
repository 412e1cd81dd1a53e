"""Sizing accounts: the environment keeps a scaled book as the engine does, and knows nothing of the future."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.engine.ledger import ledger_bars
from backtests.engine.many_books import net_returns_of
from core.errors import DataError, UnsupportedBookError
from live.sizing.causal_state import PLANTED, causal_state, fill_to_fill, known_ic
from live.sizing.made_books import made_book
from live.sizing.scaled_account import ScaledAccount, account_bars
from live.sizing.sized_book import SizedBook
from live.sizing.sizing_environment import SizingEnvironment, scale_path
from live.sizing.sizing_problem import SizingProblem, sizing_problem
from market.panel import Panel, aligned_frame
from market.returns import Execution, forward_returns
from portfolio.costs import Costs
from signals.score_metrics import information_coefficient
from tests.oracles.small_panels import delisted, panel_of, random_panel

TOLERANCE = 1e-12  # of a session's return
DEAR = Costs(trade_bps=20.0, borrow_bps=300.0, cash_bps=200.0, borrowing_bps=400.0, rebate_bps=50.0)


@pytest.fixture(scope="module")
def made() -> SizedBook:
    return made_book(3, n_decisions=320)


@pytest.fixture(scope="module")
def problem(made: SizedBook) -> SizingProblem:
    return sizing_problem(made)


def noisy(state: np.ndarray) -> float:
    """A scale that reads every part of the state."""
    return 0.875 + 0.6 * float(np.sin(7.0 * state).mean())


def random_weights(panel: Panel, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    weights = rng.uniform(-0.24, 0.24, panel.close.shape) * (rng.random(panel.close.shape) < 0.8)
    weights[rng.random(len(weights)) < 0.2] = np.nan  # sessions that hold
    known = panel.close.ffill().notna().to_numpy()
    return aligned_frame(np.where(known, weights, weights * 0.0), panel.sessions, panel.tickers).iloc[2:]


def account_returns(panel: Panel, weights: pd.DataFrame, execution: Execution, costs: Costs) -> pd.Series:
    account = ScaledAccount(account_bars(ledger_bars(panel, execution, costs), costs))
    rows = panel.sessions.get_indexer(weights.index)
    rows = rows[rows + execution.delay < len(panel.sessions)]
    nets = [account.fill(row + execution.delay, weights.loc[panel.sessions[row]].to_numpy()).net for row in rows]
    return pd.Series(nets, index=panel.sessions[rows + execution.delay])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("costs", [Costs(trade_bps=10.0), DEAR], ids=["trading", "nights too"])
@pytest.mark.parametrize(
    "execution", [Execution(), Execution(fill="next_close", extra_delay=1)], ids=["open", "late close"]
)
def test_the_account_is_the_engines_ledger_with_gaps_and_holds(seed: int, costs: Costs, execution: Execution) -> None:
    panel = random_panel(seed, n_sessions=40)
    weights = random_weights(panel, seed)
    engine = net_returns_of(panel, {"book": weights}, execution=execution, costs=costs)["book"].dropna()
    own = account_returns(panel, weights, execution, costs).reindex(engine.index)
    assert len(engine) > 25
    assert float((own - engine).abs().max()) < TOLERANCE


@pytest.mark.parametrize("costs", [Costs(trade_bps=10.0), DEAR], ids=["trading", "nights too"])
def test_the_account_pays_out_who_leaves_as_the_engine_does(costs: Costs) -> None:
    closes = {"A": [10.0, 11.0, 12.0, np.nan, np.nan, np.nan], "B": [20.0, 19.0, 21.0, 22.0, 20.0, 23.0]}
    panel = panel_of(closes, delistings=delisted({"A": ("2020-01-03", -0.30)}))
    weights = aligned_frame(np.tile([0.5, -0.4], (6, 1)), panel.sessions, panel.tickers)
    weights.iloc[3:, 0] = 0.0
    engine = net_returns_of(panel, {"book": weights}, execution=Execution(), costs=costs)["book"].dropna()
    own = account_returns(panel, weights, Execution(), costs)
    assert engine.iloc[2] < -0.1  # the pay-out was felt
    assert float((own - engine).abs().max()) < TOLERANCE


def test_the_account_pays_for_borrowed_cash_as_the_engine_does() -> None:
    panel = random_panel(8, n_sessions=20, missing=0.0)
    weights = aligned_frame(np.full(panel.close.shape, 0.4), panel.sessions, panel.tickers)  # 1.6 of equity
    engine = net_returns_of(panel, {"book": weights}, execution=Execution(), costs=DEAR)["book"].dropna()
    own = account_returns(panel, weights, Execution(), DEAR).reindex(engine.index)
    assert float((own - engine).abs().max()) < TOLERANCE


def test_one_trade_of_one_name_by_hand() -> None:
    panel = panel_of({"A": [100.0, 110.0, 99.0]}, opens={"A": [100.0, 100.0, 105.0]})
    account = ScaledAccount(account_bars(ledger_bars(panel, Execution(), Costs(trade_bps=10.0)), Costs(trade_bps=10.0)))
    earned = account.fill(1, np.array([0.5]))
    assert earned.net == pytest.approx(0.5 * 0.10 - 0.5 * 0.001)  # open 100 to close 110, less the fee
    assert earned.until_next == pytest.approx(0.5 * 0.05 - 0.5 * 0.001)  # open 100 to open 105
    after = 1.0 + earned.until_next
    held = 0.5 * 1.05 / after  # drifted, at the open of 105
    exit_ = account.fill(2, np.array([0.0]))
    assert exit_.net == pytest.approx(after * (1.0 - held * 0.001) / (1.0 + earned.net) - 1.0)


def test_a_book_under_impact_is_refused_in_one_line(made: SizedBook) -> None:
    costs = Costs(impact="square_root", impact_bps=10.0)
    with pytest.raises(UnsupportedBookError, match="knows neither impact nor margin"):
        account_bars(ledger_bars(made.panel, made.execution, costs), costs)


def test_a_scaled_path_is_what_the_engine_makes_of_the_scaled_weights(problem: SizingProblem, made: SizedBook) -> None:
    rows = problem.spans.test
    path = scale_path(problem, rows, noisy)
    engine = made.backtest(rows, path.scale).net_returns
    assert path.scale.std() > 0.01
    assert np.abs(path.net - engine.to_numpy()).max() < TOLERANCE


def test_no_scale_lifts_the_net_exposure_into_cash_that_is_not_there(made: SizedBook) -> None:
    long_only = replace(made, weights=made.weights.abs() * 0.9, cash_buffer=0.01)
    bounded = sizing_problem(long_only)
    rows = bounded.spans.test
    path = scale_path(bounded, rows, lambda _: 1.5)
    assert path.scale == pytest.approx(0.99 / 0.9)
    engine = long_only.backtest(rows, np.full(len(rows), 1.5)).net_returns
    assert np.abs(path.net - engine.to_numpy()).max() < TOLERANCE


def test_a_session_without_a_rebalance_keeps_the_scale(made: SizedBook) -> None:
    weights = made.weights.copy()
    weights.iloc[1::3] = np.nan
    held = replace(made, weights=weights)
    problem = sizing_problem(held)
    rows = problem.spans.test
    path = scale_path(problem, rows, noisy)
    still = np.isnan(problem.weights[rows, 0])
    assert (path.scale[1:][still[1:]] == path.scale[:-1][still[1:]]).all()
    engine = held.backtest(rows, path.scale).net_returns
    own = pd.Series(path.net, index=held.panel.sessions[rows + 1]).reindex(engine.index)
    assert float((own - engine).abs().max()) < TOLERANCE


def other_future(book: SizedBook, row: int) -> SizedBook:
    """The same book up to the close of a session; every later bar, weight and score another one."""
    panel, rng = book.panel, np.random.default_rng(9)
    later = np.arange(len(panel.sessions))[:, None] > row
    factor = 1.0 + later * rng.uniform(0.1, 0.3, panel.close.shape)
    moved = {name: getattr(panel, name) * factor for name in ("open", "high", "low", "close", "volume")}
    weights = book.weights.copy()
    weights[weights.index > panel.sessions[row]] *= -0.7
    scores = None if book.scores is None else book.scores.copy()
    if scores is not None:
        scores[scores.index > panel.sessions[row]] *= -1.0
    return replace(book, panel=replace(panel, **moved), weights=weights, scores=scores)


@pytest.fixture(scope="module")
def scored() -> SizedBook:
    """A book of ten names with scores, whose rank IC is a part of the state."""
    panel = random_panel(4, n_sessions=420, n_tickers=10, missing=0.0)
    rng = np.random.default_rng(4)
    scores = aligned_frame(rng.normal(size=panel.close.shape), panel.sessions, panel.tickers)
    ranks = scores.rank(axis=1)
    weights = ((ranks > 7).astype(float) - (ranks < 4).astype(float)) / 6.0
    return SizedBook(
        name="scored",
        panel=panel,
        weights=weights.iloc[80:],
        execution=Execution(),
        costs=Costs(),
        scores=scores.iloc[80:],
        horizon=3,
    )


@pytest.mark.parametrize(("back", "extra"), [(40, 0), (15, 1), (1, 0)])
def test_no_state_and_no_decision_knows_the_future(scored: SizedBook, back: int, extra: int) -> None:
    scored = replace(scored, execution=Execution(extra_delay=extra))
    row = int(scored.spans().test[-1]) - back
    changed = other_future(scored, row)
    ours, theirs = (causal_state(book, book.past_returns()).iloc[: row + 1] for book in (scored, changed))
    pd.testing.assert_frame_equal(ours, theirs)
    rows = scored.spans().test
    upto = rows <= row
    one, other = (scale_path(sizing_problem(book), rows, noisy).scale for book in (scored, changed))
    assert (one[upto] == other[upto]).all()
    assert back == 1 or (one[~upto] != other[~upto]).any()


def test_the_planted_column_is_the_one_part_that_knows_it(scored: SizedBook) -> None:
    row = int(scored.spans().test[-1]) - 20
    changed = other_future(scored, row)
    ours, theirs = (causal_state(book, book.past_returns(), planted=True) for book in (scored, changed))
    assert ours[PLANTED].iloc[row] != theirs[PLANTED].iloc[row]
    known = ours.columns.drop(PLANTED)
    pd.testing.assert_frame_equal(ours[known].iloc[: row + 1], theirs[known].iloc[: row + 1])


def test_the_planted_future_is_what_the_decision_earns(made: SizedBook, problem: SizingProblem) -> None:
    rows = problem.spans.test
    future = fill_to_fill(made).to_numpy()[rows]
    free = replace(made, costs=Costs(trade_bps=0.0))
    ours, theirs = (scale_path(sizing_problem(free), rows, lambda _: 1.0).reward for _ in range(2))
    z = future / problem.spread
    assert (ours == theirs).all()
    assert ours == pytest.approx(z - 0.5 * problem.aversion * z * z, abs=2e-4)  # its spread is that of free trades


def test_an_ic_is_known_when_its_last_fill_is(scored: SizedBook) -> None:
    known = known_ic(scored)
    own = information_coefficient(scored.scores, forward_returns(scored.panel, scored.execution, horizon=3))
    decided = scored.weights.index[10]
    place = scored.panel.sessions.get_loc(decided)
    assert known.iloc[place + 4] == own.loc[decided]  # fill at t + 1, held three sessions, out at the fill of t + 4


def test_the_reward_holds_a_book_of_sharpe_one_as_it_is(problem: SizingProblem) -> None:
    rng = np.random.default_rng(1)
    draws = rng.normal(size=200_000)
    draws = (draws - draws.mean()) / draws.std() * problem.spread + problem.spread / np.sqrt(252.0)
    rewards = {scale: np.mean([problem.reward(scale * each) for each in draws[:50_000]]) for scale in (0.5, 1.0, 1.5)}
    z = draws / problem.spread
    mean = {scale: (scale * z - 0.5 * problem.aversion * (scale * z) ** 2).mean() for scale in (0.9, 1.0, 1.1)}
    assert max(mean, key=mean.__getitem__) == 1.0
    assert rewards.keys() == {0.5, 1.0, 1.5}
    assert problem.reward(problem.spread) == pytest.approx(1.0 - 0.5 / np.sqrt(252.0))


def test_the_spans_follow_each_other_and_share_no_fill(problem: SizingProblem) -> None:
    spans = problem.spans
    assert spans.train[-1] + 2 < spans.validation[0]
    assert spans.validation[-1] + 2 < spans.test[0]
    assert spans.test[-1] + 1 < len(problem.states)
    assert (np.diff(spans.test) == 1).all()


def test_states_are_standardised_by_training_alone(scored: SizedBook) -> None:
    ours = sizing_problem(scored)
    changed = sizing_problem(other_future(scored, int(ours.spans.train[-1]) + 1))
    train = ours.spans.train
    assert (ours.states[train] == changed.states[train]).all()
    assert np.abs(ours.states[train].mean(axis=0)).max() < 0.1
    assert "gross exposure" not in ours.features  # it never moved


def test_the_environment_follows_gymnasiums_protocol(problem: SizingProblem) -> None:
    for grid in (None, 6):
        env = SizingEnvironment(problem, bounds=(0.25, 1.5), grid=grid)
        state, _ = env.reset(seed=5)
        assert env.observation_space.contains(state)
        ended, steps = False, 0
        while not ended:
            state, reward, over, ended, _ = env.step(env.action_space.sample())
            assert env.observation_space.contains(state)
            assert isinstance(reward, float)
            assert not over
            steps += 1
        assert steps == min(126, len(problem.spans.train))
    assert env.scale_of(0) == 0.25
    assert env.scale_of(5) == 1.5
    free = SizingEnvironment(problem, bounds=(0.25, 1.5))
    assert [free.scale_of(np.array([place])) for place in (-1.0, 0.0, 1.0, 7.0)] == [0.25, 0.875, 1.5, 1.5]


def test_too_few_sessions_are_told_with_the_remedy(made: SizedBook) -> None:
    with pytest.raises(DataError, match="decides 200 sessions, 157 once warmed up, and sizing needs 240"):
        sizing_problem(replace(made, weights=made.weights.iloc[:200]))


def test_a_flat_book_is_told(made: SizedBook) -> None:
    weights = made.weights.copy()
    weights.iloc[100:200] = 0.0
    with pytest.raises(DataError, match="is flat: it did not move in the 40 sessions"):
        sizing_problem(replace(made, weights=weights))


def test_a_missing_state_is_told_with_its_session(scored: SizedBook) -> None:
    scores = scored.scores.copy()
    scores.iloc[150:250] = np.nan
    with pytest.raises(DataError, match=r"scored: rank IC known is not known on \d{4}-\d\d-\d\d: mend the bars"):
        sizing_problem(replace(scored, scores=scores))


def test_a_book_without_returns_is_told(made: SizedBook) -> None:
    weights = made.weights * 400.0
    with pytest.raises(DataError, match=r"has no return on \d{4}-\d\d-\d\d, where its equity is lost"):
        replace(made, weights=weights).past_returns()
