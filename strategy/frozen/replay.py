"""Replay: run a frozen version again from its weights and the bars, and compare every stage with what it kept.

Bit for bit on the machine and thread count that froze it, else within tolerance. The weights are read as safetensors;
nothing of the version's folder is executed. What came out may be attested beside the version, for ``verify``.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core.conventions import SESSIONS_PER_YEAR
from core.errors import RunError
from core.notebook_html import notebook_text
from core.parallel import cores
from core.progress import ProgressCallback, silent
from market.inputs import load_inputs
from market.panel import Panel
from market.returns import forward_returns
from models.checkpoint import load_checkpoint
from models.threads import threads
from signals.score_metrics import information_coefficient, score_correlation
from strategy.definitions.spec import StrategySpec, load_spec
from strategy.frozen.archive import (
    figures,
    read_expected,
    read_panel,
    read_sectors,
)
from strategy.frozen.attestation import Attestation, attestation_path, believed, write_attestation
from strategy.frozen.claims import false_claim, false_fact
from strategy.frozen.history import DEFINITION, other_words
from strategy.frozen.lock_shape import MAX_THREADS
from strategy.frozen.logged_lock import another_lock
from strategy.frozen.own_request import version_request
from strategy.frozen.stage_comparison import StageDifference
from strategy.frozen.verify import deciding_code, verify, version_dependencies
from strategy.frozen.version_comparison import bars_difference, compare_version, figure_difference
from strategy.frozen.versions import VersionFolder, plain
from strategy.learning.decide import Recomputed, recompute
from strategy.learning.learn import learn
from strategy.learning.training_data import prepare_training_data
from strategy.runs.closure import is_running
from strategy.runs.provenance import machine
from strategy.trials.log import TrialLog

__all__ = [
    "Replay",
    "Retraining",
    "against_log",
    "attest",
    "frozen_spec",
    "in_frozen_year",
    "logged",
    "replay",
    "retrain",
    "version_bars",
    "version_threads",
]

OTHER = {"headline": "CLAIMS", "definition": "WORDS", "lock": "LOCK"}  # what differs where no computed number does


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
        Words that could not be compared, and what became of the attestation beside the version.
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
        what = "NUMBERS" if self.difference is None else OTHER.get(self.difference.stage, "NUMBERS")
        head = f"SAME {what}" if self.same else f"OTHER {what}: first in {self.difference}"
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
    count = n_threads or version_threads(body)
    if count > MAX_THREADS:
        raise ValueError(f"threads must be at most {MAX_THREADS}, was {count}")
    strict, why = _judgement(body, count) if exact is None else (exact, "as requested")
    own = version_bars(folder, body) if panel is None else panel
    bars = in_frozen_year(own, body)
    if bars.fingerprint() != body["panel"]:
        return Replay(exact=strict, difference=bars_difference(folder, bars), figures={}, why=why, n_threads=count)
    spec = frozen_spec(folder)
    with threads(count):
        checkpoint, sectors = load_checkpoint(folder.path / "model"), read_sectors(folder.path)
        recomputed = recompute(spec, bars, checkpoint, sectors=sectors, progress=progress)
    numbers = figures(spec, bars, recomputed)
    difference, explained = compare_version(folder, body, spec, bars, recomputed, strict=strict)
    difference = difference or figure_difference(body["figures"], numbers, strict=strict)
    forged, notes = _forged_words(folder, body, own, recomputed, same_bars=panel is None)
    return Replay(
        exact=strict,
        difference=difference or forged,
        explained=tuple(explained),
        figures=numbers,
        why=why,
        n_threads=count,
        notes=notes,
    )


def logged(folder: VersionFolder, found: Replay, log: TrialLog) -> Replay:
    """Log what a replay found; where the log may not be written a note says so, and the numbers stand."""
    try:
        log.append("replay", version=str(folder.version), lock=folder.sha256, same=found.same)
    except (ValueError, OSError) as error:
        return replace(found, notes=(*found.notes, f"the replay is not logged: {plain(error)}"))
    return found


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
        stage = "" if found.difference is None else found.difference.stage
        if known is None or stage == "lock" or (stage == "bars" and bars_given):
            return found
        return replace(found, notes=(*found.notes, _withdrawn(folder, known)))
    if known is not None and known.exact and not found.exact:
        return replace(found, attestation=known)  # judged bit for bit before, which says more
    if not is_running(code):
        unsure = "not attested: sources were changed after this process began; replay again"
        return replace(found, notes=(*found.notes, unsure))
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
        why = f"not attested: {attestation_path(folder).name}: {error.strerror}"
        return replace(found, notes=(*found.notes, why))
    return replace(found, attestation=made)


def against_log(folder: VersionFolder, found: Replay, log: TrialLog) -> Replay:
    """A replay that also says where the version's lock is not the one that a store's log gave it."""
    rewritten = another_lock(folder, log) if found.same else None
    return found if rewritten is None else replace(found, difference=StageDifference(stage="lock", detail=rewritten))


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


def version_threads(body: dict[str, Any]) -> int:
    """Threads that a version is computed on: those of its lock, or as many as there are here."""
    return min(int(body["machine"]["threads"]), max(cores(), 1))


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


def _forged_words(
    folder: VersionFolder, body: dict[str, Any], panel: Panel, recomputed: Recomputed, *, same_bars: bool
) -> tuple[StageDifference | None, tuple[str, ...]]:
    """The first claim of lock or definition that today's rules do not bear out, and what is worded otherwise."""
    spec, bars = frozen_spec(folder), in_frozen_year(panel, body)
    words, notes = _other_words(folder, body, spec)
    claim = false_fact(body, spec, panel, recomputed) or false_claim(
        body["headline"], spec, bars, recomputed, same_bars=same_bars
    )
    return StageDifference(stage="headline", detail=claim) if claim else words, notes


def _other_words(
    folder: VersionFolder, body: dict[str, Any], spec: StrategySpec
) -> tuple[StageDifference | None, tuple[str, ...]]:
    """The first line of the definition that does not follow from spec and lock, and what is worded otherwise."""
    text = (folder.path / DEFINITION).read_text(encoding="utf-8") if (folder.path / DEFINITION).is_file() else ""
    line, keys = other_words(text, spec, body)
    if line is not None:
        return StageDifference(stage="definition", detail=f"{DEFINITION}: {plain(line)}"), ()
    if not keys:
        return None, ()
    note = f"{DEFINITION} follows from spec and lock; another release worded {', '.join(sorted(keys))}"
    return None, (note,)


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
