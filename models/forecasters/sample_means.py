"""Sample means: what samples say on average, without the most extreme of them where asked."""

import math

import numpy as np

from models.ensembles.combination import trimmed_mean

__all__ = ["mean_of_samples", "trimmed_at_either_end", "trimming_words"]


def trimmed_at_either_end(share: float, n: int) -> int:
    """How many of ``n`` values a share leaves out at either end: whole ones, so 10 % of five are none.

    Examples
    --------
    >>> from models.forecasters.sample_means import trimmed_at_either_end
    >>> trimmed_at_either_end(0.1, 5), trimmed_at_either_end(0.2, 5), trimmed_at_either_end(0.29, 100)
    (0, 1, 29)
    """
    return math.floor(share * n + 1e-9)  # 0.29 × 100 is 28.999…


def trimming_words(share: float, n: int, *, noun: str = "samples") -> str:
    """What a trimmed mean leaves out, for people.

    Examples
    --------
    >>> from models.forecasters.sample_means import trimming_words
    >>> trimming_words(0.1, 5)
    'nothing: 10% of 5 samples are less than one'
    """
    cut = trimmed_at_either_end(share, n)
    return f"{cut} of {n} {noun} at either end" if cut else f"nothing: {share:.0%} of {n} {noun} are less than one"


def mean_of_samples(samples: np.ndarray, *, trim: float) -> np.ndarray:
    """Mean along the last axis without a share ``trim`` of the samples at either end; NaN where one is.

    Examples
    --------
    >>> import numpy as np
    >>> from models.forecasters.sample_means import mean_of_samples
    >>> float(mean_of_samples(np.array([1.0, 2.0, 3.0, 4.0, 100.0]), trim=0.2))
    3.0
    """
    cut = trimmed_at_either_end(trim, samples.shape[-1])
    return trimmed_mean([samples[..., place] for place in range(samples.shape[-1])], cut=cut)
