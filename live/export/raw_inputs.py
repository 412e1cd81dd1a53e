"""Raw inputs: what the graph of a version reads, of a panel: its features as they are computed, and the universe.

The panel is what Quintile reads; another program has to compute the same features itself.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from market.panel import Panel
from strategy.definitions.spec import StrategySpec
from strategy.learning.training_data import model_features, tradable

__all__ = ["raw_inputs", "stacked_features"]


def raw_inputs(spec: StrategySpec, panel: Panel) -> tuple[np.ndarray, np.ndarray, pd.DatetimeIndex, pd.Index]:
    """Features, universe, sessions and tickers of a panel, as an exported graph takes them.

    Parameters
    ----------
    spec : StrategySpec
        The version's; its feature set and gaps decide.
    panel : Panel
        Bars with their universe.

    Returns
    -------
    features : ndarray of float32, shape (n_sessions, n_tickers, n_features)
        Row *t* known at the close of *t*, not scaled; NaN where missing. The order of the features is the card's.
    universe : ndarray of bool, shape (n_sessions, n_tickers)
        Names that are in the universe and listed.
    sessions : DatetimeIndex
        Rows.
    tickers : Index
        Columns.

    Raises
    ------
    RunError
        If the bars reach into the spec's sealed hold-out.
    """
    features = stacked_features(model_features(spec, panel))
    return features, tradable(panel).to_numpy(dtype=bool), panel.sessions, panel.tickers


def stacked_features(features: Mapping[str, pd.DataFrame]) -> np.ndarray:
    """Features (n_sessions, n_tickers, n_features) of float32, in their order."""
    return np.stack([frame.to_numpy(dtype=np.float32) for frame in features.values()], axis=2)
