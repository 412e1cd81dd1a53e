"""Soft ranks of wide cross-sections: the pairwise sum of sigmoids as a convolution on a grid.

Σⱼ sigmoid((xᵢ − xⱼ)/τ) is the names' density convolved with a sigmoid. Names are spread over a regular grid with
B-splines, the grid is convolved by FFT with the sigmoid less a linear trend (periodic, known in closed form; the
splines are divided out), and read back with the same splines; the trend is added exactly. The function is the
pairwise one of `models.losses.rank_loss.soft_ranks`, and the gradient the exact one of the gridded sum. Time is linear
in names plus M log M in grid points; memory is linear in both. A grid point is τ/POINTS wide; where a session has wide
empty stretches they are folded, because a sigmoid is flat there, so M never exceeds a fixed number of points a name.

Points of the grid lie at whole multiples of their width, in no relation to the other names, so a session's result
does not jump when another name moves. All sums have one fixed order: results repeat bit for bit on a CPU. The code
names no device and reads one number back (the size of the grid); on CUDA it is untested.

References
----------
T. Qin, T.-Y. Liu, H. Li (2010), "A general approximation framework for direct optimization of information retrieval
measures", eq. 10: the ranks. A. Dutt, V. Rokhlin (1993), "Fast Fourier transforms for nonequispaced data":
spreading, transform and interpolation. I. J. Schoenberg (1946), "Contributions to the problem of approximation of
equidistant data by analytic functions", part A: B-splines and their transform.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch.autograd.function import once_differentiable

__all__ = ["GRID_ABOVE", "grid_soft_ranks"]

GRID_ABOVE = 512  # names: wider cross-sections take this form; here it is quicker at every τ ≥ 0.01 and batch tried
DEGREE = 5  # of the B-splines; odd
POINTS = 3  # grid points in one τ; with degree 5, errors of 3e-8 of the names in value and 2e-6 in gradient
REACH = 18 * POINTS  # points beyond which a sigmoid is flat: e⁻¹⁸ = 1.5e-8
LONG_GRID = 2**14  # points of a session: longer grids are folded
GRID_BUDGET = 2**19  # points of all sessions at once: some 75 MiB with the splines' shares


def grid_soft_ranks(values: torch.Tensor, mask: torch.Tensor, *, temperature: float) -> torch.Tensor:
    """Σⱼ sigmoid((xᵢ − xⱼ)/τ) over the names j of the same session, i included; 0 outside the mask.

    The same function as `models.losses.rank_loss.soft_ranks` in time and memory that grow with the names and not with
    their square. Values are within 1e-6 of the session's names; gradients within 1e-5 of the session's largest, or of
    the steepest pair's, max |upstream| / 4τ, if that is greater. Differentiable once.

    Parameters
    ----------
    values : Tensor of float32 or float64, shape (S, N)
        Read under the mask only. A session with a value that is not finite has NaN ranks and gradients.
    mask : Tensor of bool, shape (S, N)
        Names that count.
    temperature : float
        τ, positive; as it falls the result tends to the average rank less one half.
    """
    with torch.no_grad():
        places = _places(values, mask, width=temperature / POINTS)
    if values.shape[0] > 1 and values.shape[0] * places.points > GRID_BUDGET:
        halves = zip(values.chunk(2), mask.chunk(2), strict=True)
        return torch.cat([grid_soft_ranks(*half, temperature=temperature) for half in halves])
    ranks: torch.Tensor = _GridRanks.apply(values, mask, places, temperature)  # type: ignore[no-untyped-call]
    return ranks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Places:
    """Where the names lie: cell + part, in grid points from the session's first; a cell starts at a grid point."""

    cells: torch.Tensor  # (S, N) of int64
    parts: torch.Tensor  # (S, N) of float, in [0, 1)
    points: int  # M, of every session's grid

    @property
    def rows(self) -> torch.Tensor:
        """Cells of all sessions in one row, shape (S × N,)."""
        sessions = torch.arange(self.cells.shape[0], device=self.cells.device)
        return (self.cells + self.points * sessions[:, None]).reshape(-1)


class _GridRanks(torch.autograd.Function):
    """Soft ranks by grid; the backward pass spreads the upstream gradient over the same grid."""

    @staticmethod
    def forward(
        ctx: Any, values: torch.Tensor, mask: torch.Tensor, places: _Places, temperature: float
    ) -> torch.Tensor:
        names = mask.to(values.dtype)
        ranks, slopes = _sums_of_sigmoids(places, names)
        spoiled = (mask & ~(values / temperature).isfinite()).any(dim=1, keepdim=True)
        ctx.save_for_backward(names, slopes, spoiled, places.cells, places.parts)
        ctx.points, ctx.width = places.points, temperature / POINTS
        return torch.where(spoiled, torch.nan, names * ranks)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        names, slopes, spoiled, cells, parts = ctx.saved_tensors
        pulls = names * upstream
        _, pulled = _sums_of_sigmoids(_Places(cells=cells, parts=parts, points=ctx.points), pulls)
        gradient = (pulls * slopes - names * pulled) / ctx.width
        return torch.where(spoiled, torch.nan, gradient), None, None, None


def _sums_of_sigmoids(places: _Places, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Σⱼ wⱼ sigmoid at every name and its slope per grid point, both (S, N)."""
    grid = _convolved(_spread(places, weights))
    value, slope = _read(grid, places)
    total = weights.sum(dim=1, keepdim=True)
    positions = places.cells + places.parts
    trend = (total * positions - (weights * positions).sum(dim=1, keepdim=True)) / places.points
    return value + trend + total / 2, slope + total / places.points


def _spread(places: _Places, weights: torch.Tensor) -> torch.Tensor:
    """Σⱼ wⱼ β(point − position j), float64 of shape (S, M)."""
    n_sessions, rows, parts = weights.shape[0], places.rows, places.parts
    moments = []
    for _ in range(DEGREE + 1):
        empty = torch.zeros(n_sessions * places.points, dtype=weights.dtype, device=weights.device)
        moments.append(empty.index_add_(0, rows, weights.reshape(-1)).view(n_sessions, -1))
        weights = weights * parts
    shares = torch.stack(moments, dim=2).double() @ _spline(weights.device)  # (S, M, points reached)
    grid = torch.zeros_like(shares[:, :, 0])
    for share, offset in zip(shares.unbind(dim=2), _offsets(), strict=True):
        grid += share.roll(offset, dims=1)
    return grid


def _read(grid: torch.Tensor, places: _Places) -> tuple[torch.Tensor, torch.Tensor]:
    """Spline through the grid at every name and its slope, both (S, N)."""
    reached = torch.stack([grid.roll(-offset, dims=1) for offset in _offsets()], dim=2)
    powers = (reached @ _spline(grid.device).T).to(places.parts.dtype)  # (S, M, DEGREE + 1)
    rows, parts = places.rows, places.parts
    value, slope = torch.zeros_like(parts), torch.zeros_like(parts)
    for power in reversed(powers.unbind(dim=2)):  # Horner's rule, with its derivative
        slope = torch.addcmul(value, slope, parts)
        value = torch.addcmul(power.reshape(-1).index_select(0, rows).view_as(parts), value, parts)
    return value, slope


def _convolved(grid: torch.Tensor) -> torch.Tensor:
    """Convolve with the trend-free sigmoid and divide both splines out.

    On a period of M points, s(u) − 1/2 − u/M has the Fourier coefficients π a / (i sinh(π a ω)) / M, a = τ in points.
    """
    points = grid.shape[1]
    turns = torch.arange(points // 2 + 1, dtype=torch.float64, device=grid.device) / points
    spline = torch.sinc(turns) ** (2 * DEGREE + 2)
    kernel = -1j * math.pi * POINTS / (torch.sinh(2 * math.pi**2 * POINTS * turns) * spline)
    kernel[0] = 0.0
    convolved: torch.Tensor = torch.fft.irfft(torch.fft.rfft(grid) * kernel, n=points)
    return convolved


def _places(values: torch.Tensor, mask: torch.Tensor, *, width: float) -> _Places:
    """Place names on their sessions' grids; names outside the mask lie with the lowest."""
    positions = values.double() / width
    known = mask & positions.isfinite()
    lowest = torch.where(known, positions, torch.inf).amin(dim=1, keepdim=True)
    positions = torch.where(known, positions, torch.where(lowest.isfinite(), lowest, 0.0))
    floors = positions.floor()
    cells = floors - floors.amin(dim=1, keepdim=True)
    if cells.max() > LONG_GRID:
        cells = _folded(floors)
    points = _length(int(cells.max()) + 1 + REACH)
    return _Places(cells=cells.long(), parts=(positions - floors).to(values.dtype), points=points)


def _folded(floors: torch.Tensor) -> torch.Tensor:
    """Count cells from the lowest, every empty stretch longer than a sigmoid's reach cut down to it, shape (S, N)."""
    ordered, order = torch.sort(floors, dim=1, stable=True)
    steps = torch.diff(ordered, dim=1, prepend=ordered[:, :1]).clamp(max=REACH + 1).long()
    return steps.cumsum(dim=1).gather(1, order.argsort(dim=1)).double()


def _length(points: int) -> int:
    """Next length of a quick FFT: 2ᵏ times 4, 5, 6 or 7."""
    step = 1 << max(0, points.bit_length() - 3)
    return -(-points // step) * step


def _offsets() -> range:
    """Grid points a cell reaches, from its first."""
    return range((DEGREE + 1) // 2, -(DEGREE + 1) // 2, -1)


@lru_cache
def _spline(device: torch.device) -> torch.Tensor:
    """Powers (rows) of a cell's part in the weight of each point reached, by Cox and de Boor's recursion."""
    pieces = torch.ones(1, 1, dtype=torch.float64, device=device)  # (piece, power of the part)
    for degree in range(1, DEGREE + 1):
        piece = torch.arange(degree + 1, device=device)[:, None]
        rising = torch.nn.functional.pad(pieces, (0, 1, 0, 1))
        falling = torch.nn.functional.pad(pieces, (0, 1, 1, 0))
        pieces = piece * rising + (degree + 1 - piece) * falling + (rising - falling).roll(1, dims=1)
        pieces = pieces / degree
    return pieces.T.contiguous()
