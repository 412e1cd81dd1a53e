"""Ensemble study: members of a combined model out of sample, how alike their errors are, what combining brought.

The member to beat is the one that was best on validation: the best of the test span is known only afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from signals.score_metrics import ICSummary, information_coefficient, summarize_ic

__all__ = ["EnsembleStudy", "MemberScores", "ensemble_study"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemberScores:
    """Scores of the members of a combined model, and what was known of them after fitting.

    Parameters
    ----------
    scores : mapping of str to DataFrame of float, shape (n_tested_sessions, n_tickers)
        Of each member, on its own scale; NaN where there is none.
    kinds : mapping of str to str
        What each member is.
    weights, validation_ics : mapping of str to float
        What each counts, and its rank IC on validation.
    combine : str
        How they are combined.
    best : str
        The member with the highest rank IC on validation.
    """

    scores: Mapping[str, pd.DataFrame]
    kinds: Mapping[str, str]
    weights: Mapping[str, float]
    validation_ics: Mapping[str, float]
    combine: str
    best: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EnsembleStudy:
    """What combining members came to.

    Parameters
    ----------
    members : DataFrame
        Index member: ``kind``, ``weight``, ``validation_ic``, ``ic``, ``standard_error``.
    score_correlation : DataFrame, shape (n_members, n_members)
        Mean over sessions of the correlation of two members' scores.
    error_correlation : DataFrame, shape (n_members, n_members)
        The same of their errors: returns z-scored within the session, less scores z-scored.
    combine : str
        How they are combined.
    best : str
        The member with the highest rank IC on validation.
    lead : ICSummary
        Rank IC of the ensemble less that of ``best``, paired by session.
    """

    members: pd.DataFrame
    score_correlation: pd.DataFrame
    error_correlation: pd.DataFrame
    combine: str
    best: str
    lead: ICSummary

    def as_dict(self) -> dict[str, object]:
        """Plain values for the metrics."""
        return {
            "combine": self.combine,
            "members": self.members.to_dict(orient="index"),
            "score_correlation": self.score_correlation.to_dict(),
            "error_correlation": self.error_correlation.to_dict(),
            "best_on_validation": self.best,
            "lead": {
                "mean": self.lead.mean,
                "standard_error": self.lead.standard_error,
                "interval": self.lead.interval._asdict(),
                "n_sessions": self.lead.n_sessions,
            },
        }


def ensemble_study(
    scores: pd.DataFrame, forward: pd.DataFrame, members: MemberScores, *, overlap: int
) -> EnsembleStudy:
    """Measure members beside their combination, over the sessions of its scores.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_tested_sessions, n_tickers)
        Of the combination.
    forward : DataFrame of float
        Forward returns by session of decision.
    members : MemberScores
        Scores of the members in the same sessions or more.
    overlap : int
        Decisions that one forward return spans.
    """
    own = {name: each.reindex(scores.index) for name, each in members.scores.items()}
    ics = {name: information_coefficient(each, forward) for name, each in own.items()}
    found = {name: summarize_ic(ic, horizon=overlap) for name, ic in ics.items()}
    rows = {
        name: {
            "kind": members.kinds[name],
            "weight": members.weights[name],
            "validation_ic": members.validation_ics[name],
            "ic": found[name].mean,
            "standard_error": found[name].standard_error,
        }
        for name in own
    }
    scaled = _scaled([*own.values(), forward.loc[scores.index, scores.columns]])
    errors = [scaled[-1] - each for each in scaled[:-1]]
    lead = information_coefficient(scores, forward) - ics[members.best]
    return EnsembleStudy(
        members=pd.DataFrame.from_dict(rows, orient="index").rename_axis("member"),
        score_correlation=_correlation(scaled[:-1], list(own)),
        error_correlation=_correlation(errors, list(own)),
        combine=members.combine,
        best=members.best,
        lead=summarize_ic(lead, horizon=overlap),
    )


def _scaled(frames: list[pd.DataFrame]) -> list[np.ndarray]:
    """Each z-scored within its sessions over the cells that all know; NaN elsewhere."""
    values = [frame.to_numpy(dtype=np.float64) for frame in frames]
    known = np.isfinite(values).all(axis=0)
    cells = [pd.DataFrame(np.where(known, each, np.nan)) for each in values]
    scaled = [each.sub(each.mean(axis=1), axis=0).div(_spread(each), axis=0) for each in cells]
    return [each.to_numpy() for each in scaled]


def _spread(cells: pd.DataFrame) -> pd.Series:
    """Standard deviation of each session; NaN where all values are equal."""
    varies = cells.max(axis=1) > cells.min(axis=1)
    return cells.std(axis=1, ddof=0).where(varies)


def _correlation(values: list[np.ndarray], names: list[str]) -> pd.DataFrame:
    """Mean over sessions of the correlation of two, over the cells that all know."""
    scaled = _scaled([pd.DataFrame(each) for each in values])
    products = [[pd.DataFrame(a * b).mean(axis=1).mean() for b in scaled] for a in scaled]
    return pd.DataFrame(products, index=names, columns=names)
