"""Evaluation over a label's horizon: plain loops over prices, and words that say what was measured."""

import math
import re
import statistics
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.breakdown.signal_study import signal_study
from backtests.evaluation import MODEL, Evaluation, evaluate_scores
from backtests.report.page import Page, page_of
from backtests.report.report_page import write_report
from backtests.statistics.bootstrap_intervals import mean_interval
from backtests.verdict import TrialStanding, headline, judge
from core.intervals import hac_lags_by_rule, hac_standard_error
from market.inputs import Inputs
from market.returns import Execution, forward_returns
from market.synthetic import SyntheticSettings, synthetic_market
from portfolio.book_settings import BookSettings
from portfolio.rules import TradingRules
from signals.score_metrics import information_coefficient, quantile_returns, summarize_ic
from strategy.runs.result import headline_rows
from tests.oracles.small_panels import panel_of
from tests.random_evaluation import provenance_of

pytestmark = pytest.mark.usefixtures("few_random_books")
HORIZON = 5


def rules_of(horizon: int) -> TradingRules:
    return TradingRules(name="own", portfolio=BookSettings(builder="filter_negative"), horizon=horizon)


@pytest.fixture(scope="module")
def case() -> tuple[Inputs, pd.DataFrame]:
    market = synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=330, planted_ic=0.05))
    return Inputs(panel=market.panel), 1e-3 * market.oracle.iloc[-120:]


@pytest.fixture(scope="module")
def evaluations(case: tuple[Inputs, pd.DataFrame]) -> dict[int, Evaluation]:
    inputs, scores = case
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("backtests.evaluation.N_RANDOM", 5)
        return {h: evaluate_scores(rules_of(h), inputs, scores=scores, baselines={}) for h in (1, HORIZON)}


def ranks(numbers: list[float]) -> list[float]:
    """Average ranks, by counting."""
    return [
        1.0 + sum(other < number for other in numbers) + 0.5 * (sum(other == number for other in numbers) - 1)
        for number in numbers
    ]


def rank_ic(scores: list[float], returns: list[float]) -> float:
    """Correlation of ranks, by loops."""
    x, y = ranks(scores), ranks(returns)
    mx, my = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return covariance / math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))


def slow_ics(scores: pd.DataFrame, opens: pd.DataFrame, horizon: int, *, delay: int = 1) -> list[float]:
    """One IC a session: bought at the open ``delay`` sessions after the decision, sold ``horizon`` opens later."""
    prices = {name: [*opens[name].tolist(), *[math.nan] * (delay + horizon)] for name in opens}
    places = {session: row for row, session in enumerate(opens.index)}
    ics = []
    for session, row in scores.iterrows():
        bought = places[session] + delay
        returns = {name: prices[name][bought + horizon] / prices[name][bought] - 1.0 for name in scores}
        known = [name for name in scores if not math.isnan(row[name]) and not math.isnan(returns[name])]
        enough = len(known) >= 5
        ics.append(rank_ic([row[name] for name in known], [returns[name] for name in known]) if enough else math.nan)
    return ics


def slow_error(numbers: list[float], lags: int) -> float:
    """Newey and West's error of a mean as a double sum, times √(n ÷ (n − 1))."""
    n, mean = len(numbers), statistics.fmean(numbers)
    total = 0.0
    for i in range(n):
        for j in range(max(0, i - lags), min(n, i + lags + 1)):
            total += (1.0 - abs(i - j) / (lags + 1.0)) * (numbers[i] - mean) * (numbers[j] - mean)
    return math.sqrt(total / n / (n - 1))


def test_the_ic_of_five_sessions_worked_out_by_hand() -> None:
    """Five names; only the open five sessions after the first one counts, and it orders them 1, 3, 2, 5, 4."""
    bought, sold = [10.0, 10.0, 10.0, 10.0, 10.0], [10.1, 10.3, 10.2, 10.5, 10.4]
    names = list("ABCDE")
    paths = {name: [9.0, b, 50.0, 1.0, 7.0, 8.0, s, 3.0] for name, b, s in zip(names, bought, sold, strict=True)}
    panel = panel_of(paths)
    scores = pd.DataFrame([[1.0, 2.0, 3.0, 4.0, 5.0]], index=panel.sessions[:1], columns=panel.tickers)
    ic = information_coefficient(scores, forward_returns(panel, Execution(), horizon=5))
    assert ic.tolist() == pytest.approx([1.0 - 6.0 * (0 + 1 + 1 + 1 + 1) / (5 * 24)])  # 1 − 6 Σd² / n(n² − 1) = 0.8


@pytest.mark.parametrize("horizon", [1, HORIZON])
def test_the_evaluations_ic_and_its_error_are_those_of_plain_loops(
    evaluations: dict[int, Evaluation], case: tuple[Inputs, pd.DataFrame], horizon: int
) -> None:
    (inputs, scores), evaluation = case, evaluations[horizon]
    expected = slow_ics(scores, inputs.panel.open, horizon)
    np.testing.assert_allclose(evaluation.signal.ic[MODEL].to_numpy(), expected, rtol=1e-12, atol=1e-14)
    known = [ic for ic in expected if not math.isnan(ic)]
    assert len(known) == len(scores) - horizon - 1
    summary = evaluation.signal.summary(MODEL)
    lags = max(int(4 * (len(known) / 100) ** (2 / 9)), horizon - 1)
    assert summary.mean == pytest.approx(statistics.fmean(known))
    assert summary.hac_lags == lags
    assert summary.standard_error == pytest.approx(slow_error(known, lags))
    assert summary.icir_annual == pytest.approx(summary.mean / statistics.stdev(known) * math.sqrt(252 / horizon))


def test_every_part_of_the_signal_is_measured_over_the_horizon(
    evaluations: dict[int, Evaluation], case: tuple[Inputs, pd.DataFrame]
) -> None:
    (inputs, scores), signal = case, evaluations[HORIZON].signal
    forward = forward_returns(inputs.panel, Execution(), horizon=HORIZON).loc[scores.index]
    assert set(signal.ic) > {MODEL}
    for name, ic in signal.ic.items():
        assert ic.tail(HORIZON + 1).isna().all(), name
    best = scores.rank(axis=1) > 16
    top = forward.where(best).mean(axis=1).mean()
    assert signal.quantiles.summary.loc[5, "mean_realised"] == pytest.approx(top)
    assert signal.study is not None
    assert signal.study.spreads["realised"].mean() == pytest.approx(signal.quantiles.spread.mean())
    assert list(signal.study.stability.index) == [1, 5, 20]
    lags = signal.summary(MODEL).hac_lags
    judged = scores.notna() & forward.notna() & (forward != 0)
    right = ((scores > 0) == (forward > 0)).astype(float).where(judged).mean(axis=1)
    assert signal.study.sign.standard_error == pytest.approx(slow_error(right.dropna().tolist(), lags))


def test_the_horizon_is_among_those_of_the_decay(
    evaluations: dict[int, Evaluation], case: tuple[Inputs, pd.DataFrame]
) -> None:
    inputs, scores = case
    assert list(evaluations[1].signal.decay.single.index) == [1, 2, 5, 20]
    assert list(evaluations[HORIZON].signal.decay.single.index) == [1, 2, 5, 20]
    cumulative = evaluations[HORIZON].signal.decay.cumulative.loc[HORIZON]
    assert cumulative["mean"] == pytest.approx(evaluations[HORIZON].signal.summary(MODEL).mean)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("backtests.evaluation.N_RANDOM", 1)
        three = evaluate_scores(rules_of(3), inputs, scores=scores, baselines={}).signal
    assert list(three.decay.single.index) == [1, 2, 3, 5, 20]
    assert three.study is not None
    assert list(three.study.stability.index) == [1, 3, 5, 20]


def test_errors_of_overlapping_numbers_count_as_many_lags_as_they_overlap() -> None:
    rng = np.random.default_rng(0)
    shocks = pd.Series(rng.normal(size=600))
    overlapping = shocks.rolling(20).sum().dropna()
    assert hac_lags_by_rule(len(overlapping), horizon=20) == 19
    assert hac_lags_by_rule(len(overlapping)) == hac_lags_by_rule(len(overlapping), horizon=1) == 5
    assert hac_standard_error(overlapping, horizon=20) == hac_standard_error(overlapping, lags=19)
    assert hac_standard_error(overlapping, horizon=1) == hac_standard_error(overlapping)
    narrow, wide = hac_standard_error(overlapping), hac_standard_error(overlapping, horizon=20)
    assert wide > 1.3 * narrow
    plain, aware = mean_interval(overlapping), mean_interval(overlapping, horizon=20)
    assert aware.high - aware.low > plain.high - plain.low
    assert mean_interval(shocks, horizon=1) == mean_interval(shocks)
    assert mean_interval(shocks, horizon=20) == mean_interval(shocks, horizon=20, mean_block=20.0)
    assert mean_interval(shocks, horizon=20) != mean_interval(shocks, horizon=20, mean_block=19.0)
    with pytest.raises(ValueError, match="horizon must be at least 1 session, was 0"):
        hac_lags_by_rule(100, horizon=0)


def test_every_error_of_a_study_counts_the_lags_of_its_horizon(case: tuple[Inputs, pd.DataFrame]) -> None:
    (inputs, scores), horizon = case, 20
    forward = forward_returns(inputs.panel, Execution(), horizon=horizon).loc[scores.index]
    study = signal_study(scores, forward, inputs.panel, horizon=horizon)
    quintiles = quantile_returns(scores, forward).by_session.dropna()
    tenths = quantile_returns(scores, forward, n_quantiles=10).by_session
    judged = scores.notna() & forward.notna() & (forward != 0)
    right = ((scores > 0) == (forward > 0)).astype(float).where(judged).mean(axis=1).dropna()
    over_all = (quintiles[5] - quintiles.mean(axis=1)).tolist()
    assert study.by_size["hac_lags"].eq(horizon - 1).all()
    assert study.sign.standard_error == pytest.approx(slow_error(right.tolist(), horizon - 1))
    assert study.legs.loc["long", "standard_error"] == pytest.approx(slow_error(over_all, horizon - 1))
    tenth = slow_error(tenths[10].dropna().tolist(), horizon - 1)
    assert study.calibration.loc[10, "standard_error"] == pytest.approx(tenth)


def test_a_horizon_of_one_session_is_what_was_measured_without_one(
    evaluations: dict[int, Evaluation], case: tuple[Inputs, pd.DataFrame]
) -> None:
    (inputs, scores), signal = case, evaluations[1].signal
    forward = forward_returns(inputs.panel, Execution()).loc[scores.index]
    assert signal.summary(MODEL) == summarize_ic(information_coefficient(scores, forward))
    plain = signal_study(scores, forward, inputs.panel)
    assert signal.study is not None
    for name in ("by_size", "legs", "calibration", "stability", "spreads"):
        pd.testing.assert_frame_equal(getattr(signal.study, name), getattr(plain, name), check_exact=True)
    assert signal.study.sign == plain.sign


def page(evaluation: Evaluation) -> Page:
    return page_of(evaluation, judge(evaluation, TrialStanding()), provenance_of(evaluation))


def words_of(drawn: Page, folder: object) -> str:
    text = write_report(drawn, folder / "report.html").read_text(encoding="utf-8")  # type: ignore[operator]
    return re.sub(r"\s+", " ", text)


def test_the_page_says_over_how_many_sessions_returns_run(evaluations: dict[int, Evaluation], tmp_path: object) -> None:
    one, five = words_of(page(evaluations[1]), tmp_path), words_of(page(evaluations[HORIZON]), tmp_path)
    told = (
        "ranked the returns of the next 5 sessions with a mean IC",
        "books hold 5 overlapping sleeves, one opened at each close",
        "Mean return of 5 sessions after the fill",
        "Mean predicted return of 5 sessions",
        "their errors count at least 4 lags",
        "Returns as held long, gross, 5 sessions",
        "per 5 sessions were predicted",
        "predicted return of 5 sessions, bps",
        "the rank IC over 5 sessions is",
    )
    assert [words for words in told if words not in five] == []
    assert [words for words in told if words in one] == []
    assert "sleeve" not in one
    for words in ("ranked the next returns with a mean IC", "Mean return of one session after the fill"):
        assert words in one
        assert words not in five


def test_the_headline_says_its_horizon_where_it_is_not_one_session(evaluations: dict[int, Evaluation]) -> None:
    verdicts = {horizon: judge(found, TrialStanding()) for horizon, found in evaluations.items()}
    heads = {horizon: headline(found, verdicts[horizon]) for horizon, found in evaluations.items()}
    assert "horizon" not in heads[1]
    assert heads[HORIZON]["horizon"] == HORIZON
    assert list(heads[1]) == [key for key in heads[HORIZON] if key != "horizon"]
    assert dict(headline_rows(heads[HORIZON]))["Rank IC"].endswith(", returns of 5 sessions")
    assert "sessions" not in dict(headline_rows(heads[1]))["Rank IC"]


def test_the_books_hold_sleeves_and_their_baselines_do_too(evaluations: dict[int, Evaluation]) -> None:
    one, five = evaluations[1], evaluations[HORIZON]
    assert "sleeves" in five.books["own"].stages
    assert "sleeves" not in one.books["own"].stages
    spells = {h: found.studies["own"].holding.loc["long", "mean"] for h, found in evaluations.items()}
    assert spells[HORIZON] > spells[1]
    assert five.baseline_comparison is not None
    assert one.baseline_comparison is not None
    ours, theirs = five.baseline_comparison.baselines, one.baseline_comparison.baselines
    for name in ours:
        moved = not ours[name].returns.dropna().equals(theirs[name].returns.dropna())
        assert moved == (name not in ("equal-weight universe", "benchmark")), name


def test_a_later_fill_is_measured_from_that_fill(case: tuple[Inputs, pd.DataFrame]) -> None:
    inputs, scores = case
    later = replace(rules_of(HORIZON), execution=Execution(extra_delay=2))
    ic = evaluate_scores(later, inputs, scores=scores, baselines={}).signal.ic[MODEL]
    expected = slow_ics(scores, inputs.panel.open, HORIZON, delay=3)
    np.testing.assert_allclose(ic.to_numpy(), expected, rtol=1e-12, atol=1e-14)
