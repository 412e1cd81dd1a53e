"""Own scoring: what Quintile does from the features of a session to its expected returns, bound to given features."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from models.checkpoint import load_checkpoint
from models.threads import threads
from models.windows import build_windows
from strategy.definitions.spec import load_spec
from strategy.learning.learn import expected_returns

__all__ = ["own_scorer"]

FIRST_DAY = "2026-01-05"  # of the rows; a score does not depend on it


def own_scorer(folder: Path, *, n_threads: int = 1) -> Callable[[np.ndarray, np.ndarray], Callable[[], np.ndarray]]:
    """What binds raw features and universe to a call that scales, cuts windows, scores and calibrates.

    Parameters
    ----------
    folder : Path
        A frozen version.
    n_threads : int
        Threads at most; a session is scored on one.

    Returns
    -------
    callable
        Takes features (S, N, F) and universe (S, N), makes the frames that features come in, and returns the call,
        which gives expected returns (1, N) of the last session.
    """
    spec, checkpoint = load_spec(folder / "spec.toml"), load_checkpoint(folder / "model")
    scaler = checkpoint.model.scaler

    def prepared(features: np.ndarray, universe: np.ndarray) -> Callable[[], np.ndarray]:
        sessions = pd.bdate_range(FIRST_DAY, periods=len(features), name="session")
        tickers = pd.Index([f"N{place}" for place in range(features.shape[1])], name="ticker")

        def framed(values: np.ndarray) -> pd.DataFrame:
            return pd.DataFrame(values, index=sessions, columns=tickers)

        frames = {name: framed(features[..., place].astype(np.float64)) for place, name in enumerate(scaler.names)}
        eligible, unknown = framed(universe), framed(np.full(universe.shape, np.nan))

        def score() -> np.ndarray:
            with threads(n_threads):
                windows = build_windows(
                    frames, targets=unknown, universe=eligible, scaler=scaler, lookback=spec.model.lookback
                )
                return expected_returns(checkpoint, windows, sessions=sessions[-1:], spec=spec, device="cpu").to_numpy()

        return score

    return prepared
