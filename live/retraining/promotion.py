"""Promotion: a challenger that the rule promoted, frozen as the next version of its name.

The next version is the next minor number: a retraining keeps the strategy and changes what it has learned. The champion
is not touched. The log says first that the challenger is promoted, then it is frozen: what was decided and not frozen,
because of a kill or a full disk, is frozen by the next retraining.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import RunError
from core.progress import ProgressCallback, silent
from live.retraining.champion import version_above
from live.retraining.judgement_log import judgements_of
from strategy.frozen.freeze import FreezeOptions, freeze
from strategy.frozen.versions import Version, VersionFolder, list_versions
from strategy.runs.store import RunFolder, RunStore
from strategy.trials.log import TrialLog

__all__ = ["finish_promotion", "next_version", "promoted", "require_writable"]


def next_version(champion: Version) -> Version:
    """The version that a promoted challenger becomes.

    Examples
    --------
    >>> from live.retraining.promotion import next_version
    >>> from strategy.frozen.versions import Version
    >>> str(next_version(Version.parse("mine@1.2.3")))
    'mine@1.3.0'
    """
    major, minor, _ = champion.number
    return Version(champion.name, (major, minor + 1, 0))


def finish_promotion(
    champion: VersionFolder, *, store: RunStore, progress: ProgressCallback = silent
) -> tuple[VersionFolder, Mapping[str, Any]] | None:
    """Freeze the challenger that the log promoted over a champion, unless that is done.

    Returns
    -------
    pair or None
        The champion and the facts of the judgement whose challenger was frozen now; None where nothing was left to do.

    Raises
    ------
    RunError
        If another version was frozen meanwhile, or the challenger's run is gone or cannot be frozen.
    """
    lock = champion.sha256
    for facts in judgements_of(TrialLog(store.root).entries(), champion.version.name):
        if facts["promote"] and facts["judgement"]["champion"] == lock and promoted(champion, facts) is None:
            _freeze(champion, facts, store=store, progress=progress)
            return champion, facts
    return None


def promoted(champion: VersionFolder, facts: Mapping[str, Any]) -> VersionFolder | None:
    """The version that a judged challenger was frozen as; None where it was not."""
    frozen = list_versions(champion.path.parents[1], champion.version.name)
    later = (each for each in frozen if each.version > champion.version)
    return next((each for each in later if each.body["run"] == facts["run"]), None)


def require_writable(versions: Path) -> None:
    """Refuse a folder of versions in which nothing can be frozen, before a challenger is trained for hours.

    Raises
    ------
    RunError
        If nothing can be written there.
    """
    try:
        with tempfile.TemporaryFile(dir=versions):
            return
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise RunError(
            f"a promoted challenger could not be frozen in {versions} ({why}): change its permissions, or name a copy "
            "with --versions"
        ) from error


def _freeze(champion: VersionFolder, facts: Mapping[str, Any], *, store: RunStore, progress: ProgressCallback) -> None:
    wanted, newer = next_version(champion.version), version_above(champion)
    if newer is not None:
        raise RunError(
            f"{wanted} is not frozen: {newer} was frozen after the challenger was judged against {champion.version}; "
            f"retrain again, against {newer}"
        )
    run = RunFolder(store.root / Path(facts["strategy"]).name / Path(facts["run"]).name)
    if not (run.path / "run.json").is_file():
        raise RunError(
            f"the challenger {facts['run']} was promoted and its run is gone: restore it, or freeze another as {wanted}"
        )
    embedded = champion.body["bars"] == "embedded"
    options = FreezeOptions(
        versions=champion.path.parents[1], with_bars=embedded, notes=_notes(champion, facts), progress=progress
    )
    try:
        freeze(run, wanted, store=store, options=options)
    except RunError as error:
        raise RunError(f"{error}; or freeze another version of {wanted.name}, and retrain that") from error


def _notes(champion: VersionFolder, facts: Mapping[str, Any]) -> str:
    """What lies in the version as ``notes.md``: over whom it was promoted, by which numbers, and why."""
    judged = facts["judgement"]
    lines = [
        f"# Promoted over {champion.version}",
        "",
        f"{facts['sentence']}",
        "",
        f"- champion: {champion.version}, lock {champion.sha256}",
        f"- challenger: run {facts['run']}",
        f"- judged: {judged['first']} to {judged['last']}, {facts['sessions']} sessions with a rank IC of both",
        f"- rank IC, challenger less champion: {_range(facts['rank_ic'])}",
        f"- net return a session, challenger less champion: {_range(facts['net'])}",
        f"- judgement {facts['number']} of its name: p {facts['p_value']:.3g}, allowed {facts['allowed']:.3g}",
        f"- verdict on the judged sessions: champion {facts['verdicts'][0]}, challenger {facts['verdicts'][1]}",
    ]
    return "\n".join(lines) + "\n"


def _range(told: Mapping[str, float]) -> str:
    return f"{told['gap']:+.5f} [{told['low']:+.5f} to {told['high']:+.5f}]"
