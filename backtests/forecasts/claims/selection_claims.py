"""Selection claims: how much better the best of many looks on the data that chose it, where none is better.

Candidates are forecasts of noise, all alike in what they know, which is nothing. Choosing the best of them for each
series cannot make one worse on the same data, and makes none better on other data.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

__all__ = ["Selection", "other_choices", "selections", "typical_moves"]

WILDNESS = 1.0  # standard deviation of a candidate's forecasts ÷ of the returns
COUNTS = (3, 30, 90)  # models; trials; trials of three models
POINTS = (20, 86)  # forecasts that choose
REPEATS = 20


class Selection(NamedTuple):
    """What re-ranking did to the incumbents of all series; shares and mean improvements in mean absolute error.

    ``improved`` is over the series whose incumbent was replaced, on the data that chose, as it is told; ``later`` is
    the improvement of the same on the data after; ``worse`` and ``worse_later`` count those that lost.
    """

    candidates: int
    points: int
    replaced: float
    improved: float
    worse: float
    later: float
    worse_later: float


def selections(closes: pd.DataFrame, *, seed: int = 0) -> list[Selection]:
    """Choose the best of k noise forecasters for each series, and judge it on the same and on later forecasts.

    The incumbent of each series is one of the k, drawn without looking.

    Parameters
    ----------
    closes : DataFrame of float, shape (n_sessions, n_series)
        Without NaN; spans that do not overlap are taken from the end on.
    seed : int
        Of candidates and incumbents.
    """
    returns = closes.pct_change(fill_method=None).to_numpy()[1:]
    return [_selection(returns, k, n, np.random.default_rng([seed, k, n])) for n in POINTS for k in COUNTS]


def _selection(returns: np.ndarray, k: int, n: int, rng: np.random.Generator) -> Selection:
    old, new, later_old, later_new = (np.concatenate(parts) for parts in zip(*_spans(returns, k, n, rng), strict=True))
    replaced = new < old
    return Selection(
        candidates=k,
        points=n,
        replaced=float(replaced.mean()),
        improved=float(np.mean(1.0 - new[replaced] / old[replaced])),
        worse=float(np.mean(new > old)),
        later=float(1.0 - later_new[replaced].mean() / later_old[replaced].mean()),
        worse_later=float(np.mean(later_new[replaced] > later_old[replaced])),
    )


def _spans(returns: np.ndarray, k: int, n: int, rng: np.random.Generator) -> list[tuple[np.ndarray, ...]]:
    """Errors of incumbents and chosen ones, then and later, of a span of 2n sessions each."""
    found: list[tuple[np.ndarray, ...]] = []
    for place in range(min(REPEATS, len(returns) // (2 * n))):
        stop = len(returns) - place * 2 * n
        came = returns[stop - 2 * n : stop].T[:, None]  # (series, 1, 2n)
        said = WILDNESS * came.std(axis=2, keepdims=True) * rng.standard_normal((came.shape[0], k, 2 * n))
        off = np.abs(came - said)
        then, later = off[:, :, :n].mean(axis=2), off[:, :, n:].mean(axis=2)
        each, incumbent = np.arange(len(then)), rng.integers(k, size=len(then))
        best = then.argmin(axis=1)
        found.append((then[each, incumbent], then[each, best], later[each, incumbent], later[each, best]))
    return found


def other_choices(closes: pd.DataFrame, *, n_candidates: int = 3, n_points: int = 20, seed: int = 0) -> float:
    """Share of series for which price MAE chooses another of some noise forecasters than percentage-return MAE does.

    Both errors are of the same forecasts next session: within one series and a short span the price hardly changes, and
    the two rank alike.
    """
    values, rng = closes.to_numpy(), np.random.default_rng(seed)
    changed = []
    for place in range(min(REPEATS, (len(values) - 1) // n_points)):
        stop = len(values) - place * n_points
        price = values[stop - n_points - 1 : stop].T
        came = price[:, 1:] / price[:, :-1] - 1.0
        noise = rng.standard_normal((len(came), n_candidates, n_points))
        off = np.abs(came[:, None] - WILDNESS * came.std(axis=1)[:, None, None] * noise)
        in_price = off * price[:, None, :-1]
        changed.append(off.mean(axis=2).argmin(axis=1) != in_price.mean(axis=2).argmin(axis=1))
    return float(np.mean(np.concatenate(changed)))


def typical_moves(closes: pd.DataFrame) -> pd.Series:
    """Mean absolute return next session of each series: persistence's percentage-return MAE, over all sessions."""
    return closes.pct_change(fill_method=None).iloc[1:].abs().mean()
