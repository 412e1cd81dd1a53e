"""Inflation: what a leak adds to the IC and the Sharpe ratio that a researcher would show.

The leaking and the clean pipeline are gone through in the same way, with a linear model that is fitted anew on each
one's own features, labels and rows, and judged by its own labels and fills, as whoever has the leak would judge it. A
pipeline that scores otherwise keeps its scores. Differences are in one run on few names: they rank leaks, and bound
none of them.

References
----------
The order that arXiv 2605.23959 reports, one switch at a time: centred features and fills at the same day's open inflate
most; normalisation over the full sample and fills at the same close little.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.statistics.metrics import sharpe_ratio
from market.panel import Panel, aligned_frame
from signals.score_metrics import information_coefficient
from strategy.proofs.leaks.leak import HonestSetup, LeakPair
from strategy.proofs.pipeline_under_test import Features, PipelineUnderTest, SpanPair

__all__ = ["LARGE_INFLATION", "SMALL_INFLATION", "Inflation", "measure_inflation", "published_order"]

LARGE_INFLATION = ("centred window", "fill at the open of the decision's day")
SMALL_INFLATION = ("feature standardized over the full sample", "same-bar fill")
REACHED = ("universe", "features", "scores", "weights", "overlays", "labels", "fill_equity", "spans")
OWN_SPANS = ("validation", "test")  # of the honest pipeline
PENALTY = 0.01  # of the number of samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflation:
    """What a leak adds on one market.

    Parameters
    ----------
    ic : float
        Mean rank IC of the leaking pipeline less that of the clean one.
    sharpe : float
        Difference of the annual Sharpe ratios, before costs.
    """

    ic: float
    sharpe: float

    def __str__(self) -> str:
        return f"{_signed(self.ic, 3)} IC, {_signed(self.sharpe, 1)} Sharpe"


def measure_inflation(pair: LeakPair, setup: HonestSetup) -> Inflation | None:
    """Measure one pair on the bars of a setup; None where the leak reaches nothing that a linear model reads.

    Leaks in scaler, early stopping, calibration and declared clocks are such.
    """
    bars, leaky = pair.bars(setup), pair.leaky(setup)
    if all(getattr(leaky, stage) is getattr(setup.pipeline, stage) for stage in REACHED):
        return None
    found, expected = _judged(leaky, setup, bars), _judged(pair.clean(setup), setup, bars)
    return Inflation(ic=found[0] - expected[0], sharpe=found[1] - expected[1])


def published_order(inflations: Mapping[str, Inflation]) -> bool | None:
    """Whether both leaks that are said to inflate much add more Sharpe than both that are said to add little.

    None where one of the four was not measured.
    """
    if not inflations.keys() >= {*LARGE_INFLATION, *SMALL_INFLATION}:
        return None
    return min(inflations[name].sharpe for name in LARGE_INFLATION) > max(
        inflations[name].sharpe for name in SMALL_INFLATION
    )


def _judged(pipeline: PipelineUnderTest, setup: HonestSetup, bars: Panel) -> tuple[float, float]:
    """Mean rank IC and annual Sharpe ratio as the pipeline itself would judge them."""
    panel = pipeline.on(bars)
    features = pipeline.features(panel)
    assert pipeline.labels is not None
    assert pipeline.fill_equity is not None
    labels = pipeline.labels(panel)
    decided = panel.sessions[panel.sessions >= pipeline.first_decision]
    if pipeline.scores is not setup.pipeline.scores and features.keys() == setup.pipeline.features(panel).keys():
        scores = pipeline.scores(features, panel, decided)
    else:
        scores = _linear_scores(pipeline, features, labels, panel)
    scores = scores.where(panel.universe.loc[scores.index])
    judged = scores.index[scores.notna().any(axis=1)]
    ic = information_coefficient(scores, labels.loc[scores.index]).mean()
    final = pipeline.overlays(pipeline.weights(scores, panel), panel)
    returns = pipeline.fill_equity(final, panel).pct_change().loc[judged[0] : judged[-1]]
    return float(ic), sharpe_ratio(returns, sessions_per_year=panel.facts.sessions_per_year)


def _linear_scores(pipeline: PipelineUnderTest, features: Features, labels: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """Ridge on each pair of spans that the pipeline judges itself on, or on training for the test."""
    assert pipeline.spans is not None
    pairs = list(pipeline.spans(panel))
    own = [pair for pair in pairs if pair.judged_on not in OWN_SPANS]
    honest = [pair for pair in pairs if pair.judged_on == "test"][:1]
    x = np.stack([frame.to_numpy(dtype=float) for frame in features.values()], axis=-1)  # (T, N, F)
    known = np.isfinite(x).all(axis=-1) & panel.universe.to_numpy()
    scores = np.full(panel.close.shape, np.nan)
    for pair in own or honest:
        judged = np.asarray(pair.judged)
        scores[judged] = np.where(known[judged], _predicted(x, known, labels.to_numpy(dtype=float), pair), np.nan)
    rows = np.flatnonzero(np.isfinite(scores).any(axis=1))
    return aligned_frame(scores, panel.sessions, panel.tickers).iloc[rows]


def _predicted(x: np.ndarray, known: np.ndarray, y: np.ndarray, pair: SpanPair) -> np.ndarray:
    """Scores of the judged rows, from a ridge on samples of the fitted rows, centred within their sessions."""
    fitted = np.asarray(pair.fitted)
    usable = known[fitted] & np.isfinite(y[fitted])
    samples = x[fitted][usable]
    deviation = samples.std(axis=0)
    scale = np.where(deviation > 0.0, deviation, np.inf)  # a feature that never moves adds nothing
    inner = _centred(x[fitted], usable)[usable] / scale
    target = _centred(y[fitted][..., None], usable)[usable][:, 0]
    gram = inner.T @ inner + PENALTY * len(inner) * np.eye(inner.shape[1])
    coefficients = np.linalg.solve(gram, inner.T @ target)
    judged = np.asarray(pair.judged)
    predicted: np.ndarray = (_centred(x[judged], known[judged]) / scale) @ coefficients
    return predicted


def _centred(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values (T, N, F) less their session's mean over the known names; 0 elsewhere."""
    kept = np.where(known[..., None], values, 0.0)
    count = np.maximum(known.sum(axis=1), 1)[:, None, None]
    centred: np.ndarray = np.where(known[..., None], kept - kept.sum(axis=1, keepdims=True) / count, 0.0)
    return centred


def _signed(number: float, digits: int) -> str:
    return "n/a" if not math.isfinite(number) else f"{number:+.{digits}f}".replace("-", "−")
