"""Baselines from prices: hand-computed scores, and that none of them looks ahead."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from market.panel import Panel
from signals.price_baselines import PRICE_BASELINES, low_volatility, momentum_12_1, one_day_reversal
from tests.oracles.signal_panels import panel_of, random_panel


def rising(n_sessions: int = 260) -> Panel:
    steps = np.arange(n_sessions, dtype=float)
    return panel_of({"close": np.column_stack([100 * 1.001**steps, 100 * 0.999**steps])})


def test_reversal_is_minus_the_last_return() -> None:
    panel = panel_of({"close": np.array([[100.0, 50.0], [110.0, 45.0]])})
    assert one_day_reversal(panel).iloc[1].to_numpy() == pytest.approx([-0.1, 0.1])
    assert one_day_reversal(panel).iloc[0].isna().all()


def test_momentum_spans_252_to_21_sessions_ago() -> None:
    scores = momentum_12_1(rising())
    assert scores.iloc[252].to_numpy() == pytest.approx([1.001**231 - 1, 0.999**231 - 1])
    assert scores.iloc[:252].isna().all(axis=None)


def test_the_calmer_name_scores_higher_after_42_returns() -> None:
    signs = np.where(np.arange(80) % 2 == 0, 1.0, -1.0)
    closes = 100 * np.cumprod(1 + np.column_stack([0.001 * signs, 0.01 * signs]), axis=0)
    scores = low_volatility(panel_of({"close": closes}))
    assert scores.iloc[:42].isna().all(axis=None)
    assert (scores["A"] > scores["B"]).iloc[42:].all()
    known = pd.Series(closes[:, 0]).pct_change().iloc[17:80].std()
    assert scores["A"].iloc[79] == pytest.approx(-known)


@pytest.mark.parametrize("name", PRICE_BASELINES)
def test_a_baseline_is_nan_outside_the_universe_and_reads_no_later_row(name: str) -> None:
    panel = random_panel(n_sessions=300)
    scores = PRICE_BASELINES[name](panel)
    assert scores.where(~panel.universe).isna().all(axis=None)
    assert scores.notna().sum().sum() > 50
    row = panel.sessions[280]
    pd.testing.assert_series_equal(PRICE_BASELINES[name](panel.until(row)).loc[row], scores.loc[row], check_exact=True)


@pytest.mark.parametrize(("year", "months"), [(365.0, (365, 30)), (52.0, (52, 4))])
def test_a_year_of_momentum_is_a_year_of_the_bars(year: float, months: tuple[int, int]) -> None:
    panel = rising(400)
    panel = replace(panel, facts=replace(panel.facts, sessions_per_year=year))
    scores, (first, last) = momentum_12_1(panel), months
    assert scores.iloc[:first].isna().all(axis=None)
    assert scores.iloc[first].to_numpy() == pytest.approx([1.001 ** (first - last) - 1, 0.999 ** (first - last) - 1])
