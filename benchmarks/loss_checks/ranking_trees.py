"""Ranking trees: LightGBM's objectives, and ridge beside them, on panels whose signal is known.

A panel is features drawn anew in every session and the return that follows them: a signal of three of the features and
Student t noise. A return is drawn after its features, and nothing else ties two sessions together.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import torch
from scipy import stats

from models.estimators.boosted_trees import tree_parameters
from models.estimators.samples import mean_rank_ic
from models.losses.rank_loss import rank_correlations
from models.model import FitContext
from models.model_kinds import make_model, settings_of
from models.model_settings import ModelSettings, SplitSettings, TrainingSettings
from models.sample_splits import Split, resolve_split
from models.threads import threads
from models.windows import Scaler, Windows
from strategy.studies.model_table.two_way_errors import two_way_estimate

__all__ = ["CONTENDERS", "PanelSize", "measured_trees", "planted_panel"]

RETURN_SD = 0.02
SPLIT = SplitSettings(train=0.2, validation=0.1)  # a short training and a long test: the test is what says how sure
RAW = "trees, L2 on returns"
CONTENDERS: Mapping[str, Mapping[str, Any]] = {
    "ridge on z-scored returns": {"kind": "ridge", "target": "zscore"},
    "ridge on rank labels": {"kind": "ridge", "target": "rank"},
    RAW: {"kind": "lightgbm"},
    "trees, L2 on z-scored returns": {"kind": "lightgbm", "target": "zscore"},
    "trees, L2 on rank labels": {"kind": "lightgbm", "target": "rank"},
    "trees, LambdaRankIC": {"kind": "lightgbm", "objective": "lambdarank_ic"},
}
STEPS = (
    ("trees, L2 on z-scored returns", RAW),
    ("trees, L2 on rank labels", RAW),
    ("trees, LambdaRankIC", "trees, L2 on rank labels"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSize:
    """How large a panel is and how strong its signal.

    Parameters
    ----------
    names, sessions, features : int
        Its shape.
    ic : float
        Correlation of the signal itself with the return; its rank IC is higher under heavy tails.
    freedom : float
        Degrees of freedom of the noise, above 2.
    """

    names: int = 100
    sessions: int = 3000
    features: int = 14
    ic: float = 0.05
    freedom: float = 3.0


def planted_panel(seed: int, size: PanelSize) -> tuple[Windows, np.ndarray]:
    """Windows of one session each, and the signal in them, shape (sessions, names)."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((size.sessions, size.names, size.features), dtype=np.float32)
    first, second, third = (x[:, :, k] for k in range(3))
    raw = np.tanh(first) + 0.7 * np.tanh(second) + 0.5 * np.tanh(first) * np.tanh(second) - 0.85 * np.maximum(third, 0)
    signal = (raw - raw.mean(axis=1, keepdims=True)) / raw.std(axis=1, keepdims=True)
    noise = stats.t.rvs(size.freedom, size=signal.shape, random_state=rng) / stats.t.std(size.freedom)
    y = RETURN_SD * (size.ic * signal + np.sqrt(1.0 - size.ic**2) * noise)
    return _windows(x, y), signal


def measured_trees(
    seeds: Sequence[int], size: PanelSize, *, said: Callable[[str], None] = lambda _line: None
) -> dict[str, Any]:
    """Rank ICs of every contender on the last 70 % of each seed's panel, as plain values.

    Parameters
    ----------
    seeds : sequence of int
        Each is a panel and a training.
    size : PanelSize
        Of every panel.
    said : callable
        Called with a line after every fit.
    """
    ics: dict[str, dict[int, pd.Series]] = {name: {} for name in ("signal itself", *CONTENDERS)}
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for seed in seeds:
        windows, signal = planted_panel(seed, size)
        split = resolve_split(windows.sessions, SPLIT, delay=1, horizon=1)
        ics["signal itself"][seed] = _session_ics(signal[split.test], windows, split)
        for name in CONTENDERS:
            start = time.process_time()
            ics[name][seed] = _session_ics(_fitted_scores(name, windows, split, seed), windows, split)
            seconds[name].append(time.process_time() - start)
            said(f"{name}, seed {seed}: rank IC {ics[name][seed].mean():.4f}, {seconds[name][-1]:.0f} s")
    frames = {name: pd.DataFrame(by_seed) for name, by_seed in ics.items()}
    return {
        "size": {name: getattr(size, name) for name in PanelSize.__slots__},
        "seeds": list(seeds),
        "rows": {name: _row(frame) | {"seconds": _mean(seconds.get(name, []))} for name, frame in frames.items()},
        "steps": [{"of": of, "less": less} | _row(frames[of] - frames[less]) for of, less in STEPS],
    }


def _windows(x: np.ndarray, y: np.ndarray) -> Windows:
    n_sessions, n_names, n_features = x.shape
    known = torch.ones((n_sessions, n_names), dtype=torch.bool)
    names, ones = tuple(f"f{k}" for k in range(n_features)), (1.0,) * n_features
    scaler = Scaler(
        names=names, lower=(-9.0,) * n_features, upper=(9.0,) * n_features, mean=(0.0,) * n_features, sd=ones,
        target_sd=RETURN_SD,
    )  # fmt: skip
    return Windows(
        x=torch.from_numpy(x),
        y=torch.from_numpy(y).float(),
        mask=known,
        present=known,
        scaler=scaler,
        lookback=1,
        sessions=pd.bdate_range("2010-01-04", periods=n_sessions),
        tickers=pd.Index([f"T{k:04d}" for k in range(n_names)]),
    )


def _fitted_scores(name: str, windows: Windows, split: Split, seed: int) -> np.ndarray:
    settings = ModelSettings(
        model=settings_of({"lookback": 1, **CONTENDERS[name]}), training=TrainingSettings(seed=seed)
    )
    with threads(1):
        if name == RAW:
            return _raw_scores(settings, windows, split)
        model = make_model(settings).fit(windows, split, context=FitContext(device="cpu"))
        return model.scores(windows, windows.sessions[split.test]).to_numpy(copy=True)


def _raw_scores(settings: ModelSettings, windows: Windows, split: Split) -> np.ndarray:
    """Least squares on returns as they are, which the kind does not offer: else as ``BoostedTrees`` does it."""
    kind: Any = settings.model
    x, y = windows.x.numpy(), windows.y.numpy()
    flat = [x[rows].reshape(-1, x.shape[2]) for rows in (split.train, split.validation, split.test)]
    parameters = tree_parameters(kind, seed=settings.training.seed)
    trained_on = lightgbm.Dataset(flat[0], y[split.train].ravel(), params=parameters)
    booster, best = lightgbm.Booster(parameters, trained_on), (0, -np.inf)
    for tree in range(1, kind.trees + 1):
        if booster.update() or tree - best[0] > kind.patience:
            break
        found = booster.predict(flat[1]).reshape(-1, x.shape[1])
        best = max(best, (tree, mean_rank_ic(windows, split.validation, found)), key=lambda each: each[1])
    return np.asarray(booster.predict(flat[2], num_iteration=max(best[0], 1))).reshape(-1, x.shape[1])


def _session_ics(scores: np.ndarray, windows: Windows, split: Split) -> pd.Series:
    found = rank_correlations(torch.tensor(scores), windows.y[split.test], windows.mask[split.test])
    return pd.Series(found.numpy(), windows.sessions[split.test])


def _row(frame: pd.DataFrame) -> dict[str, Any]:
    """Mean over seeds and sessions with its range, and the mean of each seed."""
    estimate = two_way_estimate(frame)
    low, high = estimate.interval[1:]
    return {"mean": estimate.mean, "low": low, "high": high, "by_seed": [float(each) for each in frame.mean()]}


def _mean(numbers: Sequence[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None
