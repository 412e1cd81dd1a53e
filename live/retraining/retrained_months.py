"""Retrained months: what the rule does at the end of each month since the freeze, with what was known then.

A month is over once a session of a later one exists, in the bars or by their exchange's calendar. Its challenger reads
no row after its last session. A month is judged once: what the trial log holds is not done again, so that the same
command, repeated by a clock, does what has become due and then nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from live.retraining.challenger_plan import ChallengerPlan, month_ends
from live.retraining.champion import Newer, champion_of, load_newer, retraining_request
from live.retraining.judgement_log import judgements_of
from live.retraining.promotion import finish_promotion, require_writable
from live.retraining.retrain import Retrained, RetrainOptions, judge_challenger, open_champion, plan_of
from live.unseen import last_seen_session
from market.calendar import next_session
from strategy.frozen.run_version import FrozenStrategy
from strategy.frozen.versions import Version
from strategy.trials.log import TrialLog

__all__ = ["DueMonth", "due_months", "known_then", "month_plan", "retrain_months"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DueMonth:
    """A month that is over and not judged.

    Parameters
    ----------
    champion : str
        Version that its challenger is judged against.
    end : Timestamp
        Its last session.
    missing : int
        Sessions that the champion would have to have behind it by then; 0 where the month can be judged.
    """

    champion: str
    end: pd.Timestamp
    missing: int


def retrain_months(name: str, told: Mapping[str, Any], *, options: RetrainOptions) -> Iterator[Retrained | DueMonth]:
    """Judge every month that is over and not judged yet, oldest first; yield each as it is done.

    A last month that ended too early after the freeze is yielded as it is. Where a challenger is promoted, the months
    after it are judged against the new version. The parameters are those of ``live.retraining.retrain.retrain``; of a
    name with a number the months are judged against that version alone.
    """
    going_on = True
    while going_on:
        champion = champion_of(name, options.versions)
        frozen = open_champion(champion, options=options)
        require_writable(options.versions)
        if finish_promotion(champion, store=options.store, progress=options.progress) is not None and "@" not in name:
            continue
        newer = load_newer(retraining_request(champion, told), frozen)
        going_on = False
        for month in due_months(frozen, newer, options=options):
            if month.missing:
                yield month
                continue
            made = judge_challenger(frozen, known_then(newer, month.end, frozen), options=options)
            yield made
            if made.promoted is not None and "@" not in name:
                going_on = True
                break


def due_months(frozen: FrozenStrategy, newer: Newer, *, options: RetrainOptions) -> list[DueMonth]:
    """The months that are over since a champion's last session and not judged yet, oldest first.

    A month that ended too early after the freeze is never judged; it is listed, as missing sessions, while no later one
    is over.
    """
    version, sessions, seen = frozen.folder.version, newer.panel.sessions, last_seen_session(frozen.folder)
    ends, judged = list(month_ends(sessions, next_session(newer.panel))), _judged_ends(version, options)
    window = options.judge + frozen.spec.execution.delay + frozen.spec.label.horizon
    due = list[DueMonth]()
    for end in ends:
        missing = max(window - int(((sessions > seen) & (sessions <= end)).sum()), 0)
        if end > seen and end not in judged and (not missing or end == ends[-1]):
            due.append(DueMonth(champion=str(version), end=end, missing=missing))
    return due


def known_then(newer: Newer, end: pd.Timestamp, frozen: FrozenStrategy) -> Newer:
    """The bars as they were known at a close, loaded without what came later."""
    return load_newer(replace(newer.request, end=f"{end:%Y-%m-%d}"), frozen)


def month_plan(frozen: FrozenStrategy, newer: Newer, month: DueMonth, *, judge: int) -> ChallengerPlan:
    """Where the spans of a month's challenger lie."""
    return plan_of(frozen, replace(newer, panel=newer.panel.until(month.end)), judge=judge)


def _judged_ends(version: Version, options: RetrainOptions) -> set[pd.Timestamp]:
    """Sessions at whose close the name was judged before."""
    facts = judgements_of(TrialLog(options.store.root).entries(), version.name)
    return {pd.Timestamp(each["judgement"]["last"]) for each in facts}
