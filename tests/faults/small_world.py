"""Small world: 30 names, 480 sessions, and of everything that Quintile keeps one, built by its own commands.

Built in this process, so that whatever is imported or compiled on first use is there in every fork of it.
"""

import os
import shutil
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import numpy as np
import pandas as pd

from core.files import write_text
from tests.faults import clock
from tests.faults.processes import ROOT
from tests.frozen_market import SMALL
from tests.house import PACKAGES
from tests.oracles.small_runs import long_bars

__all__ = ["FOLD", "OLD", "RUN", "SPEC", "VERSION", "WALK", "build"]

SPEC = tuple(part for assignment in SMALL for part in ("--set", assignment))
RUN = ("run", "--bars", "bars.parquet", "--quiet", *SPEC)
OLD = "runs/filter_negative/20161006-2301*"  # the oldest run
WALK = "runs/filter_negative/20161006-2305*"
FOLD = f"{WALK}/folds/001"
VERSION = "versions/filter_negative/1.0.0"
SHOWN = ("--versions", "versions")
PAPER = ("paper", "filter_negative@1.0.0", *SHOWN)
DAYS = range(460, 468)  # rows of the sessions that follow the freeze
STEPS: dict[str, tuple[tuple[str, ...], ...]] = {
    "2016-10-06T23:01": (RUN,),
    "2016-10-06T23:02": ((*RUN, "--set", "training.seed=2"),),
    "2016-10-06T23:03": (
        ("freeze", "latest", "--as", "filter_negative@1.0.0", "--with-bars", *SHOWN),
        ("freeze", "latest", "--as", "filter_negative@1.1.0", *SHOWN),
        ("prove", "latest", "--quiet"),
    ),
    "2016-10-06T23:04": (("run", "--model", "latest", "--bars", "bars.parquet", "--quiet"),),
    "2016-10-06T23:05": (
        ("walk", "--bars", "bars.parquet", "--quiet", "--train", "300", "--test", "80", "--workers", "1", *SPEC),
    ),
    "2016-10-06T23:06": (("run", "sealed.toml", "--bars", "bars.parquet", "--quiet"),),
    "2016-10-06T23:07": (("freeze", "latest", "--as", "sealed@1.0.0", *SHOWN),),
    "2016-10-08T01:00": ((*PAPER, "--bars", "day460.parquet", "--quiet"),),
    "2016-10-11T01:00": ((*PAPER, "--bars", "day461.parquet", "--quiet"),),
    "2016-10-11T02:00": (
        ("data", "import", "bars.parquet", "--name", "us"),
        ("data", "update", "us", "--from", "day466.parquet"),
        ("features", "bars.parquet", "--quiet"),
    ),
}


def build(root: Path) -> None:
    """Make the world in ``root``, empty so far."""
    for package in PACKAGES:
        for module in walk_packages([str(ROOT / package)], f"{package}."):
            if not module.name.endswith("__main__"):
                with suppress(ModuleNotFoundError):  # an extra that is not installed
                    import_module(module.name)
    sys.modules["backtests.evaluation"].N_RANDOM = 5  # type: ignore[attr-defined]
    clock.number_runs()
    os.environ["QUINTILE_DATA"] = "data"
    os.chdir(root)
    _inputs()
    for moment, commands in STEPS.items():
        clock.stand_still(moment)
        for words in commands:
            _carried_out(*words)
    for page in root.glob("runs/*/*/report.html"):
        page.write_text("<!doctype html><title>report</title>")  # five megabytes each that no command reads
    for held in root.rglob(".lock"):
        held.unlink()


def _carried_out(*words: str) -> None:
    from quintile.cli import main

    sys.argv = ["quintile", *words]
    printed, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: SIM115, PTH123
    try:
        main()
    except SystemExit as left:
        if left.code not in (0, None):
            raise AssertionError(f"the world cannot be built: {' '.join(words)} ended with {left.code}") from left
    finally:
        sys.stdout.close()
        sys.stdout = printed


def _inputs() -> None:
    """Bars and every file that may be given beside them."""
    from market.synthetic import SyntheticSettings, synthetic_market

    panel = synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=480)).panel
    for name, row in {"bars": 459, **{f"day{row}": row for row in DAYS}}.items():
        long_bars(panel.until(panel.sessions[row])).to_parquet(f"{name}.parquet")
    long_bars(panel.until(panel.sessions[459])).to_csv("bars.csv", index=False)
    sessions, tickers = panel.sessions[:460], list(panel.close.columns)
    rng = np.random.default_rng(16)
    level = pd.DataFrame({"date": sessions, "close": 100 * np.cumprod(1 + rng.normal(0, 0.01, len(sessions)))})
    level.to_csv("benchmark.csv", index=False)
    level.assign(close=20 + rng.normal(0, 2, len(level)).round(2)).to_csv("vix.csv", index=False)
    moves = {name: rng.normal(0, 0.01, len(sessions)) for name in ("mkt", "smb")}
    pd.DataFrame({"date": sessions, **moves, "rf": 0.0001}).to_csv("factors.csv", index=False)
    pd.DataFrame({"ticker": tickers, "sector": (["Oil", "Tech", "Food"] * 10)}).to_csv("sectors.csv", index=False)
    pd.DataFrame({"ticker": tickers, "start": "2015-01-01", "end": ""}).to_csv("members.csv", index=False)
    pd.DataFrame({"ticker": tickers[:6], "shares": 100}).to_csv("held.csv", index=False)
    scores = pd.DataFrame(rng.normal(size=(200, 30)), index=sessions[-200:], columns=tickers)
    scores.to_csv("scores.csv", index_label="date")
    hedge = long_bars(panel).query("ticker == 'SYN000'").assign(ticker="SPY")
    hedge[hedge["date"] <= sessions[-1]].to_csv("hedge.csv", index=False)
    write_text("tickers.txt", "AAPL\nMSFT\n")
    write_text("notes.txt", "Frozen for the faults.\n")
    _strategies()


def _strategies() -> None:
    from strategy.definitions.spec import load_spec, override

    mine = override(load_spec("filter_negative"), [*SMALL, 'name="mine"'])
    write_text("mine.toml", mine.to_toml())
    write_text("sealed.toml", override(mine, ['name="sealed"', "holdout.start=2016-08-01"]).to_toml())


def copied(world: Path, folder: Path) -> Path:
    """A copy of the world that may be spoiled."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(world, folder, symlinks=True)
    return folder
