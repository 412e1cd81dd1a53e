"""A small run that tests freeze: 30 names, 460 sessions, one layer of 8 units, bars from a file."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from market.inputs import load_inputs
from market.panel import Panel
from market.request import BarsRequest
from market.synthetic import SyntheticSettings, synthetic_market
from strategy.definitions.spec import StrategySpec, load_spec, override
from strategy.frozen.freeze import FreezeOptions, freeze
from strategy.frozen.versions import Version, VersionFolder
from strategy.pipeline import run
from strategy.runs.context import RunContext
from strategy.runs.store import RunFolder, RunStore

SMALL = (
    "model.hidden=8",
    "model.layers=1",
    "model.lookback=20",
    "training.burn_in=20",
    "training.max_epochs=2",
    "training.batch_sessions=64",
)


@dataclass(frozen=True)
class Bench:
    """A store with one finished run, its bars on disk, and a folder for versions."""

    store: RunStore
    run: RunFolder
    bars: Path
    versions: Path

    def copied(self, folder: Path) -> "Bench":
        """Return a copy under ``folder`` that may be changed and freezes to a new folder; its bars stay."""
        shutil.copytree(self.store.root, folder / "runs")
        if self.versions.is_dir():
            shutil.copytree(self.versions, folder / self.versions.name)
        store = RunStore(folder / "runs")
        run = RunFolder(store.root / self.run.path.parent.name / self.run.run_id)
        return Bench(store=store, run=run, bars=self.bars, versions=folder / "frozen")

    def freeze(self, text: str, *, with_bars: bool = True) -> VersionFolder:
        options = FreezeOptions(versions=self.versions, with_bars=with_bars)
        return freeze(self.run, Version.parse(text), store=self.store, options=options)


def small_spec(*assignments: str) -> StrategySpec:
    return override(load_spec("filter_negative"), [*SMALL, *assignments])


def long_bars(panel: Panel) -> pd.DataFrame:
    fields = {name: getattr(panel, name).stack() for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame(fields).reset_index().rename(columns={"session": "date"})


def small_bars(path: Path, n_sessions: int = 460) -> Path:
    panel = synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=480)).panel
    long_bars(panel.until(panel.sessions[n_sessions - 1])).to_parquet(path)
    return path


def bench(folder: Path, *assignments: str, **beside: str) -> Bench:
    bars = small_bars(folder / "bars.parquet")
    store, spec = RunStore(folder / "runs"), small_spec(*assignments)
    request = BarsRequest(bars=str(bars), **beside)
    inputs = load_inputs(request, holdout=spec.holdout)
    made = run(spec, inputs, context=RunContext(store=store, request=request))
    return Bench(store=store, run=made.folder, bars=bars, versions=folder / "versions")
