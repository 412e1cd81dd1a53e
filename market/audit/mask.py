"""Mask: bars that no number should rest on become missing, by what was known at their close or by hindsight.

The causal rule is the one for backtests: a move that is far too large, in a session that is not busy. Hindsight says
what a result would have been without bad prints; it knows whether a move came back, and no trader did.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from market.audit.audit import audit_panel
from market.panel import BAR_FIELDS, Panel

__all__ = ["mask_outliers", "outliers"]

WINDOW_SESSIONS = 63
MIN_SESSIONS = 20
MAX_MULTIPLE = 12.0  # times the trailing median move of the ticker
NEWS_VOLUME = 1.75  # times the trailing median; above it many agreed on the price
NEWS_RANGE = 3.0  # times the trailing median; above it they argued about it


def outliers(panel: Panel, *, hindsight: bool = False) -> pd.DataFrame:
    """Mark the bars that should be masked.

    Parameters
    ----------
    panel : Panel
    hindsight : bool
        False: row *t* reads rows ≤ *t*; a bar is an outlier if its move, less the session's median, is more than
        twelve times the trailing median move of the ticker (63 sessions before it, at least 20), but its volume no
        more than 1.75 times, and its range no more than three times their own. True: repeated bars and islands of
        the audit, which read later rows.

    Returns
    -------
    DataFrame of bool, shape (n_sessions, n_tickers)
    """
    if hindsight:
        return audit_panel(panel).bad_prints(panel)
    moves = panel.close / panel.close.ffill().shift(1) - 1
    size = moves.sub(moves.median(axis=1), axis=0).abs()
    usual = _trailing_median(size)
    large = size > MAX_MULTIPLE * usual.where(usual > 0)
    spread = panel.high / panel.low - 1
    traded = panel.volume > NEWS_VOLUME * _trailing_median(panel.volume)
    return large & ~traded & ~(spread > NEWS_RANGE * _trailing_median(spread))


def _trailing_median(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.shift(1).rolling(WINDOW_SESSIONS, min_periods=MIN_SESSIONS).median()


def mask_outliers(panel: Panel, *, hindsight: bool = False) -> Panel:
    """Set every field of an outlier to missing; the notes say how many there were."""
    wrong = outliers(panel, hindsight=hindsight)
    frames = {name: getattr(panel, name).mask(wrong) for name in BAR_FIELDS}
    rule = "with hindsight" if hindsight else "by what was known at their close"
    share = wrong.to_numpy().sum() / max(int(np.count_nonzero(panel.printed)), 1)
    note = f"{int(wrong.to_numpy().sum()):,} bars masked {rule} ({share:.3%} of all prints)"
    return replace(panel, **frames, facts=replace(panel.facts, notes=(*panel.facts.notes, note)))
