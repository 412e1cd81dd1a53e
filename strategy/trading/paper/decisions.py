"""Decisions: what a frozen version wants to hold, written into a log that only grows before the fill session opens."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pandas as pd

from core.errors import DataError, RunError
from market.calendar import opening_after
from market.panel import Panel
from strategy.frozen.run_version import FrozenStrategy
from strategy.frozen.versions import VersionFolder
from strategy.trading.decision import fill_session, refuse_held
from strategy.trading.kept_scorer import KeptScorer
from strategy.trials.chained_log import ChainedLog, Entry

__all__ = ["DECISION", "PaperLog", "commit_decision", "committed_weights", "decisions", "open_paper"]

DECISION = "decision"


class PaperLog(ChainedLog):
    """The paper log of one version.

    Entries are of kind ``"begin"``, ``"version"`` (whose log it is), ``"decision"`` (weights decided at a close, and
    whether they came too late), ``"score"`` (what one session came to) and ``"restated"`` (a scored session whose bars
    are others now).
    """

    __slots__ = ()

    FILE: ClassVar[str] = "paper.sqlite"
    NOUN: ClassVar[str] = "paper log"


def open_paper(folder: VersionFolder, store: Path, *, clock: Callable[[], dt.datetime] | None = None) -> PaperLog:
    """The paper log of a version in a store of runs; its first entries name the version.

    Parameters
    ----------
    folder : VersionFolder
        The version.
    store : Path
        Folder of runs; the log lies in ``paper/<name>-<number>/`` of it.
    clock : callable, optional
        The time, in UTC; by default the machine's.

    Raises
    ------
    RunError
        If the log there was begun for another version, or its chain is broken.
    """
    home = store / "paper" / f"{folder.version.name}-{folder.version.semver}"
    log = PaperLog(home) if clock is None else PaperLog(home, clock)
    broken = next(log.problems(), None)
    if broken:
        raise RunError(f"{broken}: restore {log.path} from a backup")
    owners = [entry.facts["lock"] for entry in log.entries() if entry.kind == "version"]
    if not owners:
        log.append("version", version=str(folder.version), lock=folder.sha256)
    elif owners[0] != folder.sha256:
        raise RunError(f"{log.path} was begun for another {folder.version}: give another --out")
    return log


def commit_decision(log: PaperLog, frozen: FrozenStrategy, panel: Panel) -> Entry | None:
    """Write what the version decides at the close of the bars' last session; None if that close was decided before.

    A decision that comes after the open of its fill session, by the hours of the bars' exchange, is kept, marked late
    and never traded; see :func:`market.calendar.opening_after`.

    Parameters
    ----------
    log : PaperLog
        Log of the version.
    frozen : FrozenStrategy
        The version, from ``open_frozen``.
    panel : Panel
        Bars that end after the freeze.

    Raises
    ------
    DataError
        If the bars end before the freeze or before the last decision, or nothing can be decided at their last close.
    """
    panel, session = frozen.on_own_year(panel), panel.sessions[-1]
    _check_fresh(log, frozen, session)
    if any(entry.facts["session"] == f"{session:%Y-%m-%d}" for entry in decisions(log)):
        return None
    delay = frozen.spec.execution.delay
    if delay == 0:
        raise RunError(f"{frozen.folder.version} fills at the close it decides at: nothing can be committed before it")
    book = _scorer(log, frozen).book(panel, sectors=frozen.sectors)
    weights, wanted = book.weights.iloc[-1], book.stages["target"].iloc[-1]
    refuse_held(frozen.spec, weights, session)
    if weights.isna().all():
        raise DataError(f"no name can be scored at the close of {session:%Y-%m-%d}: load more history")
    fills = fill_session(panel, frozen.spec)
    log.append(
        DECISION,
        session=f"{session:%Y-%m-%d}",
        fills=f"after {session:%Y-%m-%d}" if fills is None else f"{fills:%Y-%m-%d}",
        late=bool(log.clock() >= opening_after(panel, delay=delay)),
        flat=bool((weights == 0.0).all() and (wanted != 0.0).any()),
        panel=panel.fingerprint(),
        weights={ticker: float(weight) for ticker, weight in weights[weights != 0.0].items()},
    )
    return log.entries()[-1]


def decisions(log: PaperLog) -> list[Entry]:
    """The decisions of a log, oldest first."""
    return [entry for entry in log.entries() if entry.kind == DECISION]


def committed_weights(log: PaperLog, panel: Panel) -> pd.DataFrame:
    """The weights that were committed in time, by the session of their decision.

    Raises
    ------
    DataError
        If the bars lack a decided session or a name that was wanted.
    """
    made = [entry.facts for entry in decisions(log)]
    strange = [each["session"] for each in made if pd.Timestamp(each["session"]) not in panel.sessions]
    strange += sorted({name for each in made for name in each["weights"]}.difference(panel.tickers))
    if strange:
        raise DataError(f"the bars lack {strange[0]}, which a committed decision needs: give the whole history")
    timely = {pd.Timestamp(each["session"]): each["weights"] for each in made if not each["late"]}
    frame = pd.DataFrame.from_dict(timely, orient="index", dtype=float).reindex(columns=panel.tickers).fillna(0.0)
    return frame.set_axis(pd.DatetimeIndex(frame.index, name="session"), axis=0)


def _scorer(log: PaperLog, frozen: FrozenStrategy) -> KeptScorer:
    """The version's model, with the scores of earlier decisions beside the log."""
    return KeptScorer(
        home=log.path.parent, spec=frozen.spec, model=frozen.folder.path / "model", load=lambda: frozen.checkpoint
    )


def _check_fresh(log: PaperLog, frozen: FrozenStrategy, session: pd.Timestamp) -> None:
    freeze = pd.Timestamp(frozen.folder.body["frozen"][:10])
    if session <= freeze:
        raise DataError(
            f"the bars end {session:%Y-%m-%d}, {frozen.folder.version} was frozen {freeze:%Y-%m-%d}: paper trading "
            "needs bars that end after the freeze"
        )
    last = decisions(log)[-1].facts["session"] if decisions(log) else ""
    if f"{session:%Y-%m-%d}" < last:
        raise DataError(f"the bars end {session:%Y-%m-%d}, the last decision was made {last}: load later bars")
