"""Thin sessions: dates at which most names that usually trade did not, which are no session of the market.

A vendor that lost a day, a holiday for which flat bars without volume were written, a delivery that arrived in part:
features, the cross-section and fills of such a date are those of a few names. A session is judged by the sessions
before it alone, so that a date that counts today counts tomorrow.
"""

import pandas as pd

from market.panel import Panel
from market.returns import untraded

__all__ = ["thin_sessions", "without_thin_sessions"]

USUAL_SESSIONS = 10  # before a session, whose median says how many names usually trade
MIN_SESSIONS = 5  # before it, to say so
MIN_NAMES = 5  # that usually trade: with fewer, one halt is half of them
THIN = 0.5  # of the names that usually trade
SHOWN = 5


def thin_sessions(panel: Panel) -> pd.DataFrame:
    """Find the sessions in which fewer than half of the names that usually trade did.

    A name trades in a session if it printed and, where its bars ever showed a volume up to then, the volume is not 0.
    Usual is the median of up to 10 sessions before; there must be 5, with 5 names. A market that shrinks for good is
    thin for six sessions, then the smaller one is usual.

    Parameters
    ----------
    panel : Panel
        Bars.

    Returns
    -------
    DataFrame
        Index session; ``traded`` and ``usual``, numbers of names.
    """
    trades = panel.printed & ~untraded(panel)
    traded = trades.sum(axis=1)
    usual = traded.rolling(USUAL_SESSIONS, min_periods=MIN_SESSIONS).median().shift(1)
    table = pd.DataFrame({"traded": traded, "usual": usual})
    return table[(usual >= MIN_NAMES) & (traded < THIN * usual)]


def without_thin_sessions(panel: Panel) -> Panel:
    """Leave out thin sessions, with the bars that a few names have there, and say so in the notes.

    See Also
    --------
    thin_sessions : Which they are.
    """
    thin = thin_sessions(panel)
    if thin.empty:
        return panel
    return panel.without_sessions(pd.DatetimeIndex(thin.index), _note(thin))


def _note(thin: pd.DataFrame) -> str:
    told = [
        f"{session:%Y-%m-%d} ({row.traded:.0f} of {row.usual:.0f})" for session, row in thin.iloc[:SHOWN].iterrows()
    ]
    more = ", …" if len(thin) > SHOWN else ""
    return (
        f"{len(thin):,} session{'s' if len(thin) > 1 else ''} left out, in which fewer than half of the names that "
        f"usually trade did: {', '.join(told)}{more}; --keep-thin-sessions keeps them"
    )
