"""Run proof: the proof of a finished run or of a frozen version, written beside its report."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import RunError
from market.builtin_words import is_builtin
from market.hedge import without_tickers
from market.inputs import Inputs, load_inputs
from market.panel import Panel
from market.request import BarsRequest
from market.sources import load_bars
from market.universe import choose_universe
from models.checkpoint import Checkpoint, load_checkpoint
from models.threads import threads
from strategy.definitions.spec import StrategySpec
from strategy.frozen.archive import read_expected, read_sectors
from strategy.frozen.replay import frozen_spec, intact_body, version_bars, version_threads
from strategy.frozen.versions import VersionFolder
from strategy.proofs.checks import ProveOptions, check_reference, proof_rows
from strategy.proofs.first_difference import first_artefact, first_difference
from strategy.proofs.pipeline_under_test import given_universe
from strategy.proofs.shipped_pipeline import pipeline_of
from strategy.proofs.stages import ReferenceRun, reference_run
from strategy.runs.artefacts import find_report, restated_report
from strategy.runs.own_bars import same_request
from strategy.runs.proof_file import CheckResult, Finding, Proof, write_proof
from strategy.runs.proof_status import proof_identity
from strategy.runs.provenance import code_fingerprint
from strategy.runs.store import RunFolder, RunStore, identity_of

__all__ = ["Record", "find_trained", "prove_run", "prove_trained", "prove_version"]

OTHER_MACHINE = 1e-4  # of a score: another processor, or a graphics card, rounds otherwise
BOOK_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """Recorded scores and weights of a run, or of a version.

    Parameters
    ----------
    scores, weights : DataFrame of float
        Recorded at every decided session.
    """

    scores: pd.DataFrame
    weights: pd.DataFrame


def find_trained(store: RunStore, spec: StrategySpec, request: BarsRequest) -> RunFolder:
    """The newest finished run of a strategy on the bars of a request, by the code that is here now.

    Raises
    ------
    RunError
        If there is none; it says how to train one.
    """
    panel = load_inputs(request, holdout=spec.holdout).panel
    identity = identity_of(spec, panel.fingerprint())
    alike = [folder for folder in store.readable() if folder.is_complete and folder.record["identity"] == identity]
    if not alike:
        raise RunError(
            f"no finished run of {spec.name} on these bars by this code in {store.root}: "
            f"train one with `quintile run {spec.name} --bars …` and the same options"
        )
    return alike[-1]


def prove_run(folder: RunFolder, *, request: BarsRequest | None = None, options: ProveOptions | None = None) -> Proof:
    """Prove the pipeline of a finished run, write ``proof.json`` beside its report, and say on its page what was found.

    Parameters
    ----------
    folder : RunFolder
        The run.
    request : BarsRequest, optional
        What loads its bars, where they lie elsewhere than they did.
    options : ProveOptions, optional
        How hard to try.

    Raises
    ------
    RunError
        If the run is unfinished, has no model, or was made of other bars or by other code.
    """
    _check_trained(folder)
    spec, request = folder.spec, request or same_request(folder)
    inputs = load_inputs(request, holdout=spec.holdout)
    identity = identity_of(spec, inputs.panel.fingerprint())
    folder.check_identity(identity)
    restated_report(folder)  # a page that has no place for a proof is told before the proof is made
    options = replace(options or ProveOptions(), identity=proof_identity(identity, folder.path / "model"))
    proof = prove_trained(
        spec,
        inputs,
        load_checkpoint(folder.path / "model"),
        record=Record(scores=folder.read_frame("scores"), weights=folder.read_frame("weights")),
        universe=_universe_of(request),
        options=options,
    )
    with folder.locked():
        write_proof(folder.path, proof)
        find_report(folder)
    return proof


def prove_version(
    folder: VersionFolder, *, out: Path, request: BarsRequest | None = None, options: ProveOptions | None = None
) -> tuple[Proof, Path]:
    """Prove the frozen weights of a version with the code that is here, and write ``proof.json`` outside the version.

    Parameters
    ----------
    folder : VersionFolder
        The version, which stays as it is.
    out : Path
        Store of runs; the proof goes to ``<out>/<name>/<name@number>/``, where the reports of the version's runs on
        the same bars find it.
    request : BarsRequest, optional
        Other bars; by default the version's own, regenerated or read from it. Only on its own bars can what it kept be
        compared.
    options : ProveOptions, optional
        How hard to try.

    Returns
    -------
    Proof, Path
        The proof, and the file it was written to.

    Raises
    ------
    RunError
        If the version is not intact or its bars are not there.
    """
    body, spec = intact_body(folder), frozen_spec(folder)
    panel = version_bars(folder, body) if request is None else load_inputs(request, holdout=spec.holdout).panel
    embedded = request is None and body["bars"] == "embedded"
    universe = given_universe if embedded else _universe_of(request or BarsRequest.recorded(body["request"]))
    proven = {"spec": body["spec"]["run"], "panel": panel.fingerprint(), "code": code_fingerprint(spec)}
    identity = proof_identity(proven, folder.path / "model")
    checkpoint = load_checkpoint(folder.path / "model")
    with threads(version_threads(body)):
        options = replace(options or ProveOptions(), identity=identity)
        record = _recorded(folder) if identity["panel"] == body["panel"] else None
        bars = Inputs(panel=panel, sectors=read_sectors(folder.path))
        proof = prove_trained(spec, bars, checkpoint, record=record, universe=universe, options=options)
    proof = replace(proof, subject=str(folder.version))
    return proof, write_proof(out / folder.version.name / str(folder.version), proof)


def prove_trained(
    spec: StrategySpec,
    bars: Panel | Inputs,
    checkpoint: Checkpoint,
    *,
    record: Record | None = None,
    universe: Callable[[Panel], pd.DataFrame] = given_universe,
    options: ProveOptions,
) -> Proof:
    """Prove a trained strategy, and that what was recorded of it is what the pipeline says here and now.

    Parameters
    ----------
    spec : StrategySpec
        The strategy.
    bars : Panel or Inputs
        Bars with their universe; ``Inputs`` adds sectors.
    checkpoint : Checkpoint
        Trained and calibrated model.
    record : Record, optional
        What a run on these bars left behind.
    universe : callable
        How membership was chosen from bars.
    options : ProveOptions
        How hard to try.
    """
    began = time.perf_counter()
    inputs = Inputs.of(bars)
    panel = inputs.panel
    pipeline = pipeline_of(spec, checkpoint, panel, universe=universe, sectors=inputs.sectors)
    rows = proof_rows(pipeline, panel, options)
    options.progress("true bars", 0, 1, spec.name)
    reference = reference_run(pipeline, panel, rows=rows, recorded=None if record is None else record.scores)
    checked = _check_record(reference, record, checkpoint)
    if record is not None and not _is_bitwise(reference):  # decisions are compared bit by bit: score on this machine
        reference = reference_run(pipeline, panel, rows=rows)
    options.progress("true bars", 1, 1, spec.name)
    return Proof(
        subject=spec.name,
        checks=(checked, *check_reference(reference, options)),
        identity=options.identity,
        deep=options.deep,
        seconds=round(time.perf_counter() - began, 1),
    )


def _check_trained(folder: RunFolder) -> None:
    folder.check_complete()
    if not (folder.path / "model.json").is_file():
        raise RunError(f"run {folder.run_id} has no model: prove the callables behind its scores from Python")


def _recorded(folder: VersionFolder) -> Record:
    expected = read_expected(folder.path)
    return Record(scores=expected["scores"], weights=expected["weights"])


def _check_record(reference: ReferenceRun, record: Record | None, checkpoint: Checkpoint) -> CheckResult:
    """Compare what was written with what the pipeline says now."""
    if record is None:
        note = "nothing was recorded on these bars: there is nothing to compare"
        return CheckResult(check="record", status="NOT RUN", note=note)
    finding = (
        _recorded_scores(reference, record)
        or _recorded_weights(reference, record)
        or _recorded_scaler(reference, checkpoint)
    )
    return CheckResult(
        check="record",
        status="PASS" if finding is None else "FAIL",
        note="recorded scores, weights and scaler, computed again",
        finding=finding,
    )


def _recorded_scores(reference: ReferenceRun, record: Record) -> Finding | None:
    both = reference.sampled.index.intersection(record.scores.index)
    expected, actual = {"score": record.scores.loc[both]}, {"score": reference.sampled.loc[both]}
    return first_difference("record", expected, actual, rounding=OTHER_MACHINE, because="scores computed again")


def _recorded_weights(reference: ReferenceRun, record: Record) -> Finding | None:
    expected = {"weight": record.weights}
    actual = {"weight": reference.final.loc[record.weights.index]}
    return first_difference(
        "record", expected, actual, rounding=BOOK_ROUNDING, because="book built again on those scores"
    )


def _recorded_scaler(reference: ReferenceRun, checkpoint: Checkpoint) -> Finding | None:
    scaler = checkpoint.model.scaler
    fresh = {} if reference.pipeline.scaler is None else reference.pipeline.scaler(reference.panel)
    expected = {
        f"{key} {name}": value
        for key in ("lower", "upper", "mean", "sd")
        for name, value in zip(scaler.names, getattr(scaler, key), strict=True)
    }
    actual = {name: fresh.get(name) for name in expected}
    return first_artefact("record", expected, actual, session="", because="scaler fitted again on training rows")


def _is_bitwise(reference: ReferenceRun) -> bool:
    both = reference.sampled.index.intersection(reference.scores.index)
    recorded, computed = reference.scores.loc[both].to_numpy(), reference.sampled.loc[both].to_numpy()
    return bool(np.array_equal(recorded, computed, equal_nan=True))


def _universe_of(request: BarsRequest) -> Callable[[Panel], pd.DataFrame]:
    if is_builtin(request.bars) and request.universe == "all":
        return given_universe
    hedge = pd.Index([]) if request.hedge is None else load_bars(request.hedge).tickers

    def chosen(panel: Panel) -> pd.DataFrame:
        own = choose_universe(without_tickers(panel, hedge), request.universe)
        return own.universe.reindex(columns=panel.tickers, fill_value=False)

    return chosen
