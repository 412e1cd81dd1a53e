"""Groups: the information coefficient among the names of one sector, or of one size, alone."""

from dataclasses import asdict, fields

import numpy as np
import pandas as pd

from core.conventions import SESSIONS_PER_QUARTER
from market.panel import Panel
from signals.score_metrics import ICSummary, information_coefficient, summarize_ic

__all__ = ["SIZES", "ic_by_group", "size_terciles"]

SIZES = ("small", "medium", "large")
MIN_SESSIONS = 21  # of the trailing quarter, with a known dollar volume


def size_terciles(panel: Panel) -> pd.DataFrame:
    """Tercile of each name's trailing dollar volume within the session's universe.

    Parameters
    ----------
    panel : Panel
        Bars and universe.

    Returns
    -------
    DataFrame of str, shape (n_sessions, n_tickers)
        ``"small"``, ``"medium"`` or ``"large"`` by the mean dollar volume of the last 63 sessions (at least 21 known),
        equal ones by their average rank; row *t* uses sessions up to *t*. NaN outside the universe.
    """
    trailing = panel.dollar_volume.rolling(SESSIONS_PER_QUARTER, min_periods=MIN_SESSIONS).mean().where(panel.universe)
    place = trailing.rank(axis=1, pct=True).to_numpy()
    tercile = np.ceil(np.round(place * len(SIZES), 9))  # the third of nine names is in the first in spite of rounding
    labels = np.full(place.shape, np.nan, dtype=object)
    for number, name in enumerate(SIZES, start=1):
        labels[tercile == number] = name
    return pd.DataFrame(labels, index=panel.sessions, columns=panel.tickers)


def ic_by_group(
    scores: pd.DataFrame, forward: pd.DataFrame, groups: pd.DataFrame | pd.Series, *, horizon: int = 1
) -> pd.DataFrame:
    """Summarise the rank IC of each group, among the names of the group alone.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        Known at the close of each session; NaN where there is none.
    forward : DataFrame of float
        Forward returns by session of decision.
    groups : DataFrame or Series of str
        Group of each name in each session, or of each name throughout (index ticker); NaN is in none.
    horizon : int
        Sessions that each forward return spans; errors count at least horizon − 1 lags.

    Returns
    -------
    DataFrame
        Index ``group`` in order of name, or small to large for sizes; the summary's fields and ``mean_names``, scored
        names per session. A session with fewer than five names of a group is left out; no row where no name is in any.
    """
    if isinstance(groups, pd.Series):
        placed = np.broadcast_to(groups.reindex(scores.columns).to_numpy(dtype=object), scores.shape)
    else:
        placed = groups.reindex(index=scores.index, columns=scores.columns).to_numpy(dtype=object)
    rows = {label: _group_row(scores.where(placed == label), forward, horizon) for label in _labels(placed)}
    columns = [*(each.name for each in fields(ICSummary)), "mean_names"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("group")


def _labels(placed: np.ndarray) -> list[str]:
    present = {str(label) for label in pd.unique(placed.ravel()) if isinstance(label, str)}
    return [name for name in SIZES if name in present] + sorted(present - set(SIZES))


def _group_row(scores: pd.DataFrame, forward: pd.DataFrame, horizon: int) -> dict[str, float]:
    names = scores.notna().sum(axis=1)
    summary = summarize_ic(information_coefficient(scores, forward), horizon=horizon)
    return {**asdict(summary), "mean_names": float(names[names > 0].mean())}
