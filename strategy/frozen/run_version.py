"""Run a version: a frozen strategy on other bars, without training, and the one opening of its sealed hold-out.

New bars are not drift. Drift is other code; a restatement is another past: returns of sessions that the version has
already seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from backtests.book_checks import check_book
from backtests.evaluation import Evaluation, evaluate_scores
from core.errors import DataError, RunError
from core.files import write_bytes
from market.inputs import Inputs
from market.panel import Panel
from market.request import BarsRequest
from models.checkpoint import Checkpoint, load_checkpoint
from models.threads import threads
from strategy.definitions.spec import StrategySpec
from strategy.epilogue import Remarks, conclude
from strategy.frozen.archive import bar_returns, read_expected, read_sectors
from strategy.frozen.logged_lock import another_lock
from strategy.frozen.openings import SealedSpan, is_open, log_span
from strategy.frozen.own_request import own_universe, version_request
from strategy.frozen.replay import frozen_spec, in_frozen_year, version_threads
from strategy.frozen.stage_comparison import compare_returns
from strategy.frozen.verify import Verification, verify
from strategy.frozen.versions import VersionFolder
from strategy.learning.decide import frozen_scores, frozen_windows
from strategy.learning.learn import test_sessions
from strategy.learning.return_ranges import with_ranges
from strategy.runs.context import RunContext
from strategy.runs.log.run_log import logged
from strategy.runs.result import Run
from strategy.runs.store import RunOrigin
from strategy.runs.whole_run import kept_run, whole_run
from strategy.trials.log import TrialLog

__all__ = ["FrozenStrategy", "log_opening", "open_frozen", "restatement", "run_request", "run_version"]

RESTATED_TOLERANCE = 1e-6
Stamps = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrozenStrategy:
    """A version that may run here.

    Parameters
    ----------
    folder : VersionFolder
        Where it is.
    spec : StrategySpec
        Resolved; without a hold-out once that was opened.
    checkpoint : Checkpoint
        Frozen weights.
    stamps : tuple of (label, sentence)
        What every result of it must say.
    judged_from : Timestamp or None
        First session to judge; None for the whole test span.
    sectors : Series of str or None
        The sectors that its book is levelled by, as they were frozen; None where it reads none.
    """

    folder: VersionFolder
    spec: StrategySpec
    checkpoint: Checkpoint
    stamps: Stamps = ()
    judged_from: pd.Timestamp | None = None
    sectors: pd.Series | None = None

    def on_own_year(self, panel: Panel) -> Panel:
        """Bars for its decisions: an overlay with an annual threshold keeps the year that it was frozen with."""
        risk = self.spec.risk
        annual = risk.volatility_target is not None or risk.sharpe_floor is not None
        return in_frozen_year(panel, self.folder.body) if annual else panel


def open_frozen(folder: VersionFolder, log: TrialLog, *, allow_drift: bool = False) -> FrozenStrategy:
    """A version ready to run, its files and the deciding code checked.

    Parameters
    ----------
    folder : VersionFolder
        The version.
    log : TrialLog
        Knows whether its hold-out was opened.
    allow_drift : bool
        Go on with changed code and stamp every result.

    Raises
    ------
    RunError
        If the version is not intact, its lock is not the one that the log gave it, or its code changed, no replay with
        this code attests the same numbers, and drift is not allowed.
    """
    verification = verify(folder)
    if not verification.is_intact:
        raise RunError(f"{folder.version} is NOT INTACT ({verification.damage[0]}): take a clean copy")
    if (rewritten := another_lock(folder, log)) is not None:
        raise RunError(rewritten)
    if _has_drifted(verification) and not allow_drift:
        raise RunError(
            f"{folder.version} was frozen with other code ({verification.modules[0]}, {len(verification.modules)} in "
            f"all): see whether `quintile replay {folder.version}` gives the same numbers, check out commit "
            f"{folder.body['commit'][:12] or 'unknown'}, or go on with --allow-drift"
        )
    spec = frozen_spec(folder)
    if is_open(log.entries(), folder.sha256):
        spec = spec.model_copy(update={"holdout": None})
    checkpoint = load_checkpoint(folder.path / "model")
    stamps, sectors = _drift_stamps(folder, verification), read_sectors(folder.path)
    return FrozenStrategy(folder=folder, spec=spec, checkpoint=checkpoint, stamps=stamps, sectors=sectors)


def log_opening(
    folder: VersionFolder, log: TrialLog, *, panel: Panel | None = None, allow_drift: bool = False
) -> FrozenStrategy:
    """Open a version's sealed hold-out: log it first, then return the version ready to be judged on that span alone.

    Parameters
    ----------
    folder : VersionFolder
        The version.
    log : TrialLog
        Knows who saw the span before.
    panel : Panel, optional
        The bars that are opened; without them every later session of the version's names.
    allow_drift : bool
        As ``open_frozen``.

    Raises
    ------
    ValueError
        If the version has no hold-out.
    RunError
        As ``open_frozen``.
    """
    seal = frozen_spec(folder).holdout
    if seal is None:
        raise ValueError(f"{folder.version} has no hold-out: its spec names none")
    open_frozen(folder, log, allow_drift=allow_drift)  # a version that may not run leaves its seal whole
    before = log_span(log, folder, SealedSpan.of(folder, seal, panel), seal=seal)
    frozen = open_frozen(folder, log, allow_drift=allow_drift)
    if before:
        again = f"The hold-out was first opened on {before[0]}: this result is no test any more."
        frozen = replace(frozen, stamps=(*frozen.stamps, ("SECOND OPENING", again)))
    return replace(frozen, judged_from=pd.Timestamp(seal.start))


def run_request(folder: VersionFolder, told: Mapping[str, Any]) -> BarsRequest | None:
    """What to run a version on: its own bars, or those that were told with its universe unless another was told.

    Parameters
    ----------
    folder : VersionFolder
        The version.
    told : mapping
        Fields of a request.

    Returns
    -------
    BarsRequest or None
        None for the bars that lie in the version.

    Raises
    ------
    RunError
        If no bars were told and the version does not hold its own.
    """
    body = folder.body
    if "bars" in told:
        universe = {} if "universe" in told else {"universe": own_universe(folder)}
        return BarsRequest(**({"exchange": body["request"].get("exchange")} | universe | dict(told)))
    if body["bars"] != "embedded":
        return version_request(folder, told)
    if told:
        raise RunError(f"{folder.version} holds its own bars: --{next(iter(told)).replace('_', '-')} goes with --bars")
    return None


def run_version(frozen: FrozenStrategy, inputs: Inputs, *, context: RunContext) -> Run:
    """Score, backtest and report a version's frozen weights on bars; nothing is trained.

    Parameters
    ----------
    frozen : FrozenStrategy
        From ``open_frozen`` or ``log_opening``.
    inputs : Inputs
        Bars that reach past the version's validation span; frozen sectors take the place of others.
    context : RunContext
        Store, record and progress.

    Raises
    ------
    DataError
        If the bars hold no session to judge.
    """
    inputs, context = replace(inputs, panel=frozen.on_own_year(inputs.panel)), logged(context)
    spec, panel, checkpoint = frozen.spec, inputs.panel, frozen.checkpoint
    tested = test_sessions(panel, checkpoint)
    if not len(tested[tested >= (frozen.judged_from or panel.sessions[0])]):
        raise DataError(f"bars end {panel.sessions[-1]:%Y-%m-%d}, before the first session to judge: load later bars")
    inputs = inputs if frozen.sectors is None else replace(inputs, sectors=frozen.sectors)
    check_book(spec.rules.portfolio, inputs)
    with threads(version_threads(frozen.folder.body)):
        scores = frozen_scores(spec, panel, checkpoint, progress=context.progress)
    evaluation = evaluate_scores(
        spec.rules, inputs, scores=scores.loc[frozen.judged_from :], baselines={}, progress=context.progress
    )
    if checkpoint.uncertainty is not None:
        windows = frozen_windows(spec, panel, checkpoint)
        evaluation = with_ranges(evaluation, spec, checkpoint, windows, device="cpu")
    stamps = (*frozen.stamps, *restatement(frozen.folder, panel, None if frozen.judged_from else evaluation))
    with whole_run(spec, panel, context=context, origin=_origin(frozen, stamps)) as folder:
        for suffix in (".safetensors", ".json"):
            write_bytes(folder.path / f"model{suffix}", (frozen.folder.path / f"model{suffix}").read_bytes())
        remarks = Remarks(stamps=stamps, notes=_notes(frozen))
        conclude(context.store, folder, evaluation, checkpoint=checkpoint, remarks=remarks)
    return Run(kept_run(folder))


def restatement(folder: VersionFolder, panel: Panel, evaluation: Evaluation | None) -> Stamps:
    """The stamp RESTATED, if bars or returns of sessions that the version knows have changed.

    Parameters
    ----------
    folder : VersionFolder
        Keeps the returns of its bars and of its book.
    panel : Panel
        The bars of today.
    evaluation : Evaluation or None
        The book on them; None compares the bars alone.
    """
    kept = read_expected(folder.path)
    overlap = kept["bar_returns"].index.intersection(panel.sessions)
    if not len(overlap):
        return (("NOT COMPARED", "The bars share no session with the version's test span."),)
    moved = _moved_bar(kept["bar_returns"].loc[overlap], panel)
    if moved is None and evaluation is not None:
        moved = _moved_return(kept["returns"][["net"]], evaluation.result.net_returns.to_frame("net"))
    return () if moved is None else (("RESTATED", f"{moved}: the past is not the one that was frozen."),)


def _moved_bar(kept: pd.DataFrame, panel: Panel) -> str | None:
    now = bar_returns(panel).reindex(index=kept.index, columns=kept.columns)
    gap = np.abs(now.to_numpy(dtype=float) - kept.to_numpy(dtype=float))
    both_missing = kept.isna().to_numpy() & now.isna().to_numpy()
    wrong = np.argwhere(~both_missing & ~(gap <= RESTATED_TOLERANCE))
    if not len(wrong):
        return None
    row, column = wrong[0]
    return f"The return of {kept.columns[column]} on {kept.index[row]:%Y-%m-%d} moved"


def _moved_return(kept: pd.DataFrame, now: pd.DataFrame) -> str | None:
    overlap = kept.index.intersection(now.index)
    difference = compare_returns(kept.loc[overlap], now.loc[overlap], tolerance=RESTATED_TOLERANCE)
    return None if difference is None else f"The book's return on {difference.session} moved ({difference.detail})"


def _has_drifted(verification: Verification) -> bool:
    """Whether the code changed and no replay with it gave the same numbers."""
    return bool(verification.modules) and verification.attestation is None


def _drift_stamps(folder: VersionFolder, verification: Verification) -> Stamps:
    if not _has_drifted(verification):
        return ()
    changes = "; ".join(verification.modules[:3])
    return (("DRIFTED", f"{folder.version} ran with other code than it was frozen with: {changes}."),)


def _origin(frozen: FrozenStrategy, stamps: Stamps) -> RunOrigin:
    """What the run says of its version; a drifted one says so in its name, and so in the path of all it writes."""
    labels, body = [label for label, _ in stamps], frozen.folder.body
    return RunOrigin(
        identity={"spec": body["spec"]["run"]},  # the same strategy is the same trial, dates resolved or not
        record={"version": {"version": str(frozen.folder.version), "lock": frozen.folder.sha256, "stamps": labels}},
        suffix="-DRIFTED" if "DRIFTED" in labels else "",
    )


def _notes(frozen: FrozenStrategy) -> tuple[str, ...]:
    found = verify(frozen.folder)
    frozen_on = frozen.folder.body["frozen"][:10]
    first = f"Frozen weights of {frozen.folder.version} ({frozen_on}, lock {frozen.folder.sha256[:12]}); no training."
    return (first, *_attested(found), *(f"Not as frozen: {library}." for library in found.libraries))


def _attested(found: Verification) -> tuple[str, ...]:
    if found.attestation is None or not found.modules:
        return ()
    day, judged = found.attestation.replayed[:10], found.attestation.judged
    return (f"Code changed since it was frozen; a replay with this code gave the same numbers, {judged} ({day}).",)
