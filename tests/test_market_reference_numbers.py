"""The clock, the universe and the adjustment against independent figures for the recorded bars.

The table was made elsewhere with: top N by trailing mean dollar volume at the last month-end before the session, signal
and entry at the same close, |r| > 100 % masked, Newey-West with ten lags.
"""

from pathlib import Path

import pandas as pd
import pytest

from market import Execution, Panel, forward_returns
from market.sources import load_bars
from market.universe import choose_universe
from tests.oracles.rank_correlation import newey_west_t, session_rank_correlations, yearly_sharpe


def reversal_and_market(panel: Panel, first: str, last: str) -> tuple[pd.Series, pd.Series]:
    """Rank IC of minus the one-day return with the next day's, and the equal-weight return of the same universe."""
    past = panel.close.pct_change(fill_method=None)
    past = past.where(past.abs() <= 1)
    ahead = forward_returns(panel, Execution(fill="close"))
    ahead = ahead.where(ahead.abs() <= 1).where(panel.universe & panel.printed)
    coefficients = session_rank_correlations(-past.loc[first:last], ahead.loc[first:last])
    return coefficients, ahead.loc[first:last].mean(axis=1).dropna()


def check_against(panel: Panel, first: str, last: str, *, ic: float, t: float, sharpe: float) -> None:
    coefficients, market = reversal_and_market(panel, first, last)
    assert coefficients.mean() == pytest.approx(ic, abs=0.001)
    assert newey_west_t(coefficients, 10) == pytest.approx(t, abs=0.1)
    assert yearly_sharpe(market) == pytest.approx(sharpe, abs=0.015)


@pytest.mark.slow
def test_reversal_and_market_of_the_sp500_bars_reproduce_the_reference_table(shared_data: Path) -> None:
    panel = choose_universe(load_bars(shared_data / "sp500_5y_2013_2018.parquet"), "top505")
    check_against(panel, "2013-09", "2018-05", ic=0.0174, t=3.3, sharpe=1.15)


@pytest.mark.slow
def test_reversal_and_market_of_the_wide_bars_reproduce_the_reference_table(shared_data: Path) -> None:
    panel = choose_universe(load_bars(shared_data / "us_wide_2007_2020.parquet"), "top400")
    check_against(panel, "2007-07", "2020-12", ic=0.0167, t=5.5, sharpe=0.55)


@pytest.mark.slow
def test_member_lists_of_the_wide_bars_give_the_same_figures(shared_data: Path) -> None:
    panel = load_bars(shared_data / "us_wide_2007_2020.parquet")
    panel = choose_universe(panel, shared_data / "us_wide_2007_2020_top_adv_members.parquet")
    check_against(panel, "2007-07", "2020-12", ic=0.0167, t=5.5, sharpe=0.55)


@pytest.mark.slow
def test_reversal_and_market_of_the_raw_bars_reproduce_the_reference_table(shared_data: Path) -> None:
    panel = choose_universe(load_bars(shared_data / "us_pit_2015_2017.parquet", point_in_time=True), "top1000")
    check_against(panel, "2015-07", "2017-03", ic=0.0160, t=2.1, sharpe=0.41)
