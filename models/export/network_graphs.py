"""Network graphs: a trained network on the windows of many sessions at once, cut inside the graph.

Every graph of scores takes scaled features x (S, N, F) of float32, 0 where missing, and the mask (S', N) of the names
with a whole window, S' = S − L + 1, and gives scores (S', N) of float64; where the mask is False they mean nothing.
"""

import math

import torch
from torch import nn

from models.architectures.names_attention import CrossAttention
from models.bar_levels import Divided, divisors_of
from models.export.refusal import ExportError
from models.networks.fitted_network import FittedNetwork
from models.networks.heads import score_of, squeezed
from models.spans import reads_sections, reads_sequences

__all__ = ["SectionScores", "WindowScores", "cut_windows", "network_graph"]


def network_graph(model: FittedNetwork) -> nn.Module:
    """The graph of scores of a trained network.

    Raises
    ------
    ExportError
        If it compares the names of a session and is not one of ours.
    """
    network, kind = model.trained.network(torch.device("cpu")), model.settings.model
    if not reads_sections(network):
        return WindowScores(network, lookback=kind.lookback, heads=kind.gives)
    attention = network.network if isinstance(network, Divided) else network
    if not isinstance(attention, CrossAttention):
        raise ExportError(
            f'kind {kind.kind} reads "sections" of its own: a graph of all sessions at once cannot know how it leaves '
            "out names without a window"
        )
    places = network.places if isinstance(network, Divided) else ()
    return SectionScores(attention, lookback=kind.lookback, heads=kind.gives, places=places)


def cut_windows(x: torch.Tensor, lookback: int) -> torch.Tensor:
    """The windows of every session that has a whole one, time first: (L, S', N, …) of x (S, N, …)."""
    decided = torch.arange(x.shape[0] - lookback + 1, device=x.device)
    steps = torch.arange(lookback, device=x.device)
    return x[steps[:, None] + decided]


class WindowScores(nn.Module):
    """A network that scores each window by itself.

    Parameters
    ----------
    network : Module
        In evaluation mode; reads sequences or windows.
    lookback : int
        Sessions of a window.
    heads : tuple of str
        What it gives a name; the score alone is kept.
    """

    def __init__(self, network: nn.Module, *, lookback: int, heads: tuple[str, ...]) -> None:
        super().__init__()
        self.network = network
        self.lookback = lookback
        self.heads = heads
        self.is_sequence = reads_sequences(network)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Scores (S', N) of x (S, N, F)."""
        windows = cut_windows(x, self.lookback)  # (L, S', N, F)
        given = self.network(windows.flatten(1, 2))  # each window is one of a batch of S'·N
        scores = score_of(given[-1] if self.is_sequence else given, self.heads)
        return scores.reshape(mask.shape).double()


class SectionScores(nn.Module):
    """Attention across names, of all sessions at once; a name without a window is attended to by none.

    Parameters
    ----------
    network : CrossAttention
        In evaluation mode.
    lookback : int
        Sessions of a window.
    heads : tuple of str
        What it gives a name.
    places : tuple of int
        What each feature is divided by, see ``models.bar_levels``; empty where none is.
    """

    def __init__(
        self, network: CrossAttention, *, lookback: int, heads: tuple[str, ...], places: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.network = network
        self.lookback = lookback
        self.heads = heads
        self.places = places

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Scores (S', N) of x (S, N, F)."""
        windows = cut_windows(x, self.lookback)  # (L, S', N, F)
        if self.places:
            windows = windows - divisors_of(windows[-1], self.places)
        h = self.network.enter(windows.permute(1, 2, 0, 3).flatten(2))  # (S', N, H): a group is a session's names
        bias = torch.zeros_like(mask, dtype=h.dtype).masked_fill(~mask, -math.inf)[:, None, None, :]
        for block in self.network.blocks:
            h = block(h, bias)
        given = squeezed(self.network.head(self.network.norm(h)))
        return score_of(given, self.heads).double()
