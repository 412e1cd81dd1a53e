"""Leaks in decided weights, overlays and fills."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from core.conventions import SESSIONS_PER_YEAR
from market.panel import Panel
from market.returns import Execution, forward_returns
from strategy.proofs.leaks.leak import HonestSetup, LeakPair
from strategy.proofs.pipeline_under_test import PipelineUnderTest
from strategy.proofs.shipped_pipeline import equity_at_fills

__all__ = ["BOOK_LEAKS"]

TARGET, LOOKBACK = 0.08, 20
SWITCH_SIGMAS = 2.0
SAME_BAR = Execution(fill="close")

Overlay = Callable[[pd.DataFrame, Panel], pd.DataFrame]


def _with_overlay(overlay: Overlay) -> Callable[[HonestSetup], PipelineUnderTest]:
    return lambda setup: replace(setup.pipeline, overlays=overlay)


def _book_returns(weights: pd.DataFrame, panel: Panel) -> pd.Series:
    """What the book earned from open to open, known at the later one."""
    earned = weights.shift(2) * (panel.open / panel.open.shift(1) - 1.0)
    return earned.sum(axis=1, min_count=1)


def _volatility_target(*, days_early: int) -> Overlay:
    def overlay(weights: pd.DataFrame, panel: Panel) -> pd.DataFrame:
        returns = _book_returns(weights, panel).shift(-days_early)
        volatility = returns.rolling(LOOKBACK).std() * np.sqrt(SESSIONS_PER_YEAR)
        scale = (TARGET / volatility).clip(0.5, 1.0)  # never up: a net exposure above 1 borrows
        return weights.mul(scale.where(scale.notna(), 1.0), axis=0)

    return overlay


def _kill_switch(*, full_sample: bool) -> Overlay:
    """Stay flat for a session after a loss beyond some standard deviations."""

    def overlay(weights: pd.DataFrame, panel: Panel) -> pd.DataFrame:
        returns = _book_returns(weights, panel)
        sigma = returns.std() if full_sample else returns.rolling(LOOKBACK).std()
        return weights.mul((~(returns < -SWITCH_SIGMAS * sigma)).astype(float), axis=0)

    return overlay


def _stop_loss(*, days_early: int) -> Overlay:
    """Leave what gapped down."""

    def overlay(weights: pd.DataFrame, panel: Panel) -> pd.DataFrame:
        gap = (panel.open / panel.close.shift(1) - 1.0).shift(-days_early)
        return weights.mask((gap < -0.02) & weights.notna(), 0.0)

    return overlay


def _leave_dying(*, days_early: int) -> Overlay:
    """Hold nothing of a name whose delisting has been announced, or will be within some sessions."""

    def overlay(weights: pd.DataFrame, panel: Panel) -> pd.DataFrame:
        last = panel.delistings["session"].reindex(panel.tickers).to_numpy()
        ahead = panel.sessions + days_early * pd.offsets.BusinessDay()
        dying = ahead.to_numpy()[:, None] >= last[None, :]
        return weights.mask(dying & weights.notna(), 0.0)

    return overlay


def _book_smoothed(setup: HonestSetup, *, centred: bool) -> PipelineUnderTest:
    def weights(scores: pd.DataFrame, panel: Panel) -> pd.DataFrame:
        return setup.pipeline.weights(scores, panel).rolling(3, center=centred, min_periods=1).mean()

    return replace(setup.pipeline, weights=weights)


def _filled_at(execution: Execution | None) -> Callable[[HonestSetup], PipelineUnderTest]:
    def make(setup: HonestSetup) -> PipelineUnderTest:
        clock = setup.spec.execution if execution is None else execution
        return replace(setup.pipeline, fill_equity=lambda weights, panel: equity_at_fills(weights, panel, clock))

    return make


def _labelled_at(execution: Execution | None) -> Callable[[HonestSetup], PipelineUnderTest]:
    def make(setup: HonestSetup) -> PipelineUnderTest:
        clock = setup.spec.execution if execution is None else execution
        return replace(setup.pipeline, labels=lambda panel: forward_returns(panel, clock))

    return make


def _paper_at(execution: Execution | None) -> Callable[[HonestSetup], PipelineUnderTest]:
    def make(setup: HonestSetup) -> PipelineUnderTest:
        clock = setup.spec.execution if execution is None else execution
        return replace(setup.pipeline, clocks={"fills": setup.spec.execution, "paper": clock})

    return make


BOOK_LEAKS = (
    LeakPair(name="same-bar fill", leaky=_filled_at(SAME_BAR), clean=_filled_at(None)),
    LeakPair(name="labels on another clock than fills", leaky=_labelled_at(SAME_BAR), clean=_labelled_at(None)),
    LeakPair(name="paper trading on another clock", leaky=_paper_at(SAME_BAR), clean=_paper_at(None)),
    LeakPair(
        name="same-day volatility target",
        leaky=_with_overlay(_volatility_target(days_early=1)),
        clean=_with_overlay(_volatility_target(days_early=0)),
    ),
    LeakPair(
        name="full-sample kill-switch sigma",
        leaky=_with_overlay(_kill_switch(full_sample=True)),
        clean=_with_overlay(_kill_switch(full_sample=False)),
    ),
    LeakPair(
        name="stop-loss on tomorrow's gap",
        leaky=_with_overlay(_stop_loss(days_early=1)),
        clean=_with_overlay(_stop_loss(days_early=0)),
    ),
    LeakPair(
        name="delisting known early",
        leaky=_with_overlay(_leave_dying(days_early=5)),
        clean=_with_overlay(_leave_dying(days_early=0)),
    ),
    LeakPair.by_argument("book smoothed over a centred window", _book_smoothed, centred=(True, False)),
)
