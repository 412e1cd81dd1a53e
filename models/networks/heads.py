"""Heads: what a network gives for each name, on the last axis; a single head, the score, has no axis of its own."""

import torch

__all__ = ["head_of", "score_of", "squeezed"]


def squeezed(given: torch.Tensor) -> torch.Tensor:
    """What a network gives, (…, heads), as it gives it: (…) where there is one head."""
    return given.squeeze(-1) if given.shape[-1] == 1 else given


def score_of(given: torch.Tensor, heads: tuple[str, ...]) -> torch.Tensor:
    """The score, (…), of what a network with these heads gives."""
    return head_of(given, heads, "score")


def head_of(given: torch.Tensor, heads: tuple[str, ...], head: str) -> torch.Tensor:
    """One head, (…), of what a network with these heads gives."""
    return given if len(heads) == 1 else given[..., heads.index(head)]
