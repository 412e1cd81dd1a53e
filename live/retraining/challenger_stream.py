"""Challenger stream: the differences of rank IC of all challengers of one champion, in one stream.

A session is taken once, from the first challenger that was judged on it, and the stream only grows at its end. Every
challenger had learned before the sessions that it adds, so that the range of the stream
(``backtests.statistics.confidence_sequence``) is valid at every judgement at once, however many there are: it says
whether retraining helps at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.statistics.confidence_sequence import mean_confidence_sequence
from core.errors import RunError
from live.retraining.paired_judgement import PairedJudgement, difference_of
from strategy.runs.run_files import read_run_frame

__all__ = ["STREAM_ALPHA", "StreamBound", "bound_stream", "kept_differences", "paired_name"]

STREAM_ALPHA = 0.025  # share of champions over which an equal stream of challengers may ever seem better


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamBound:
    """What all challengers of a champion say together.

    Parameters
    ----------
    sessions : int
        Sessions with a difference, each taken once.
    mean, lower : float
        Mean difference and its lower bound, which stays at or below the true one in 97.5 of 100 streams; NaN with too
        few sessions, or where an earlier judgement is missing.
    missing : int
        Earlier judgements whose sessions are not there any more, because their runs were removed. What is left bounds
        nothing: it may be what was worth keeping.
    """

    sessions: int
    mean: float
    lower: float
    missing: int = 0


def bound_stream(earlier: Iterable[pd.Series | None], own: PairedJudgement) -> StreamBound:
    """Bound the stream that ends with a judgement.

    Parameters
    ----------
    earlier : iterable of Series or None
        Differences of the champion's earlier challengers, in the order in which they were judged.
    own : PairedJudgement
        The judgement that is added.
    """
    known = list(earlier)
    stream = pd.Series(dtype=float, index=pd.DatetimeIndex([]))
    for each in (*known, difference_of(own.sessions)):
        if each is not None:
            later = each if stream.empty else each[each.index > stream.index[-1]]
            stream = later if stream.empty else pd.concat([stream, later])
    missing = sum(each is None for each in known)
    if stream.empty or missing:
        return StreamBound(sessions=len(stream), mean=float("nan"), lower=float("nan"), missing=missing)
    last = mean_confidence_sequence(stream, alpha=STREAM_ALPHA, horizon=own.overlap, side="lower").iloc[-1]
    return StreamBound(sessions=len(stream), mean=float(last["mean"]), lower=float(last["lower"]), missing=missing)


def paired_name(champion: str) -> str:
    """Name of the frame in a challenger's run that holds both models' numbers of each judged session.

    Champions of one training share a challenger's run, and each has a frame of its own there.

    Parameters
    ----------
    champion : str
        Hash of its lock.
    """
    return f"paired_{champion[:16]}"


def kept_differences(store: Path, facts: Mapping[str, Any]) -> pd.Series | None:
    """The differences that an earlier challenger's run kept; None where it keeps none that can be read."""
    name = paired_name(Path(facts["judgement"]["champion"]).name)
    path = store / Path(facts["strategy"]).name / Path(facts["run"]).name / f"{name}.parquet"
    if not path.is_file():
        return None
    try:
        return difference_of(read_run_frame(path))
    except (RunError, KeyError):
        return None
