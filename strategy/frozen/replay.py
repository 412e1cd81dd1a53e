"""Replay: run a frozen version again from its weights and the bars, and compare every stage with what it kept.

Bit for bit on the machine and thread count that froze it, else within tolerance. The weights are read as safetensors;
nothing of the version's folder is executed. What came out may be attested beside the version, for ``verify``.
"""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from core.conventions import SESSIONS_PER_YEAR
from core.errors import RunError
from core.notebook_html import notebook_text
from core.progress import ProgressCallback, silent
from market.inputs import load_inputs
from market.panel import Panel
from market.returns import forward_returns
from models.checkpoint import load_checkpoint
from models.threads import threads
from signals.score_metrics import information_coefficient, score_correlation
from strategy.definitions.spec import StrategySpec, load_spec
from strategy.frozen.archive import (
    bar_returns,
    expected_frames,
    feature_hashes,
    figures,
    read_expected,
    read_panel,
    read_sectors,
)
from strategy.frozen.attestation import Attestation, attestation_path, believed, write_attestation
from strategy.frozen.own_request import version_request
from strategy.frozen.stage_comparison import (
    StageDifference,
    compare_bits,
    compare_returns,
    compare_scores,
    compare_weights,
)
from strategy.frozen.verify import deciding_code, verify, version_dependencies
from strategy.frozen.versions import VersionFolder
from strategy.learning.decide import Recomputed, recompute
from strategy.learning.learn import learn, prepare_training_data
from strategy.runs.closure import is_running
from strategy.runs.provenance import machine

__all__ = ["Replay", "Retraining", "attest", "frozen_spec", "in_frozen_year", "replay", "retrain", "version_bars"]

FIGURE_TOLERANCE = 1e-3  # relative, or absolute below 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Whether a version gives the same numbers.

    Parameters
    ----------
    exact : bool
        Judged bit for bit; else within tolerance.
    difference : StageDifference or None
        The first stage, session and ticker that differ.
    explained : tuple of str
        Sessions and names whose weights differ because a score lies at a cut-off.
    figures : dict
        The metrics found.
    why : str
        Why it was judged bit for bit or not.
    n_threads : int
        Threads it was computed on.
    notes : tuple of str
        What became of the attestation beside the version.
    attestation : Attestation or None
        What was left beside the version.
    """

    exact: bool
    difference: StageDifference | None
    explained: tuple[str, ...] = ()
    figures: dict[str, float | None]
    why: str
    n_threads: int = 1
    notes: tuple[str, ...] = ()
    attestation: Attestation | None = None

    @property
    def same(self) -> bool:
        """Whether the numbers are the same."""
        return self.difference is None

    def __str__(self) -> str:
        head = "SAME NUMBERS" if self.same else f"OTHER NUMBERS: first in {self.difference}"
        at_cut = [f"  at a cut-off: {each}" for each in self.explained]
        numbers = [f"  {name} {value:.6g}" for name, value in self.figures.items() if value is not None]
        notes = [f"note: {note}" for note in self.notes]
        return "\n".join([head, self.why, *at_cut, *numbers, *notes])

    def _repr_html_(self) -> str:
        return notebook_text(str(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """How closely retraining from the same seed reproduces the frozen weights.

    Parameters
    ----------
    rank_ic, frozen_rank_ic : float
        Mean rank IC of the newly trained and of the frozen weights.
    correlation : float
        Mean correlation of both scores within a session.
    weight_distance : float
        Mean over sessions of half the summed absolute difference of decided weights, a fraction of equity.
    """

    rank_ic: float
    frozen_rank_ic: float
    correlation: float
    weight_distance: float


def replay(
    folder: VersionFolder,
    *,
    panel: Panel | None = None,
    n_threads: int | None = None,
    exact: bool | None = None,
    progress: ProgressCallback = silent,
) -> Replay:
    """Recompute features, scores, weights, fills, returns and metrics of a version and compare them.

    Parameters
    ----------
    folder : VersionFolder
        The version.
    panel : Panel, optional
        Its bars; by default regenerated or read from the version.
    n_threads : int, optional
        Threads to compute on; those of the version by default.
    exact : bool, optional
        Judge bit for bit; by default wherever machine and threads are those of the version.
    progress : callable
        Called as sessions are scored.

    Raises
    ------
    RunError
        If the version is not intact or its bars are not there.
    """
    body = intact_body(folder)
    count = n_threads or int(body["machine"]["threads"])
    strict, why = _judgement(body, count) if exact is None else (exact, "as requested")
    bars = in_frozen_year(version_bars(folder, body) if panel is None else panel, body)
    if bars.fingerprint() != body["panel"]:
        return Replay(exact=strict, difference=_bars_difference(folder, bars), figures={}, why=why, n_threads=count)
    spec = frozen_spec(folder)
    with threads(count):
        checkpoint, sectors = load_checkpoint(folder.path / "model"), read_sectors(folder.path)
        recomputed = recompute(spec, bars, checkpoint, sectors=sectors, progress=progress)
    numbers = figures(spec, bars, recomputed)
    difference, explained = _compare(folder, body, spec, bars, recomputed, strict=strict)
    difference = difference or _figure_difference(body["figures"], numbers, strict=strict)
    return Replay(
        exact=strict, difference=difference, explained=tuple(explained), figures=numbers, why=why, n_threads=count
    )


def attest(folder: VersionFolder, found: Replay, *, bars_given: bool = False) -> Replay:
    """Leave what a replay found beside the version, or remove an attestation that it gives the lie.

    Parameters
    ----------
    folder : VersionFolder
        The version.
    found : Replay
        From ``replay``, of the code and libraries that are here.
    bars_given : bool
        The bars were not the version's own: that they differ then says nothing about the code.

    Returns
    -------
    Replay
        With the attestation that now lies beside the version, and notes of what could not be done.
    """
    body, lock = folder.body, folder.sha256
    code, libraries = deciding_code(body), version_dependencies(body)
    known, _ = believed(folder, lock=lock, code=code.sha256, dependencies=libraries)
    if not found.same:
        bars_differ = bars_given and found.difference is not None and found.difference.stage == "bars"
        return found if known is None or bars_differ else replace(found, notes=(_withdrawn(folder, known),))
    if known is not None and known.exact and not found.exact:
        return replace(found, attestation=known)  # judged bit for bit before, which says more
    if not is_running(code):
        return replace(found, notes=("not attested: sources were changed after this process began; replay again",))
    made = Attestation(
        version=str(folder.version),
        lock=lock,
        code=code.sha256,
        dependencies=libraries,
        machine=machine() | {"threads": str(found.n_threads)},
        exact=found.exact,
        figures=found.figures,
        replayed=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    try:
        write_attestation(folder, made)
    except OSError as error:
        return replace(found, notes=(f"not attested: {attestation_path(folder).name}: {error.strerror}",))
    return replace(found, attestation=made)


def retrain(folder: VersionFolder, *, panel: Panel | None = None, progress: ProgressCallback = silent) -> Retraining:
    """Retrain a version from its seed and compare rank IC, scores and weights with the frozen ones."""
    body, spec = intact_body(folder), frozen_spec(folder)
    bars = in_frozen_year(version_bars(folder, body) if panel is None else panel, body)
    expected, training_data = read_expected(folder.path), prepare_training_data(spec, bars)
    with TemporaryDirectory() as temporary:
        checkpoint = learn(
            spec, training_data, folder=Path(temporary), identity={"panel": body["panel"]}, progress=progress
        )
    retrained = recompute(spec, bars, checkpoint, sectors=read_sectors(folder.path), progress=progress)
    forward = forward_returns(bars, spec.execution, horizon=spec.label.horizon).loc[expected["scores"].index]
    gap = (retrained.book.weights.loc[expected["weights"].index] - expected["weights"]).abs().sum(axis=1)
    return Retraining(
        rank_ic=float(information_coefficient(retrained.scores, forward).mean()),
        frozen_rank_ic=float(information_coefficient(expected["scores"], forward).mean()),
        correlation=float(score_correlation(retrained.scores, expected["scores"]).pearson),
        weight_distance=float(gap.mean() / 2.0),
    )


def intact_body(folder: VersionFolder) -> dict[str, Any]:
    """A version's lock after verifying its files.

    Raises
    ------
    RunError
        If the version is not intact.
    """
    verification = verify(folder)
    if not verification.is_intact:
        raise RunError(f"{folder.version} is NOT INTACT ({verification.damage[0]}): take a clean copy")
    return folder.body


def frozen_spec(folder: VersionFolder) -> StrategySpec:
    """A version's resolved spec."""
    return load_spec(folder.path / "spec.toml")


def in_frozen_year(panel: Panel, body: dict[str, Any]) -> Panel:
    """Bars with as many sessions a year as the version was frozen with: 252 before a lock wrote them down."""
    year = float(body.get("sessions_per_year", SESSIONS_PER_YEAR))
    if panel.facts.sessions_per_year == year:
        return panel
    return replace(panel, facts=replace(panel.facts, sessions_per_year=year))


def version_bars(folder: VersionFolder, body: dict[str, Any], *, bars: str | None = None) -> Panel:
    """A version's bars: given by name, regenerated or embedded.

    Raises
    ------
    RunError
        If the version does not hold them and none were given.
    """
    if bars is None and body["bars"] == "embedded":
        return read_panel(folder.path)
    request = version_request(folder, {} if bars is None else {"bars": bars})
    return load_inputs(request, holdout=frozen_spec(folder).holdout).panel


def _withdrawn(folder: VersionFolder, known: Attestation) -> str:
    """Remove an attestation that is false, and say so."""
    path = attestation_path(folder)
    said = f"{path.name} of {known.replayed} said the same numbers of this code: it was false"
    try:
        path.unlink()
    except OSError as error:
        return f"{said}, and cannot be removed: {error.strerror}"
    return f"{said}, and is removed"


def _judgement(body: dict[str, Any], n_threads: int) -> tuple[bool, str]:
    here = machine() | {"threads": str(n_threads)}
    other = [name for name in here if here[name] != body["machine"].get(name)]
    if other:
        return False, f"within tolerance: {' and '.join(other)} differ from the machine that froze it"
    return True, "bit for bit: the machine and thread count that froze it"


def _compare(
    folder: VersionFolder,
    body: dict[str, Any],
    spec: StrategySpec,
    panel: Panel,
    recomputed: Recomputed,
    *,
    strict: bool,
) -> tuple[StageDifference | None, list[str]]:
    """The first difference in the order of computation, and the weights that a cut-off explains."""
    expected, now = read_expected(folder.path), expected_frames(panel, recomputed)
    if strict:
        stages = (compare_bits(name, expected[name], now[name]) for name in ("scores", "weights"))
        changed = _feature_difference(body, recomputed) or next(filter(None, stages), None)
        return changed or _named(compare_bits("returns", expected["returns"], now["returns"])), []
    scores = compare_scores(expected["scores"], now["scores"])
    weights, explained = compare_weights(
        expected["weights"],
        now["weights"],
        scores=expected["scores"],
        book=spec.portfolio,
        round_trip=2.0 * spec.costs.trade_bps / 1e4,
    )
    return scores or weights or _named(compare_returns(expected["returns"], now["returns"])), explained


def _feature_difference(body: dict[str, Any], recomputed: Recomputed) -> StageDifference | None:
    now = feature_hashes(recomputed.features)
    other = [name for name in body["features"] | now if body["features"].get(name) != now.get(name)]
    return StageDifference(stage="features", detail=other[0]) if other else None


def _named(difference: StageDifference | None) -> StageDifference | None:
    """A difference of the returns' table under the name of its stage; its column is no ticker."""
    if difference is None:
        return None
    stage = "fills" if difference.ticker == "turnover" else "returns"
    detail = f"{difference.ticker} {difference.detail}".strip()
    return StageDifference(stage=stage, session=difference.session, detail=detail)


def _figure_difference(
    expected: dict[str, float | None], recomputed: dict[str, float | None], *, strict: bool
) -> StageDifference | None:
    for name in sorted(expected.keys() | recomputed.keys()):
        then, now = expected.get(name), recomputed.get(name)
        if then == now or (not strict and _close(then, now)):
            continue
        return StageDifference(stage="metrics", detail=f"{name} {then} kept, {now} found")
    return None


def _close(then: float | None, now: float | None) -> bool:
    if then is None or now is None:
        return False
    return math.isclose(then, now, rel_tol=FIGURE_TOLERANCE, abs_tol=FIGURE_TOLERANCE)


def _bars_difference(folder: VersionFolder, panel: Panel) -> StageDifference:
    """The first session and ticker of the test span whose return moved, or say that other bars differ."""
    expected = read_expected(folder.path)["bar_returns"]
    now = bar_returns(panel).reindex(index=expected.index, columns=expected.columns)
    wrong = np.argwhere(~np.isclose(expected.to_numpy(), now.to_numpy(), rtol=0, atol=1e-6, equal_nan=True))
    if not len(wrong):
        return StageDifference(
            stage="bars", detail="their sha256 is not the version's; no return of its test span moved"
        )
    session, ticker = expected.index[wrong[0][0]], expected.columns[wrong[0][1]]
    return StageDifference(stage="bars", session=f"{pd.Timestamp(session):%Y-%m-%d}", ticker=str(ticker))
