"""Soft ranks forward and backward, 32 sessions: naive pairwise, chunked pairwise and grid, on one thread."""

from collections.abc import Callable
from functools import partial

import torch

from benchmarks.runner import Options, Ratio, Section, added_peak, fresh_peak, interleaved
from models.losses.grid_ranks import GRID_ABOVE, grid_soft_ranks
from models.losses.rank_loss import soft_ranks

N_SESSIONS = 32
WIDTHS = (200, 500, 1_000, 2_000, 5_000)
TEMPERATURE = 0.05
NAIVE_BYTES = 2**30  # of one S × N × N tensor; wider sections go through the naive form one session at a time


def naive(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Soft ranks by the full matrix of pairs, left to autograd."""
    pairs = torch.sigmoid((values[:, :, None] - values[:, None, :]) / TEMPERATURE)
    return (pairs * mask[:, None, :]).sum(dim=2) * mask


def chunked(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Soft ranks by blocks of pairs with their own backward pass."""
    return soft_ranks(values, mask, temperature=TEMPERATURE)


def grid(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Soft ranks by grid and FFT."""
    return grid_soft_ranks(values, mask, temperature=TEMPERATURE)


Form = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Case = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
FORMS: dict[str, Form] = {"naive": naive, "chunked": chunked, "grid": grid}


def workload(width: int) -> Case:
    """Z-scored normal predictions, a mask that hides one name in ten, and an upstream gradient."""
    generator = torch.Generator().manual_seed(width)
    values = torch.randn(N_SESSIONS, width, generator=generator)
    values = (values - values.mean(dim=1, keepdim=True)) / values.std(dim=1, keepdim=True)
    mask = torch.rand(N_SESSIONS, width, generator=generator) >= 0.1
    return values, mask, torch.randn(N_SESSIONS, width, generator=generator)


def gradient(form: str, values: torch.Tensor, mask: torch.Tensor, upstream: torch.Tensor) -> torch.Tensor:
    """Run one form forward and backward."""
    leaf = values.clone().requires_grad_()
    whole = form != "naive" or values.numel() * values.shape[1] * 4 <= NAIVE_BYTES
    for rows in [slice(None)] if whole else [slice(k, k + 1) for k in range(values.shape[0])]:
        torch.autograd.backward(FORMS[form](leaf[rows], mask[rows]), upstream[rows])
    assert leaf.grad is not None
    return leaf.grad


def medians(case: Case, rounds: int, *, forms: tuple[str, ...] = tuple(FORMS)) -> dict[str, float]:
    """Median seconds of the forms on one case."""
    return interleaved({form: partial(gradient, form, *case) for form in forms}, rounds)


def gradient_error(form: str, width: int) -> float:
    """Error against float64 pairs, over the session's largest gradient, worst of two sessions."""
    values, mask, upstream = (part[:2] for part in workload(width))
    wanted = gradient("chunked", values.double(), mask, upstream.double())
    approximate = gradient(form, values, mask, upstream)
    return ((approximate - wanted).abs() / wanted.abs().amax(dim=1, keepdim=True)).max().item()


def peak(form: str) -> float:
    """How much one call raises this process's peak memory, in MB; the form is followed by its width."""
    steady()
    name, width = form.split()
    gradient(name, *(part[:, :8] for part in workload(8)))
    return added_peak(partial(gradient, name, *workload(int(width))))


def steady() -> None:
    """Ask torch for one thread, and for the determinism that training demands."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def row(width: int, seconds: dict[str, float], memory: bool) -> tuple[str, ...]:
    """One line of the table."""
    times = [f"{seconds[form] * 1e3:,.1f}" for form in FORMS]
    ratios = [f"{seconds[form] / seconds['grid']:,.0f}×" for form in ("naive", "chunked")]
    errors = [f"{gradient_error(form, width):.0e}" for form in ("chunked", "grid")]
    peaks = [f"{fresh_peak('soft_rank', f'{form} {width}'):,.0f}" if memory else "" for form in FORMS]
    return f"{width:,}", *times, *ratios, *errors, *peaks


def crossing() -> str:
    """Narrowest width tried at which the grid is the quicker, for one session and for all."""
    crossings = []
    for n_sessions in (1, N_SESSIONS):
        for width in (50, 100, 150, 200, 300, 400, 512, 700, 1_000):
            values, mask, upstream = workload(width)
            case = values[:n_sessions], mask[:n_sessions], upstream[:n_sessions]
            times = medians(case, 11, forms=("chunked", "grid"))
            if times["grid"] < times["chunked"]:
                crossings.append(f"{width} names ({n_sessions} session{'s' * (n_sessions > 1)})")
                break
    return " and ".join(crossings)


def section(options: Options) -> Section:
    """Measure, and return the section."""
    steady()
    seconds = {width: medians(workload(width), options.rounds) for width in WIDTHS}
    notes = (
        f"Forward and backward of the soft ranks of {N_SESSIONS} sessions, float32, τ = {TEMPERATURE}, z-scored normal "
        "predictions, one name in ten masked. *Naive* is the full matrix of pairs under autograd (one session at a "
        "time where one S × N × N tensor exceeds 1 GiB, which spares it memory and time), *chunked* the pairwise twin "
        "`models.losses.rank_loss.soft_ranks`, *grid* `models.losses.grid_ranks.grid_soft_ranks`. Errors are of the "
        "gradient against float64 pairs, over the session's largest.",
        f"The grid is quicker from {crossing()}; `session_losses` takes it above {GRID_ABOVE} names.",
    )
    heads = ("naive ms", "chunked ms", "grid ms", "naive ÷ grid", "chunked ÷ grid", "chunked error", "grid error")
    return Section(
        heading="Soft ranks of wide cross-sections",
        clock=f"CPU, one thread, processor time, medians of {options.rounds} interleaved rounds in one run",
        notes=notes,
        columns=("names", *heads, "naive MB", "chunked MB", "grid MB"),
        rows=tuple(row(width, times, options.memory) for width, times in seconds.items()),
        ratios=tuple(
            Ratio(form=f"grid, {width:,} names", rival=rival, times=times[rival] / times["grid"])
            for width, times in seconds.items()
            if width >= 2_000
            for rival in ("chunked", "naive")
        ),
    )
