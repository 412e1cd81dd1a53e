"""Unseen sessions: what came after the last session that a version knew when it was frozen.

Frozen weights meet them for the first time. That they are read is no trial: nothing is chosen by them, and what is
chosen later, such as a challenger, is counted where it is trained.
"""

import pandas as pd

from core.errors import DataError
from market.panel import Panel
from strategy.frozen.archive import read_expected
from strategy.frozen.versions import VersionFolder

__all__ = ["last_seen_session", "unseen_sessions"]


def last_seen_session(folder: VersionFolder) -> pd.Timestamp:
    """The last session of the bars that a version was frozen on; the wall clock of the freeze does not matter.

    Raises
    ------
    DataError
        If the version kept no session.
    """
    kept = read_expected(folder.path)["bar_returns"].index
    if not len(kept):
        raise DataError(f"{folder.version} kept no session of its bars: take a clean copy")
    return pd.Timestamp(kept[-1])


def unseen_sessions(folder: VersionFolder, panel: Panel) -> pd.DatetimeIndex:
    """Sessions of a panel after the last one that a version saw when it was frozen.

    Parameters
    ----------
    folder : VersionFolder
        The version; its kept bar returns say what it saw.
    panel : Panel
        Bars of today.

    Returns
    -------
    DatetimeIndex
        Sorted; empty where the bars end with or before the version's own. A decision of the last of them, and one
        with a return that has not ended, has no outcome yet.

    Raises
    ------
    DataError
        If the version kept no session.
    """
    return panel.sessions[panel.sessions > last_seen_session(folder)]
