"""The built-in market: what every bar keeps, what is planted in it, and what is not."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from market import Execution, Panel, forward_returns, listed
from market.synthetic import SyntheticMarket, SyntheticSettings, oracle_scores, synthetic_market
from market.synthetic.shocks import SECTORS, draw_shocks
from tests.oracles.planted_alpha import slow_oracle_row

DEFAULT_FINGERPRINT = "1a4c5a7b234544cb534366d8b0bd237831a02de40de8808c671739ed7649058c"
SEEDS = (1, 2, 3)
PRICES = ("open", "high", "low", "close")


@pytest.fixture(scope="module")
def markets() -> dict[int, SyntheticMarket]:
    return {seed: synthetic_market(SyntheticSettings(seed=seed)) for seed in SEEDS}


@pytest.fixture(scope="module")
def market(markets: dict[int, SyntheticMarket]) -> SyntheticMarket:
    return markets[1]


@pytest.fixture(scope="module")
def null() -> SyntheticMarket:
    return synthetic_market(SyntheticSettings(planted_ic=0.0))


@pytest.fixture(scope="module")
def small() -> SyntheticMarket:
    return synthetic_market(SyntheticSettings(seed=7, n_tickers=40, n_sessions=400))


def within_sessions(left: pd.DataFrame, right: pd.DataFrame, *, ranks: bool = True) -> pd.Series:
    """Correlation of two frames within each session where both have at least 20 names."""
    both = left.notna() & right.notna()
    both = both & (both.sum(axis=1) >= 20).to_numpy()[:, None]
    pair = [frame.where(both) for frame in (left, right)]
    x, y = (frame.rank(axis=1) for frame in pair) if ranks else pair
    x, y = x.sub(x.mean(axis=1), axis=0), y.sub(y.mean(axis=1), axis=0)
    return ((x * y).sum(axis=1) / ((x**2).sum(axis=1) * (y**2).sum(axis=1)) ** 0.5)[both.any(axis=1)].dropna()


def label(market: SyntheticMarket) -> pd.DataFrame:
    return forward_returns(market.panel, Execution()).where(market.panel.universe)


def oracle_ic(market: SyntheticMarket) -> pd.Series:
    return within_sessions(market.oracle, label(market))


def quintile_sharpe(market: SyntheticMarket) -> float:
    forward = label(market)
    place = market.oracle.where(forward.notna()).rank(axis=1, pct=True)
    earned = 0.5 * (forward[place > 0.8].mean(axis=1) - forward[place <= 0.2].mean(axis=1)).dropna()
    return float(earned.mean() / earned.std() * 252**0.5)


def absent_runs(market: SyntheticMarket) -> list[int]:
    """Lengths of the runs without a print between a name's first and last print."""
    lengths: list[int] = []
    for _, printed in market.panel.printed.items():
        rows = np.flatnonzero(printed)
        lengths.extend(int(step) - 1 for step in np.diff(rows) if step > 1)
    return lengths


def test_the_default_market_is_the_same_everywhere(market):
    assert market.panel.fingerprint() == DEFAULT_FINGERPRINT


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_market(small):
    again = synthetic_market(SyntheticSettings(seed=7, n_tickers=40, n_sessions=400))
    other = synthetic_market(SyntheticSettings(seed=8, n_tickers=40, n_sessions=400))
    assert again.panel.fingerprint() == small.panel.fingerprint() != other.panel.fingerprint()
    pd.testing.assert_frame_equal(again.oracle, small.oracle, check_exact=True)


def test_facts_say_synthetic_point_in_time_and_which_seed(market):
    facts = market.panel.facts
    assert facts.synthetic
    assert facts.point_in_time
    assert "seed 1" in facts.source


def test_sessions_are_business_days_from_the_first_on():
    panel = synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=150, first_session="2011-01-01")).panel
    assert panel.sessions[0] == pd.Timestamp("2011-01-03")
    assert panel.sessions.day_of_week.max() == 4
    assert len(panel.sessions) == 150


def test_every_ticker_has_a_sector(market):
    assert list(market.sectors.index) == list(market.panel.tickers)
    assert set(market.sectors) == set(SECTORS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"n_tickers": 19},
        {"n_sessions": 149},
        {"planted_ic": 0.11},
        {"planted_ic": -0.01},
        {"first_session": "yesterday"},
        {"sed": 1},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        SyntheticSettings(**wrong)


@pytest.mark.parametrize("planted_ic", [0.0, 0.1])
def test_the_smallest_market_has_bars_and_scores(planted_ic):
    tiny = synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=150, planted_ic=planted_ic))
    assert tiny.oracle.iloc[89:].notna().any(axis=1).all()
    assert tiny.oracle.iloc[:89].isna().all(axis=None)


def test_prices_are_whole_cents_and_volumes_whole_shares(markets):
    for market in markets.values():
        for name in PRICES:
            cents = getattr(market.panel, name).to_numpy() * 100
            np.testing.assert_allclose(cents, np.rint(cents), rtol=0, atol=1e-8)
        volume = market.panel.volume
        assert (volume.isna() | (volume == volume.round())).all(axis=None)


def test_prices_stay_where_a_cent_is_small(markets):
    for market in markets.values():
        assert market.panel.low.min(axis=None) >= 3.0
        assert market.panel.high.max(axis=None) < 10_000.0


def test_open_and_close_lie_between_low_and_high(market):
    panel = market.panel
    for name in ("open", "close"):
        inside = (getattr(panel, name) <= panel.high) & (getattr(panel, name) >= panel.low)
        assert (inside == panel.printed).all(axis=None)
    assert ((panel.high > panel.low).sum() > 0).all()


def test_a_print_has_every_field_and_a_missing_one_none(market):
    for name in (*PRICES, "volume", "dollar_volume"):
        assert (getattr(market.panel, name).notna() == market.panel.printed).all(axis=None)
    expected = market.panel.close * market.panel.volume
    pd.testing.assert_frame_equal(market.panel.dollar_volume, expected)


def test_halts_last_one_to_three_sessions(markets):
    runs = [length for market in markets.values() for length in absent_runs(market)]
    assert set(runs) == {1, 2, 3}


def test_some_names_list_late_and_some_are_delisted_by_takeover_or_failure(market):
    first = market.panel.printed.to_numpy().argmax(axis=0)
    returns = market.panel.delistings["delisting_return"]
    assert 0.05 < (first > 0).mean() < 0.25
    assert (returns < -0.04).sum() >= 3
    assert (returns > -0.02).sum() >= 3
    assert returns.between(-0.55, 0.03).all()


def test_a_delisting_is_the_last_print(market):
    panel = market.panel
    assert len(panel.delistings) > 10
    for ticker, event in panel.delistings.iterrows():
        assert panel.close[ticker].last_valid_index() == event["session"]


def test_a_failure_is_a_close_below_six(market):
    failed = market.panel.delistings.query("delisting_return < -0.04")
    last = [market.panel.close.loc[event["session"], ticker] for ticker, event in failed.iterrows()]
    assert max(last) < 6.0
    closes = market.panel.close
    assert ((closes < 6.0).sum().sum()) == len(failed)


def test_the_universe_holds_listed_names_with_a_print_and_some_history(market):
    panel = market.panel
    aged = panel.printed.cumsum() > 0
    history = aged.cumsum() >= 20
    expected = panel.printed & listed(panel) & history
    pd.testing.assert_frame_equal(panel.universe, expected)


def test_returns_have_fat_tails_and_cluster_in_volatility(market):
    returns = market.panel.close.pct_change(fill_method=None)
    typical = returns.sub(returns.mean(axis=1), axis=0)
    market_moves = returns.mean(axis=1).abs()
    assert typical.kurt().median() > 1.5
    assert market_moves.autocorr(1) > 0.1
    absolute = typical.abs()
    assert absolute.corrwith(absolute.shift(1)).median() > 0.05


def test_names_of_one_sector_move_together_beyond_the_market(market):
    returns = market.panel.close.pct_change(fill_method=None)
    apart = returns.sub(returns.mean(axis=1), axis=0).corr().to_numpy()
    same = market.sectors.to_numpy()[:, None] == market.sectors.to_numpy()[None, :]
    off_diagonal = ~np.eye(len(same), dtype=bool)
    assert np.nanmean(apart[same & off_diagonal]) > np.nanmean(apart[~same]) + 0.03


def test_betas_differ(market):
    returns = market.panel.close.pct_change(fill_method=None)
    average = returns.mean(axis=1)
    beta = returns.apply(lambda column: column.cov(average)) / average.var()
    assert 0.1 < beta.std() < 0.5


def test_volume_rises_with_absolute_returns(market):
    moves = market.panel.close.pct_change(fill_method=None).abs()
    assert moves.corrwith(np.log(market.panel.volume)).median() > 0.2


def test_about_a_quarter_of_the_variance_comes_overnight(market):
    panel = market.panel
    gap = (panel.open / panel.close.shift(1) - 1).var()
    day = (panel.close / panel.open - 1).var()
    assert (gap / (gap + day)).median() == pytest.approx(0.25, abs=0.03)


def test_oracle_scores_follow_from_the_bars_alone(market):
    pd.testing.assert_frame_equal(oracle_scores(market.panel), market.oracle, check_exact=True)


def test_oracle_scores_equal_the_slow_twin(small):
    for row in (88, 89, 90, 150, 233, 399):
        session = small.panel.sessions[row]
        expected = slow_oracle_row(small.panel, session).to_numpy()
        np.testing.assert_allclose(small.oracle.loc[session].to_numpy(), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("row", [89, 200, 398])
def test_cutting_the_future_changes_no_score(small, row):
    session = small.panel.sessions[row]
    pd.testing.assert_frame_equal(
        oracle_scores(small.panel.until(session)), small.oracle.loc[:session], check_exact=True
    )


def test_scores_do_not_depend_on_the_unit_of_price_or_volume(small):
    factor = np.where(np.arange(40) % 2, 4.0, 0.25)
    bars = {name: getattr(small.panel, name) * factor for name in PRICES}
    scaled = Panel(
        **bars,
        volume=small.panel.volume / factor,
        dollar_volume=small.panel.dollar_volume,
        universe=small.panel.universe,
        facts=small.panel.facts,
        delistings=small.panel.delistings,
    )
    pd.testing.assert_frame_equal(oracle_scores(scaled), small.oracle, check_exact=True)


def test_a_name_has_a_score_from_its_ninetieth_session_on_when_it_prints(market):
    age = (market.panel.printed.cumsum() > 0).cumsum()
    expected = market.panel.printed & (age >= 90)
    pd.testing.assert_frame_equal(market.oracle.notna(), expected)


def test_scores_are_standardized_within_every_session(market):
    scores = market.oracle.dropna(how="all")
    assert scores.mean(axis=1).abs().max() < 0.05
    assert scores.std(axis=1).between(0.9, 1.02).all()
    assert scores.abs().max(axis=None) <= 3.0


def test_the_mean_oracle_rank_ic_lies_between_three_and_five_percent(markets):
    for market in markets.values():
        assert 0.03 <= oracle_ic(market).mean() <= 0.05


def test_the_oracle_book_has_a_gross_sharpe_of_at_most_four(markets):
    for market in markets.values():
        assert 1.5 < quintile_sharpe(market) <= 4.0


def test_scores_lose_half_of_their_order_in_ten_to_twenty_sessions(markets):
    for market in markets.values():
        after = {lag: within_sessions(market.oracle, market.oracle.shift(lag), ranks=False).mean() for lag in (10, 20)}
        assert after[10] > 0.5 > after[20]


@pytest.mark.parametrize("planted_ic", [0.01, 0.02, 0.10])
def test_the_planted_ic_is_what_is_measured(planted_ic):
    market = synthetic_market(SyntheticSettings(planted_ic=planted_ic))
    assert oracle_ic(market).mean() == pytest.approx(planted_ic, abs=0.005)


def test_the_strength_of_the_alpha_varies_about_one():
    settings = SyntheticSettings()
    strength = draw_shocks(np.random.default_rng(1), settings, np.zeros(settings.n_tickers, dtype=int)).strength
    assert strength.mean() == pytest.approx(1.0)
    assert strength.min() > 0.0
    assert strength.std() > 0.15
    assert np.corrcoef(strength[20:], strength[:-20])[0, 1] > 0.5


def test_measured_strength_varies_from_half_year_to_half_year(null):
    strong = synthetic_market(SyntheticSettings(planted_ic=0.10))
    extra = (oracle_ic(strong) - oracle_ic(null)).dropna()  # the same shocks without the alpha
    halves = extra.groupby(np.arange(len(extra)) // 125).mean()
    assert halves.max() > 1.4 * halves.min()


def test_the_null_market_keeps_the_factor_but_not_the_drift(null):
    ic = oracle_ic(null)
    assert abs(ic.mean()) < 0.005
    assert ic.std() > 0.15


def test_directions_beside_the_alpha_are_as_quiet_as_independent_names(market):
    momentum = market.panel.close.ffill().pct_change(20)
    stranger = pd.DataFrame(
        np.random.default_rng(5).standard_normal(momentum.shape), momentum.index, momentum.columns
    ).where(market.oracle.notna())
    ic = within_sessions(stranger, label(market))
    assert ic.std() < 0.09


def test_the_alpha_is_earned_intraday_and_in_the_following_gap(markets):
    panel, oracle = markets[1].panel, markets[1].oracle
    intraday = (panel.close / panel.open - 1).shift(-1)
    following_gap = panel.open.shift(-2) / panel.close.shift(-1) - 1
    assert within_sessions(oracle, intraday).mean() > 0.025
    assert within_sessions(oracle, following_gap).mean() > 0.015


def test_planted_ic_changes_prices_and_nothing_that_was_drawn(market, null):
    assert market.panel.close.iloc[:90].equals(null.panel.close.iloc[:90])
    assert not market.panel.close.iloc[91].equals(null.panel.close.iloc[91])
    both = market.panel.printed & null.panel.printed
    pd.testing.assert_frame_equal(market.panel.volume.where(both), null.panel.volume.where(both))


@pytest.fixture(scope="module")
def columns(market) -> dict[str, pd.DataFrame]:
    """The core14 columns but market_return, which is one number a session."""
    close, volume, panel = market.panel.close.ffill(limit=5), market.panel.volume, market.panel
    daily = close.pct_change(fill_method=None)
    mean_volume = volume.rolling(20, min_periods=15).mean()
    return {
        "ret_1d": daily,
        "ret_5d": close / close.shift(5) - 1,
        "ret_20d": close / close.shift(20) - 1,
        "volatility": daily.rolling(20, min_periods=15).std(),
        "vol_5d": daily.rolling(5, min_periods=4).std(),
        "vol_volume": volume.rolling(20, min_periods=15).std() / mean_volume,
        "dist_from_high": (panel.high.rolling(20, min_periods=15).max() - close) / close,
        "dist_from_low": (close - panel.low.rolling(20, min_periods=15).min()) / close,
        "price_range": (panel.high - panel.low) / panel.close,
        "volume_ratio": volume / mean_volume,
        "volume_trend": volume.rolling(5, min_periods=4).mean() / mean_volume,
    }


def test_no_single_column_carries_more_than_half_of_the_alpha(market, columns):
    forward, whole = label(market), oracle_ic(market).mean()
    for name, column in columns.items():
        assert abs(within_sessions(column, market.oracle).mean()) <= 0.5, name
        scored = column.where(market.oracle.notna())
        assert abs(within_sessions(scored, forward).mean()) <= 0.5 * whole, name


def test_the_best_straight_line_through_the_columns_sees_at_most_half(market, columns):
    known = market.oracle.notna() & np.logical_and.reduce([column.notna() for column in columns.values()])
    x = np.stack([column.to_numpy()[known.to_numpy()] for column in columns.values()], axis=1)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = market.oracle.to_numpy()[known.to_numpy()]
    fitted = pd.DataFrame(np.nan, market.oracle.index, market.oracle.columns).to_numpy().copy()
    fitted[known.to_numpy()] = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    line = pd.DataFrame(fitted, market.oracle.index, market.oracle.columns)
    assert within_sessions(line, market.oracle, ranks=False).mean() <= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("planted", [0.02, 0.05])
def test_the_oracle_of_twenty_markets_covers_what_was_planted_in_their_last_year(planted):
    found = []
    for seed in range(1, 21):
        market = synthetic_market(SyntheticSettings(seed=seed, n_tickers=200, n_sessions=1250, planted_ic=planted))
        found.append(oracle_ic(market).iloc[1000:].mean())
    reach = 2.093 * np.std(found, ddof=1) / np.sqrt(20)  # 95 % of a t with 19 degrees of freedom
    assert abs(np.mean(found) - planted) < reach
