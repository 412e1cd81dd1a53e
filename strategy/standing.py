"""Standing: where a result stands among all trials of its store, taken at the moment it is shown."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from backtests.deflation import Overfitting, overfitting_probability
from backtests.sensitivity import WhatIfs
from market.files import read_json, write_json
from strategy.chained_log import Entry
from strategy.outcome import Outcome
from strategy.runs import RunFolder, RunStore
from strategy.trials import TrialKey, TrialLog, comparable, distinct, trial_kind

__all__ = ["CHAIN_FILE", "Standing", "record_trial"]

CHAIN_FILE = "trials.json"
BLOCKS = 16
LEAST_PATHS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """A result among the trials.

    Parameters
    ----------
    recorded : int
        Distinct trials in the log, this one included.
    sharpes : tuple of float
        Annual net Sharpe ratio of every distinct trial on the same bars and an overlapping test span, this one
        included; NaN where there were too few sessions.
    uncounted : int
        Shown results that a continuous integration declared its own.
    overfitting : Overfitting or None
        Where at least five such trials on the same sessions have left their returns.
    openings : tuple of str
        Every opening of a sealed hold-out in this store.
    stamps : tuple of (label, sentence)
        What else page one must say of this result.
    """

    recorded: int = 1
    sharpes: tuple[float, ...] = (math.nan,)
    uncounted: int = 0
    overfitting: Overfitting | None = None
    openings: tuple[str, ...] = ()
    stamps: tuple[tuple[str, str], ...] = ()


def record_trial(
    store: RunStore, folder: RunFolder, outcome: Outcome, *, stamps: tuple[tuple[str, str], ...] = ()
) -> Standing:
    """Log a result before it is shown, note in its folder where the log then stood, and return its standing.

    A run that goes on after a kill is not logged twice, and stands where it stood.

    Parameters
    ----------
    store : RunStore
        Its log counts.
    folder : RunFolder
        The run; its identity names spec and bars.
    outcome : Outcome
        The result.
    stamps : tuple of (label, sentence)
        Kept with the standing.
    """
    log, key = TrialLog(store.root), TrialKey.of(folder.record["identity"], outcome.result.net_returns.index)
    noted = folder.path / CHAIN_FILE
    if not noted.is_file():
        rivals = [name for name in outcome.signal.ic if name not in ("model", "ridge")]
        if rivals:
            log.append("baseline", run=folder.run_id, names=rivals)
        if outcome.what_ifs is not None:
            log.append("stress", run=folder.run_id, sharpes=_what_if_sharpes(outcome.what_ifs))
        facts = {"strategy": outcome.spec.name, "run": folder.run_id, "key": _as_dict(key), **_numbers(outcome)}
        facts |= {"model": given["origin"]} if (given := folder.record.get("model")) else {}
        write_json(noted, log.append(trial_kind(), **facts).as_dict())
    entries = log.entries()[: read_json(noted)["length"]]
    alike = comparable(entries, key)
    others = [entry for other, entry in alike.items() if other != key]
    own = outcome.performance(outcome.spec.name).sharpe
    return Standing(
        recorded=len(distinct(entries).keys() | {key}),
        sharpes=(own, *(_sharpe(entry) for entry in others)),
        uncounted=sum(entry.kind == "ci" for entry in entries),
        overfitting=_overfitting(store, outcome, others),
        openings=tuple(_opening(entry) for entry in entries if entry.kind == "opening"),
        stamps=stamps,
    )


def _as_dict(key: TrialKey) -> dict[str, str]:
    return {"spec": key.spec, "panel": key.panel, "first": key.first, "last": key.last}


def _numbers(outcome: Outcome) -> dict[str, float | int | None]:
    sharpe = outcome.performance(outcome.spec.name).sharpe
    return {"sharpe": sharpe if math.isfinite(sharpe) else None, "sessions": len(outcome.result.net_returns)}


def _what_if_sharpes(found: WhatIfs) -> dict[str, float | None]:
    return {name: sharpe if math.isfinite(sharpe) else None for name, sharpe in found.sharpes().items()}


def _sharpe(entry: Entry) -> float:
    value = entry.facts["sharpe"]
    return math.nan if value is None else float(value)


def _opening(entry: Entry) -> str:
    return f"{entry.facts['version']} opened its hold-out on {entry.facts['time'][:10]}"


def _overfitting(store: RunStore, outcome: Outcome, others: Iterable[Entry]) -> Overfitting | None:
    """Return the probability of overfitting over the trials whose returns are still there."""
    own = outcome.result.net_returns.dropna()
    paths = {"own": own}
    for entry in others:
        file = store.root / entry.facts["strategy"] / entry.facts["run"] / "returns.parquet"
        if file.is_file():
            net = pd.read_parquet(file, columns=[f"{entry.facts['strategy']} net"]).iloc[:, 0].dropna()
            if net.index.equals(own.index):
                paths[entry.facts["run"]] = net
    if len(paths) < LEAST_PATHS or len(own) < 2 * BLOCKS:
        return None
    return overfitting_probability(pd.DataFrame(paths), n_blocks=BLOCKS)
