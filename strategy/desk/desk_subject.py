"""Desk subject: a run of a store or a frozen version, read as what a comparison takes."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from backtests.report.boards.compared_run import ComparedRun
from backtests.report.boards.flat_settings import FlatSpecs
from backtests.statistics.metrics import exposures
from core.errors import QuintileError, RunError, SourceError
from strategy.definitions.spec import load_spec
from strategy.desk.run_entry import RunEntry, entry_of
from strategy.frozen.versions import SHIPPED, VersionFolder, find_version
from strategy.runs.run_files import read_run_frame
from strategy.runs.store import RunFolder, RunStore

__all__ = ["compared_run"]

CAPITAL = 1e6  # that every run's backtest begins with
EXPECTED = "expected"  # folder of a version's numbers


def compared_run(word: str, store: RunStore, versions: Path = SHIPPED) -> ComparedRun:
    """A run by its id, the beginning of its id or ``latest``, or a version by ``name@number``.

    Raises
    ------
    RunError, SourceError
        If none or several match, or what it needs cannot be read.
    ValueError
        If there is no such version.
    """
    return _of_version(find_version(word, versions)) if "@" in word else _of_run(store.find(word), store)


def _of_run(folder: RunFolder, store: RunStore) -> ComparedRun:
    folder.check_complete()
    entry = entry_of(folder.path, FlatSpecs())
    if entry.problem:
        raise RunError(entry.problem)
    net = folder.read_column("returns", f"{entry.strategy} net").dropna()
    ic = _frame(folder.path / "ic.parquet")
    weights, turnover = _frame(folder.path / "weights.parquet"), _turnover(folder.path / "trades.parquet", net)
    report = folder.path / "report.html"
    return ComparedRun(
        name=entry.run,
        strategy=entry.strategy,
        headline=entry.headline,
        settings=_resolved(folder.path, entry.settings),
        panel=entry.panel,
        stamps=entry.stamps,
        net=net.rename("net"),
        ic=ic["model"].dropna() if ic is not None and "model" in ic else None,
        exposures=None if weights is None else _exposures(weights),
        turnover=turnover,
        report=report.relative_to(store.root).as_posix() if entry.reported else "",
        missing=_missing(entry, ic=ic is not None, weights=weights is not None, trades=turnover is not None),
    )


def _of_version(folder: VersionFolder) -> ComparedRun:
    """A frozen version, by the numbers that it keeps; a rank IC of each session is not among them."""
    body, kept = folder.body, read_run_frame(folder.path / EXPECTED / "returns.parquet")
    weights = _frame(folder.path / EXPECTED / "weights.parquet")
    if "net" not in kept:
        raise RunError(f"{folder.version} keeps no returns: run it with `quintile run {folder.version}`")
    headline = dict(body["headline"]) | {"sessions_per_year": body.get("sessions_per_year")}
    spec = _resolved(folder.path, {})
    request = {
        key: str(value) for key, value in body.get("request", {}).items() if key in ("bars", "universe") and value
    }
    entry = RunEntry(
        run=str(folder.version), strategy=folder.version.name, home="", status="complete", headline=headline
    )
    return ComparedRun(
        name=str(folder.version),
        strategy=folder.version.name,
        headline=headline,
        settings=request | spec,
        panel=str(body["panel"]),
        stamps=("FROZEN VERSION", *entry.stamps),
        net=kept["net"].dropna(),
        exposures=None if weights is None else _exposures(weights),
        turnover=kept["turnover"].dropna() if "turnover" in kept else None,
        missing=(f"{folder.version} keeps no rank IC by session: run it, and compare the run.",),
    )


def _resolved(folder: Path, recorded: Mapping[str, str]) -> dict[str, str]:
    """Settings with what a key that is younger than the record meant then; as recorded where this release cannot."""
    try:
        return dict(recorded) | FlatSpecs().read(load_spec(folder / "spec.toml").to_toml())
    except (ValueError, QuintileError):
        return dict(recorded)


def _missing(entry: RunEntry, **kept: bool) -> tuple[str, ...]:
    """What a run did not keep, in a sentence."""
    lacks = [name for name, there in kept.items() if not there]
    why = " was quick and" if entry.status == "quick" else ""
    return (f"Run {entry.run}{why} kept no {' and no '.join(lacks)}.",) if lacks else ()


def _frame(path: Path) -> pd.DataFrame | None:
    """A frame of a run; None where it was not written."""
    return read_run_frame(path) if path.is_file() else None


def _exposures(weights: pd.DataFrame) -> pd.DataFrame:
    """Gross and net of the book decided at each close; a row that is all NaN decides nothing new."""
    decided = weights[weights.notna().any(axis=1)]
    return exposures(decided)[["gross", "net"]]


def _turnover(path: Path, net: pd.Series) -> pd.Series | None:
    """One-way turnover: half of the traded notional over the equity at the close before; 0 without a trade."""
    trades = _frame(path)
    if trades is None:
        return None
    if not {"session", "notional"} <= set(trades.columns):
        raise SourceError(f"{path} holds no trades: restore it, or make the run again")
    before = (CAPITAL * (1.0 + net).cumprod()).shift(1, fill_value=CAPITAL)
    traded = trades["notional"].abs().groupby(pd.DatetimeIndex(trades["session"])).sum()
    return (traded.reindex(net.index, fill_value=0.0) / before / 2.0).rename("turnover")
