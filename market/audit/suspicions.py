"""Suspicions: what every run says of its bars without being asked, by the rules of the audit."""

import pandas as pd

from market.audit.price_jumps import market_moves
from market.audit.stock_splits import SplitSign, split_words, unadjusted_splits
from market.panel import Panel

__all__ = ["suspicions"]

MAX_NAMED = 3


def suspicions(panel: Panel) -> tuple[str, ...]:
    """Notes on splits that nothing seems to account for, and on sessions that move the whole universe by over 10 %.

    Parameters
    ----------
    panel : Panel
        Bars with the universe that a run holds.

    Returns
    -------
    tuple of str
        None where nothing is suspected, and for the built-in market.
    """
    if panel.facts.synthetic:
        return ()
    signs, moves = unadjusted_splits(panel), market_moves(panel)
    notes = []
    if signs:
        signs = sorted(signs, key=lambda sign: (bool(sign.doubt), sign.row))
        told = _few([_split(panel, sign) for sign in signs[:MAX_NAMED]], len(signs))
        notes.append(f"suspected unadjusted splits: {told}; `quintile data audit` shows the bars")
    if len(moves):
        largest = moves.sort_values(key=abs, ascending=False, kind="stable").head(MAX_NAMED)
        told = _few([_move(day, move) for day, move in largest.items()], len(moves))
        notes.append(f"sessions that move the equal-weight universe by more than 10 %: {told}; errors or a shock")
    return tuple(notes)


def _split(panel: Panel, sign: SplitSign) -> str:
    return f"{panel.tickers[sign.column]} {split_words(sign.ratio)} on {panel.sessions[sign.row]:%Y-%m-%d}"


def _move(day: object, move: float) -> str:
    return f"{pd.Timestamp(str(day)):%Y-%m-%d} {move:+.1%}"


def _few(named: list[str], n: int) -> str:
    return f"{n:,} ({', '.join(named)}{f' and {n - len(named):,} more' if n > len(named) else ''})"
