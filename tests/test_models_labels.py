"""Labels: what is learned, against plain loops over prices; a session's labels read nothing but what they should."""

import math
import statistics
import subprocess
import sys
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from market import Panel
from market.returns import Execution, forward_returns
from models.labels import MIN_VOLATILITY_RETURNS, VOLATILITY_SESSIONS, LabelSettings, learned_labels
from tests.oracles.small_panels import random_panel

CLOCK = Execution()
KINDS = ("return", "market_relative", "volatility_scaled")


def labels_of(panel: Panel, **settings: object) -> pd.DataFrame:
    return learned_labels(panel, CLOCK, LabelSettings.model_validate(settings), eligible=panel.universe)


def slow_labels(panel: Panel, kind: str, horizon: int, row: int) -> list[float]:
    """The labels of one session from single prices, never a frame operation."""
    opens, closes = panel.open, panel.close

    def forward(name: str) -> float:
        if row + 1 + horizon >= len(opens):
            return math.nan
        return float(opens[name].iloc[row + 1 + horizon] / opens[name].iloc[row + 1] - 1.0)

    @cache
    def volatility(name: str) -> float:
        moves = []
        for day in range(max(1, row - VOLATILITY_SESSIONS + 1), row + 1):
            move = float(closes[name].iloc[day] / closes[name].iloc[day - 1] - 1.0)
            if not math.isnan(move):
                moves.append(move)
        return statistics.stdev(moves) if len(moves) >= MIN_VOLATILITY_RETURNS else math.nan

    def mean(numbers: list[float]) -> float:
        known = [number for number in numbers if not math.isnan(number)]
        return sum(known) / len(known) if known else math.nan

    eligible = [name for name in panel.tickers if panel.universe[name].iloc[row]]
    if kind == "market_relative":
        return [forward(ticker) - mean([forward(name) for name in eligible]) for ticker in panel.tickers]
    if kind == "volatility_scaled":
        usual = mean([volatility(name) for name in eligible])
        return [forward(ticker) / volatility(ticker) * usual for ticker in panel.tickers]
    return [forward(ticker) for ticker in panel.tickers]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("horizon", [1, 5])
def test_every_label_is_the_slow_label(kind: str, horizon: int) -> None:
    panel = random_panel(3, n_sessions=90, n_tickers=4, missing=0.05)
    labels = labels_of(panel, kind=kind, horizon=horizon)
    slow = [slow_labels(panel, kind, horizon, row) for row in range(90)]
    np.testing.assert_allclose(labels.to_numpy(), np.array(slow), rtol=1e-9, atol=1e-14)
    assert labels.notna().to_numpy().sum() > 150


def test_the_default_label_is_the_forward_return_to_the_bit() -> None:
    panel = random_panel(1, n_sessions=40)
    for execution in (CLOCK, Execution(fill="next_close", extra_delay=2)):
        labels = learned_labels(panel, execution, LabelSettings(), eligible=panel.universe)
        pd.testing.assert_frame_equal(labels, forward_returns(panel, execution), check_exact=True)


@given(seed=st.integers(0, 10_000), horizon=st.integers(1, 6))
def test_a_market_relative_label_has_no_mean_and_the_order_of_the_return(seed: int, horizon: int) -> None:
    panel = random_panel(seed, n_sessions=20)
    plain, relative = labels_of(panel, horizon=horizon), labels_of(panel, horizon=horizon, kind="market_relative")
    assert relative.where(panel.universe).mean(axis=1).dropna().abs().max() < 1e-12
    pd.testing.assert_frame_equal(relative.rank(axis=1), plain.where(relative.notna()).rank(axis=1))


def test_names_that_may_not_be_held_have_no_say_in_the_sessions_means() -> None:
    panel = random_panel(5, n_sessions=60, missing=0.0)
    without = panel.universe.copy()
    without["T00"] = False
    for kind in KINDS[1:]:
        settings = LabelSettings.model_validate({"kind": kind})
        all_names = learned_labels(panel, CLOCK, settings, eligible=panel.universe)
        three = learned_labels(panel, CLOCK, settings, eligible=without)
        alone = learned_labels(panel.of_columns(1, 4), CLOCK, settings, eligible=without.iloc[:, 1:])
        pd.testing.assert_frame_equal(three.iloc[:, 1:], alone)
        assert not three.equals(all_names)


def test_a_volatility_scaled_label_scales_by_what_was_known_at_the_close() -> None:
    panel = random_panel(7, n_sessions=80, missing=0.0)
    plain, scaled = labels_of(panel), labels_of(panel, kind="volatility_scaled")
    factor = (scaled / plain).iloc[40]
    later = random_panel(8, n_sessions=80, missing=0.0)
    frames = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close")}
    for name, frame in frames.items():
        frame.iloc[41:] = getattr(later, name).iloc[41:]
    moved = Panel(
        **frames,
        volume=panel.volume,
        dollar_volume=panel.dollar_volume,
        universe=panel.universe,
        facts=panel.facts,
    )
    pd.testing.assert_series_equal((labels_of(moved, kind="volatility_scaled") / labels_of(moved)).iloc[40], factor)


def test_a_name_with_a_short_history_or_no_move_has_no_volatility() -> None:
    panel = random_panel(9, n_sessions=60, missing=0.0)
    scaled = labels_of(panel, kind="volatility_scaled")
    assert scaled.iloc[:MIN_VOLATILITY_RETURNS].isna().all(axis=None)
    assert scaled.iloc[MIN_VOLATILITY_RETURNS].notna().all()
    frames = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close")}
    for frame in frames.values():
        frame["T01"] = 10.0
    still = Panel(
        **frames, volume=panel.volume, dollar_volume=panel.dollar_volume, universe=panel.universe, facts=panel.facts
    )
    assert labels_of(still, kind="volatility_scaled")["T01"].isna().all()


@pytest.mark.parametrize("wrong", [{"horizon": 0}, {"horizon": 253}, {"kind": "alpha"}, {"horison": 5}])
def test_a_wrong_label_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LabelSettings.model_validate(wrong)


def test_labels_need_no_torch() -> None:
    code = "import sys, models.labels; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
