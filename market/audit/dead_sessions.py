"""Dead sessions: dates that are none: nobody traded, the last bars stand again, or most names are missing."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.bars.repeated_sessions import repeated_sessions
from market.bars.thin_sessions import thin_sessions
from market.panel import Panel
from market.returns import untraded

__all__ = ["DeadSession", "dead_sessions"]

MIN_NAMES = 4  # with a bar, none of which traded; that of a few is no holiday


@dataclass(frozen=True, slots=True)
class DeadSession:
    """A date, which of the three kinds it is, how many names traded, and that in words."""

    session: pd.Timestamp
    kind: str
    traded: int
    detail: str


def dead_sessions(panel: Panel) -> list[DeadSession]:
    """Find the dates that runs leave out, and all others on which nobody traded a share; each once, in order.

    Volume counts where a name ever had any: a source that leaves it at zero throughout says nothing by it.
    """
    printed = panel.printed.to_numpy()
    names = np.count_nonzero(printed, axis=1)
    traded = np.count_nonzero(printed & ~untraded(panel).to_numpy(), axis=1)
    again = repeated_sessions(panel)
    thin = thin_sessions(panel.without_sessions(again, "") if len(again) else panel)
    found = []
    for row in range(len(panel.sessions)):
        day, usual = panel.sessions[row], thin["usual"].get(panel.sessions[row])
        if traded[row] == 0 and (names[row] >= MIN_NAMES or usual is not None or day in again):
            found.append(DeadSession(day, "untraded session", 0, f"none of {names[row]:,} names with a bar traded"))
        elif day in again:
            found.append(DeadSession(day, "repeated session", int(traded[row]), "the bars of the session before"))
        elif usual is not None:
            told = f"{traded[row]:,} names traded, {usual:.0f} usually do"
            found.append(DeadSession(day, "thin session", int(traded[row]), told))
    return found
