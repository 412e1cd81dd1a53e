"""Feature measures: coverage, single-feature rank IC and clusters of a feature set on a panel, one feature at a time.

Every number is of names that the panel's universe holds at that close. The rank IC is that of ``signals.score_metrics``
with the forward return of the default execution (fill at the next open, one session held) and its HAC interval.
Features are clustered by the size of the correlation of their ranks within a session, pooled over sessions evenly
spaced from the longest warm-up to the end: a feature and its negative carry the same information.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from core.errors import DataError
from core.progress import ProgressCallback, silent
from market.panel import Panel
from market.returns import Execution, forward_returns
from signals.catalogue.feature_coverage import coverage
from signals.correlation_tree import Tree, groups_of, linkage_of, tree_of
from signals.cross_section import centered_rank
from signals.features import compute_features, feature_table
from signals.score_metrics import information_coefficient, summarize_ic

__all__ = ["Catalogue", "CatalogueOptions", "measure_catalogue"]

INTERVAL_SHARE = 0.05  # of intervals that miss a true zero


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueOptions:
    """How a catalogue is measured.

    Parameters
    ----------
    execution : Execution
        Clock of the forward return.
    cluster_correlation : float
        Features whose absolute correlation is at least this on average share a cluster; above 0 and below 1.
    duplicate_correlation : float
        Absolute correlation from which two features count as duplicates; at least ``cluster_correlation``.
    sampled_sessions : int
        Sessions of the correlations, at least 1.
    progress : callable
        Called after each feature.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    execution: Execution = field(default_factory=Execution)
    cluster_correlation: float = 0.9
    duplicate_correlation: float = 0.995
    sampled_sessions: int = 100
    progress: ProgressCallback = silent

    def __post_init__(self) -> None:
        if not 0.0 < self.cluster_correlation < 1.0:
            raise ValueError(f"cluster_correlation must lie between 0 and 1, was {self.cluster_correlation}")
        if not self.cluster_correlation <= self.duplicate_correlation <= 1.0:
            raise ValueError(
                f"duplicate_correlation must lie between cluster_correlation and 1, was {self.duplicate_correlation}"
            )
        if self.sampled_sessions < 1:
            raise ValueError(f"sampled_sessions must be at least 1, was {self.sampled_sessions}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Catalogue:
    """A feature set on bars.

    Parameters
    ----------
    feature_set : str
        Its name.
    facts : dict of str to str
        Source, period, universe, basis and options, for the page.
    synthetic : bool
        The bars are of a built-in market.
    table : DataFrame
        Index feature; ``group``, ``definition``, ``warm_up``, ``same_as``, ``coverage`` (share of eligible names and
        sessions with a value), ``rank_ic``, ``low``, ``high`` (95 %, HAC), ``t_hac``, ``n_sessions``, ``cluster``
        (from 1, the largest first), ``nearest`` and ``correlation`` with it (signed; NaN where ranks never vary).
    duplicates : DataFrame
        One row per pair: ``feature``, ``other``, ``correlation``.
    tree : tuple
        Places of the features, like beside like, and each joint as four points; see
        :mod:`signals.correlation_tree`.
    """

    feature_set: str
    facts: dict[str, str]
    synthetic: bool
    table: pd.DataFrame
    duplicates: pd.DataFrame
    tree: Tree

    @property
    def significant(self) -> int:
        """Number of features whose interval excludes 0."""
        return int(((self.table["low"] > 0) | (self.table["high"] < 0)).sum())

    @property
    def by_chance(self) -> float:
        """Expected number of such intervals if no feature predicted anything."""
        return INTERVAL_SHARE * int(self.table["low"].notna().sum())

    def as_json(self) -> dict[str, Any]:
        """Everything but the tree as JSON values; what is not known is null."""
        rows = self.table.reset_index().astype(object).where(self.table.reset_index().notna(), None)
        return {
            "set": self.feature_set,
            "facts": self.facts,
            "synthetic": self.synthetic,
            "features": rows.to_dict("records"),
            "duplicates": self.duplicates.to_dict("records"),
        }

    @property
    def rows(self) -> list[list[str]]:
        """Feature, group, coverage, rank IC, half its 95 % range and cluster as text, those of a cluster together."""
        ordered = self.table.sort_values(["cluster", "group"], kind="stable")
        return [_printed(str(name), row) for name, row in ordered.iterrows()]

    @property
    def sentence(self) -> str:
        """Number of features whose interval excludes 0, beside the number expected by chance."""
        return (
            f"{self.significant} of {len(self.table)} intervals exclude 0; {self.by_chance:.0f} would by chance if no "
            f"feature predicted anything. {self.table['cluster'].nunique()} clusters, "
            f"{len(self.duplicates)} duplicate pairs. Selecting features from this table counts as one trial "
            "per feature."
        )


def measure_catalogue(
    panel: Panel,
    feature_set: str,
    *,
    features: Mapping[str, pd.DataFrame] | None = None,
    options: CatalogueOptions | None = None,
) -> Catalogue:
    """Measure every feature of a set on a panel, one feature at a time.

    Parameters
    ----------
    panel : Panel
        Bars with their universe.
    feature_set : str
        A key of ``signals.FEATURE_SETS``.
    features : mapping of DataFrame, optional
        The set's features on the panel, in the set's order; by default they are computed one by one.
    options : CatalogueOptions, optional
        Clock, thresholds and progress.

    Raises
    ------
    DataError
        If the panel is not longer than the longest warm-up.
    ValueError
        If the set is unknown.
    """
    options = options or CatalogueOptions()
    known = feature_table(feature_set)
    sampled = _sampled_rows(panel, int(known["warm_up"].max()), options.sampled_sessions)
    forward = forward_returns(panel, options.execution)
    rows, ranks = {}, {}
    for done, name in enumerate(known.index):
        options.progress("catalogue", done, len(known), name)
        frames = compute_features(panel, feature_set, names=[name]) if features is None else features
        eligible = frames[name].where(panel.universe)
        rows[name] = _measured(eligible, forward, panel)
        ranks[name] = centered_rank(eligible.iloc[sampled]).to_numpy().ravel()
    options.progress("catalogue", len(known), len(known), "done")
    correlation = pd.DataFrame(ranks).corr(min_periods=2)
    links = linkage_of(correlation.abs().fillna(0.0).to_numpy(copy=True))
    measured = pd.DataFrame.from_dict(rows, orient="index").rename_axis("feature")
    clusters = _by_size(groups_of(links, options.cluster_correlation))
    return Catalogue(
        feature_set=feature_set,
        facts=_facts(panel, options, len(sampled)),
        synthetic=panel.facts.synthetic,
        table=known.join(measured).assign(cluster=clusters, **_nearest(correlation)),
        duplicates=_duplicates(correlation, options.duplicate_correlation),
        tree=tree_of(links),
    )


def _sampled_rows(panel: Panel, warm_up: int, count: int) -> np.ndarray:
    """Rows evenly spaced over those that every feature can have."""
    if len(panel.sessions) <= warm_up:
        raise DataError(
            f"the bars hold {len(panel.sessions)} sessions, the longest feature needs {warm_up} before its first "
            "value: give more history, or choose another set"
        )
    return np.unique(np.linspace(warm_up, len(panel.sessions) - 1, count).round().astype(int))


def _measured(feature: pd.DataFrame, forward: pd.DataFrame, panel: Panel) -> dict[str, float]:
    summary = summarize_ic(information_coefficient(feature, forward))
    _, low, high = summary.interval
    return {
        "coverage": coverage({"feature": feature}, panel).iloc[0],
        "rank_ic": summary.mean,
        "low": low,
        "high": high,
        "t_hac": summary.t_hac,
        "n_sessions": summary.n_sessions,
    }


def _by_size(groups: np.ndarray) -> np.ndarray:
    """Number the clusters anew, the largest first, then in the order of the set."""
    labels = pd.Series(groups)
    first = labels.drop_duplicates().reset_index(drop=True)
    sizes = -first.map(labels.value_counts()).to_numpy()
    order = first.iloc[np.argsort(sizes, kind="stable")].reset_index(drop=True)
    return labels.map({label: place + 1 for place, label in enumerate(order)}).to_numpy()


def _nearest(correlation: pd.DataFrame) -> dict[str, np.ndarray]:
    """The other feature with the largest correlation in size, and that correlation."""
    signed = correlation.to_numpy()
    size = np.where(np.isnan(signed), -1.0, np.abs(signed))
    np.fill_diagonal(size, -1.0)
    place = size.argmax(axis=1)
    known = size.max(axis=1) >= 0.0
    nearest = correlation.columns.to_numpy(dtype=object)[place]
    nearest[~known] = None
    closest: np.ndarray = np.where(known, signed[np.arange(len(place)), place], np.nan)
    return {"nearest": nearest, "correlation": closest}


def _duplicates(correlation: pd.DataFrame, threshold: float) -> pd.DataFrame:
    rows, columns = np.nonzero(np.triu(correlation.abs().to_numpy() >= threshold, 1))
    names = correlation.columns.to_numpy()
    pairs = {"feature": names[rows], "other": names[columns], "correlation": correlation.to_numpy()[rows, columns]}
    return pd.DataFrame(pairs).sort_values("correlation", key=np.abs, ascending=False, kind="stable", ignore_index=True)


def _facts(panel: Panel, options: CatalogueOptions, sampled: int) -> dict[str, str]:
    sessions, clock = panel.sessions, options.execution
    return {
        "bars": panel.facts.source,
        "period": f"{sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}, {len(sessions):,} sessions",
        "names": f"{len(panel.tickers):,} tickers; universe: {panel.facts.universe}",
        "adjustment": panel.facts.adjustment,
        "forward return": f"filled at the {clock.price_field} of t+{clock.delay}, held one session",
        "interval": "95 % of the mean daily rank IC, HAC (Newey and West 1987)",
        "clusters": f"rank correlation of at least {options.cluster_correlation:g} in size, over {sampled} sessions",
    }


def _printed(name: str, row: pd.Series) -> list[str]:
    ic = "–" if np.isnan(row["rank_ic"]) else f"{row['rank_ic']:+.4f}"
    reach = "–" if np.isnan(row["high"]) else f"{row['high'] - row['rank_ic']:.4f}"
    return [name, row["group"], f"{row['coverage']:.1%}", ic, reach, str(row["cluster"])]
