"""The reference table's 1-day reversal, judged through the door for given scores."""

from pathlib import Path

import pandas as pd
import pytest

from backtests.statistics.metrics import sharpe_ratio
from market import Execution, forward_returns
from market.panel import Panel
from market.sources import load_bars
from market.universe import choose_universe
from signals.score_metrics import quantile_returns
from strategy.definitions.spec import load_spec, override
from strategy.evaluate import evaluate
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore

pytestmark = pytest.mark.usefixtures("few_random_books")


# The table's rank ICs and their t are met; its quintile spreads are not. Beside its 3.0, 3.7 and 3.5 bp a day stand
# 3.11, 3.98 and 3.81 here, all higher. Tried, and none meets all three within the table's rounding: the size of the
# quintile and cuts by percentile, eligibility at t+1, the member lists, other masks and clips, winsorised returns,
# cuts among names with a next return, a missing return as zero, log returns, other spans. The difference of the legs'
# log returns comes nearest: 3.00, 3.54 and 3.57.
@pytest.mark.parametrize(
    ("name", "spread_bps", "spread_sharpe"), [("sp500", 3.11, 0.722), ("wide", 3.98, 0.539), ("pit", 3.81, 0.608)]
)
@pytest.mark.slow
def test_reversal_gives_the_rank_ic_of_the_reference_table_and_a_higher_spread(
    name: str, spread_bps: float, spread_sharpe: float, shared_data: Path, tmp_path: Path
) -> None:
    file, universe, first, last, table = {
        "sp500": ("sp500_5y_2013_2018", "top505", "2013-09", "2018-05", (0.0174, 3.3, 3.0, 0.70)),
        "wide": ("us_wide_2007_2020", "top400", "2007-07", "2020-12", (0.0167, 5.5, 3.7, 0.49)),
        "pit": ("us_pit_2015_2017", "top1000", "2015-07", "2017-03", (0.0160, 2.1, 3.5, 0.56)),
    }[name]
    bars = choose_universe(load_bars(shared_data / f"{file}.parquet", point_in_time=name == "pit"), universe)
    past = bars.close.pct_change(fill_method=None)
    scores = (-past).where(past.abs() <= 1).loc[first:last]
    spec = override(load_spec("quintile_long_short"), ['execution.fill="close"', "costs.trade_bps=0"])
    judged = evaluate(scores, bars, spec=spec, context=RunContext(store=RunStore(tmp_path)))
    signal, placed = judged.metrics["signal"], judged.scores
    assert signal["mean"] == pytest.approx(table[0], abs=0.0005)
    assert signal["t_hac"] == pytest.approx(table[1], abs=0.3)
    spread, ratio = reversal_spread(placed, bars)
    assert (1e4 * spread, ratio) == (pytest.approx(spread_bps, abs=0.01), pytest.approx(spread_sharpe, abs=0.002))
    assert table[2] < 1e4 * spread < 1.1 * table[2]
    assert table[3] < ratio < 1.1 * table[3]
    assert judged.metrics["headline"]["verdict"] == "NOT EVIDENCE"


def reversal_spread(scores: pd.DataFrame, bars: Panel) -> tuple[float, float]:
    """Mean and Sharpe ratio of top less bottom quintile, returns beyond 100 % masked, every bar filled, as there."""
    ahead = forward_returns(bars, Execution(fill="close", no_volume="fills"))
    spread = quantile_returns(scores, ahead.where(ahead.abs() <= 1)).spread.dropna()
    return float(spread.mean()), sharpe_ratio(spread)
