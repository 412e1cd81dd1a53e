"""Hedge: instruments beside the universe, from bars of their own; traded, and never chosen by score."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.errors import BarsError
from market.panel import BAR_FIELDS, Panel, aligned_frame

__all__ = ["with_hedge", "without_tickers"]


def with_hedge(panel: Panel, hedge: Panel) -> Panel:
    """Join instruments to a panel whose universe never holds them.

    Parameters
    ----------
    panel : Panel
        Bars with their universe.
    hedge : Panel
        Bars of the instruments; sessions that the panel lacks are left out, NaN where the hedge lacks one.

    Raises
    ------
    BarsError
        If a ticker is in both, or the hedge has no print in any session of the panel.
    """
    both = panel.tickers.intersection(hedge.tickers)
    if len(both):
        raise BarsError(f"bars and hedge both hold {both[0]}: leave it out of one")
    if not hedge.printed.reindex(panel.sessions, fill_value=False).to_numpy().any():
        raise BarsError(f"the hedge {hedge.tickers[0]} has no print in any session of the bars: give its whole history")
    tickers = panel.tickers.append(hedge.tickers)
    never = np.zeros((len(panel.sessions), len(hedge.tickers)), dtype=bool)
    beside = {name: getattr(hedge, name).reindex(panel.sessions).to_numpy() for name in BAR_FIELDS}
    frames: dict[str, Any] = {
        name: aligned_frame(np.hstack([getattr(panel, name).to_numpy(), values]), panel.sessions, tickers)
        for name, values in {**beside, "universe": never}.items()
    }
    gone = hedge.delistings[hedge.delistings["session"] <= panel.sessions[-1]]
    delistings = pd.concat([panel.delistings, gone]) if len(gone) else panel.delistings
    note = f"hedge {', '.join(hedge.tickers)} from {hedge.facts.source}, never in the universe"
    told = replace(panel.facts, beside=(*panel.facts.beside, *hedge.tickers), notes=(*panel.facts.notes, note))
    return replace(panel, **frames, delistings=delistings, facts=told)


def without_tickers(panel: Panel, tickers: pd.Index) -> Panel:
    """Drop tickers from a panel."""
    frames = {name: getattr(panel, name).drop(columns=tickers) for name in (*BAR_FIELDS, "universe")}
    told = replace(panel.facts, beside=tuple(name for name in panel.facts.beside if name not in tickers))
    return replace(panel, **frames, delistings=panel.delistings.drop(index=tickers, errors="ignore"), facts=told)
