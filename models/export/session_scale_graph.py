"""Session scale as a graph: z-scores and central ranks within each session, in float64, of the names that are known.

The twins of ``models.calibrate`` and ``models.ensembles.session_scale``, of operations that ONNX has.
"""

import math

import torch

__all__ = ["central_ranks", "within_session_z"]


def within_session_z(scores: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Z-scores (ddof=0) of the known names of each session, (sessions, names); 0 where all are equal, and elsewhere.

    Parameters
    ----------
    scores : Tensor of float64, shape (sessions, names)
        Anything where a name is not known.
    known : Tensor of bool, shape (sessions, names)
        Names that are compared.
    """
    count = known.sum(dim=1, keepdim=True).clamp(min=1).to(scores.dtype)
    filled = scores.masked_fill(~known, 0.0)
    highest = scores.masked_fill(~known, -math.inf).amax(dim=1, keepdim=True)
    lowest = scores.masked_fill(~known, math.inf).amin(dim=1, keepdim=True)
    differs = highest > lowest
    centred = (filled - filled.sum(dim=1, keepdim=True) / count).masked_fill(~(known & differs), 0.0)
    sd = ((centred * centred).sum(dim=1, keepdim=True) / count).sqrt()
    return centred / torch.where(differs, sd, torch.ones_like(sd))


def central_ranks(scores: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Average ranks of the known names of each session on (−1, 1), by comparing pairs; 0 where a name is not known.

    Memory is sessions × names².
    """
    filled = scores.masked_fill(~known, 0.0)
    mine, other = filled[:, :, None], filled[:, None, :]
    counted = known[:, None, :]
    below = ((other < mine) & counted).sum(dim=2).to(scores.dtype)
    equal = ((other == mine) & counted).sum(dim=2).to(scores.dtype)
    count = known.sum(dim=1, keepdim=True).clamp(min=1).to(scores.dtype)
    ranks = below + (equal + 1.0) / 2.0
    return ((2.0 * ranks - 1.0) / count - 1.0).masked_fill(~known, 0.0)
