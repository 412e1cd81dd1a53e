"""Retrain: train a challenger under a version's own spec, judge it beside the version, and promote it by the rule.

    plan ─► challenger (a run, a trial) ─► paired judgement ─► entry in the trial log ─► next version, or none

Every step is found again after a kill: the run by its identity, the judgement in the log, the version by its run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.verdict import finite_or_none
from core.errors import RunError
from core.progress import ProgressCallback, silent
from live.rescored import rescored
from live.retraining.challenger_plan import (
    JUDGED_SESSIONS,
    ChallengerPlan,
    moved_spec,
    plan_challenger,
    span_lengths,
)
from live.retraining.challenger_run import challenger_run, refuse_given_start
from live.retraining.challenger_stream import StreamBound, bound_stream, kept_differences, paired_name
from live.retraining.champion import (
    Newer,
    champion_of,
    load_newer,
    own_sessions,
    retraining_request,
    version_above,
)
from live.retraining.judgement_log import RETRAIN, JudgementKey, judgements_of, place_of
from live.retraining.paired_judgement import PairedJudgement, judge_pair
from live.retraining.promotion import finish_promotion, promoted, require_writable
from live.retraining.promotion_rule import decide_promotion
from live.unseen import last_seen_session
from market.inputs import Inputs, load_inputs
from models.threads import threads
from strategy.frozen.archive import read_expected
from strategy.frozen.replay import version_threads
from strategy.frozen.run_version import FrozenStrategy, open_frozen, restatement
from strategy.frozen.versions import VersionFolder
from strategy.learning.decide import frozen_scores
from strategy.runs.context import RunContext
from strategy.runs.store import RunFolder, RunStore
from strategy.trials.log import TrialLog

__all__ = ["RetrainOptions", "Retrained", "judge_challenger", "open_champion", "plan_of", "retrain"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RetrainOptions:
    """How a challenger is trained and judged.

    Parameters
    ----------
    versions : Path
        Folder of versions: the champion's, and where a promoted challenger is frozen.
    store : RunStore
        Keeps the challenger's run; its trial log keeps every judgement.
    judge : int
        Sessions with a rank IC that both are judged on.
    command : str
        What reproduces the run, for its record.
    progress : callable
        Called as work advances.
    """

    versions: Path
    store: RunStore
    judge: int = JUDGED_SESSIONS
    command: str = "given in Python"
    progress: ProgressCallback = silent


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """A judged challenger.

    Parameters
    ----------
    facts : mapping
        What the trial log says of the judgement: ``version`` (the champion), ``run``, ``judgement``, ``rank_ic``,
        ``net``, ``p_value``, ``allowed``, ``number``, ``stream``, ``verdicts``, ``newer`` (a version above
        the champion by then, or None), ``promote``, ``sentence``, ``notes``.
    run : Path
        Folder of the challenger's run, with its report.
    promoted : str or None
        The version that it was frozen as.
    """

    facts: Mapping[str, Any]
    run: Path
    promoted: str | None

    @property
    def as_of(self) -> str:
        """The session at whose close the judgement was made, an ISO date."""
        return str(self.facts["judgement"]["last"])

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {**self.facts, "folder": str(self.run), "report": str(self.run / "report.html"), "now": self.promoted}


def retrain(name: str, told: Mapping[str, Any], *, options: RetrainOptions) -> Retrained:
    """Train and judge a challenger on the newest bars, and freeze it as the next version where the rule promotes it.

    Parameters
    ----------
    name : str
        ``"mine"`` for its newest version, or ``"mine@1.0.0"``; one that is not the newest is judged and stays.
    told : mapping
        Fields of a ``market.request.BarsRequest``: ``bars``, and ``universe``, ``sectors``, ``hedge`` or ``outside``
        where the version's strategy reads a file.
    options : RetrainOptions
        Store, versions and sessions to judge.

    Returns
    -------
    Retrained
        Of a promotion that was decided before and not finished, that one.

    Raises
    ------
    DataError
        If the bars are too short; it says how many sessions are missing.
    RunError
        If the champion is not intact or its code drifted, its hold-out is sealed, the bars are of another universe, or
        a promoted challenger cannot be frozen.
    """
    champion = champion_of(name, options.versions)
    frozen = open_champion(champion, options=options)
    require_writable(options.versions)
    pending = finish_promotion(champion, store=options.store, progress=options.progress)
    if pending is not None:
        return _retrained(*pending, options=options)
    return judge_challenger(frozen, load_newer(retraining_request(champion, told), frozen), options=options)


def open_champion(champion: VersionFolder, *, options: RetrainOptions) -> FrozenStrategy:
    """The champion, intact and of this code, one that a challenger can be trained like."""
    frozen = open_frozen(champion, TrialLog(options.store.root), allow_drift=True)
    if frozen.stamps:
        raise RunError(
            f"{frozen.stamps[0][1]} A challenger would be of other code too: see whether `quintile replay "
            f"{champion.version}` gives the same numbers, or check out its commit"
        )
    refuse_given_start(frozen.spec, str(champion.version))
    return frozen


def plan_of(frozen: FrozenStrategy, newer: Newer, *, judge: int) -> ChallengerPlan:
    """Where a challenger's spans lie on newer bars."""
    lengths = span_lengths(frozen.spec, own_sessions(frozen.folder, newer))
    return plan_challenger(
        frozen.spec, newer.panel.sessions, seen=last_seen_session(frozen.folder), lengths=lengths, judge=judge
    )


def judge_challenger(frozen: FrozenStrategy, newer: Newer, *, options: RetrainOptions) -> Retrained:
    """Train a challenger as of the last session of the bars, judge it, log it, and promote it where the rule says so.

    A judgement that the log holds is not made again; what is left of it is finished.
    """
    plan = plan_of(frozen, newer, judge=options.judge)
    spec = moved_spec(frozen.spec, plan)
    request = replace(newer.request, start=f"{plan.train[0]:%Y-%m-%d}", end=f"{plan.as_of:%Y-%m-%d}")
    inputs = load_inputs(request)
    key = JudgementKey(
        champion=frozen.folder.sha256,
        spec=spec.fingerprint(),
        panel=inputs.panel.fingerprint(),
        first=f"{plan.judged[0]:%Y-%m-%d}",
        last=f"{plan.as_of:%Y-%m-%d}",
    )
    log = TrialLog(options.store.root)
    known = next((facts for facts in judgements_of(log.entries(), _name(frozen)) if key.is_of(facts)), None)
    if known is None:
        context = RunContext(store=options.store, request=request, command=options.command, progress=options.progress)
        run = challenger_run(spec, inputs, context=context)
        judgement = _judgement(frozen, inputs, run, plan, options.progress)
        run.write_frame(paired_name(frozen.folder.sha256), judgement.sessions)
        known = _log(log, frozen, run, key, judgement, _notes(frozen, newer))
    if known["promote"]:
        finish_promotion(frozen.folder, store=options.store, progress=options.progress)
    return _retrained(frozen.folder, known, options=options)


def _judgement(
    frozen: FrozenStrategy, inputs: Inputs, run: RunFolder, plan: ChallengerPlan, progress: ProgressCallback
) -> PairedJudgement:
    """Score both on the judged sessions, and compare them."""
    own = replace(inputs, panel=frozen.on_own_year(inputs.panel), sectors=_or(frozen.sectors, inputs.sectors))
    with threads(version_threads(frozen.folder.body)):
        champion = frozen_scores(frozen.spec, own.panel, frozen.checkpoint, progress=progress)
    return judge_pair(frozen.spec.rules, (champion.loc[plan.judged[0] :], own), (run.read_frame("scores"), inputs))


def _notes(frozen: FrozenStrategy, newer: Newer) -> tuple[str, ...]:
    """Whether the bars of today have another past than the champion's, or score it otherwise."""
    kept = read_expected(frozen.folder.path)["scores"]
    stamps = restatement(frozen.folder, newer.panel, None)
    if not stamps:
        past = frozen.on_own_year(newer.panel).until(kept.index[-1])
        with threads(version_threads(frozen.folder.body)):
            stamps = rescored(kept, frozen_scores(frozen.spec, past, frozen.checkpoint))
    return tuple(said for _, said in stamps)


def _or(frozen: pd.Series | None, given: pd.Series | None) -> pd.Series | None:
    return given if frozen is None else frozen


def _log(
    log: TrialLog,
    frozen: FrozenStrategy,
    run: RunFolder,
    key: JudgementKey,
    judgement: PairedJudgement,
    notes: tuple[str, ...],
) -> dict[str, Any]:
    """Place a judgement in the sequence of its name, decide, and write both down in one transaction."""
    name, synthetic = _name(frozen), bool(run.metrics["synthetic"])
    with log.transaction() as held:
        before = judgements_of(held.entries, name, synthetic=synthetic)
        for facts in before:
            if key.is_of(facts):  # by another process meanwhile
                return facts
        test = place_of(before, key, judgement.p_value)
        stream = _stream(log, before, key, judgement)
        newer = version_above(frozen.folder)
        decision = decide_promotion(judgement, test, stream, newer=newer)
        facts = {
            "name": name,
            "version": str(frozen.folder.version),
            "strategy": run.record["strategy"],
            "run": run.run_id,
            "judgement": key.as_dict(),
            "sessions": judgement.n_ic,
            "rank_ic": _told(judgement, "ic"),
            "net": _told(judgement, "net"),
            "p_value": judgement.p_value,
            "allowed": test.allowed,
            "number": test.number,
            "stream": asdict(stream),
            "verdicts": list(judgement.verdicts),
            "newer": newer,
            "promote": decision.promote,
            "sentence": decision.sentence,
            "synthetic": synthetic,
            "notes": list(notes),
        }
        return held.append(RETRAIN, **finite_or_none(facts)).facts


def _stream(
    log: TrialLog, before: Iterable[Mapping[str, Any]], key: JudgementKey, judgement: PairedJudgement
) -> StreamBound:
    """All challengers of the champion together, this one last."""
    same = (facts for facts in before if facts["judgement"]["champion"] == key.champion)
    return bound_stream((kept_differences(log.store, facts) for facts in same), judgement)


def _told(judgement: PairedJudgement, what: str) -> dict[str, float]:
    """Means of both models and the range of their difference, per session."""
    gap, low, high = getattr(judgement, what)
    means = judgement.means
    own = {who: means[f"{what}_{who}"] for who in ("champion", "challenger")}
    return {**own, "gap": gap, "low": low, "high": high}


def _retrained(champion: VersionFolder, facts: Mapping[str, Any], *, options: RetrainOptions) -> Retrained:
    run = options.store.root / Path(facts["strategy"]).name / Path(facts["run"]).name
    made = promoted(champion, facts)
    return Retrained(facts=facts, run=run, promoted=None if made is None else str(made.version))


def _name(frozen: FrozenStrategy) -> str:
    return frozen.folder.version.name
