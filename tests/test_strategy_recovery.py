"""What the real model finds on the built-in market, and what it must not find where nothing is planted."""

import numpy as np
import pandas as pd
import pytest

from market.synthetic import SyntheticMarket, SyntheticSettings, synthetic_market
from models.predict import predict_scores
from models.settings import ModelSettings
from models.train import train_network
from signals.evaluation import information_coefficient, score_correlation
from strategy.learning import Lesson, prepare_lesson, ridge_baseline
from strategy.spec import StrategySpec, load_spec, override


def trained_scores(spec: StrategySpec, lesson: Lesson) -> pd.DataFrame:
    settings = ModelSettings(network=spec.model, loss=spec.loss, training=spec.training)
    model = train_network(lesson.windows, lesson.split, settings=settings)
    return predict_scores(model, lesson.windows, sessions=lesson.windows.sessions[lesson.split.test])


def spec_of(seed: int) -> StrategySpec:
    return override(load_spec("filter_negative"), [f"training.seed={seed}"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_model_recovers_the_planted_signal_and_beats_ridge(seed: int) -> None:
    market: SyntheticMarket = synthetic_market(SyntheticSettings(seed=seed))
    lesson = prepare_lesson(spec_of(seed), market.panel)
    scores = trained_scores(spec_of(seed), lesson)
    oracle = market.oracle.loc[scores.index]
    model, ridge = (score_correlation(theirs, oracle).pearson for theirs in (scores, ridge_baseline(lesson)))
    print(f"seed {seed}: recovery {model:.3f}, ridge {ridge:.3f}")
    assert model >= 0.60
    assert model >= ridge + 0.05


@pytest.mark.slow
def test_the_model_finds_nothing_where_nothing_is_planted() -> None:
    means = []
    for seed in range(1, 11):
        market = synthetic_market(SyntheticSettings(seed=seed, planted_ic=0.0))
        lesson = prepare_lesson(spec_of(seed), market.panel)
        scores = trained_scores(spec_of(seed), lesson)
        means.append(float(information_coefficient(scores, lesson.forward.loc[scores.index]).mean()))
        print(f"null seed {seed}: rank IC {means[-1]:+.4f}")
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    print(f"null rank IC {np.mean(means):+.4f}, standard error {error:.4f}")
    assert abs(np.mean(means)) <= 2.0 * error
