"""Freeze: a finished run becomes a version that nobody can quietly change.

Everything is recomputed from the run's weights first, on one thread, and must agree with what the run shows; what is
kept is the recomputed, so that a replay compares like with like. A version appears whole or not at all.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from backtests.statistics.metrics import sharpe_ratio
from core.bounded_text import toml_value
from core.errors import RunError
from core.files import read_json
from core.progress import ProgressCallback, silent
from market.builtin_words import BUILTIN, is_builtin
from market.inputs import load_inputs
from market.panel import Panel
from market.request import BarsRequest
from models.checkpoint import Checkpoint, load_checkpoint
from models.model_kinds import is_own
from models.threads import threads
from portfolio.own_rules import SHIPPED_RULES
from signals.features.feature_sets import SHIPPED_SETS
from strategy.definitions.render import CONVENTIONS
from strategy.definitions.spec import StrategySpec, override, shipped_strategies
from strategy.frozen.archive import expected_frames, feature_hashes, figures, frame_bytes, panel_files, sector_files
from strategy.frozen.claims import false_claim
from strategy.frozen.history import DEFINITION, render_version
from strategy.frozen.lock_shape import FORMAT, shape_problem
from strategy.frozen.logged_lock import FREEZE, told_folder
from strategy.frozen.stage_comparison import StageDifference, compare_returns, compare_scores
from strategy.frozen.versions import LOCK, SHIPPED, Version, VersionFolder, list_versions, lock_text, plain
from strategy.learning.decide import Recomputed, recompute
from strategy.runs.closure import frozen_closure
from strategy.runs.provenance import code_fingerprint, commit, dependencies, machine
from strategy.runs.store import RunFolder, RunStore
from strategy.trials.log import TrialKey, TrialLog, comparable, distinct, trial_sharpe
from strategy.trials.trial_record import CHAIN_FILE

__all__ = ["FreezeOptions", "freeze", "publish"]

NO_PATHS = ("exchange",)  # words of a request that may hold a slash
FREEZE_THREADS = 1  # one thread gives the same bits whatever else the machine is doing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FreezeOptions:
    """Options of a freeze.

    Parameters
    ----------
    versions : Path
        Folder of versions.
    with_bars : bool
        Keep the bars in the version; those of a run with a hedge file or outside tables are kept anyway.
    notes : str or None
        Text kept as ``notes.md``.
    progress : callable
        Called as sessions are scored.
    """

    versions: Path = field(default_factory=lambda: SHIPPED)
    with_bars: bool = False
    notes: str | None = None
    progress: ProgressCallback = silent


def freeze(run: RunFolder, version: Version, *, store: RunStore, options: FreezeOptions | None = None) -> VersionFolder:
    """Freeze a finished run as a version and log it.

    Parameters
    ----------
    run : RunFolder
        Finished, of the code that is running now.
    version : Version
        Its name is the strategy's or one of your own, never another shipped strategy's; its number is above every
        frozen one.
    store : RunStore
        The run's store; its trial log is noted in the lock.
    options : FreezeOptions, optional
        Where to, and what else to keep.

    Raises
    ------
    RunError
        If the run cannot be frozen, does not recompute to what it shows, or the number does not rise.
    """
    options = options or FreezeOptions()
    _check_run(run, version)
    _check_rises(version, options.versions)
    request, spec = run.request, run.spec
    inputs = load_inputs(request, holdout=spec.holdout)
    panel, sectors = inputs.panel, inputs.sectors if spec.portfolio.reads_sectors else None
    if panel.fingerprint() != run.record["identity"]["panel"]:
        raise RunError(f"run {run.run_id} cannot be frozen: its bars changed; run the strategy again")
    checkpoint = load_checkpoint(run.path / "model")
    with threads(FREEZE_THREADS):
        recomputed = recompute(spec, panel, checkpoint, sectors=sectors, progress=options.progress)
    _check_recomputed(run, recomputed)
    _check_headline(run, panel, recomputed)
    files = _contents(run, panel, recomputed, resolved=_resolved(spec, checkpoint), options=options)
    files |= {} if sectors is None else sector_files(sectors)
    facts = _facts(run, panel, recomputed, checkpoint) | {"chain": _chain_of(store)}
    with _alone(options.versions):
        path = _publish_next(files, facts, version, options.versions)
    folder = VersionFolder(path, version)
    log = TrialLog(store.root)
    where = told_folder(options.versions, log)
    log.append(FREEZE, version=str(version), lock=folder.sha256, run=run.run_id, versions=where)
    return folder


def publish(files: Mapping[str, bytes], target: Path) -> None:
    """Write a folder of files, whole or not at all; an existing one is refused.

    Raises
    ------
    RunError
        If there is something at the target.
    """
    staging = target.parents[1] / f".{target.parent.name}-{target.name}-{secrets.token_hex(4)}.partial"
    try:
        for name, content in files.items():
            _write_through(staging / name, content)
        target.parent.mkdir(parents=True, exist_ok=True)
        staging.rename(target)  # refused by the system where a version stands
    except OSError as error:
        if target.exists():
            raise RunError(f"{target.parent.name}@{target.name} is frozen already: choose a higher number") from error
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    _flush_folder(target.parent)


def _check_run(run: RunFolder, version: Version) -> None:
    record = run.record
    reasons = {
        "it has not finished": not run.is_complete,
        "it has no model": not (run.path / "model.json").is_file(),
        f"its strategy is {record['strategy']}, not {version.name}": (
            version.name != record["strategy"] and version.name in shipped_strategies()
        ),
        "its place in the trial log is missing: run the strategy again": not (run.path / CHAIN_FILE).is_file(),
        "it is a run of a version already": "version" in record,
        "its model was given: freeze the run that trained it": "model" in record,
        "its feature set is your own, and a version holds Quintile's sources only": (
            run.spec.features.set not in SHIPPED_SETS
        ),
        "its model is your own, and a version holds Quintile's sources only": any(map(is_own, run.spec.model.kinds)),
        "its book rule is your own, and a version holds Quintile's sources only": (
            run.spec.portfolio.builder not in SHIPPED_RULES
        ),
        "the deciding code changed since: run the strategy again": record["identity"]["code"]
        != code_fingerprint(run.spec),
    }
    for reason, holds in reasons.items():
        if holds:
            raise RunError(f"run {run.run_id} cannot be frozen: {reason}")
    broken = TrialLog(run.path.parents[1]).contradicts(read_json(run.path / CHAIN_FILE))
    if broken:
        raise RunError(f"run {run.run_id} cannot be frozen: it {broken}")


def _check_rises(version: Version, versions: Path) -> None:
    before = list_versions(versions, version.name)
    if before and version <= before[-1].version:
        raise RunError(f"{version} does not rise above {before[-1].version}: versions are never replaced or inserted")


def _check_recomputed(run: RunFolder, recomputed: Recomputed) -> None:
    """Refuse a run whose shown scores and returns are not what its weights give."""
    shown = run.read_column("returns", f"{run.record['strategy']} net").to_frame("net")
    returns = recomputed.result.net_returns.to_frame("net")
    scores = run.read_frame("scores")
    difference: StageDifference | None = compare_scores(scores, recomputed.scores) or compare_returns(shown, returns)
    if difference is not None:
        raise RunError(f"run {run.run_id} does not recompute: first difference in {difference}")


def _check_headline(run: RunFolder, panel: Panel, recomputed: Recomputed) -> None:
    """Refuse a run whose headline is not what its weights and its place among the logged trials give."""
    headline = run.metrics.get("headline")
    if not isinstance(headline, dict) or "verdict" not in headline:
        raise RunError(f"run {run.run_id} cannot be frozen: its metrics.json has no headline: run the strategy again")
    net, year = recomputed.result.net_returns, recomputed.result.sessions_per_year
    entries = TrialLog(run.path.parents[1]).entries()[: read_json(run.path / CHAIN_FILE)["length"]]
    key = TrialKey(**entries[-1].facts["key"])
    others = [entry for other, entry in comparable(entries, key).items() if other != key]
    sharpes = (sharpe_ratio(net, sessions_per_year=year), *(trial_sharpe(entry, year) for entry in others))
    claim = false_claim(headline, run.spec, panel, recomputed, sharpes=sharpes)
    if not claim and headline.get("trials") != (n_trials := len(distinct(entries).keys() | {key})):
        claim = f"trials {plain(headline.get('trials'))} kept, {n_trials} found"
    if claim:
        raise RunError(
            f"run {run.run_id} cannot be frozen: its metrics.json does not follow from its numbers ({claim}): run the "
            "strategy again"
        )


def _resolved(spec: StrategySpec, checkpoint: Checkpoint) -> StrategySpec:
    """The spec with the dates of its split."""
    split = checkpoint.provenance.spec["split"]
    return override(spec, [f'split.{name}="{split[name]}"' for name in ("train_end", "validation_end")])


def _contents(
    run: RunFolder, panel: Panel, recomputed: Recomputed, *, resolved: StrategySpec, options: FreezeOptions
) -> dict[str, bytes]:
    files = {
        "spec.toml": resolved.to_toml().encode(),
        "model.safetensors": (run.path / "model.safetensors").read_bytes(),
        "model.json": (run.path / "model.json").read_bytes(),
    }
    expected = expected_frames(panel, recomputed)
    files |= {f"expected/{name}.parquet": frame_bytes(frame) for name, frame in expected.items()}
    if options.with_bars or run.request.hedge is not None or panel.outside:
        files |= panel_files(panel)
    if options.notes is not None:
        files["notes.md"] = options.notes.encode()
    return files


def _facts(run: RunFolder, panel: Panel, recomputed: Recomputed, checkpoint: Checkpoint) -> dict[str, Any]:
    """Body of the lock without name, number, files and predecessor."""
    spec, tested = run.spec, recomputed.scores.index
    kind = "+".join(spec.model.kinds)
    closure = frozen_closure(kind)
    return {
        "spec": {"resolved": _resolved(spec, checkpoint).fingerprint(), "run": spec.fingerprint()},
        "panel": panel.fingerprint(),
        "request": _portable(run.request),
        "sessions_per_year": panel.facts.sessions_per_year,
        "kind": kind,
        "closure": closure.modules,
        "definitions": closure.definitions,
        "closure_sha256": closure.sha256,
        "dependencies": dependencies(kind),
        "conventions": CONVENTIONS.strip().splitlines(),
        "seeds": {"training": spec.training.seed},
        "machine": machine() | {"threads": str(FREEZE_THREADS)},
        "commit": commit() or "",
        "run": run.run_id,
        "test_span": [f"{tested[0]:%Y-%m-%d}", f"{tested[-1]:%Y-%m-%d}"],
        "headline": run.metrics["headline"],
        "figures": figures(spec, panel, recomputed),
        "features": feature_hashes(recomputed.features),
        "frozen": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _portable(request: BarsRequest) -> dict[str, Any]:
    """Where the bars came from without any path of this machine."""
    return {key: value if key in NO_PATHS else _bare(value) for key, value in request.as_record().items()}


def _bare(value: object) -> object:
    """A file, or each of several, by its name alone."""
    if isinstance(value, Mapping):
        return {name: _bare(each) for name, each in value.items()}
    return Path(value).name if isinstance(value, str) else value


def _chain_of(store: RunStore) -> dict[str, Any]:
    chain = TrialLog(store.root).chain()
    return {} if chain is None else chain.as_dict()


def _publish_next(files: Mapping[str, bytes], facts: dict[str, Any], version: Version, versions: Path) -> Path:
    """Write lock and definition over the newest version before, and publish; the caller holds the folder alone."""
    _check_rises(version, versions)
    before = list_versions(versions, version.name)
    previous = {"version": before[-1].version.semver, "sha256": before[-1].sha256} if before else None
    body = {"format": FORMAT, "name": version.name, "version": version.semver, "previous": previous, **facts}
    body["bars"] = _kind_of_bars(files, facts)
    spec = _spec_in(files)
    everything = {**files, DEFINITION: render_version(spec, body).encode()}
    body["files"] = {name: _entry(content) for name, content in sorted(everything.items())}
    problem = shape_problem(body)
    if problem is not None:
        raise RunError(f"{version} cannot be frozen: its lock {problem}: run the strategy again")
    target = versions / version.name / version.semver
    publish({**everything, LOCK: lock_text(body).encode()}, target)
    return target


def _kind_of_bars(files: Mapping[str, bytes], facts: Mapping[str, Any]) -> str:
    if "bars/facts.json" in files:
        return "embedded"
    return BUILTIN if is_builtin(facts["request"]["bars"]) else "given"


def _spec_in(files: Mapping[str, bytes]) -> StrategySpec:
    return StrategySpec.recorded(toml_value(files["spec.toml"]))


def _entry(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


@contextmanager
def _alone(versions: Path) -> Iterator[None]:
    """Hold a folder of versions; what a killed process left half-written is removed."""
    versions.mkdir(parents=True, exist_ok=True)
    with FileLock(versions / ".lock", timeout=60):
        for left in versions.glob(".*.partial"):
            shutil.rmtree(left)
        yield


def _write_through(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _flush_folder(path: Path) -> None:
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
