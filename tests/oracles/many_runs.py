"""Many runs: a store of synthetic run folders, each a copy of one real small run with other settings and returns."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from strategy.definitions.spec import override
from strategy.runs.store import RunFolder

GRID = {"portfolio.k": (0.1, 0.2, 0.3), "portfolio.smoothing": (0.05, 0.15, 0.3), "loss.temperature": (0.05, 0.1, 0.2)}
VERDICTS = ("NOT EVIDENCE", "WEAK", "EVIDENCE")


def copied_run(
    origin: RunFolder,
    root: Path,
    *,
    number: int,
    seed: int | None = None,
    settings: dict[str, object] | None = None,
    strategy: str | None = None,
    **headline: Any,
) -> RunFolder:
    """A copy of a run under another id, with settings, returns and ICs of its own; its report is a line."""
    strategy = strategy or origin.spec.name
    run = (
        f"2026{1 + number // 600 % 12:02d}{1 + number // 20 % 28:02d}-{number % 24:02d}{number % 60:02d}00-{number:06x}"
    )
    folder = RunFolder(root / strategy / run)
    folder.path.mkdir(parents=True)
    spec = override(origin.spec, settings or {})
    spec = spec.model_copy(update={"name": strategy})
    (folder.path / "spec.toml").write_text(spec.to_toml(), encoding="utf-8")
    record = origin.record | {"run": run, "strategy": strategy, "number": number + 1}
    (folder.path / "run.json").write_text(json.dumps(record, indent=2), encoding="utf-8")
    for name in ("weights", "trades", "ic"):
        shutil.copyfile(origin.path / f"{name}.parquet", folder.path / f"{name}.parquet")
    returns = origin.read_frame("returns").rename(columns=lambda name: name.replace(origin.spec.name, strategy))
    if seed is not None:
        rng = np.random.default_rng(seed)
        returns[f"{strategy} net"] = rng.normal(0.0003 * (seed % 5 - 2), 0.008, len(returns))
        ic = origin.read_frame("ic")
        ic["model"] = ic["model"] + rng.normal(0.0, 0.05, len(ic))
        ic.to_parquet(folder.path / "ic.parquet")
    returns.to_parquet(folder.path / "returns.parquet")
    metrics = json.loads((origin.path / "metrics.json").read_text(encoding="utf-8"))
    metrics["headline"] |= headline
    metrics["strategy"] = strategy
    (folder.path / "metrics.json").write_text(json.dumps(metrics, indent=2), encoding="utf-8")
    (folder.path / "report.html").write_text("<!doctype html><title>report</title>", encoding="utf-8")
    return folder


def many_runs(origin: RunFolder, root: Path, n_runs: int = 500, *, longer: int = 0) -> list[RunFolder]:
    """A store of runs of four strategies over a grid; ``longer`` stretches returns to so many sessions."""
    folders = []
    for number in range(n_runs):
        places = (number % 3, number // 3 % 3, number // 9 % 3)
        settings = {key: values[place] for (key, values), place in zip(GRID.items(), places, strict=True)}
        folder = copied_run(
            origin,
            root,
            number=number,
            seed=number,
            settings=settings | {"training.seed": 1 + number // 27},
            strategy=("filter_negative", "momentum", "reversal", "quality")[number % 4],
            sharpe_net=round(float(np.random.default_rng(number).normal(0.4, 0.6)), 4),
            verdict=VERDICTS[number % 7 // 3],
        )
        if longer:
            stretch(folder, longer)
        folders.append(folder)
    return folders


def stretch(folder: RunFolder, n_sessions: int) -> None:
    """Give a run returns over many sessions."""
    name = folder.record["strategy"]
    sessions = pd.bdate_range("2015-01-02", periods=n_sessions, name="session")
    rng = np.random.default_rng(int(folder.run_id[-6:], 16))
    columns = {f"{name} net": rng.normal(0.0003, 0.008, n_sessions), f"{name} gross": 0.0, "market": 0.0}
    pd.DataFrame(columns, index=sessions).to_parquet(folder.path / "returns.parquet")
