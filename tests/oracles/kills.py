"""Kills: a training that ends after an epoch, as a killed process would, and equal weights."""

from collections.abc import Callable, Mapping

import torch

from models.networks.watched_epoch import WatchedEpoch

__all__ = ["KilledError", "kill_after", "same_bits"]


class KilledError(Exception):
    """Stands for a kill between two epochs."""


def kill_after(epoch: int) -> Callable[[WatchedEpoch], None]:
    """A progress that kills the training after an epoch."""

    def progress(record: WatchedEpoch) -> None:
        if record.epoch == epoch:
            raise KilledError

    return progress


def same_bits(first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]) -> bool:
    """Whether two networks have equal weights, to the bit."""
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
