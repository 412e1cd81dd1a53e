"""Trial record: a result logged before it is shown, and its standing among the comparable trials of its store."""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.comparison.baseline_comparison import LUCK
from backtests.evaluation import MODEL, Evaluation
from backtests.statistics.deflation import Overfitting, overfitting_probability
from backtests.statistics.metrics import shape, sharpe_ratio
from backtests.verdict import TrialStanding
from backtests.walk_study import WalkStudy
from core.errors import RunError, SourceError
from core.files import read_json, write_json
from strategy.runs.run_files import UNREADABLE
from strategy.runs.store import CHAIN_FILE, RunFolder, RunStore
from strategy.trials.chained_log import Chain, Entry, broken_links, contradiction
from strategy.trials.log import (
    CI,
    COMPANION,
    POINT,
    SWEEP,
    TRIAL,
    TrialKey,
    TrialLog,
    comparable,
    distinct,
    trial_kind,
    trial_sharpe,
)
from strategy.trials.verdict_sequence import place_in_sequence

__all__ = ["CHAIN_FILE", "record_trial"]

BLOCKS = 16
MIN_PATHS = 5
LOG_EDITED = "LOG EDITED"  # caps the verdict
OTHER_LOG = "ANOTHER LOG"


def record_trial(
    store: RunStore,
    folder: RunFolder,
    evaluation: Evaluation,
    *,
    stamps: tuple[tuple[str, str], ...] = (),
    walk: WalkStudy | None = None,
) -> TrialStanding:
    """Log every result of a page before it is shown, keep the state of the log in its folder, and give the standing.

    Each companion book is logged as one, with a key of its own; the baselines, and the rows of every table of what-ifs,
    in one entry each. A run that resumes after a kill is not logged twice, and keeps its standing.

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
    walk : WalkStudy, optional
        Its paths are shown too.

    Raises
    ------
    RunError
        If the log is not the one in which the run was logged before a kill.
    """
    log, keys = TrialLog(store.root), _keys(folder, evaluation)
    key, noted = keys[evaluation.rules.name], folder.path / CHAIN_FILE
    if not noted.is_file():
        write_json(noted, _log_page(log, folder, evaluation, keys, walk).as_dict())
    claim, others_claims = read_json(noted), _claims(store)
    entries = log.entries()  # read last: the log only grows, so it holds what its runs remember
    against, known = contradiction(entries, claim, log.NOUN), Chain.claimed(claim)
    if against or known is None:
        raise RunError(f"run {folder.run_id} {against}: restore the log, or run the strategy again")
    doubts, entries = _doubts(others_claims, entries), entries[: known.length]
    alike = comparable(entries, key)
    others = [entry for other, entry in alike.items() if other != key]
    own = evaluation.performance(evaluation.rules.name).sharpe
    found, damaged = _kept_paths(store, others)
    overfitting = _worse(_overfitting(evaluation, found), _overfitting_of_sweep(entries, key))
    return TrialStanding(
        recorded=len(distinct(entries).keys() | {key}),
        sharpes=(own, *(trial_sharpe(entry, evaluation.result.sessions_per_year) for entry in others)),
        uncounted=sum(entry.kind == CI for entry in entries),
        overfitting=overfitting,
        left_out=tuple(damaged),
        openings=tuple(_opening(entry) for entry in entries if entry.kind == "opening"),
        stamps=(*stamps, *doubts),
        sequence=place_in_sequence(
            entries, key, evaluation.result.net_returns, synthetic=evaluation.inputs.panel.facts.synthetic
        ),
    )


def _doubts(claims: Mapping[str, Chain], entries: Sequence[Entry]) -> tuple[tuple[str, str], ...]:
    """Stamps of a log that cannot be relied on to count the trials: it, or a run of its store, says so."""
    edited = [f"{broken}." for broken in broken_links(entries, TrialLog.NOUN)]
    elsewhere = []
    for run, claim in claims.items():
        if claim.log != entries[0].sha256:
            elsewhere.append(f"Run {run} was counted by another trial log: its trials are not among these.")
        elif against := contradiction(entries, claim.as_dict(), TrialLog.NOUN):
            edited.append(f"Run {run} {against}.")
    return (*((LOG_EDITED, each) for each in edited[:1]), *((OTHER_LOG, each) for each in elsewhere[:1]))


def _claims(store: RunStore) -> dict[str, Chain]:
    """Where the log stood by every run that says so; `quintile trials --check` names those that do not."""
    claims = {}
    for path in sorted(store.root.glob(f"*/*/{CHAIN_FILE}")):
        with suppress(OSError, SourceError):
            claims[path.parent.name] = Chain.claimed(read_json(path))
    return {run: claim for run, claim in claims.items() if claim is not None}


def _log_page(
    log: TrialLog, folder: RunFolder, evaluation: Evaluation, keys: Mapping[str, TrialKey], walk: WalkStudy | None
) -> Chain:
    """Log a page whole, unless it was before a kill, and give where the log stood with it."""
    own = evaluation.rules.name
    with log.transaction() as held:
        for entry in held.entries:
            facts = entry.facts
            if entry.kind in (TRIAL, CI) and facts.get("run") == folder.run_id and "book" not in facts:
                return held.chain_at(entry)
        for kind, rows in _tables(evaluation, walk).items():
            held.append(kind, run=folder.run_id, sharpes={name: _finite(sharpe) for name, sharpe in rows.items()})
        for name in [each for each in keys if each != own]:
            held.append(trial_kind(COMPANION), book=name, **_facts(folder, evaluation, name, keys[name]))
        given = folder.record.get("model")
        model = {"model": given["origin"]} if given else {}
        return held.chain_at(held.append(trial_kind(), **_facts(folder, evaluation, own, keys[own]), **model))


def _keys(folder: RunFolder, evaluation: Evaluation) -> dict[str, TrialKey]:
    """The key of every book of the page: that of the strategy with the book in place of its own."""
    identity, keys = folder.record["identity"], {}
    for name, result in evaluation.results.items():
        tried = dict(identity)
        if name != evaluation.rules.name:
            other = folder.spec.model_copy(update={"portfolio": evaluation.rules.books[name]})
            tried["spec"] = other.fingerprint()
        keys[name] = TrialKey.of(tried, result.net_returns.index)
    return keys


def _facts(folder: RunFolder, evaluation: Evaluation, name: str, key: TrialKey) -> dict[str, Any]:
    net = evaluation.results[name].net_returns
    moments = shape(net.dropna())
    return {
        "strategy": evaluation.rules.name,
        "run": folder.run_id,
        "key": asdict(key),
        "sharpe": _finite(evaluation.performance(name).sharpe),
        "sessions": len(net),
        "sessions_per_year": evaluation.results[name].sessions_per_year,
        "skew": _finite(moments.skewness),
        "kurtosis": _finite(moments.kurtosis),
        "synthetic": evaluation.inputs.panel.facts.synthetic,
    }


def _tables(evaluation: Evaluation, walk: WalkStudy | None) -> dict[str, dict[str, float]]:
    """Annual net Sharpe ratio of every other row that the page shows, by the kind under which it is logged."""
    compared, what_ifs, shorts = evaluation.baseline_comparison, evaluation.what_ifs, evaluation.shorts
    baselines = {name: math.nan for name in evaluation.signal.ic if name != MODEL}  # some have an IC and no book
    if compared is not None:
        baselines |= {name: baseline.sharpe for name, baseline in compared.baselines.items()}
    if compared is not None and compared.random is not None:
        baselines[f"{LUCK}, median of {len(compared.random.sharpes)}"] = compared.random.range().estimate
    stresses = {} if what_ifs is None else dict(what_ifs.sharpes())
    stresses |= {} if shorts is None else {f"short filter: {name}": row for name, row in shorts["sharpe"].items()}
    if evaluation.unfiltered is not None:
        stresses |= {
            f"short filter: {name}": sharpe_ratio(net, sessions_per_year=evaluation.result.sessions_per_year)
            for name, net in evaluation.unfiltered.items()
        }
    paths = {} if walk is None or walk.paths is None else {f"path {n}": path for n, path in walk.paths.items()}
    found = {"baseline": baselines, "stress": stresses, "walk": paths}
    return {kind: rows for kind, rows in found.items() if rows}


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def _opening(entry: Entry) -> str:
    return f"{entry.facts['version']} opened its hold-out on {entry.facts['time'][:10]}"


def _overfitting(evaluation: Evaluation, kept: Mapping[str, pd.Series]) -> Overfitting | None:
    """The probability of overfitting over the books of the page and the trials whose returns are still there."""
    own = evaluation.result.net_returns.dropna()
    paths = {name: result.net_returns.dropna() for name, result in evaluation.results.items()} | dict(kept)
    paths = {name: net for name, net in paths.items() if net.index.equals(own.index)}
    if len(paths) < MIN_PATHS or len(own) < 2 * BLOCKS:
        return None
    return overfitting_probability(pd.DataFrame(paths), n_blocks=BLOCKS)


def _overfitting_of_sweep(entries: Sequence[Entry], key: TrialKey) -> Overfitting | None:
    """The probability of overfitting of the last sweep that chose this very strategy on these bars."""
    for entry in reversed(entries):
        facts = entry.facts
        if entry.kind == SWEEP and (facts["winner"], facts["panel"]) == (key.spec, key.panel):
            found = facts["overfitting_probability"]
            return (
                None
                if found is None
                else Overfitting(
                    probability=float(found),
                    logits=np.empty(0),
                    n_trials=int(facts["paths"]),
                    n_blocks=BLOCKS,
                )
            )
    return None


def _worse(page: Overfitting | None, sweep: Overfitting | None) -> Overfitting | None:
    """The higher of two probabilities of overfitting, among what a page shows and among what a sweep chose from."""
    if page is None or sweep is None:
        return page or sweep
    return page if page.probability >= sweep.probability else sweep


def _kept_paths(store: RunStore, others: Iterable[Entry]) -> tuple[dict[str, pd.Series], list[str]]:
    """The net returns that other trials kept, by run and book, and the trials whose file is there and damaged."""
    found, damaged = dict[str, pd.Series](), list[str]()
    for entry in (each for each in others if each.kind != POINT):
        strategy, run = str(entry.facts["strategy"]), str(entry.facts["run"])
        book = str(entry.facts.get("book", strategy))
        file = store.root / Path(strategy).name / Path(run).name / "returns.parquet"
        kept = _kept_returns(file, book)
        if kept is not None:
            found[f"{run} {book}"] = kept
        elif file.exists():
            damaged.append(f"{book} of run {run}")
    return found, damaged


def _kept_returns(file: Path, book: str) -> pd.Series | None:
    """Net returns that another run kept; None where its file is gone, damaged or of other books."""
    from pyarrow.lib import ArrowException

    try:
        kept = pd.read_parquet(file, columns=[f"{book} net"]).iloc[:, 0].dropna().astype(float)
    except (*UNREADABLE, ArrowException):
        return None
    return kept if np.isfinite(kept.to_numpy()).all() else None
