"""Optimised books: limits and legs are kept, nothing later is read, a failure holds the book and is counted."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from core.errors import MissingExtraError
from market.panel import aligned_frame
from portfolio.book import build_book
from portfolio.book_settings import OPTIMIZED, BookSettings, OptimizerSettings
from portfolio.optimizer import rebalances
from portfolio.problem import Problem
from tests.oracles.markets import panel_of, random_panel

needs_skfolio = pytest.mark.skipif(
    importlib.util.find_spec("skfolio") is None, reason="skfolio, the extra `optimise`, is not installed"
)
WINDOW, SESSIONS = 30, 52


def settings_of(builder, *, optimizer=None, **changes):
    own = {"rebalance": 8, "window": WINDOW} | (optimizer or {})
    given = {"k": 0.5, "smoothing": 1.0, "max_position": 0.2} | changes
    return BookSettings(builder=builder, optimizer=OptimizerSettings(**own), **given)


def market_of(seed=0, *, n_tickers=10):
    rng = np.random.default_rng(seed)
    panel = random_panel(rng, n_sessions=SESSIONS, n_tickers=n_tickers, troubled=False)
    return panel, aligned_frame(rng.normal(0, 1e-3, panel.close.shape), panel.sessions, panel.tickers)


def problem_of(returns, *, scores=None, limits=None, **changes):
    n = returns.shape[1]
    given = {
        "returns": returns,
        "scores": np.zeros(n) if scores is None else scores,
        "signs": np.ones(n, dtype=int),
        "legs": {1: 1.0, -1: 0.0},
        "limits": np.ones(n) if limits is None else limits,
        "exposures": np.empty((0, n)),
        "bounds": np.empty(0),
        "before": np.zeros(n),
    }
    return Problem(**(given | changes))


def uncorrelated(*volatilities):
    """Returns whose sample covariance is exactly diagonal: sign patterns that are orthogonal and sum to nothing."""
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]] * 2500, dtype=float)
    return signs * np.asarray(volatilities)


def test_a_book_is_rebalanced_in_the_first_scored_session_of_each_period():
    sessions = pd.bdate_range("2020-01-29", "2020-03-04", name="session")
    scores = pd.DataFrame(0.0, index=sessions, columns=["A", "B"])
    scores.loc["2020-02-03"] = np.nan
    assert [f"{day:%m-%d}" for day in sessions[rebalances(scores, "monthly")]] == ["01-29", "02-04", "03-02"]
    assert [f"{day:%m-%d}" for day in sessions[rebalances(scores, "weekly")]][:3] == ["01-29", "02-04", "02-10"]
    assert rebalances(scores, 10).tolist() == [0, 11, 21]


def test_without_the_extra_the_remedy_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr("portfolio.optimizer.find_spec", lambda _: None)
    panel, scores = market_of()
    with pytest.raises(MissingExtraError, match=r"hrp needs skfolio: .*quintile\[optimise\]"):
        build_book(scores, panel, settings_of("hrp"))


@pytest.mark.parametrize("limit", ["turnover_limit", "sector_limit", "beta_limit"])
def test_a_limit_that_a_builder_cannot_hold_is_refused(limit):
    with pytest.raises(ValidationError, match=f"risk_parity cannot hold a {limit}"):
        settings_of("risk_parity", optimizer={limit: 0.1})


def test_settings_of_the_optimizer_decide_nothing_by_default():
    assert "optimizer" not in BookSettings().deciding()
    assert BookSettings(optimizer={"window": 60}).deciding()["optimizer"]["window"] == 60


@needs_skfolio
def test_risk_parity_of_two_uncorrelated_names_is_inverse_to_their_volatility():
    from portfolio.solver import solve

    found = solve(problem_of(uncorrelated(0.01, 0.03)), "risk_parity", OptimizerSettings())
    np.testing.assert_allclose(found, [0.75, 0.25], atol=2e-3)  # Ledoit and Wolf shrink 10,000 rows by next to nothing


@needs_skfolio
def test_without_a_view_mean_variance_is_the_minimum_variance_book():
    from portfolio.solver import solve

    found = solve(problem_of(uncorrelated(0.01, 0.03)), "mean_variance", OptimizerSettings())
    np.testing.assert_allclose(found, [0.9, 0.1], atol=2e-3)  # inverse to variance: 9 to 1


@needs_skfolio
def test_mean_variance_gives_up_variance_for_expected_return_at_the_stated_price():
    from portfolio.solver import solve

    # maximise 1e-3 w2 − 5 (1e-4 w1² + 9e-4 w2²), w1 + w2 = 1: w2 = (1e-3 + 1e-3) ÷ (2 × 5 × 1e-3)
    problem = problem_of(uncorrelated(0.01, 0.03), scores=np.array([0.0, 1e-3]))
    np.testing.assert_allclose(solve(problem, "mean_variance", OptimizerSettings()), [0.8, 0.2], atol=2e-3)


@needs_skfolio
def test_limits_that_cannot_hold_together_have_no_solution():
    from portfolio.solver import solve

    impossible = problem_of(uncorrelated(0.01, 0.03), exposures=np.ones((1, 2)), bounds=np.array([0.5]))
    assert solve(impossible, "mean_variance", OptimizerSettings()) is None


@needs_skfolio
@pytest.mark.parametrize("builder", OPTIMIZED)
def test_legs_keep_their_gross_weights_their_limit_and_rows_between_are_held(builder):
    panel, scores = market_of()
    book = build_book(scores, panel, settings_of(builder, long=0.6, short=0.4))
    decided = book.stages["target"].dropna(how="all")
    assert len(decided) == 3
    assert decided.notna().all(axis=None)
    np.testing.assert_allclose(decided.clip(lower=0).sum(axis=1), 0.6, atol=1e-5)
    np.testing.assert_allclose(decided.clip(upper=0).sum(axis=1), -0.4, atol=1e-5)
    assert decided.abs().max(axis=None) <= 0.2 + 1e-6
    assert (book.diagnostics["n_scored"] > 0).sum() == len(decided)
    assert not book.diagnostics["solver_failed"].any()


@needs_skfolio
@pytest.mark.parametrize("builder", OPTIMIZED)
def test_what_comes_later_changes_no_earlier_weight(builder):
    panel, scores = market_of()
    session, rule = panel.sessions[40], settings_of(builder)
    whole = build_book(scores, panel, rule).weights.loc[:session]
    cut = build_book(scores.loc[:session], panel.until(session), rule).weights
    pd.testing.assert_frame_equal(cut, whole, check_exact=True)
    assert len(whole.dropna(how="all")) == 2


@needs_skfolio
def test_the_order_of_the_names_does_not_matter():
    from portfolio.solver import solve

    rng = np.random.default_rng(1)
    returns, scores, order = rng.normal(0, 0.02, (60, 6)), rng.normal(0, 1e-3, 6), rng.permutation(6)
    for builder in OPTIMIZED:
        straight = solve(problem_of(returns, scores=scores), builder, OptimizerSettings())
        shuffled = solve(problem_of(returns[:, order], scores=scores[order]), builder, OptimizerSettings())
        np.testing.assert_allclose(shuffled, straight[order], atol=1e-4)


@needs_skfolio
def test_sector_beta_and_turnover_stay_within_their_limits():
    from portfolio.trailing_risk import trailing_beta

    panel, scores = market_of(3)
    sectors = pd.Series(["x"] * 5 + ["y"] * 5, index=panel.tickers)
    limits = {"sector_limit": 0.2, "beta_limit": 0.05}

    def targets(**turnover):
        rule = settings_of("mean_variance", optimizer=limits | turnover, beta_sessions=20, k=0.4)
        return build_book(scores, panel, rule, sectors=sectors).stages["target"].dropna(how="all")

    decided, free = targets(turnover_limit=0.6), targets()
    assert len(decided) == 3
    assert decided.T.groupby(sectors).sum().abs().max(axis=None) <= 0.2 + 1e-5
    beta = trailing_beta(panel, 20).loc[decided.index]
    assert (decided * beta).sum(axis=1).abs().max() <= 0.05 + 1e-5
    assert decided.diff().abs().sum(axis=1).max() < free.diff().abs().sum(axis=1).max()


@needs_skfolio
def test_a_rebalance_without_a_solution_holds_the_book_and_is_counted():
    panel, scores = market_of()
    book = build_book(
        scores, panel, settings_of("mean_variance", optimizer={"sector_limit": 0.01}, short=0.0),
        sectors=pd.Series("all", index=panel.tickers),
    )  # fmt: skip
    assert book.weights.isna().all(axis=None)
    assert book.diagnostics["solver_failed"].sum() == 3


@needs_skfolio
def test_without_a_short_leg_the_book_is_long_only():
    panel, scores = market_of()
    decided = build_book(scores, panel, settings_of("risk_parity", long=1.0, short=0.0)).stages["target"].dropna()
    assert (decided >= 0).all(axis=None)
    np.testing.assert_allclose(decided.sum(axis=1), 1.0, atol=1e-5)


@needs_skfolio
def test_a_name_without_a_full_window_is_not_held():
    panel, scores = market_of()
    closes = panel.close.to_numpy().copy()
    closes[:20, 0] = np.nan
    late = panel_of(closes, closes)
    decided = build_book(scores, late, settings_of("hrp")).stages["target"].dropna(how="all")
    assert decided["T000"].tolist()[:2] == [0.0, 0.0]
