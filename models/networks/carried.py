"""Carried scores: the network is read on from session to session through each calendar quarter, its state carried.

A quarter is opened ``lookback`` sessions before its first one, from a zero state; a session's score so reads the
lookback before the quarter and the quarter up to itself, the geometry of long training. Quarters are the calendar's,
so that bars which begin or end elsewhere have the same boundaries. A name's state passes over its missing cells as
zeros, as in training; the mask is that of exact windows.

Every step is one product over all columns of the windows, of a shape that no later session and no other request
changes, on one thread: the bits of a score are the same on bars that end with its session, however many threads there
are. Those read quarters beside each other, where a step shared between them would mostly wait.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import nn

from models.spans import Span
from models.threads import side_by_side
from models.windows import Windows

__all__ = ["MAX_QUARTER_SESSIONS", "carried_scores", "quarter_spans"]

MAX_QUARTER_SESSIONS = 92  # days, so at most as many sessions


def carried_scores(network: nn.Module, windows: Windows, rows: np.ndarray) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield each row, ascending, with the scores of all columns, (n_tickers,), whether masked or not.

    Parameters
    ----------
    network : Module
        In evaluation mode, on the device of the windows; it has a ``step``.
    windows : Windows
        Where fewer than ``lookback`` sessions lie before a quarter, it is opened with the first row there is: the
        scores of the first quarters alone depend on where the bars begin.
    rows : ndarray of int
        Rows of the windows; only quarters that hold one are read, up to the last requested row.
    """
    wanted = set(rows.tolist())

    def read(span: Span) -> list[tuple[int, torch.Tensor]]:
        scored = enumerate(_read_on(network, windows, span), start=span.start)
        return [(row, scores) for row, scores in scored if row in wanted]

    spans = quarter_spans(windows.sessions, rows, lookback=windows.lookback)
    for scored in side_by_side(read, spans, device=windows.x.device):
        yield from scored


def _read_on(network: nn.Module, windows: Windows, span: Span) -> Iterator[torch.Tensor]:
    """Yield the scores of all columns after each scored row, (n_tickers,)."""
    state = None
    for row in range(span.opens, span.stop):
        x = windows.x[row : row + 1].clone()  # (1, N, F); a view's place in memory may change a product's last bits
        scores, state = network.step(x, state)  # type: ignore[operator]
        if row >= span.start:  # the opening belongs to the quarter before
            yield scores


def quarter_spans(sessions: pd.DatetimeIndex, rows: np.ndarray, *, lookback: int) -> list[Span]:
    """Span of each calendar quarter that holds a row, from its opening to its last requested row."""
    quarters = (4 * sessions.year + sessions.quarter).to_numpy()
    spans = []
    for quarter in np.unique(quarters[rows]):
        start = int(np.searchsorted(quarters, quarter))
        last = int(rows[quarters[rows] == quarter].max())
        spans.append(Span(opens=max(0, start - lookback), start=start, stop=last + 1))
    return spans
