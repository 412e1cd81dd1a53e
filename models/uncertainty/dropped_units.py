"""Dropped units: a network with some of its units left out, for every name and step the same ones.

One draw of masks is one network. It scores windows, sequences and steps as the whole network does, and swapping two
names swaps their scores.
"""

import numpy as np
import torch
from torch import nn

__all__ = ["drop_units"]

CHANNELS = {nn.Dropout: -1, nn.Dropout1d: -2}  # axis of the units; the other axes are names and steps


class _Mask(nn.Module):
    """Units times 0 or 1 ÷ (1 − share), the same on every other axis."""

    def __init__(self, share: float, axis: int, seed: tuple[int, ...]) -> None:
        super().__init__()
        self.share, self.axis, self.seed = share, axis, seed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The units (…, H), or (…, H, L), that are left."""
        kept = _kept(x.shape[self.axis], self.share, self.seed).to(x)
        return x * kept.reshape(-1, *(1,) * (-1 - self.axis))


def drop_units(network: nn.Module, *, seed: tuple[int, ...]) -> None:
    """Leave units out of a network in evaluation mode, with the share of each of its dropout layers.

    A mask is drawn for every ``nn.Dropout`` and ``nn.Dropout1d``, and between every two layers of torch's own LSTM and
    GRU, where it is a factor of the upper layer's input weights. The network is changed; what a ``forward`` drops
    by a function of its own stays.

    Parameters
    ----------
    network : Module
        Built for this purpose.
    seed : tuple of int
        Decides every mask, with the place of its layer.

    References
    ----------
    Y. Gal, Z. Ghahramani (2016), "Dropout as a Bayesian approximation", section 4: passes through a network that goes
    on dropping units. The same (2016), "A theoretically grounded application of dropout in recurrent neural networks",
    section 4: one mask for all steps of a sequence.
    """
    masks: dict[nn.Module, nn.Module] = {}
    for place, (name, layer) in enumerate(list(network.named_modules(remove_duplicate=False))):
        own = (*seed, place)
        if isinstance(layer, nn.RNNBase):
            _drop_between(layer, own)
        elif type(layer) in CHANNELS and name:
            masks.setdefault(layer, _Mask(layer.p, CHANNELS[type(layer)], own))
            network.set_submodule(name, masks[layer])


def _drop_between(layers: nn.RNNBase, seed: tuple[int, ...]) -> None:
    """Mask what each layer hands to the one above it."""
    if layers.dropout == 0.0:
        return
    with torch.no_grad():
        for name, weights in layers.named_parameters():
            level = int(name.rpartition("_l")[2].removesuffix("_reverse"))
            if name.startswith("weight_ih") and level > 0:
                weights.mul_(_kept(weights.shape[1], layers.dropout, (*seed, level)).to(weights))


def _kept(n_units: int, share: float, seed: tuple[int, ...]) -> torch.Tensor:
    """Factor of each unit, (n_units,)."""
    drawn = np.random.default_rng(seed).random(n_units)
    return torch.from_numpy((drawn >= share) / (1.0 - share))
