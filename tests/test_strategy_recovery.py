"""What the real model finds on the built-in market, and what it must not find where nothing is planted."""

import numpy as np
import pandas as pd
import pytest

from market.synthetic import SyntheticMarket, SyntheticSettings, synthetic_market
from models.model_settings import ModelSettings
from models.networks.predict import predict_scores
from models.networks.train import train_network
from signals.score_metrics import information_coefficient, score_correlation
from strategy.definitions.spec import StrategySpec, load_spec, override
from strategy.learning.learn import ridge_baseline
from strategy.learning.training_data import TrainingData, prepare_training_data


def trained_scores(spec: StrategySpec, training_data: TrainingData) -> pd.DataFrame:
    settings = ModelSettings(model=spec.model, loss=spec.loss, training=spec.training)
    model = train_network(training_data.windows, training_data.split, settings=settings)
    return predict_scores(
        model, training_data.windows, sessions=training_data.windows.sessions[training_data.split.test]
    )


def spec_of(seed: int) -> StrategySpec:
    return override(load_spec("filter_negative"), [f"training.seed={seed}"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_model_recovers_the_planted_signal_and_beats_ridge(seed: int) -> None:
    market: SyntheticMarket = synthetic_market(SyntheticSettings(seed=seed))
    training_data = prepare_training_data(spec_of(seed), market.panel)
    scores = trained_scores(spec_of(seed), training_data)
    oracle = market.oracle.loc[scores.index]
    model, ridge = (score_correlation(theirs, oracle).pearson for theirs in (scores, ridge_baseline(training_data)))
    print(f"seed {seed}: recovery {model:.3f}, ridge {ridge:.3f}")
    assert model >= 0.60
    assert model >= ridge + 0.05


@pytest.mark.slow
def test_the_model_finds_nothing_where_nothing_is_planted() -> None:
    means = []
    for seed in range(1, 11):
        market = synthetic_market(SyntheticSettings(seed=seed, planted_ic=0.0))
        training_data = prepare_training_data(spec_of(seed), market.panel)
        scores = trained_scores(spec_of(seed), training_data)
        means.append(float(information_coefficient(scores, training_data.forward.loc[scores.index]).mean()))
        print(f"null seed {seed}: rank IC {means[-1]:+.4f}")
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    print(f"null rank IC {np.mean(means):+.4f}, standard error {error:.4f}")
    assert abs(np.mean(means)) <= 2.0 * error
