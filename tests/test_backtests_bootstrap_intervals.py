"""Intervals of return statistics: laws, hand-computed cases, and how often they hold the truth."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from backtests.statistics.block_bootstrap import draw_blocks, optimal_block_length
from backtests.statistics.bootstrap_intervals import (
    beta_interval,
    mean_gap_interval,
    mean_interval,
    sharpe_gap_interval,
    sharpe_interval,
)
from backtests.statistics.inference import resampled_drawdowns, stationary_bootstrap_rows
from backtests.statistics.metrics import market_fit, max_drawdown, sharpe_ratio, sharpe_standard_error
from benchmarks.interval_coverage import PROCESSES, coverage
from core.intervals import hac_interval, hac_intervals, hac_standard_error
from signals.score_metrics import summarize_ic

SINGLE = (mean_interval, sharpe_interval)
PAIRED = (mean_gap_interval, sharpe_gap_interval, beta_interval)


def noise(seed=0, n=300, mean=5e-4):
    sessions = pd.bdate_range("2015-01-01", periods=n, name="session")
    return pd.Series(np.random.default_rng(seed).normal(mean, 0.01, n), sessions)


def autoregression(seed, phi, n=1000):
    return lfilter([1], [1, -phi], np.random.default_rng(seed).normal(size=n + 200))[200:]


def test_estimates_are_those_of_the_metrics():
    ours, theirs = noise(1), noise(2)
    assert mean_interval(ours).estimate == pytest.approx(ours.mean())
    assert sharpe_interval(ours).estimate == pytest.approx(sharpe_ratio(ours))
    assert sharpe_gap_interval(ours, theirs).estimate == pytest.approx(sharpe_ratio(ours) - sharpe_ratio(theirs))
    assert mean_gap_interval(ours, theirs).estimate == pytest.approx(ours.mean() - theirs.mean())
    assert beta_interval(ours, theirs).estimate == pytest.approx(market_fit(ours, theirs).beta)


def test_independent_normal_returns_get_the_textbook_width():
    returns = noise(n=2000)
    found = sharpe_interval(returns, mean_block=1)
    assert found.high - found.low == pytest.approx(2 * 1.96 * sharpe_standard_error(returns), rel=0.06)
    assert found.estimate - found.low == pytest.approx(found.high - found.estimate)


@pytest.mark.parametrize("interval", SINGLE)
def test_the_same_seed_gives_the_same_bounds_and_another_seed_others(interval):
    assert interval(noise(), seed=3) == interval(noise(), seed=3)
    assert interval(noise(), seed=3) != interval(noise(), seed=4)


def test_a_sharpe_ratio_has_no_scale_and_a_mean_has_its_own():
    returns = noise()
    assert sharpe_interval(7 * returns) == pytest.approx(sharpe_interval(returns), rel=1e-9)
    assert mean_interval(7 * returns) == pytest.approx([7 * bound for bound in mean_interval(returns)], rel=1e-9)
    shifted = mean_interval(returns + 0.01)
    assert shifted == pytest.approx([bound + 0.01 for bound in mean_interval(returns)], rel=1e-9)


def test_flipped_returns_flip_the_bounds():
    found, flipped = sharpe_interval(noise()), sharpe_interval(-noise())
    assert flipped == pytest.approx((-found.estimate, -found.high, -found.low), rel=1e-9)


def test_swapped_books_flip_a_difference_and_a_book_is_no_different_from_itself():
    ours, theirs = noise(1), noise(2)
    for interval in (mean_gap_interval, sharpe_gap_interval):
        found, swapped = interval(ours, theirs), interval(theirs, ours)
        assert swapped == pytest.approx((-found.estimate, -found.high, -found.low), rel=1e-6, abs=1e-12)
        assert interval(ours, ours) == (0.0, 0.0, 0.0)


def test_pairing_narrows_the_bounds_of_books_that_move_together():
    common = noise(1, 500)
    paired = sharpe_gap_interval(common + 0.1 * noise(2, 500), common + 0.1 * noise(3, 500))
    apart = sharpe_gap_interval(common, noise(4, 500))
    assert paired.high - paired.low < 0.5 * (apart.high - apart.low)


def test_the_beta_of_a_multiple_of_the_market_is_known_exactly():
    market = noise(1)
    assert beta_interval(1.5 * market + 1e-3, market) == pytest.approx((1.5, 1.5, 1.5), abs=1e-6)
    leant = beta_interval(0.5 * market + noise(2), market)
    assert leant.low < 0.5 < leant.high


def test_dependence_widens_the_bounds():
    walk = pd.Series(np.convolve(noise(2, 1019).to_numpy(), np.ones(20) / 20, mode="valid"))
    shuffled = pd.Series(np.random.default_rng(0).permutation(walk.to_numpy()))
    for interval in SINGLE:
        wide, narrow = interval(walk), interval(shuffled)
        assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_missing_sessions_are_left_out_of_one_and_of_both():
    ours, theirs = noise(1), noise(2)
    holed = ours.mask(np.arange(len(ours)) % 7 == 0)
    for interval in SINGLE:
        assert interval(holed) == interval(holed.dropna())
    for interval in PAIRED:
        assert interval(holed, theirs) == interval(holed.dropna(), theirs[holed.notna()])


def test_too_few_sessions_and_constants_have_no_bounds():
    flat, short = pd.Series(0.01, noise().index), noise(n=19)
    assert np.isnan([*sharpe_interval(flat), *beta_interval(noise(), flat), *sharpe_gap_interval(flat, noise())]).all()
    assert np.isnan([bound for interval in SINGLE for bound in interval(short)]).all()
    assert np.isnan([bound for interval in PAIRED for bound in interval(short, noise())]).all()
    assert mean_interval(flat) == pytest.approx((0.01, 0.01, 0.01))


def test_sums_of_blocks_are_those_of_the_rows_they_stand_for():
    values = np.random.default_rng(0).normal(size=(2, 40))
    for mean_block in (1, 4.5, 100):
        blocks = draw_blocks(40, 30, mean_block=mean_block, rng=np.random.default_rng(1))
        rows = stationary_bootstrap_rows(40, 30, mean_block=mean_block, rng=np.random.default_rng(1))
        by_block = np.add.reduceat(blocks.sums(values), blocks.first, axis=1)
        np.testing.assert_allclose(by_block, values[:, rows].sum(axis=2), atol=1e-12)
        assert np.bincount(blocks.resample(), weights=blocks.length).tolist() == [40] * 30


def test_a_studentized_interval_by_hand():
    """Blocks of one: error and t of every resample written out session by session."""
    returns = noise(5, n=25)
    values = returns.to_numpy()
    rows = stationary_bootstrap_rows(25, 1000, mean_block=1, rng=np.random.default_rng(0))
    t = [abs(values[row].mean() - values.mean()) / (values[row].std() / np.sqrt(25)) for row in rows]
    reach = hac_standard_error(returns) * np.quantile(t, 0.95)
    wanted = (values.mean(), values.mean() - reach, values.mean() + reach)
    assert mean_interval(returns, mean_block=1) == pytest.approx(wanted, rel=1e-9)


def test_a_slope_is_what_a_small_step_of_the_means_gives():
    from backtests.statistics.bootstrap_intervals import _beta, _less, _sharpe

    ours, theirs = noise(1).to_numpy(), noise(2).to_numpy()
    sharpes = _sharpe(ours, 252), _sharpe(theirs, 245)
    for statistic in (sharpes[0], _beta(ours, theirs), _less(*sharpes)):
        means = statistic.series[:, :200].mean(axis=1)  # away from the sample's own, where terms vanish
        for place, slope in enumerate(statistic.slope(means)):
            step = np.zeros_like(means)
            step[place] = 1e-6 * np.sqrt(np.mean(statistic.series[place] ** 2))
            rise = (statistic.value(means + step) - statistic.value(means - step)) / (2 * step[place])
            assert slope == pytest.approx(rise, rel=1e-4)


def test_block_lengths_of_autoregressions_come_near_their_closed_form():
    for phi in (0.3, 0.6):
        found = np.mean([optimal_block_length(autoregression(seed, phi, 4000)) for seed in range(20)])
        assert found == pytest.approx((2 * phi / (1 - phi**2)) ** (2 / 3) * 4000 ** (1 / 3), rel=0.2)


def test_block_lengths_have_no_scale_no_level_and_their_bounds():
    values = autoregression(1, 0.5)
    length = optimal_block_length(values)
    assert optimal_block_length(3 * values + 7) == pytest.approx(length)
    assert [optimal_block_length(np.ones(100)), optimal_block_length(values[:8])] == [1.0, 1.0]


def test_block_lengths_are_those_of_the_reference_implementation():
    """Lengths that version 8.0.0 of the package arch gives for the same series."""
    steps = np.arange(600)
    slow, mixed = np.sin(steps / 7.0) + np.sin(steps * 1.3), np.sin(steps**1.5)
    assert [optimal_block_length(slow), optimal_block_length(mixed)] == pytest.approx([74.000000, 1.440766], rel=1e-6)


def test_a_resampled_drawdown_is_that_of_its_own_path():
    returns = noise(3, n=200)
    found = resampled_drawdowns(returns, rng=np.random.default_rng(4), n_resamples=5)
    block = max(optimal_block_length(returns.to_numpy()), optimal_block_length(returns.to_numpy() ** 2))
    rows = stationary_bootstrap_rows(200, 5, mean_block=block, rng=np.random.default_rng(4))
    np.testing.assert_allclose(found, [max_drawdown(returns.to_numpy()[row]) for row in rows], rtol=1e-12)


def test_drawdowns_of_gains_are_none_and_of_the_same_loss_all_alike():
    index = noise(n=30).index
    rng = np.random.default_rng(0)
    assert (resampled_drawdowns(pd.Series(0.01, index), rng=rng, n_resamples=9) == 0.0).all()
    losses = resampled_drawdowns(pd.Series(-0.01, index), rng=rng, n_resamples=9)
    np.testing.assert_allclose(losses, 0.99**30 - 1)
    assert np.isnan(resampled_drawdowns(noise(n=19), rng=rng, n_resamples=9)).all()


def test_a_hac_interval_by_hand():
    found = hac_interval(0.02, 0.01, lags=4, n_sessions=100)
    critical = 1.96 + 2.9694 * 0.05 + 0.4160 * 0.05**2 - 0.5324 * 0.05**3
    assert found == pytest.approx((0.02, 0.02 - 0.01 * critical, 0.02 + 0.01 * critical))
    assert hac_interval(0.0, 1.0, lags=0, n_sessions=10**9).high == pytest.approx(1.96)
    assert np.isnan(hac_interval(0.02, np.nan, lags=4, n_sessions=100)[1:]).all()
    assert np.isnan(hac_interval(np.nan, np.nan, lags=4, n_sessions=0)).all()


def test_a_table_of_summaries_has_the_bounds_of_its_rows():
    summaries = [summarize_ic(noise(seed)) for seed in range(3)]
    table = pd.DataFrame([{name: getattr(each, name) for name in each.__slots__} for each in summaries], list("abc"))
    found = hac_intervals(table)
    assert [tuple(row) for row in found.to_numpy()] == [tuple(each.interval) for each in summaries]
    assert list(found.index) == list("abc")


@pytest.mark.slow
@pytest.mark.parametrize("process", PROCESSES)
def test_95_percent_intervals_hold_the_truth_in_92_to_98_of_100_simulations(process):
    shares = coverage(PROCESSES[process], n_simulations=2000, n_sessions=1000, phi=0.2)
    print(shares.to_string())
    assert shares.between(0.92, 0.98).all()


def test_a_resample_of_one_block_is_the_sample_and_never_divides_by_nothing() -> None:
    rng = np.random.default_rng(3)
    for n in range(20, 45):
        found = mean_interval(pd.Series(rng.normal(size=n)), mean_block=n / 2)
        assert found.low < found.estimate < found.high


def test_a_book_that_was_mostly_idle_has_bounds_without_a_warning():
    returns = pd.Series(np.zeros(400))
    returns.iloc[100:104] = [0.01, -0.02, 0.015, 0.005]
    found = sharpe_interval(returns, mean_block=10.0)
    assert found.low < found.estimate < found.high
