"""Leaks in features, membership and scores. The leaky one of each pair comes first."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from market.panel import BAR_FIELDS, Panel, aligned_frame
from market.returns import forward_returns
from market.universe import choose_universe
from signals.features import compute_features
from strategy.proofs.leaks.leak import HonestSetup, LeakPair
from strategy.proofs.pipeline_under_test import Features, PipelineUnderTest

__all__ = ["FEATURE_LEAKS", "added_feature"]

Formula = Callable[[Panel], pd.DataFrame]
Altered = Callable[[Panel, pd.DataFrame], pd.DataFrame]


def _altered(feature: str, change: Altered) -> Callable[[HonestSetup], PipelineUnderTest]:
    """A maker of pipelines in which one feature that the model reads was changed."""

    def make(setup: HonestSetup) -> PipelineUnderTest:
        def features(panel: Panel) -> Features:
            honest = setup.pipeline.features(panel)
            return {**honest, feature: change(panel, honest[feature])}

        return replace(setup.pipeline, features=features)

    return make


def added_feature(feature: str, formula: Formula) -> Callable[[HonestSetup], PipelineUnderTest]:
    """A maker of pipelines with one feature more, which the scores do not read."""

    def make(setup: HonestSetup) -> PipelineUnderTest:
        def features(panel: Panel) -> Features:
            return {**setup.pipeline.features(panel), feature: formula(panel)}

        def scores(features: Features, panel: Panel, sessions: pd.DatetimeIndex) -> pd.DataFrame:
            known = {name: frame for name, frame in features.items() if name != feature}
            return setup.pipeline.scores(known, panel, sessions)

        return replace(setup.pipeline, features=features, scores=scores)

    return make


def _moved_for_one(by: int) -> Altered:
    def change(panel: Panel, feature: pd.DataFrame) -> pd.DataFrame:
        ticker = min(panel.tickers)
        return feature.assign(**{ticker: feature[ticker].shift(by)})

    return change


def _mean_of_five(panel: Panel, *, centred: bool) -> pd.DataFrame:
    return panel.close.pct_change(fill_method=None).rolling(5, center=centred).mean()


def _clipped_over_time(panel: Panel) -> pd.DataFrame:
    returns = panel.close.pct_change(fill_method=None)
    lower, upper = np.nanpercentile(returns.to_numpy(), (1.0, 99.0))
    return returns.clip(lower, upper)


def _clipped_within_session(panel: Panel) -> pd.DataFrame:
    returns = panel.close.pct_change(fill_method=None)
    lower, upper = returns.quantile(0.01, axis=1), returns.quantile(0.99, axis=1)
    return returns.clip(lower, upper, axis=0)


def _standardized_over_time(panel: Panel) -> pd.DataFrame:
    shares = panel.volume / panel.volume.shift(5)
    return (shares - shares.mean()) / shares.std()


def _standardized_within_session(panel: Panel) -> pd.DataFrame:
    shares = panel.volume / panel.volume.shift(5)
    return shares.sub(shares.mean(axis=1), axis=0).div(shares.std(axis=1), axis=0)


def _filled(*, backward: bool) -> Callable[[HonestSetup], PipelineUnderTest]:
    def make(setup: HonestSetup) -> PipelineUnderTest:
        def features(panel: Panel) -> Features:
            raw = compute_features(panel, setup.spec.features.set)
            return {name: (frame.bfill(limit=3) if backward else frame.ffill(limit=3)) for name, frame in raw.items()}

        return replace(setup.pipeline, features=features)

    return make


def _merged_target(setup: HonestSetup, *, honest: bool) -> PipelineUnderTest:
    """Join a table of labels on (session, ticker), as a research notebook does."""
    execution = setup.spec.execution
    known_after = execution.delay + 1 if honest else 0

    def formula(panel: Panel) -> pd.DataFrame:
        known = forward_returns(panel, execution).shift(known_after)
        labels = known.melt(ignore_index=False, value_name="label").reset_index()
        bars = panel.close.melt(ignore_index=False, value_name="close").reset_index()
        merged = bars.merge(labels, on=["session", "ticker"], how="left")
        wide = merged.pivot_table(index="session", columns="ticker", values="label")
        return wide.reindex(index=panel.sessions, columns=panel.tickers)

    return added_feature("label_of_the_day", formula)(setup)


def _dividend_yield(panel: Panel, *, days_early: int) -> pd.DataFrame:
    """Dividend paid, from the step that it leaves between raw and adjusted prices."""
    factor = panel.dollar_volume / (panel.volume * panel.close)
    return (factor.shift(1) / factor - 1.0).shift(-days_early)


def _dividend_bars(setup: HonestSetup) -> Panel:
    """The bars with a dividend of 1 % a quarter in every third ticker, adjusted as a vendor does."""
    panel = setup.panel
    rows, columns = np.arange(len(panel.sessions)), np.arange(len(panel.tickers))
    paid = (rows[:, None] % 63 == columns % 60) & (columns % 3 == 0)
    kept = np.where(paid, 0.99, 1.0)
    later = np.cumprod(kept[::-1], axis=0)[::-1] / kept  # dividends after each session
    frames = {name: getattr(panel, name).to_numpy() for name in (*BAR_FIELDS, "universe")}
    frames |= {name: frames[name] * later for name in BAR_FIELDS[:4]}
    aligned: dict[str, Any] = {
        name: aligned_frame(values, panel.sessions, panel.tickers) for name, values in frames.items()
    }
    return replace(panel, **aligned)


def _members_of_today(panel: Panel) -> pd.DataFrame:
    today = np.broadcast_to(panel.universe.to_numpy()[-1], panel.universe.shape)
    return aligned_frame(today, panel.sessions, panel.tickers)


def _largest_ever(panel: Panel) -> pd.DataFrame:
    largest = panel.dollar_volume.mean().rank(ascending=False) <= len(panel.tickers) // 2
    return panel.universe & largest


def _largest_then(panel: Panel) -> pd.DataFrame:
    return choose_universe(panel, f"top{len(panel.tickers) // 2}").universe


def _with_universe(universe: Callable[[Panel], pd.DataFrame]) -> Callable[[HonestSetup], PipelineUnderTest]:
    return lambda setup: replace(setup.pipeline, universe=universe)


def _window_ending(setup: HonestSetup, *, ahead: int) -> PipelineUnderTest:
    def scores(features: Features, panel: Panel, sessions: pd.DatetimeIndex) -> pd.DataFrame:
        moved = {name: frame.shift(-ahead) for name, frame in features.items()}
        return setup.pipeline.scores(moved, panel, sessions)

    return replace(setup.pipeline, scores=scores, score_warm_up=setup.pipeline.score_warm_up + 1)


def _scores_scaled(setup: HonestSetup, *, by_panel: bool) -> PipelineUnderTest:
    """Divide scores by the spread of one feature, over the whole panel or within their own session."""

    def scores(features: Features, panel: Panel, sessions: pd.DatetimeIndex) -> pd.DataFrame:
        raw, spread = setup.pipeline.scores(features, panel, sessions), features["volatility"]
        scale = np.nanstd(spread.to_numpy()) if by_panel else spread.loc[sessions].std(axis=1)
        return raw.div(scale, axis=0)

    return replace(setup.pipeline, scores=scores)


FEATURE_LEAKS = (
    LeakPair(
        name="one feature one bar early",
        leaky=_altered("volume_ratio", lambda _, feature: feature.shift(-1)),
        clean=_altered("volume_ratio", lambda _, feature: feature.shift(1)),
    ),
    LeakPair(
        name="one bar early, one of 14 features, one ticker",
        leaky=_altered("ret_1d", _moved_for_one(-1)),
        clean=_altered("ret_1d", _moved_for_one(1)),
    ),
    LeakPair(
        name="centred window",
        leaky=added_feature("mean_of_five", lambda panel: _mean_of_five(panel, centred=True)),
        clean=added_feature("mean_of_five", lambda panel: _mean_of_five(panel, centred=False)),
    ),
    LeakPair(
        name="full-sample winsor bound",
        leaky=added_feature("clipped", _clipped_over_time),
        clean=added_feature("clipped", _clipped_within_session),
    ),
    LeakPair(
        name="feature standardized over the full sample",
        leaky=added_feature("standardized", _standardized_over_time),
        clean=added_feature("standardized", _standardized_within_session),
    ),
    LeakPair(name="back-fill", leaky=_filled(backward=True), clean=_filled(backward=False)),
    LeakPair.by_argument("target in the features through a merge", _merged_target, honest=(False, True)),
    LeakPair(
        name="adjusted-price level feature",
        leaky=added_feature("level", lambda panel: panel.close),
        clean=added_feature("level", lambda panel: panel.close / panel.close.shift(20)),
    ),
    LeakPair(
        name="rank over time instead of over the cross-section",
        leaky=added_feature("rank", lambda panel: panel.close.pct_change(fill_method=None).rank(pct=True)),
        clean=added_feature("rank", lambda panel: panel.close.pct_change(fill_method=None).rank(axis=1, pct=True)),
    ),
    LeakPair(
        name="market return of t+1",
        leaky=_altered("market_return", lambda _, feature: feature.shift(-1)),
        clean=_altered("market_return", lambda _, feature: feature.copy()),
    ),
    LeakPair(
        name="dividend known one day early",
        leaky=added_feature("dividend", lambda panel: _dividend_yield(panel, days_early=1)),
        clean=added_feature("dividend", lambda panel: _dividend_yield(panel, days_early=0)),
        bars=_dividend_bars,
    ),
    LeakPair(
        name="today's members",
        leaky=_with_universe(_members_of_today),
        clean=_with_universe(lambda panel: panel.universe),
    ),
    LeakPair(
        name="universe by full-sample dollar volume",
        leaky=_with_universe(_largest_ever),
        clean=_with_universe(_largest_then),
    ),
    LeakPair.by_argument("off-by-one in the window", _window_ending, ahead=(1, 0)),
    LeakPair.by_argument("scores divided by a full-sample spread", _scores_scaled, by_panel=(True, False)),
)
