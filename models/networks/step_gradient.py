"""Step gradient: the gradient of a step's mean session loss, one span after the other, and what it measured.

Memory is that of one span, however many sessions a step counts. With ``precision = "bf16"`` the network's products are
in bfloat16, its weights and the loss in float32.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from models.losses.session_losses import SessionLosses, session_losses
from models.model_settings import ModelSettings
from models.networks.augmentation import Sample, drawn_sample
from models.networks.epoch_measures import rank_sums, side_sums
from models.networks.heads import score_of
from models.spans import Span, labelled_block, span_scores, usable_sessions
from models.threads import threads
from models.windows import Windows

__all__ = ["check_precision", "span_losses", "step_gradient"]


def step_gradient(
    network: nn.Module, windows: Windows, spans: Sequence[Span], *, settings: ModelSettings, rng: np.random.Generator
) -> dict[str, float] | None:
    """Add the gradient of the spans' mean session loss to the weights; return sums over their sessions.

    None, and no gradient, where names that were mixed left no session with enough labels.

    Parameters
    ----------
    network : Module
        In training mode.
    windows : Windows
        On the device of the network.
    spans : sequence of Span
        Of one step.
    settings : ModelSettings
        Loss, heads, precision and augmentation.
    rng : Generator
        What augmentations are drawn from.
    """
    samples = [drawn_sample(windows, span, settings.training, rng) for span in spans]
    counted = sum(int(usable_sessions(each.windows, _scored(each.span)).sum()) for each in samples)
    if not counted:
        return None
    parts = [_backward(network, sample, counted=counted, settings=settings) for sample in samples]
    return {key: sum(part[key] for part in parts) for key in parts[0]} | {"sessions": float(counted)}


def _backward(network: nn.Module, sample: Sample, *, counted: int, settings: ModelSettings) -> dict[str, float]:
    """Push one span's share of the gradient through the network; return sums over its sessions."""
    windows, span = sample.inputs(), sample.span
    names, y, labelled = labelled_block(windows, span)
    given = _given(network, windows, span, names, precision=settings.training.precision)
    outputs = given.detach().requires_grad_()  # the loss has a small graph of its own: all pulls cost next to nothing
    losses = span_losses(outputs, y, labelled, target_sd=windows.scaler.target_sd, settings=settings)
    pulls = {
        name: torch.autograd.grad(weight / counted * losses.terms[name].sum(), outputs, retain_graph=True)[0]
        for name, weight in settings.loss.weights.items()
    }
    with threads(1):
        torch.autograd.backward(given, sum(pulls.values(), torch.zeros_like(outputs)))
    scores = score_of(outputs.detach(), settings.model.gives)
    measured = {"loss": losses.total.sum().item()}
    measured |= side_sums(scores, y, labelled) | rank_sums(scores, y, labelled)
    measured |= {f"{name}_term": term.sum().item() for name, term in losses.terms.items()}
    return measured | {f"{name}_pull": pull.square().sum().item() for name, pull in pulls.items()}


def span_losses(
    outputs: torch.Tensor, y: torch.Tensor, labelled: torch.Tensor, *, target_sd: float, settings: ModelSettings
) -> SessionLosses:
    """The loss of every session of a span, whose names and labels are those of ``labelled_block``."""
    return session_losses(outputs, y, labelled, settings=settings.loss, target_sd=target_sd, heads=settings.model.gives)


def check_precision(precision: str, place: torch.device) -> None:
    """Refuse bfloat16 where the processor or the graphics card has none.

    Raises
    ------
    ValueError
        If it has none.
    """
    if precision == "bf16" and not (_card_has_bf16() if place.type == "cuda" else _processor_has_bf16()):
        what = "graphics card" if place.type == "cuda" else "processor"
        raise ValueError(f"training.precision bf16 is not available: this {what} has no bfloat16; use float32")


def _given(network: nn.Module, windows: Windows, span: Span, names: torch.Tensor, *, precision: str) -> torch.Tensor:
    """What the network gives, float32 of shape (sessions, names) or (sessions, names, heads)."""
    if precision == "float32":
        return span_scores(network, windows, span, names)
    with torch.autocast(windows.x.device.type, dtype=torch.bfloat16):
        return span_scores(network, windows, span, names).float()


def _card_has_bf16() -> bool:
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _processor_has_bf16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _scored(span: Span) -> slice:
    return slice(span.start, span.stop)
