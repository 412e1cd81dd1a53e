"""Computation: features of a panel in blocks that fit a memory budget, in threads, in processes or on a Ray cluster.

A feature of one ticker is computed for some tickers at a time, a cross-sectional one for some sessions at a time, after
the ``warm_up`` sessions that it reads before them. What several features of a block read is computed once
(``signals.features.shared_series``). Neither the blocks nor the workers change a bit. Arithmetic is float64;
the result may be stored as float32.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from core.allocator import keep_large_blocks
from core.parallel import BACKENDS, cores, mapped
from core.progress import ProgressCallback, silent
from market.panel import BAR_FIELDS, Panel
from signals.features.feature import Feature
from signals.features.print_windows import PrintWindows
from signals.features.shared_series import sharing

__all__ = ["GAP_LIMIT", "Computing", "Pieces", "computed_pieces", "whole_frames"]

LIBRARIES = 512_000_000  # bytes of the interpreter and what it has loaded
SCRATCH = 44  # float64 arrays of a block that are alive: 24 of a feature in work, 20 that features share
GAP_LIMIT = 5  # sessions, that of a strategy which says nothing else
CELLS = 500_000  # of a block, at most: few enough to stay near the processor, enough to be worth a call

Pieces = Iterator[tuple[Feature, np.ndarray]]
Homes = Mapping[str, np.ndarray] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Computing:
    """How features are computed and stored; ``gap_limit`` changes numbers, ``dtype`` by one rounding, the rest none.

    Parameters
    ----------
    dtype : {"float64", "float32"}
        Type of the result. Arithmetic is float64 in both cases.
    memory : int or None
        Bytes that the process should hold at most: bars, features, blocks in work and 0.5 GB for the interpreter.
        Features in a cache are mapped and not counted. None sets no bound.
    cache : Path or None
        Folder of cached features, mapped into memory; see :mod:`signals.features.cache`.
    workers : int or None
        Blocks at once; by default one per core for threads, and 1 elsewhere.
    on : {"threads", "processes", "ray"}
        Backend, as for :func:`core.parallel.mapped`.
    progress : callable
        Called with ``"features"``, blocks done and blocks in all.
    gap_limit : int
        Longest hole between two prints of a name that its windows skip, in sessions
        (:mod:`signals.features.print_windows`); 0: a window that meets a hole is NaN.

    Raises
    ------
    ValueError
        If a value is none of these.

    Examples
    --------
    >>> qt.Computing(dtype="float32", workers=2).at_a_time
    2
    """

    dtype: str = "float64"
    memory: int | None = None
    cache: Path | None = None
    workers: int | None = None
    on: str = "threads"
    progress: ProgressCallback = silent
    gap_limit: int = GAP_LIMIT

    def __post_init__(self) -> None:
        if self.dtype not in ("float64", "float32"):
            raise ValueError(f"dtype must be float64 or float32, was {self.dtype!r}")
        if self.on not in BACKENDS:
            raise ValueError(f"on must be one of {', '.join(BACKENDS)}, was {self.on!r}")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be at least 1, was {self.workers}")
        if self.gap_limit < 0:
            raise ValueError(f"gap_limit must be at least 0 sessions, was {self.gap_limit}")

    @property
    def at_a_time(self) -> int:
        """Blocks in work."""
        return self.workers or (cores() if self.on == "threads" else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Bars of some tickers, or of some sessions and those before, the features wanted of them and where they go."""

    panel: Panel
    features: tuple[Feature, ...]
    dtype: str
    gap_limit: int
    skipped: int = 0
    homes: tuple[np.ndarray, ...] | None = None


def whole_frames(panel: Panel, features: Sequence[Feature], computing: Computing) -> dict[str, np.ndarray]:
    """Compute distinct features, each of shape (n_sessions, n_tickers) with one ticker contiguous.

    Parameters
    ----------
    panel : Panel
        Bars.
    features : sequence of Feature
        Distinct ones.
    computing : Computing
        Budget, workers and the type of the result.
    """
    frames = {feature.name: np.empty(panel.close.shape, computing.dtype, order="F") for feature in features}
    if computing.on == "threads":
        for _ in computed_pieces(panel, features, computing, homes=frames):
            pass  # threads write into these frames
        return frames
    filled = dict.fromkeys(frames, 0)
    for feature, piece in computed_pieces(panel, features, computing):
        first, last = filled[feature.name], filled[feature.name] + piece.shape[1]
        frames[feature.name][:, first:last] = piece
        filled[feature.name] = last
    return frames


def computed_pieces(panel: Panel, features: Sequence[Feature], computing: Computing, *, homes: Homes = None) -> Pieces:
    """Yield each feature for some tickers at a time, in the order of the tickers.

    Parameters
    ----------
    panel : Panel
        Bars.
    features : sequence of Feature
        Distinct ones.
    computing : Computing
        Budget, workers and the type of the pieces.
    homes : mapping of str to array of shape (n_sessions, n_tickers), optional
        Where numbers go, by feature; the pieces are views of them then. For threads.

    Yields
    ------
    tuple of Feature and array of shape (n_sessions, n_tickers of the piece)

    Raises
    ------
    ValueError
        If not even one ticker at a time fits the budget.
    """
    keep_large_blocks()
    alone = tuple(feature for feature in features if not feature.cross_sectional)
    across = [feature for feature in features if feature.cross_sectional]
    cells = _cells_of_a_block(panel, len(features), computing)
    tickers = _spans(len(panel.tickers), cells // len(panel.sessions)) if alone else []
    sessions = {feature.name: _spans(len(panel.sessions), _rows(feature, panel, cells)) for feature in across}
    blocks = chain(
        (_of_tickers(panel, span, alone, computing, homes) for span in tickers),
        (_of_sessions(panel, span, feature, computing, homes) for feature in across for span in sessions[feature.name]),
    )
    n_blocks = len(tickers) + sum(len(spans) for spans in sessions.values())
    pieces = _with_progress(mapped(_compute, blocks, workers=computing.at_a_time, on=computing.on), n_blocks, computing)
    for _ in tickers:
        yield from zip(alone, next(pieces), strict=True)
    for feature in across:
        rows = [next(pieces)[0] for _ in sessions[feature.name]]
        yield feature, np.concatenate(rows) if homes is None else homes[feature.name]


def _cells_of_a_block(panel: Panel, n_features: int, computing: Computing) -> int:
    """Numbers of one field that a block holds: at least one ticker's."""
    if computing.memory is None:
        return max(CELLS, len(panel.sessions))
    fixed = LIBRARIES + panel.close.size * (8 * len(BAR_FIELDS) + 1)
    stored = panel.close.size * n_features * np.dtype(computing.dtype).itemsize if computing.cache is None else 0
    a_cell = 8 * SCRATCH + n_features * np.dtype(computing.dtype).itemsize
    blocks = computing.at_a_time + 2  # those in work, one that is done, one that is read
    free = computing.memory - fixed - stored
    if free < blocks * a_cell * len(panel.sessions):
        least = (fixed + stored + blocks * a_cell * len(panel.sessions)) / 1e9
        raise ValueError(
            f"memory must be at least {least:.1f}GB for {n_features} features of {len(panel.tickers)} tickers over "
            f"{len(panel.sessions)} sessions, was {computing.memory / 1e9:.1f}GB: give more, a cache to keep them in, "
            "or float32"
        )
    return max(min(CELLS, free // (blocks * a_cell)), len(panel.sessions))


def _rows(feature: Feature, panel: Panel, cells: int) -> int:
    """Sessions of a block of a cross-sectional feature: enough to be worth its warm-up."""
    return max(cells // len(panel.tickers), 4 * feature.warm_up, 1)


def _spans(length: int, step: int) -> list[tuple[int, int]]:
    return [(first, min(first + step, length)) for first in range(0, length, step)]


def _of_tickers(
    panel: Panel, span: tuple[int, int], features: tuple[Feature, ...], computing: Computing, homes: Homes
) -> _Block:
    to = None if homes is None else tuple(homes[feature.name][:, slice(*span)] for feature in features)
    bars, limit = panel.of_columns(*span), computing.gap_limit
    return _Block(panel=bars, features=features, dtype=computing.dtype, gap_limit=limit, homes=to)


def _of_sessions(panel: Panel, span: tuple[int, int], feature: Feature, computing: Computing, homes: Homes) -> _Block:
    first, limit = max(span[0] - feature.warm_up - computing.gap_limit, 0), computing.gap_limit
    bars = panel.between(panel.sessions[first], panel.sessions[span[1] - 1])
    to = None if homes is None else (homes[feature.name][slice(*span)],)
    skipped = span[0] - first
    return _Block(panel=bars, features=(feature,), dtype=computing.dtype, gap_limit=limit, skipped=skipped, homes=to)


def _compute(block: _Block) -> list[np.ndarray]:
    pieces, windows = [], PrintWindows(block.panel, block.gap_limit)
    with sharing():
        for k, feature in enumerate(block.features):
            numbers = windows.numbers(feature)[block.skipped :]
            piece = np.empty(numbers.shape, block.dtype, order="F") if block.homes is None else block.homes[k]
            piece[...] = numbers
            pieces.append(piece)
    return pieces


def _with_progress(results: Iterator[list[np.ndarray]], total: int, computing: Computing) -> Iterator[list[np.ndarray]]:
    """Pass results on and report how many are done."""
    computing.progress("features", 0, total)
    for done, result in enumerate(results, start=1):
        computing.progress("features", done, total)
        yield result
