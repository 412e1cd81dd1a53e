"""Spans: stretches of consecutive sessions that a network unrolls at once, and the batches of an epoch.

One form serves training and prediction. A long span scores many sessions after a burn-in; an exact span scores one
session after the rest of its window, from a zero state, as a window stacked by hand would.

A network says what it ``reads``: ``"sequences"``, a score each session of what it is given; ``"windows"``, one score a
window, which other names do not touch; ``"sections"``, the same from all names of a session that have a whole window,
labelled or not, which it may compare.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from core.errors import DataError
from models.losses.rank_loss import MIN_NAMES
from models.model_settings import TrainingSettings
from models.windows import Windows

__all__ = [
    "Span",
    "cover",
    "exact_span",
    "labelled_block",
    "reads_sections",
    "reads_sequences",
    "span_scores",
    "training_batches",
    "usable_rows",
    "usable_sessions",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Rows ``opens`` to ``stop`` (half open) are unrolled; rows from ``start`` are scored."""

    opens: int
    start: int
    stop: int


def exact_span(row: int, lookback: int) -> Span:
    """Span of one session's exact windows."""
    return Span(opens=row - lookback + 1, start=row, stop=row + 1)


def cover(rows: slice, *, burn_in: int, length: int) -> list[Span]:
    """Consecutive spans of at most ``length`` scored rows, each after ``burn_in`` rows where there are any."""
    edges = [*range(rows.start, rows.stop, length), rows.stop]
    return _between(edges, burn_in=burn_in)


def usable_rows(windows: Windows, rows: slice, *, span: str) -> np.ndarray:
    """Rows that hold at least ``MIN_NAMES`` labelled windows.

    Raises
    ------
    DataError
        If there is none.
    """
    usable: np.ndarray = np.flatnonzero(usable_sessions(windows, rows).cpu().numpy()) + rows.start
    if usable.size == 0:
        wanted = f"{MIN_NAMES} names with {windows.lookback} complete sessions and a forward return"
        raise DataError(f"no {span} session has {wanted}: give more history, a wider universe or a shorter lookback")
    return usable


def usable_sessions(windows: Windows, rows: slice) -> torch.Tensor:
    """Whether each session of the rows holds at least ``MIN_NAMES`` labelled windows, bool (n rows,)."""
    return windows.labelled[rows].sum(dim=1) >= MIN_NAMES


def training_batches(rows: np.ndarray, *, lookback: int, settings: TrainingSettings, epoch: int) -> list[list[Span]]:
    """Batches of one epoch; every usable session is scored exactly once.

    The order depends on seed and epoch only. In long mode the boundaries between chunks move from epoch to epoch.

    Parameters
    ----------
    rows : ndarray of int
        Usable rows, ascending.
    lookback : int
        Sessions in an exact window.
    settings : TrainingSettings
        Mode, batch and chunk sizes, seed.
    epoch : int
        From 1.
    """
    rng = np.random.default_rng((settings.seed, epoch))
    if settings.mode == "exact":
        spans = [exact_span(int(row), lookback) for row in rng.permutation(rows)]
        return _grouped(spans, settings.batch_sessions)
    chunks = _between(_moving_edges(rows, settings.chunk_sessions, rng), burn_in=settings.burn_in)
    spans = [chunks[k] for k in rng.permutation(len(chunks)) if _holds(rows, chunks[k])]
    return _grouped(spans, settings.chunks_a_step)


def reads_sequences(network: torch.nn.Module) -> bool:
    """Whether the network scores every step of a sequence, as it says itself; others score one window."""
    return getattr(network, "reads", "windows") == "sequences"


def reads_sections(network: torch.nn.Module) -> bool:
    """Whether the network compares the names of a session, as it says itself, and is given all that have a window."""
    return getattr(network, "reads", "windows") == "sections"


def span_scores(network: torch.nn.Module, windows: Windows, span: Span, names: torch.Tensor) -> torch.Tensor:
    """Scores (n scored rows, n names) of the given columns, unrolled together, or one window after the other."""
    if reads_sequences(network):
        scores: torch.Tensor = network(_columns(windows, slice(span.opens, span.stop), names))
        return scores[span.start - span.opens :]
    read = _section_scores if reads_sections(network) else _window_scores
    scored = {row: read(network, windows, row, names) for row in range(span.start, span.stop)}
    known = [each for each in scored.values() if each is not None]
    nothing = known[0].new_zeros(known[0].shape) if known else torch.zeros(len(names), device=windows.x.device)
    return torch.stack([nothing if each is None else each for each in scored.values()])


def _window_scores(network: torch.nn.Module, windows: Windows, row: int, names: torch.Tensor) -> torch.Tensor | None:
    """Scores (n names,) of the windows that end at a row; None before the first whole one."""
    if row + 1 < windows.lookback:
        return None
    scores: torch.Tensor = network(_columns(windows, slice(row + 1 - windows.lookback, row + 1), names))
    return scores


def _section_scores(network: torch.nn.Module, windows: Windows, row: int, names: torch.Tensor) -> torch.Tensor | None:
    """Scores (n names,) among all names with a window at a row, 0 where a name has none; None where no name has."""
    section = windows.mask[row].nonzero().squeeze(1)
    if not len(section):
        return None
    scores = _window_scores(network, windows, row, section)
    if scores is None:
        return None
    whole = scores.new_zeros((windows.x.shape[1], *scores.shape[1:]))
    return whole.index_copy(0, section, scores)[names]


def _columns(windows: Windows, rows: slice, names: torch.Tensor) -> torch.Tensor:
    """Features (L, N, F) of some rows and columns; a view where every column is wanted."""
    x = windows.x[rows]
    return x if len(names) == x.shape[1] else x[:, names]


def labelled_block(windows: Windows, span: Span) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Columns with a labelled window in the span's scored rows, their targets and their mask."""
    labelled = windows.labelled[span.start : span.stop]
    names = labelled.any(dim=0).nonzero().squeeze(1)
    return names, windows.y[span.start : span.stop, names], labelled[:, names]


def _holds(rows: np.ndarray, span: Span) -> bool:
    """Whether any usable row lies among the span's scored rows."""
    return bool(np.searchsorted(rows, span.start) < np.searchsorted(rows, span.stop))


def _moving_edges(rows: np.ndarray, length: int, rng: np.random.Generator) -> list[int]:
    """Chunk edges; all inner ones are shifted together by up to half a chunk either way."""
    first, stop = int(rows[0]), int(rows[-1]) + 1
    n_chunks = max(1, round((stop - first) / length))
    step = (stop - first) / n_chunks
    shift = rng.uniform(-0.5, 0.5)
    inner = [first + round(step * (k + shift)) for k in range(1, n_chunks)]
    return [first, *inner, stop]


def _between(edges: list[int], *, burn_in: int) -> list[Span]:
    pairs = itertools.pairwise(edges)
    return [Span(opens=max(0, start - burn_in), start=start, stop=stop) for start, stop in pairs if start < stop]


def _grouped(spans: list[Span], size: int) -> list[list[Span]]:
    return [spans[k : k + size] for k in range(0, len(spans), size)]
