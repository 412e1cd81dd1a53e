"""Drift tests: how far the values of features lie from those that a model was trained on.

Two distances, from counts in bins cut at the training quantiles: the population stability index

    PSI = Σ (p − q) log(p / q)

over the training deciles and the missing ones (Siddiqi, "Credit Risk Scorecards", 2006, chapter 9, with half a count
added to each bin), and the Kolmogorov-Smirnov distance, the largest difference of the two cumulated shares, over 200
bins.

Neither has a usual p-value here: names of a session move together, and sessions that follow each other do, so that the
thousands of values of a month are worth a few. A distance is therefore held against the same distance of every earlier
window of as many sessions, its own sessions taken out of the training ones. For many features at once what counts is
the largest ratio of a distance to its usual one, over all features and both distances, against the largest ratio of
each earlier window (Westfall and Young, "Resampling-Based Multiple Testing", 1993: the maximum): with K windows the
level of one look is 1 / (K + 1), however many features there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = [
    "FeatureDrift",
    "binned_counts",
    "feature_drift",
    "kolmogorov_smirnov",
    "population_stability",
    "quantile_edges",
]

N_BINS = 200
N_GROUPS = 10
WINDOW = 20  # sessions
MIN_WINDOWS = 19  # earlier windows before one can be said to lie beyond them at a level of 5 %
HALF = 0.5  # a count


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureDrift:
    """Distances of the latest window of each feature from training, beside those of earlier windows.

    Parameters
    ----------
    features : DataFrame
        Index feature; ``psi`` and ``ks`` of the latest window, ``usual_psi`` and ``usual_ks`` (medians of the earlier
        windows), ``highest_psi`` and ``highest_ks`` (their largest), ``ratio`` (the larger of the two distances, each
        over its usual one) and ``missing`` (share of the window's values).
    blocks : DataFrame of float
        PSI of each feature in each window since, index the last session of the window.
    limit : float
        The largest ratio of any feature in any earlier window.
    p_value : float
        Share of windows, the latest among them, whose largest ratio is as large; NaN with fewer than 19 earlier ones.
    n_windows : int
        Earlier windows.
    n_sessions : int
        Sessions in the latest window.
    """

    features: pd.DataFrame
    blocks: pd.DataFrame
    limit: float
    p_value: float
    n_windows: int
    n_sessions: int

    @property
    def beyond(self) -> pd.DataFrame:
        """The features whose ratio is above that of any feature in any earlier window; none with too few windows."""
        known = self.n_windows >= MIN_WINDOWS
        return self.features[(self.features["ratio"] > self.limit) & known]


def quantile_edges(values: np.ndarray) -> np.ndarray:
    """Edges between bins of equal shares of the values, NaN left out; fewer where values repeat, ascending."""
    known = values[np.isfinite(values)]
    if not known.size:
        return np.array([])
    edges: np.ndarray = np.unique(np.quantile(known, np.linspace(0.0, 1.0, N_BINS + 1)[1:-1]))
    return edges


def binned_counts(values: np.ndarray, eligible: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Values of each session in each bin, and behind them the missing ones; shape (n_sessions, n_edges + 2).

    Parameters
    ----------
    values : array, shape (n_sessions, n_tickers)
        NaN is missing.
    eligible : array of bool
        Which values count.
    edges : array
        Ascending; a value on an edge lies below it.
    """
    n_bins = len(edges) + 2
    bins = np.searchsorted(edges, np.nan_to_num(values), side="left")
    bins = np.where(np.isfinite(values), bins, n_bins - 1)
    rows = np.broadcast_to(np.arange(len(values))[:, None], values.shape)
    flat = (rows * n_bins + bins)[eligible]
    return np.bincount(flat, minlength=len(values) * n_bins).reshape(len(values), n_bins)


def population_stability(expected: np.ndarray, actual: np.ndarray) -> float:
    """PSI of counts in fine bins against expected ones, over ten groups of equal expected shares and the missing.

    Examples
    --------
    >>> import numpy as np
    >>> from backtests.statistics.drift_tests import population_stability
    >>> same = np.array([10, 10, 10, 0])
    >>> population_stability(same, same)
    0.0
    """
    group = _groups(expected[:-1])
    p, q = (
        _shares(np.append(np.bincount(group, each[:-1], minlength=N_GROUPS), each[-1])) for each in (actual, expected)
    )
    return float(((p - q) * np.log(p / q)).sum())


def kolmogorov_smirnov(expected: np.ndarray, actual: np.ndarray) -> float:
    """Largest difference of the cumulated shares of two counts in the same bins, missing ones left out.

    NaN where one of them holds no value.
    """
    if not expected[:-1].sum() or not actual[:-1].sum():
        return float("nan")
    p, q = (np.cumsum(each[:-1]) / each[:-1].sum() for each in (actual, expected))
    return float(np.abs(p - q).max())


def feature_drift(
    counts: Mapping[str, np.ndarray], sessions: pd.DatetimeIndex, *, training: slice, n_seen: int, window: int = WINDOW
) -> FeatureDrift:
    """Distances of the latest window from training, and of every earlier one.

    Parameters
    ----------
    counts : mapping of str to array, shape (n_sessions, n_bins)
        Of each feature, from ``binned_counts``.
    sessions : DatetimeIndex
        Of the rows.
    training : slice
        Rows that the model was trained on.
    n_seen : int
        Rows that were known when it was frozen; the later ones are live.
    window : int
        Sessions of a window.

    Raises
    ------
    ValueError
        If no row is live, or no training row holds a value.
    """
    n, begins = len(sessions), _first_filled(counts)
    if n_seen >= n:
        raise ValueError(f"{n_seen} of {n} sessions are seen: drift needs later ones")
    if begins >= training.stop:
        raise ValueError("no training session holds a value of any feature")
    early = [slice(end - window, end) for end in range(n_seen, begins + window - 1, -window)]
    late = [slice(start, min(start + window, n)) for start in range(n_seen, n, window)]
    last = slice(max(n - window, n_seen), n)
    distances = {name: _distances(each, training, (*early, last)) for name, each in counts.items()}
    psi, ks = (pd.DataFrame({name: each[:, place] for name, each in distances.items()}) for place in (0, 1))
    ratios = pd.DataFrame(np.fmax(*(_over_usual(frame) for frame in (psi, ks))), columns=psi.columns)
    largest = ratios.max(axis=1).to_numpy(dtype=np.float64)
    blocks = {name: _distances(each, training, late)[:, 0] for name, each in counts.items()}
    table = pd.DataFrame(
        {
            "psi": psi.iloc[-1],
            "ks": ks.iloc[-1],
            "usual_psi": psi.iloc[:-1].median(),
            "usual_ks": ks.iloc[:-1].median(),
            "highest_psi": psi.iloc[:-1].max(),
            "highest_ks": ks.iloc[:-1].max(),
            "ratio": ratios.iloc[-1],
            "missing": pd.Series({name: _missing(each[last]) for name, each in counts.items()}),
        }
    ).rename_axis("feature")
    return FeatureDrift(
        features=table,
        blocks=pd.DataFrame(blocks, index=[sessions[each.stop - 1] for each in late]).rename_axis("session"),
        p_value=_p_value(largest),
        limit=float(np.fmax.reduce(largest[:-1], initial=0.0)),
        n_windows=len(early),
        n_sessions=last.stop - last.start,
    )


def _distances(counts: np.ndarray, training: slice, windows: tuple[slice, ...] | list[slice]) -> np.ndarray:
    """PSI and KS of each window against the training rows that are not in it, shape (n_windows, 2)."""
    total, found = counts[training].sum(axis=0), np.full((len(windows), 2), np.nan)
    for place, each in enumerate(windows):
        inside = counts[each].sum(axis=0)
        own = counts[max(each.start, training.start) : max(min(each.stop, training.stop), training.start)].sum(axis=0)
        found[place] = population_stability(total - own, inside), kolmogorov_smirnov(total - own, inside)
    return found


def _over_usual(distances: pd.DataFrame) -> np.ndarray:
    """Distances over the median of the earlier windows; NaN where that is 0 or not known."""
    usual = distances.iloc[:-1].median()
    return (distances / usual.where(usual > 0.0)).to_numpy(dtype=np.float64)


def _groups(expected: np.ndarray) -> np.ndarray:
    """Group of each fine bin, by the share of expected values below its middle."""
    middle = np.cumsum(expected) - expected / 2.0
    shares = middle / max(float(expected.sum()), 1.0)
    groups: np.ndarray = np.minimum((shares * N_GROUPS).astype(np.int64), N_GROUPS - 1)
    return groups


def _shares(counts: np.ndarray) -> np.ndarray:
    shares: np.ndarray = (counts + HALF) / (counts.sum() + HALF * len(counts))
    return shares


def _missing(counts: np.ndarray) -> float:
    total = counts.sum()
    return float(counts[:, -1].sum() / total) if total else float("nan")


def _first_filled(counts: Mapping[str, np.ndarray]) -> int:
    """The first row in which every feature has a value of some name; rows before it are the features' own warm-up."""
    filled = np.logical_and.reduce([each[:, :-1].sum(axis=1) > 0 for each in counts.values()])
    return int(np.argmax(filled)) if filled.any() else len(filled)


def _p_value(largest: np.ndarray) -> float:
    """Rank of the last of them among all, from above; NaN with too few."""
    earlier = largest[:-1]
    if len(earlier) < MIN_WINDOWS:
        return float("nan")
    return float((1 + (earlier >= largest[-1]).sum()) / len(largest))
