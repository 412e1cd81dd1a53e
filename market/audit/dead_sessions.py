"""Dead sessions: those on which nobody traded, and thin ones, on which most names that usually trade did not."""

from dataclasses import dataclass

import numpy as np

from market.bars.thin_sessions import thin_sessions
from market.panel import Panel
from market.returns import untraded

__all__ = ["DeadSessions", "dead_sessions"]

MIN_NAMES = 4  # with a bar; that of a few is no holiday


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeadSessions:
    """By session: nobody traded a share although there are bars; most names that usually trade did not; how many did.

    ``usual`` is NaN where too few sessions came before to say.
    """

    untraded: np.ndarray
    thin: np.ndarray
    traded: np.ndarray
    usual: np.ndarray

    @property
    def either(self) -> np.ndarray:
        """Sessions that are none for most names."""
        either: np.ndarray = self.untraded | self.thin
        return either


def dead_sessions(panel: Panel) -> DeadSessions:
    """Find the sessions that runs leave out, and those on which nobody traded at all.

    Volume counts where a name ever had any: a source that leaves it at zero throughout says nothing by it.
    """
    printed = panel.printed.to_numpy()
    traded = np.count_nonzero(printed & ~untraded(panel).to_numpy(), axis=1)
    table = thin_sessions(panel)
    thin = panel.sessions.isin(table.index)
    nobody = (traded == 0) & (np.count_nonzero(printed, axis=1) >= np.where(thin, 1, MIN_NAMES))
    usual = table["usual"].reindex(panel.sessions).to_numpy()
    return DeadSessions(untraded=nobody, thin=thin & ~nobody, traded=traded, usual=usual)
