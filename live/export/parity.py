"""Parity: the rule by which an exported graph may leave, and what its scores and its book are beside the version's.

A float graph must score as the version does. One of int8 or pruned weights cannot: what it costs is measured, and
below a bound it does not leave either.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from core.progress import ProgressCallback, silent
from live.export.agreement import ERROR, Agreement, BookChange, agreement, book_change
from live.export.scored_version import ScoredVersion
from market.returns import forward_returns
from models.export.graph_files import GraphScores
from signals.score_metrics import information_coefficient

__all__ = ["NAMES", "RULE", "Cost", "GraphParity", "cost_fault", "graph_parity", "panels_of_names", "parity_fault"]
__all__ += ["weights_cost"]

NAMES = (1, 2, 7, 200, 1695)
RANK_MIN = 0.999  # of every session
RANK_NAMES = 50  # of fewer, two names of equal scores that change places are a lower correlation than that
STEP_SHARE = 0.001  # of the cells: a rounded number may fall on the other side of a threshold or of another name
DISTANCE = 0.001  # of equity, the mean distance of two books
COST_RANK = {"int8": 0.90, "prune": 0.50}  # mean rank correlation below which nothing leaves

RULE: Mapping[str, str] = {
    "float": (
        f"missing where ours is and nowhere else; every expected return within {ERROR:g} standard deviations of its "
        f"session's scores (of trees and of mean ranks all but {STEP_SHARE:.1%}); rank correlation of every session at "
        f"least {RANK_MIN}, on panels of {RANK_NAMES} names or more; books at most {DISTANCE:.1%} of equity apart on "
        "average"
    ),
    "int8": f"missing as ours; mean rank correlation with the float weights at least {COST_RANK['int8']:.2f}",
    "prune": f"mean rank correlation with the whole weights at least {COST_RANK['prune']:.2f}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphParity:
    """One file beside our own scoring of the same weights.

    Parameters
    ----------
    whole : Agreement
        Every test session, all names.
    book : BookChange
        The book decided on its scores, by the version's rules.
    sizes : mapping of int to Agreement
        A few sessions, one a call, on panels of so many names.
    """

    whole: Agreement
    book: BookChange
    sizes: Mapping[int, Agreement] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        sizes = {str(count): each.as_json() for count, each in self.sizes.items()}
        return {"all": self.whole.as_json(), "book": self.book.as_json(), "names": sizes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What changed weights cost, beside the version as it was frozen.

    Parameters
    ----------
    whole : Agreement
        Of every test session.
    book : BookChange
        The book of the changed weights.
    rank_ic, frozen_rank_ic : float
        Mean rank correlation of changed and frozen scores with forward returns.
    """

    whole: Agreement
    book: BookChange
    rank_ic: float
    frozen_rank_ic: float

    def as_json(self) -> dict[str, Any]:
        """Plain values; NaN is None."""
        ics = {"rank_ic": self.rank_ic, "frozen_rank_ic": self.frozen_rank_ic}
        known = {name: None if math.isnan(value) else value for name, value in ics.items()}
        return {"all": self.whole.as_json(), "book": self.book.as_json()} | known


def graph_parity(
    score: GraphScores,
    version: ScoredVersion,
    *,
    panels: Mapping[int, ScoredVersion],
    one_by_one: bool = False,
    progress: ProgressCallback = silent,
    stage: str = "scoring with the graph",
) -> tuple[GraphParity, pd.DataFrame]:
    """Score every test session by a graph and compare; the parity, and what the graph gave.

    Parameters
    ----------
    score : callable
        Of the file as it will be used.
    version : ScoredVersion
        Our own scoring of the same weights.
    panels : mapping of int to ScoredVersion
        The same on so many names, see ``panels_of_names``.
    one_by_one : bool
        One session a call: int8 rounds what goes into a layer by the range of its call.
    progress : callable
        Called as sessions are scored.
    stage : str
        Its name for that.
    """
    found, slope = version.by_graph(score, one_by_one=one_by_one, progress=progress, stage=stage), _slope(version)
    sizes = {}
    for done, (count, part) in enumerate(panels.items(), start=1):
        sizes[count] = agreement(part.sampled_by_graph(score), part.expected, slope=slope)
        progress(f"{stage}, other panels", done, len(panels), f"{count:,} names")
    whole, book = agreement(found, version.expected, slope=slope), _book(version, found)
    return GraphParity(whole=whole, book=book, sizes=sizes), found


def panels_of_names(version: ScoredVersion, *, progress: ProgressCallback = silent) -> dict[int, ScoredVersion]:
    """The version on panels of 1, 2, 7, 200 and 1,695 names, scored by ourselves on a few sessions."""
    panels = {}
    for done, count in enumerate(NAMES, start=1):
        panels[count] = version.of_names(count)
        progress("scoring other panels", done, len(NAMES), f"{count:,} names")
    return panels


def weights_cost(changed: pd.DataFrame, version: ScoredVersion) -> Cost:
    """What the expected returns of changed weights cost beside those of the frozen ones."""
    spec = version.frozen.spec
    forward = forward_returns(version.panel, spec.execution, horizon=spec.label.horizon)
    return Cost(
        whole=agreement(changed, version.expected, slope=_slope(version)),
        book=_book(version, changed),
        rank_ic=float(information_coefficient(changed, forward).mean()),
        frozen_rank_ic=float(information_coefficient(version.expected, forward).mean()),
    )


def parity_fault(parity: GraphParity, *, has_steps: bool) -> str | None:
    """The first limit that a float graph does not keep, in words; None where it keeps all."""
    tables = {"every test session": parity.whole} | {f"{count:,} names": each for count, each in parity.sizes.items()}
    if not parity.whole.compared:
        return "no name has an expected return in any test session: there is nothing to hold it to"
    for where, each in tables.items():
        allowed = STEP_SHARE * each.compared if has_steps else 0
        if each.missing_elsewhere:
            return f"{each.missing_elsewhere:,} expected returns are missing in one of two ({where})"
        if each.beyond > allowed:
            return f"{each.beyond:,} of {each.compared:,} expected returns are off, by {_error(each)} ({where})"
        if each.names >= RANK_NAMES and each.rank_min < RANK_MIN:
            return f"the rank correlation of a session is {each.rank_min:.4f}, must be at least {RANK_MIN} ({where})"
    if parity.book.distance > DISTANCE:
        return f"the books are {parity.book.distance:.2%} of equity apart, may be {DISTANCE:.1%}"
    return None


def cost_fault(cost: Cost, *, way: str) -> str | None:
    """Why changed weights may not leave, ``int8`` or ``prune``; None where they may."""
    if cost.whole.missing_elsewhere:
        return f"{cost.whole.missing_elsewhere:,} expected returns are missing in one of two"
    if not cost.whole.rank_mean >= COST_RANK[way]:
        return f"mean rank correlation with the version is {cost.whole.rank_mean:.3f}, must be {COST_RANK[way]:.2f}"
    return None


def _error(table: Agreement) -> str:
    return f"{table.max_error_scores:.2g} standard deviations of a session's scores at most"


def _slope(version: ScoredVersion) -> float:
    return version.checkpoint.calibration.slope


def _book(version: ScoredVersion, found: pd.DataFrame) -> BookChange:
    return book_change(version.decided(found), version.weights)
