"""A small made-up panel of features whose next return is known by construction."""

import numpy as np
import pandas as pd
import torch

from models.kinds.lstm import LstmSettings
from models.model_settings import LossSettings, ModelSettings, SplitSettings, TrainingSettings
from models.networks.fitted_network import FittedNetwork
from models.networks.trained import EpochRecord, TrainedModel, untrained_network
from models.sample_splits import resolve_split
from models.windows import build_windows, fit_scaler


def planted_features(*, n_sessions=120, n_tickers=12, n_features=3, ic=0.6, seed=0):
    """Return (features, targets, universe); the target follows feature 0, now and 3 sessions ago."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n_features, n_sessions, n_tickers))
    signal = values[0] + np.vstack([np.zeros((3, n_tickers)), values[0][:-3]])
    noise = rng.standard_normal((n_sessions, n_tickers))
    targets = 0.02 * (ic * signal / 2**0.5 + (1 - ic**2) ** 0.5 * noise)
    features = {f"f{k}": frame(value) for k, value in enumerate(values)}
    return features, frame(targets), frame(np.ones((n_sessions, n_tickers), dtype=bool))


def frame(values):
    """Return an array as a frame on business days and made-up tickers."""
    sessions = pd.bdate_range("2020-01-01", periods=values.shape[0], name="session")
    return pd.DataFrame(values, sessions, pd.Index([f"T{k:03d}" for k in range(values.shape[1])], name="ticker"))


def planted_windows(*, lookback=6, **options):
    """Return windows and their 60/15/25 split, scaled on the training rows."""
    features, targets, universe = planted_features(**options)
    split = resolve_split(pd.DatetimeIndex(targets.index), SplitSettings(), delay=1, horizon=1)
    scaler = fit_scaler(features, targets=targets, universe=universe, rows=split.train)
    windows = build_windows(features, targets=targets, universe=universe, scaler=scaler, lookback=lookback)
    return windows, split


def small_settings(*, loss=None, **training):
    """Return a 1×8 network on windows of 6 sessions, trained for a few epochs."""
    chosen = {"max_epochs": 3, "burn_in": 6, "chunk_sessions": 20, "batch_sessions": 20, "learning_rate": 1e-2}
    return ModelSettings(
        model=LstmSettings(hidden=8, layers=1, lookback=6),
        loss=LossSettings(**(loss or {})),
        training=TrainingSettings(**(chosen | training)),
    )


def untrained_fit(windows, settings):
    """Return a network with the weights that its seed draws, as if it had learned for one epoch."""
    with torch.random.fork_rng(devices=[]):
        weights = untrained_network(settings, windows.scaler.names).state_dict()
    epoch = EpochRecord(
        epoch=1,
        train_loss=1.0,
        validation_loss=1.0,
        terms={},
        gradients={},
        validation_ic=0.0,
        learning_rate=0.1,
        seconds=0.0,
    )
    return FittedNetwork(
        TrainedModel(weights=weights, settings=settings, scaler=windows.scaler, best_epoch=1, history=(epoch,))
    )
