"""Soft ranks forward and backward, 32 sessions: naive pairwise, chunked pairwise and grid.

    python -m benchmarks.soft_rank [--rounds 5] [--no-memory]      (memory needs Linux)

Run from the checkout. Prints a table and writes it into its own section of `benchmarks/README.md`. The forms are
interleaved, one thread, determinism demanded as in training. Times are medians of processor time, which neighbours on
a shared machine disturb less than the clock; ratios are of medians. Memory is the peak resident set of a process that
runs one form once, less the same process before the call.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from models.grid_ranks import GRID_ABOVE, grid_soft_ranks
from models.losses import soft_ranks

N_SESSIONS = 32
WIDTHS = (200, 500, 1_000, 2_000, 5_000)
TEMPERATURE = 0.05
NAIVE_BYTES = 2**30  # of one S × N × N tensor; wider sections go through the naive form one session at a time
README = Path(__file__).parent / "README.md"
HEADING = "## Soft ranks of wide cross-sections"


def naive(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return soft ranks by the full matrix of pairs, left to autograd."""
    pairs = torch.sigmoid((values[:, :, None] - values[:, None, :]) / TEMPERATURE)
    return (pairs * mask[:, None, :]).sum(dim=2) * mask


def chunked(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return soft ranks by blocks of pairs with their own backward pass."""
    return soft_ranks(values, mask, temperature=TEMPERATURE)


def grid(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return soft ranks by grid and FFT."""
    return grid_soft_ranks(values, mask, temperature=TEMPERATURE)


Form = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Case = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
FORMS: dict[str, Form] = {"naive": naive, "chunked": chunked, "grid": grid}


def workload(width: int) -> Case:
    """Return z-scored normal predictions, a mask that hides one name in ten, and an upstream gradient."""
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


def medians(forms: tuple[str, ...], case: Case, rounds: int) -> dict[str, float]:
    """Return median seconds of interleaved calls; the first round warms up and does not count."""
    times: dict[str, list[float]] = {form: [] for form in forms}
    for _ in range(rounds + 1):
        for form, kept in times.items():
            start = time.process_time()
            gradient(form, *case)
            kept.append(time.process_time() - start)
    return {form: statistics.median(kept[1:]) for form, kept in times.items()}


def gradient_error(form: str, width: int) -> float:
    """Return the error against float64 pairs, over the session's largest gradient, worst of two sessions."""
    values, mask, upstream = (part[:2] for part in workload(width))
    wanted = gradient("chunked", values.double(), mask, upstream.double())
    found = gradient(form, values, mask, upstream)
    return ((found - wanted).abs() / wanted.abs().amax(dim=1, keepdim=True)).max().item()


def megabytes(form: str, width: int) -> float:
    """Return the peak memory of one call in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.soft_rank", "--peak", form, str(width)]
    finished = subprocess.run(command, check=True, capture_output=True, text=True, cwd=README.parent.parent)
    return float(finished.stdout)


def peak(form: str, width: int) -> float:
    """Return how much one call raises this process's peak memory, in MB."""
    gradient(form, *(part[:, :8] for part in workload(8)))
    case = workload(width)
    before = high_water()
    gradient(form, *case)
    return high_water() - before


def high_water() -> float:
    """Return this process's peak resident memory in MB, from Linux's process table."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def row(width: int, rounds: int, memory: bool) -> str:
    """Return one line of the table."""
    found = medians(tuple(FORMS), workload(width), rounds)
    times = [f"{found[form] * 1e3:,.1f}" for form in FORMS]
    ratios = [f"{found[form] / found['grid']:,.0f}×" for form in ("naive", "chunked")]
    errors = [f"{gradient_error(form, width):.0e}" for form in ("chunked", "grid")]
    peaks = [f"{megabytes(form, width):,.0f}" if memory else "" for form in FORMS]
    return "| " + " | ".join([f"{width:,}", *times, *ratios, *errors, *peaks]) + " |"


def crossing() -> str:
    """Return the narrowest width tried at which the grid is the quicker, for one session and for all."""
    found = []
    for n_sessions in (1, N_SESSIONS):
        for width in (50, 100, 150, 200, 300, 400, 512, 700, 1_000):
            values, mask, upstream = workload(width)
            case = values[:n_sessions], mask[:n_sessions], upstream[:n_sessions]
            times = medians(("chunked", "grid"), case, 11)
            if times["grid"] < times["chunked"]:
                found.append(f"{width} names ({n_sessions} session{'s' * (n_sessions > 1)})")
                break
    return " and ".join(found)


def processor() -> str:
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def section(rounds: int, memory: bool) -> str:
    """Return the section of the README, printing rows as they are measured."""
    head = "| names | naive ms | chunked ms | grid ms | naive ÷ grid | chunked ÷ grid | chunked error | grid error |"
    head += " naive MB | chunked MB | grid MB |"
    lines = [head, "|" + "---:|" * (head.count("|") - 1)]
    print("\n".join(lines), flush=True)
    for width in WIDTHS:
        lines.append(row(width, rounds, memory))
        print(lines[-1], flush=True)
    facts = (
        f"{processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} thread, Python {platform.python_version()}, "
        f"torch {torch.__version__}, CPU only; "
        f"processor time, medians of {rounds} interleaved rounds in one run."
    )
    notes = (
        f"Forward and backward of the soft ranks of {N_SESSIONS} sessions, float32, τ = {TEMPERATURE}, z-scored normal "
        "predictions, one name in ten masked. *Naive* is the full matrix of pairs under autograd (one session at a "
        "time where one S × N × N tensor exceeds 1 GiB, which spares it memory and time), *chunked* the pairwise twin "
        "`models.losses.soft_ranks`, *grid* `models.grid_ranks.grid_soft_ranks`. Errors are of the gradient against "
        "float64 pairs, over the session's largest. MB is what one call adds to the peak of a fresh process.\n\n"
        f"The grid is quicker from {crossing()}; `session_losses` takes it above {GRID_ABOVE} names."
    )
    return "\n\n".join([HEADING, "`python -m benchmarks.soft_rank`: " + facts, notes, "\n".join(lines)]) + "\n"


def write(text: str, heading: str = HEADING) -> None:
    """Put the section of a heading into the README in place of its last edition, and leave the other sections alone."""
    page = README.read_text(encoding="utf-8") if README.exists() else "# Benchmarks\n"
    before, _, rest = page.partition(heading)
    after = rest.partition("\n## ")
    README.write_text(before.rstrip() + "\n\n" + text + (f"\n## {after[2]}" if after[1] else ""), encoding="utf-8")


def main() -> None:
    """Measure, print and write, or print one peak."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    if chosen.peak:
        print(peak(chosen.peak[0], int(chosen.peak[1])))
        return
    text = section(chosen.rounds, memory=not chosen.no_memory)
    print("\n" + text)
    write(text)


if __name__ == "__main__":
    main()
