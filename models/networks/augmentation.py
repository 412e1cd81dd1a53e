"""Augmentation: the inputs of a training span with noise, and with the names of each session mixed.

Two names of one span are mixed over all of its sessions, features and labels by the same share, so that nothing crosses
a session. What is drawn follows from the epoch's generator and the span's place in the epoch; dropout draws from
another one.

References
----------
H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz (2018), "mixup: Beyond Empirical Risk Minimization", eq. 1. C. M. Bishop
(1995), "Training with Noise is Equivalent to Tikhonov Regularization".
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from models.model_settings import TrainingSettings
from models.spans import Span
from models.windows import Windows

__all__ = ["Sample", "augmentation_rng", "drawn_sample"]

AUGMENTED = 1  # keeps these numbers apart from those of the batches


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """One span as training reads it.

    Parameters
    ----------
    windows : Windows
        Labels and masks as mixed. Features are as they were until ``inputs`` is asked, so that a batch of many spans
        holds the copy of one.
    span : Span
        Rows of those windows.
    """

    windows: Windows
    span: Span
    shares: torch.Tensor | None = None  # (N,)
    partners: torch.Tensor | None = None  # (N,)
    noise: float = 0.0
    noise_seed: int = 0

    def inputs(self) -> Windows:
        """The windows with their features mixed and noisy; missing cells stay 0."""
        x = self.windows.x
        if self.shares is not None and self.partners is not None:
            x = _mixed(x, self.shares[:, None], self.partners)
        if self.noise > 0.0:
            drawn = np.random.default_rng(self.noise_seed).standard_normal(tuple(x.shape), dtype=np.float32)
            x = torch.where(x == 0.0, x, x + self.noise * torch.from_numpy(drawn).to(x.device))
        return self.windows if x is self.windows.x else replace(self.windows, x=x)


def augmentation_rng(seed: int, epoch: int) -> np.random.Generator:
    """What an epoch's augmentations are drawn from, in the order of its spans."""
    return np.random.default_rng((seed, epoch, AUGMENTED))


def drawn_sample(windows: Windows, span: Span, settings: TrainingSettings, rng: np.random.Generator) -> Sample:
    """A span as it is read this time; the windows and the span themselves where nothing is augmented."""
    if settings.mixup == 0.0 and settings.input_noise == 0.0:
        return Sample(windows=windows, span=span)
    part = _rows_of(windows, slice(span.opens, span.stop))
    inner = Span(opens=0, start=span.start - span.opens, stop=span.stop - span.opens)
    noise_seed = int(rng.integers(2**63))
    if settings.mixup == 0.0:
        return Sample(windows=part, span=inner, noise=settings.input_noise, noise_seed=noise_seed)
    shares, partners = _draw_pairs(part, inner, settings.mixup, rng)
    mixed = replace(
        part,
        y=_mixed(part.y, shares, partners),  # NaN where either label is
        mask=part.mask & part.mask[:, partners],
        present=part.present & part.present[:, partners],
    )
    return Sample(
        windows=mixed,
        span=inner,
        shares=shares,
        partners=partners,
        noise=settings.input_noise,
        noise_seed=noise_seed,
    )


def _draw_pairs(part: Windows, span: Span, alpha: float, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Share of its own that each name keeps, and whom the rest is of: a labelled name, of a labelled name."""
    labelled = part.labelled[span.start : span.stop].any(dim=0).cpu().numpy()
    names = np.flatnonzero(labelled)
    partners = np.arange(len(labelled))
    partners[names] = names[rng.permutation(len(names))]
    shares = rng.beta(alpha, alpha, size=len(labelled)).astype(np.float32)
    shares[partners == np.arange(len(labelled))] = 1.0
    place = part.x.device
    return torch.from_numpy(shares).to(place), torch.from_numpy(partners).to(place)


def _mixed(values: torch.Tensor, shares: torch.Tensor, partners: torch.Tensor) -> torch.Tensor:
    """λ of each name and 1 − λ of its partner, names on the second axis; a name that keeps all is as it was."""
    return torch.where(shares == 1.0, values, shares * values + (1.0 - shares) * values[:, partners])


def _rows_of(windows: Windows, rows: slice) -> Windows:
    """Some rows of the windows, as views."""
    parts = {name: getattr(windows, name)[rows] for name in ("x", "y", "mask", "present")}
    return replace(windows, sessions=windows.sessions[rows], **parts)
