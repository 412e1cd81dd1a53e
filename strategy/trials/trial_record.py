"""Trial record: a result logged before it is shown, and its standing among the comparable trials of its store."""

import math
from collections.abc import Iterable

import pandas as pd

from backtests.evaluation import Evaluation
from backtests.sensitivity.what_ifs import WhatIfs
from backtests.statistics.deflation import Overfitting, overfitting_probability
from backtests.verdict import TrialStanding
from core.files import read_json, write_json
from strategy.runs.store import RunFolder, RunStore
from strategy.trials.chained_log import Entry
from strategy.trials.log import TrialKey, TrialLog, comparable, distinct, trial_kind

__all__ = ["CHAIN_FILE", "record_trial"]

CHAIN_FILE = "trials.json"
BLOCKS = 16
MIN_PATHS = 5


def record_trial(
    store: RunStore, folder: RunFolder, evaluation: Evaluation, *, stamps: tuple[tuple[str, str], ...] = ()
) -> TrialStanding:
    """Log a result before it is shown, record the state of the log in its folder, and give its standing.

    A run that resumes after a kill is not logged twice, and keeps its standing.

    Parameters
    ----------
    store : RunStore
        Its log counts.
    folder : RunFolder
        The run; its identity names spec and bars.
    evaluation : Evaluation
        The result.
    stamps : tuple of (label, sentence)
        Kept with the standing.
    """
    log, key = TrialLog(store.root), TrialKey.of(folder.record["identity"], evaluation.result.net_returns.index)
    noted = folder.path / CHAIN_FILE
    if not noted.is_file():
        baselines = [name for name in evaluation.signal.ic if name not in ("model", "ridge")]
        if baselines:
            log.append("baseline", run=folder.run_id, names=baselines)
        if evaluation.what_ifs is not None:
            log.append("stress", run=folder.run_id, sharpes=_what_if_sharpes(evaluation.what_ifs))
        facts = {"strategy": evaluation.rules.name, "run": folder.run_id, "key": _as_dict(key), **_numbers(evaluation)}
        facts |= {"model": given["origin"]} if (given := folder.record.get("model")) else {}
        write_json(noted, log.append(trial_kind(), **facts).as_dict())
    entries = log.entries()[: read_json(noted)["length"]]
    alike = comparable(entries, key)
    others = [entry for other, entry in alike.items() if other != key]
    own = evaluation.performance(evaluation.rules.name).sharpe
    return TrialStanding(
        recorded=len(distinct(entries).keys() | {key}),
        sharpes=(own, *(_sharpe(entry) for entry in others)),
        uncounted=sum(entry.kind == "ci" for entry in entries),
        overfitting=_overfitting(store, evaluation, others),
        openings=tuple(_opening(entry) for entry in entries if entry.kind == "opening"),
        stamps=stamps,
    )


def _as_dict(key: TrialKey) -> dict[str, str]:
    return {"spec": key.spec, "panel": key.panel, "first": key.first, "last": key.last}


def _numbers(evaluation: Evaluation) -> dict[str, float | int | None]:
    sharpe = evaluation.performance(evaluation.rules.name).sharpe
    return {"sharpe": sharpe if math.isfinite(sharpe) else None, "sessions": len(evaluation.result.net_returns)}


def _what_if_sharpes(what_ifs: WhatIfs) -> dict[str, float | None]:
    return {name: sharpe if math.isfinite(sharpe) else None for name, sharpe in what_ifs.sharpes().items()}


def _sharpe(entry: Entry) -> float:
    value = entry.facts["sharpe"]
    return math.nan if value is None else float(value)


def _opening(entry: Entry) -> str:
    return f"{entry.facts['version']} opened its hold-out on {entry.facts['time'][:10]}"


def _overfitting(store: RunStore, evaluation: Evaluation, others: Iterable[Entry]) -> Overfitting | None:
    """The probability of overfitting over the trials whose returns are still there."""
    own = evaluation.result.net_returns.dropna()
    paths = {"own": own}
    for entry in others:
        file = store.root / entry.facts["strategy"] / entry.facts["run"] / "returns.parquet"
        if file.is_file():
            net = pd.read_parquet(file, columns=[f"{entry.facts['strategy']} net"]).iloc[:, 0].dropna()
            if net.index.equals(own.index):
                paths[entry.facts["run"]] = net
    if len(paths) < MIN_PATHS or len(own) < 2 * BLOCKS:
        return None
    return overfitting_probability(pd.DataFrame(paths), n_blocks=BLOCKS)
