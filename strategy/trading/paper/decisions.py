"""Decisions: what a frozen version wants to hold, written into a log that only grows before the fill session opens."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.book_checks import check_book
from core.errors import DataError, RunError
from market.calendar import exchange_sessions, not_closed, opening_after
from market.exchanges import NO_EXCHANGE
from market.inputs import Inputs
from market.panel import Panel
from strategy.frozen.run_version import FrozenStrategy
from strategy.frozen.versions import VersionFolder
from strategy.trading.decision import fill_session, refuse_held
from strategy.trading.kept_scorer import KeptScorer
from strategy.trials.chained_log import Entry, Transaction
from strategy.trials.paper_log import DECISION, PAPER, VERSION, PaperLog

__all__ = [
    "DECISION",
    "Decided",
    "PaperLog",
    "append_decision",
    "commit_decision",
    "committed_weights",
    "decide_session",
    "decisions",
    "open_paper",
    "stamped",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision that is made and not committed.

    Parameters
    ----------
    facts : dict
        What the log will keep of it, but for what the moment of the commit tells.
    opening : datetime
        When its fill session opens; a decision that is not committed before is late.
    """

    facts: dict[str, Any]
    opening: dt.datetime

    @property
    def session(self) -> str:
        """At whose close it was made, an ISO date."""
        return str(self.facts["session"])


def open_paper(folder: VersionFolder, store: Path, *, clock: Callable[[], dt.datetime] | None = None) -> PaperLog:
    """The paper log of a version in a store of runs; nothing is written before the first decision.

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
        If the log there was begun for another version, its chain is broken, or it is not the one that the trial log of
        the store remembers.
    """
    home = store / PAPER / f"{folder.version.name}-{folder.version.semver}"
    log = PaperLog(home) if clock is None else PaperLog(home, clock)
    entries, faults = log.examined()
    if faults:
        raise RunError(f"{faults[0]}: restore {log.path} from a backup, or begin a record anew with another --out")
    _check_owner(log, entries, folder)
    return log


def commit_decision(log: PaperLog, frozen: FrozenStrategy, panel: Panel) -> Entry | None:
    """Write what the version decides at the close of the bars' last session; None if that close was decided before.

    A decision that comes after the open of its fill session, by the hours of the bars' exchange, is kept, marked late
    and never traded; see :func:`market.calendar.opening_after`. Whatever else writes the log meanwhile, a close has one
    decision.

    Parameters
    ----------
    log : PaperLog
        Log of the version.
    frozen : FrozenStrategy
        The version, from ``open_frozen``.
    panel : Panel
        Bars that end after the freeze, at a close that is past.

    Raises
    ------
    DataError
        If the bars end before the freeze or before the last decision, at a close that is still to come, or lack what an
        earlier decision needs, or nothing can be decided at their last close.
    RunError
        If the clock stands before the log's last entry.
    """
    decided = decide_session(log, frozen, panel)
    if decided is None:
        return None
    with log.transaction() as held:
        entry = append_decision(held, log, frozen, decided)
    log.remember()
    return entry


def decide_session(log: PaperLog, frozen: FrozenStrategy, panel: Panel) -> Decided | None:
    """What the version decides at the close of the bars' last session; None if that close was decided before.

    Raises
    ------
    DataError
        As ``commit_decision``.
    """
    panel, session = frozen.on_own_year(panel), panel.sessions[-1]
    _check_fresh(log, frozen, panel)
    committed_weights(log, panel)  # the bars hold what earlier decisions need
    check_book(frozen.spec.rules.portfolio, Inputs(panel=panel, sectors=frozen.sectors))
    made = [entry.facts["session"] for entry in decisions(log)]
    if f"{session:%Y-%m-%d}" in made:
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
    facts = {
        "session": f"{session:%Y-%m-%d}",
        "fills": f"after {session:%Y-%m-%d}" if fills is None else f"{fills:%Y-%m-%d}",
        "flat": bool((weights == 0.0).all() and (wanted != 0.0).any()),
        "panel": panel.fingerprint(),
        "weights": {ticker: float(weight) for ticker, weight in weights[weights != 0.0].items()},
        "missed": [f"{day:%Y-%m-%d}" for day in _between(panel, made[-1] if made else None)],
    }
    return Decided(facts=facts | stamped(frozen), opening=opening_after(panel, delay=delay))


def append_decision(held: Transaction, log: PaperLog, frozen: FrozenStrategy, decided: Decided) -> Entry | None:
    """Commit a decision to a log that is held alone; None if another process decided that close meanwhile.

    Raises
    ------
    DataError
        If another process decided a later close meanwhile.
    """
    _check_owner(log, held.entries, frozen.folder)
    made = [entry.facts["session"] for entry in held.entries if entry.kind == DECISION]
    if decided.session in made:
        return None
    _refuse_earlier(decided.session, made)
    if not any(entry.kind == VERSION for entry in held.entries):
        held.append(VERSION, version=str(frozen.folder.version), lock=frozen.folder.sha256)
    known = log.trials.chain()
    witness = {} if known is None else {"trials": known.as_dict()}
    return held.append(DECISION, late=bool(held.now >= decided.opening), **decided.facts, **witness)


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


def stamped(frozen: FrozenStrategy) -> dict[str, list[str]]:
    """What an entry keeps of the stamps of a version, such as DRIFTED; nothing where it has none."""
    return {"stamps": [label for label, _ in frozen.stamps]} if frozen.stamps else {}


def _scorer(log: PaperLog, frozen: FrozenStrategy) -> KeptScorer:
    """The version's model, with the scores of earlier decisions beside the log."""
    return KeptScorer(
        home=log.path.parent, spec=frozen.spec, model=frozen.folder.path / "model", load=lambda: frozen.checkpoint
    )


def _check_owner(log: PaperLog, entries: Sequence[Entry], folder: VersionFolder) -> None:
    owners = [entry.facts["lock"] for entry in entries if entry.kind == VERSION]
    if owners and owners[0] != folder.sha256:
        raise RunError(f"{log.path} was begun for another {folder.version}: give another --out")


def _check_fresh(log: PaperLog, frozen: FrozenStrategy, panel: Panel) -> None:
    session, freeze = panel.sessions[-1], pd.Timestamp(frozen.folder.body["frozen"][:10])
    if session <= freeze:
        raise DataError(
            f"the bars end {session:%Y-%m-%d}, {frozen.folder.version} was frozen {freeze:%Y-%m-%d}: paper trading "
            "needs bars that end after the freeze"
        )
    early = not_closed(panel, log.clock())
    if early is not None:
        raise DataError(early)
    _refuse_earlier(f"{session:%Y-%m-%d}", [entry.facts["session"] for entry in decisions(log)])


def _refuse_earlier(session: str, made: Sequence[str]) -> None:
    if made and session < made[-1]:
        raise DataError(f"the bars end {session}, the last decision was made {made[-1]}: load later bars")


def _between(panel: Panel, before: str | None) -> pd.DatetimeIndex:
    """The sessions between an earlier decision and the last one of the bars."""
    last, day = panel.sessions[-1], pd.Timedelta(days=1)
    first = last if before is None else pd.Timestamp(before)
    if panel.facts.exchange == NO_EXCHANGE or panel.facts.synthetic or last - first <= day:
        return panel.sessions[(panel.sessions > first) & (panel.sessions < last)]
    return exchange_sessions(panel.facts.exchange, start=first + day, end=last - day)
