"""Promotion rule: when a challenger takes the champion's place; stated in docs/retrain.md.

All of these must hold, else the champion stays:

1. At least 60 sessions on which both have a rank IC.
2. The challenger's rank IC is above the champion's by more than chance, in one of two ways that share the error: the
   one-sided p-value of the paired difference is at most what the sequence of judgements allows it
   (``live.retraining.judgement_log``), or the difference is above 0 and so is the always-valid lower bound of the
   differences of all challengers of this champion (``live.retraining.challenger_stream``).
3. The challenger's mean net return per session is not below the champion's.
4. The challenger's verdict on the judged sessions is not worse.
5. The champion is still the newest version of its name.

That the code has not drifted is asked before anything is trained: ``live.retraining.retrain.open_champion`` refuses a
champion whose code did.
"""

import math
from dataclasses import dataclass

from backtests.statistics.online_error import OnlineTest
from live.retraining.challenger_plan import MIN_JUDGED
from live.retraining.challenger_stream import StreamBound
from live.retraining.paired_judgement import PairedJudgement

__all__ = ["VERDICTS", "Decision", "decide_promotion"]

VERDICTS = ("NOT EVIDENCE", "WEAK", "EVIDENCE")  # from the worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a challenger takes the champion's place, and why.

    Parameters
    ----------
    promote : bool
        Whether it does.
    sentence : str
        Why, in one sentence.
    """

    promote: bool
    sentence: str


def decide_promotion(
    judgement: PairedJudgement, test: OnlineTest, stream: StreamBound, *, newer: str | None = None
) -> Decision:
    """Apply the rule; the first part that fails is the reason.

    Parameters
    ----------
    judgement : PairedJudgement
        What the judged sessions say.
    test : OnlineTest
        The place of its p-value among the judgements of this name.
    stream : StreamBound
        All challengers of the champion together, this one included.
    newer : str, optional
        A version above the champion, where there is one.
    """
    steady = stream.lower > 0.0 and judgement.ic.estimate > 0.0
    champion, challenger = judgement.verdicts
    reasons = {
        f"both have a rank IC on {judgement.n_ic} sessions, fewer than {MIN_JUDGED}": judgement.n_ic < MIN_JUDGED,
        f"{_differs(judgement)}, no more than chance gives: {_weighed(test, stream)}": not (
            test.is_discovery or steady
        ),
        f"{_differs(judgement)}, but {_earned(judgement)}": not judgement.net.estimate >= 0.0,
        f"{_differs(judgement)}, but its verdict on these sessions is {challenger} and the champion's {champion}": (
            VERDICTS.index(challenger) < VERDICTS.index(champion)
        ),
        f"{newer} is newer than the champion that was judged": newer is not None,
    }
    failed = [reason for reason, holds in reasons.items() if holds]
    if failed:
        return Decision(promote=False, sentence=f"The champion stays: {failed[0]}.")
    return Decision(
        promote=True,
        sentence=f"The challenger takes its place: {_differs(judgement)}, more than chance gives "
        f"({_weighed(test, stream)}), and {_earned(judgement)}.",
    )


def _differs(judgement: PairedJudgement) -> str:
    gap, low, high = judgement.ic
    if math.isnan(gap):
        return "by how much the challenger's rank IC differs is not known"
    return f"the challenger's rank IC differs by {gap:+.4f} [{low:+.4f} to {high:+.4f}]"


def _weighed(test: OnlineTest, stream: StreamBound) -> str:
    own = f"p {test.p_value:.2g} where judgement {test.number} is allowed {test.allowed:.2g}"
    if stream.missing:
        runs = (
            "the run of an earlier one is" if stream.missing == 1 else f"the runs of {stream.missing} earlier ones are"
        )
        return f"{own}; all challengers together are not bounded, because {runs} gone"
    return (
        f"{own}; all challengers together {stream.mean:+.4f} on {stream.sessions} sessions, lower bound "
        f"{stream.lower:+.4f}"
    )


def _earned(judgement: PairedJudgement) -> str:
    return f"it earns {1e4 * judgement.net.estimate:+.2f} bps a session after costs against the champion"
