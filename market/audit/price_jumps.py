"""Price jumps: closes three times the last one, and sessions on which the whole market moves."""

import numpy as np
import pandas as pd

from market.equal_weight import equal_weight_market
from market.panel import Panel

__all__ = ["large_jumps", "market_moves"]

MIN_TIMES = 3.0
LATER_SESSIONS = 5
MARKET_MOVE = 0.10


def large_jumps(panel: Panel) -> list[tuple[int, int, float, bool]]:
    """Find closes at least three times the close before, or at most a third: (column, row, times, whether it stays).

    It stays if five sessions later the price is nearer, in logs, to the new level than to the old.
    """
    last = panel.close.ffill().to_numpy()
    before, after = last[:-1], last[1:]
    columns, rows = np.nonzero(((after >= MIN_TIMES * before) | (after <= before / MIN_TIMES)).T)
    times = after[rows, columns] / before[rows, columns]
    later = last[np.minimum(rows + 1 + LATER_SESSIONS, len(last) - 1), columns]
    level = np.log(later / before[rows, columns]) / np.log(times)
    return [
        (c, r + 1, x, stays)
        for c, r, x, stays in zip(columns.tolist(), rows.tolist(), times.tolist(), (level > 0.5).tolist(), strict=True)
    ]


def market_moves(panel: Panel) -> pd.Series:
    """Returns of the equal-weight universe beyond 10 %, by session: a crash, a shock, or bars that are wrong."""
    moves = equal_weight_market(panel)
    return moves[moves.abs() > MARKET_MOVE]
