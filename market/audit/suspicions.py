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
        named = [_split(panel, sign) for sign in sorted(signs, key=lambda sign: (bool(sign.doubt), sign.row))]
        notes.append(f"suspected unadjusted splits: {_few(named)}; `quintile data audit` shows the bars")
    if len(moves):
        named = [_move(day, move) for day, move in moves.sort_values(key=abs, ascending=False).items()]
        notes.append(
            f"sessions that move the equal-weight universe by more than 10 %: {_few(named)}; errors or a shock"
        )
    return tuple(notes)


def _split(panel: Panel, sign: SplitSign) -> str:
    return f"{panel.tickers[sign.column]} {split_words(sign.ratio)} on {panel.sessions[sign.row]:%Y-%m-%d}"


def _move(day: object, move: float) -> str:
    return f"{pd.Timestamp(str(day)):%Y-%m-%d} {move:+.1%}"


def _few(named: list[str]) -> str:
    more = f" and {len(named) - MAX_NAMED:,} more" if len(named) > MAX_NAMED else ""
    return f"{len(named):,} ({', '.join(named[:MAX_NAMED])}{more})"
