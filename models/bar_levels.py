"""Bar levels: logarithms of prices and volumes, each divided by the last close or volume of the window it is read in.

A level says nothing across names and rewrites its history on every dividend; a quotient within a window does neither.
Windows hold the levels, on one scale for prices and one for volumes, so that no table of divided windows is made: a
model divides each window when it reads it, in logarithms a difference.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pandas as pd
import torch
from torch import nn

__all__ = ["BAR_LEVELS", "Divided", "anchored", "divisor_places", "divisors_of", "quotients"]

BAR_LEVELS = MappingProxyType(
    {
        "bar_open": "bar_close",
        "bar_high": "bar_close",
        "bar_low": "bar_close",
        "bar_close": "bar_close",
        "bar_volume": "bar_volume",
        "bar_vwap": "bar_close",
    }
)  # by what each feature is divided


def divisor_places(names: Sequence[str]) -> tuple[int, ...]:
    """Place of each feature's divisor among the features; −1 for one that is read as it is, as all are without bars."""
    if not BAR_LEVELS.keys() <= {*names}:
        return (-1,) * len(names)
    return tuple(names.index(BAR_LEVELS[name]) if name in BAR_LEVELS else -1 for name in names)


def anchored(name: str, frame: pd.DataFrame, features: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A level less the first known one of its divisor, name by name; another feature as it is.

    A constant that quotients do not see: what a later dividend restates alike leaves the windows as they were.
    """
    names = tuple(features)
    place = divisor_places(names)[names.index(name)]
    if place < 0:
        return frame
    divisor = features[names[place]]
    return frame - divisor.bfill().iloc[0].fillna(0.0)


def quotients(features: Mapping[str, pd.DataFrame]) -> Mapping[str, pd.DataFrame]:
    """Features as models see them, whatever the unit of a level: divided by its divisor, and that by the one before."""
    names = tuple(features)
    divisors = {name: names[place] for name, place in zip(names, divisor_places(names), strict=True) if place >= 0}
    if not divisors:
        return features
    levels = {name: features[name] - features[divisor] for name, divisor in divisors.items() if divisor != name}
    return {**features, **levels, **{name: features[name].diff() for name in set(divisors.values())}}


def divisors_of(last: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
    """What a window's features are divided by, (…, F), of those of its last session; 0 of one that is read as it is."""
    levels = torch.tensor(places, device=last.device)
    return torch.where(levels >= 0, last[..., levels.clamp(min=0)], 0.0)


class Divided(nn.Module):
    """A network that is given each window divided by its last close and volume.

    Parameters
    ----------
    network : Module
        Reads sequences, windows or sections; of a sequence the last score is taken.
    places : tuple of int
        As :func:`divisor_places` gives them.
    """

    def __init__(self, network: nn.Module, places: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network
        self.places = places
        self.is_sequence = getattr(network, "reads", "windows") == "sequences"
        self.reads = "windows" if self.is_sequence else getattr(network, "reads", "windows")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Score of each window, (N,), or all heads, (N, heads), of windows x (L, N, F)."""
        scores: torch.Tensor = self.network(x - divisors_of(x[-1], self.places))
        return scores[-1] if self.is_sequence else scores
