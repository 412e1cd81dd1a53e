"""A small market whose pattern turns round, and a version frozen before it did: what tests retrain.

The move within a session predicts the one two opens ahead: it goes on before the turn, and is taken back after it. A
model that learned before ranks the names the wrong way round afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from live.retraining.retrain import RetrainOptions
from market.inputs import load_inputs
from market.request import BarsRequest
from strategy.definitions.spec import load_spec, override
from strategy.frozen.freeze import FreezeOptions, freeze
from strategy.frozen.versions import Version, VersionFolder
from strategy.pipeline import run
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore

NAME = "mine"
RIDGE = ("model.kind=ridge", "model.lookback=5")
PERSISTENCE = 0.5


@dataclass(frozen=True)
class Field:
    """A store with a champion frozen on the first bars, and the bars that came after them."""

    store: RunStore
    versions: Path
    newer: Path
    champion: VersionFolder

    def options(self, judge: int = 60) -> RetrainOptions:
        return RetrainOptions(versions=self.versions, store=self.store, judge=judge)

    def told(self, bars: Path | None = None) -> Mapping[str, str]:
        return {"bars": str(bars or self.newer)}


def turning_bars(*, n_names: int = 12, n_sessions: int = 400, turn: int = 160, seed: int = 0) -> pd.DataFrame:
    """Bars in long form, one row a date and ticker; ``turn`` is the session from which moves are taken back."""
    rng = np.random.default_rng(seed)
    shape = (n_sessions, n_names)
    within, noise = np.zeros(shape), 0.02 * rng.standard_normal(shape)
    for row in range(1, n_sessions):
        within[row] = (PERSISTENCE if row < turn else -PERSISTENCE) * within[row - 1] + noise[row]
    overnight = 0.003 * rng.standard_normal(shape)
    opened = 50.0 * np.exp(np.cumsum(overnight, axis=0) + np.cumsum(within, axis=0) - within)
    closed = opened * np.exp(within)
    fields = {
        "open": opened,
        "high": np.maximum(opened, closed) * 1.002,
        "low": np.minimum(opened, closed) * 0.998,
        "close": closed,
        "volume": 1e6 * np.exp(0.2 * rng.standard_normal(shape)),
    }
    days, names = pd.bdate_range("2015-01-05", periods=n_sessions), [f"N{i:02d}" for i in range(n_names)]
    stacked = {name: pd.DataFrame(values, index=days, columns=names).stack() for name, values in fields.items()}
    return pd.DataFrame(stacked).rename_axis(["date", "ticker"]).reset_index()


def until(bars: pd.DataFrame, n_sessions: int) -> pd.DataFrame:
    """The bars of the first sessions."""
    return bars[bars["date"] <= bars["date"].drop_duplicates().iloc[n_sessions - 1]]


def field(folder: Path, bars: pd.DataFrame, *assignments: str, known: int = 180, with_bars: bool = False) -> Field:
    """Freeze ``mine@1.0.0`` on the first ``known`` sessions of bars, which all lie in ``newer.parquet``."""
    until(bars, known).to_parquet(folder / "older.parquet")
    bars.to_parquet(folder / "newer.parquet")
    store, spec = RunStore(folder / "runs"), override(load_spec("filter_negative"), [*(assignments or RIDGE)])
    request = BarsRequest(bars=str(folder / "older.parquet"))
    made = run(spec, load_inputs(request), context=RunContext(store=store, request=request))
    options = FreezeOptions(versions=folder / "versions", with_bars=with_bars)
    champion = freeze(made.folder, Version.parse(f"{NAME}@1.0.0"), store=store, options=options)
    return Field(store=store, versions=folder / "versions", newer=folder / "newer.parquet", champion=champion)
