"""A small book in which everything happens that the ledger of a living report has a branch for.

More names than one block of numpy's sum; sessions without a score, so that an order waits with none to replace it;
missing prints, missing opens and silences; names that leave for something, for nothing, in a silence or on the last
session; scores of which about ``K`` a session pass the short filter; prices so wild that margin is called and a book
fails. The first fills are at prices of powers of two, where equity ÷ gross exposure is the margin to the last bit.
"""

import numpy as np
import pandas as pd

from backtests.report.living.setting_twin import Carried, Setting
from market.panel import Panel, aligned_frame
from portfolio.book_settings import BookSettings
from portfolio.costs import Costs
from portfolio.rules import TradingRules
from tests.living_evaluation import random_settings
from tests.oracles.markets import delisting_table, panel_of, tickers

N_SESSIONS, N_NAMES, K = 64, 271, 8
LEVEL = 4  # sessions before prices move
MARGIN = {"borrowing_bps": 700, "maintenance_margin": 0.5, "initial_margin": 0.6}
HELD = {"borrow_bps": 300, "cash_bps": 400, "rebate_bps": 150}
TROUBLES = {
    "filter": TradingRules(
        portfolio=BookSettings(builder="filter_negative", k=K, long=1.0, short=1.0, smoothing=1.0),
        costs=Costs(trade_bps=0, **HELD, **MARGIN),
    ),
    "filled leg": TradingRules(
        portfolio=BookSettings(builder="filter_negative", k=K, long=1.0, short=0.8, short_sizing="fill_leg"),
        costs=Costs(trade_bps=12, impact="linear", impact_bps=90, **HELD, **MARGIN),
    ),
    "without margin": TradingRules(
        portfolio=BookSettings(builder="filter_negative", k=K, long=0.5, short=0.3), costs=Costs(trade_bps=6, **HELD)
    ),
}


def troubled_panel() -> Panel:
    """Wild prices in cents, with gaps and delistings."""
    rng, shape = np.random.default_rng(7), (N_SESSIONS, N_NAMES)
    moves = rng.normal(0, 0.05, shape) + np.where(rng.random(shape) < 0.006, 2.0, 0.0)
    moves[:LEVEL] = 0.0
    closes = np.round(2.0 ** rng.integers(4, 8, N_NAMES) * np.exp(np.cumsum(moves, axis=0)), 2)
    opens = np.round(closes * np.exp(-rng.uniform(0, 1, shape) * moves), 2)
    gone = rng.choice(N_NAMES, 60, replace=False)
    last = rng.integers(LEVEL + 4, N_SESSIONS, len(gone))
    silent = rng.random(shape) < 0.12
    for column, row in zip(rng.choice(N_NAMES, 30), rng.integers(LEVEL, N_SESSIONS, 30), strict=True):
        silent[row : row + rng.integers(3, 30), column] = True
    for column, row in zip(gone, last, strict=True):
        silent[row + 1 - rng.integers(0, 2) :, column] = True
    silent[:LEVEL] = False
    closes, opens = np.where(silent, np.nan, closes), np.where(silent, np.nan, opens)
    opens[LEVEL:][rng.random((N_SESSIONS - LEVEL, N_NAMES)) < 0.03] = np.nan
    returns = rng.choice([-1.0, -0.4, 0.0, 0.3], len(gone))
    sessions = pd.bdate_range("2015-01-02", periods=N_SESSIONS)
    told = slice(8, None)  # the others fall silent without a word
    table = delisting_table(list(tickers(N_NAMES)[gone[told]]), list(sessions[last[told]]), list(returns[told]))
    return panel_of(opens, closes, delistings=table)


def troubled_scores(panel: Panel) -> pd.DataFrame:
    """Scores from the second session on, of which about ``K`` a session are negative; none in two sessions of five."""
    rng = np.random.default_rng(11)
    values = rng.normal(0, 0.01, panel.close.shape)
    for row in range(1, len(values)):
        values[row] = 0.7 * values[row - 1] + 0.7 * values[row]
    values += 0.01 * rng.uniform(1.2, 1.8, (len(values), 1))
    values[2] -= 0.01  # whoever is picked first passes
    values[rng.random(values.shape) < 0.05] = np.nan
    last = panel.sessions.get_indexer(panel.delistings["session"])
    for row, column in zip(last, panel.tickers.get_indexer(panel.delistings.index), strict=True):
        values[row - 2 : row + 1, column] += 0.04  # wanted to the end
    values[1, 1:] = np.nan  # one name is too few: the first decision holds nothing
    values[3:][rng.random(len(values) - 3) < 0.4] = np.nan
    return aligned_frame(values, panel.sessions, panel.tickers).iloc[1:]


def troubled_settings(carried: Carried, n: int) -> list[Setting]:
    """The run's own setting, some with legs on which margin is called, and ``n`` random ones."""
    own = carried.own
    ks = (own.k, 1) if carried.header["book"]["reach"] else (own.k,)
    strained = [own.moved(delay=own.delay + late, k=k, short=1.4 * own.short) for late in range(4) for k in ks]
    return [own, *strained, *random_settings(np.random.default_rng(2), carried, n)]
