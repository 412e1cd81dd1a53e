"""Terms on pairs of names at 1,695 names, beside the same sums over whole matrices under autograd."""

from collections.abc import Callable, Mapping

import torch

from benchmarks.runner import Options, Ratio, Section, added_peak, fresh_peak, interleaved
from core.allocator import keep_large_blocks
from models.losses.rank_loss import average_ranks
from models.losses.session_losses import session_losses
from models.model_settings import LossSettings

N_NAMES = 1_695
TERMS = ("margin", "bpr", "ranknet", "lambdarank_ic")
FORMS = ("blocks", "matrix")
TARGET_SD = 0.02


def blocks(term: str, scores: torch.Tensor, returns: torch.Tensor) -> torch.Tensor:
    """The term as the training loop has it."""
    mask, settings = torch.ones_like(scores, dtype=torch.bool), LossSettings(terms={term: 1.0})
    return session_losses(scores, returns, mask, settings=settings, target_sd=TARGET_SD).total.sum()


def matrix(term: str, scores: torch.Tensor, returns: torch.Tensor) -> torch.Tensor:
    """The term over the matrix of all pairs, which autograd keeps: scores without ties."""
    differences, n = scores[0, :, None] - scores[0, None, :], scores.shape[1]
    apart = returns[0, :, None] - returns[0, None, :]
    sides, upper = apart.sign(), torch.ones_like(differences).triu(1)
    softplus, count = torch.nn.functional.softplus, n * (n - 1) / 2
    if term == "margin":
        return (upper * sides.abs() * (1.0 - sides * differences).relu()).sum() / count
    if term == "bpr":
        return (upper * sides.abs() * softplus(-sides * differences)).sum() / count
    if term == "ranknet":
        wanted = torch.sigmoid(apart / TARGET_SD)
        return (upper * (softplus(differences) - wanted * differences)).sum() / count
    every = torch.ones_like(scores, dtype=torch.bool)
    gaps, wanted = (
        (ranks[0, :, None] - ranks[0, None, :]).abs()
        for ranks in (average_ranks(scores.detach(), every), average_ranks(returns, every))
    )
    weights = 12.0 * gaps * wanted / (n * (n**2 - 1.0))
    return (upper * weights * softplus(-sides * differences)).sum() / n


def step(form: str, term: str) -> Callable[[], torch.Tensor]:
    """Value and gradient of one session."""
    made = torch.Generator().manual_seed(0)
    scores, returns = torch.randn(2, 1, N_NAMES, generator=made)
    loss = {"blocks": blocks, "matrix": matrix}[form]

    def run() -> torch.Tensor:
        leaf = scores.clone().requires_grad_()
        loss(term, leaf, TARGET_SD * returns).backward()
        assert leaf.grad is not None
        return leaf.grad

    return run


def peak(form: str) -> float:
    """MB that one step adds: a form and a term, parted by a blank."""
    torch.set_num_threads(1)
    return added_peak(step(*form.split()))


def farthest() -> float:
    """Largest difference of both forms' gradients, over the largest gradient of its term."""
    found = []
    for term in TERMS:
        ours, theirs = (step(form, term)() for form in FORMS)
        found.append(float((ours - theirs).abs().max() / theirs.abs().max()))
    return max(found)


def section(options: Options) -> Section:
    """Measure, and return the section."""
    torch.set_num_threads(1)
    keep_large_blocks()
    runs = {f"{form} {term}": step(form, term) for term in TERMS for form in FORMS}
    seconds = interleaved(runs, options.rounds)
    peaks: Mapping[str, float] = {each: fresh_peak("pair_terms", each) for each in runs} if options.memory else {}
    return Section(
        heading="Losses on pairs of names",
        clock=f"CPU, one thread, processor time, medians of {options.rounds} interleaved rounds in one run",
        notes=(
            f"Value and gradient of one session of {N_NAMES:,} names, float32. *Blocks* is the term that trains, "
            "*matrix* the same sum over all pairs at once under autograd; MB is what one step adds to the peak of a "
            f"fresh process. Gradients of both differ by at most {farthest():.0e} of the largest.",
        ),
        columns=("term", "blocks ms", "matrix ms", "matrix ÷ blocks", "blocks MB", "matrix MB"),
        rows=tuple(
            (
                term,
                f"{seconds[f'blocks {term}'] * 1e3:,.1f}",
                f"{seconds[f'matrix {term}'] * 1e3:,.1f}",
                f"{seconds[f'matrix {term}'] / seconds[f'blocks {term}']:.2f}",
                *(f"{peaks[f'{form} {term}']:,.0f}" if peaks else "" for form in FORMS),
            )
            for term in TERMS
        ),
        ratios=tuple(
            Ratio(
                form=f"{term}, pairs in blocks",
                rival="the matrix of pairs",
                times=seconds[f"matrix {term}"] / seconds[f"blocks {term}"],
            )
            for term in TERMS
        ),
    )
