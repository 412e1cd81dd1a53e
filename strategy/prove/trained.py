"""Trained: the proof of a finished run, and the stamp that it earns on page one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from market.errors import RunError
from market.panel import Panel
from market.universe import choose_universe
from models.checkpoint import Checkpoint, load_checkpoint
from strategy.inputs import load_inputs
from strategy.prove.checks import ProveOptions, check_truth, proof_rows
from strategy.prove.compare import first_artefact, first_difference
from strategy.prove.pipeline_under_test import given_universe
from strategy.prove.proof import CheckResult, Finding, Proof, write_proof
from strategy.prove.shipped import pipeline_of
from strategy.prove.stages import Truth, tell_truth
from strategy.runs import RunFolder, RunRequest, RunStore, identity_of
from strategy.spec import StrategySpec

if TYPE_CHECKING:
    from strategy.inputs import Inputs

__all__ = ["Record", "find_trained", "prove_run", "prove_trained"]

OTHER_MACHINE = 1e-4  # of a score: another processor, or a graphics card, rounds otherwise
BOOK_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """What a run left behind.

    Parameters
    ----------
    checkpoint : Checkpoint
        Trained and calibrated model.
    scores, weights : DataFrame of float
        Of every decided session.
    """

    checkpoint: Checkpoint
    scores: pd.DataFrame
    weights: pd.DataFrame


def find_trained(store: RunStore, spec: StrategySpec, request: RunRequest) -> RunFolder:
    """Return the newest finished run of a strategy on the bars of a request, by the code that is here now.

    Raises
    ------
    RunError
        If there is none; it says how to train one.
    """
    panel = load_inputs(request, holdout=spec.holdout).panel
    identity = identity_of(spec, panel.fingerprint())
    alike = [folder for folder in store.folders() if folder.is_complete and folder.record["identity"] == identity]
    if not alike:
        raise RunError(
            f"no finished run of {spec.name} on these bars by this code in {store.root}: "
            f"train one with `quintile run {spec.name} --bars …` and the same options"
        )
    return alike[-1]


def prove_run(folder: RunFolder, *, options: ProveOptions | None = None) -> Proof:
    """Prove the pipeline of a finished run, and write ``proof.json`` beside its report.

    Raises
    ------
    RunError
        If the run is unfinished, has no model, or was made of other bars or by other code.
    """
    _check_trained(folder)
    spec, request = folder.spec, folder.request
    inputs = load_inputs(request, holdout=spec.holdout)
    identity = identity_of(spec, inputs.panel.fingerprint())
    folder.check_identity(identity)
    record = Record(
        checkpoint=load_checkpoint(folder.path / "model"),
        scores=folder.read_frame("scores"),
        weights=folder.read_frame("weights"),
    )
    asked = replace(options or ProveOptions(), identity=identity)
    proof = prove_trained(spec, inputs, record, universe=_universe_of(request), options=asked)
    write_proof(folder.path, proof)
    return proof


def prove_trained(
    spec: StrategySpec,
    inputs: "Inputs",
    record: Record,
    *,
    universe: Callable[[Panel], pd.DataFrame] = given_universe,
    options: ProveOptions,
) -> Proof:
    """Prove a trained strategy, and that what its run recorded is what the pipeline says here and now.

    Parameters
    ----------
    spec : StrategySpec
        The strategy.
    inputs : Inputs
        Bars.
    record : Record
        What the run left behind.
    universe : callable
        How membership was chosen from bars.
    options : ProveOptions
        How hard to try.
    """
    began = time.perf_counter()
    pipeline = pipeline_of(spec, record.checkpoint, inputs.panel, universe=universe)
    rows = proof_rows(pipeline, inputs.panel, options)
    truth = tell_truth(pipeline, inputs.panel, rows=rows, recorded=record.scores)
    checked = _check_record(truth, record)
    if not _is_bitwise(truth):  # decisions are compared bit by bit: start from scores of this machine
        truth = tell_truth(pipeline, inputs.panel, rows=rows)
    return Proof(
        subject=spec.name,
        checks=(checked, *check_truth(truth, options)),
        identity=options.identity,
        deep=options.deep,
        seconds=round(time.perf_counter() - began, 1),
    )


def _check_trained(folder: RunFolder) -> None:
    if not folder.is_complete:
        raise RunError(
            f"run {folder.run_id} has not finished: continue it with `quintile run --resume {folder.run_id}`"
        )
    if not (folder.path / "model.json").is_file():
        raise RunError(f"run {folder.run_id} has no model: prove the callables behind its scores from Python")


def _check_record(truth: Truth, record: Record) -> CheckResult:
    """Compare what the run wrote with what the pipeline says now."""
    finding = _recorded_scores(truth, record) or _recorded_weights(truth, record) or _recorded_scaler(truth, record)
    return CheckResult(
        check="record",
        status="PASS" if finding is None else "FAIL",
        note="recorded scores, weights and scaler, computed again",
        finding=finding,
    )


def _recorded_scores(truth: Truth, record: Record) -> Finding | None:
    both = truth.sampled.index.intersection(record.scores.index)
    told, found = {"score": record.scores.loc[both]}, {"score": truth.sampled.loc[both]}
    return first_difference("record", told, found, rounding=OTHER_MACHINE, because="scores computed again")


def _recorded_weights(truth: Truth, record: Record) -> Finding | None:
    told = {"weight": record.weights}
    found = {"weight": truth.final.loc[record.weights.index]}
    return first_difference("record", told, found, rounding=BOOK_ROUNDING, because="book built again on those scores")


def _recorded_scaler(truth: Truth, record: Record) -> Finding | None:
    scaler = record.checkpoint.model.scaler
    fresh = {} if truth.pipeline.scaler is None else truth.pipeline.scaler(truth.panel)
    told = {
        f"{key} {name}": value
        for key in ("lower", "upper", "mean", "sd")
        for name, value in zip(scaler.names, getattr(scaler, key), strict=True)
    }
    found = {name: fresh.get(name) for name in told}
    return first_artefact("record", told, found, session="", because="scaler fitted again on training rows")


def _is_bitwise(truth: Truth) -> bool:
    both = truth.sampled.index.intersection(truth.scores.index)
    recorded, computed = truth.scores.loc[both].to_numpy(), truth.sampled.loc[both].to_numpy()
    return bool(np.array_equal(recorded, computed, equal_nan=True))


def _universe_of(request: RunRequest) -> Callable[[Panel], pd.DataFrame]:
    if request.bars == "builtin" and request.universe == "all":
        return given_universe
    return lambda panel: choose_universe(panel, request.universe).universe
