"""Stages: a pipeline run stage by stage, once on the true bars and many times on bars with another future.

Scores cost the most, so that only sampled sessions are scored again. Decisions need the scores of every session before
them: on other bars those come from the true ones, row *t* and its past having been compared before, and the scores
after row *t* are replaced too. So each stage sees another future in the bars and in what the stage before hands on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import QuintileError
from market.panel import Panel
from strategy.proofs.first_difference import first_difference
from strategy.proofs.pipeline_under_test import Features, PipelineUnderTest
from strategy.runs.proof_file import Finding

__all__ = ["BROKEN", "ROUNDING", "ReferenceRun", "broken", "compare_stages", "reference_run"]

ROUNDING = 1e-6  # of a score: a matrix product may sum another number of rows in another order
BROKEN = (QuintileError, ValueError, LookupError, ArithmeticError)  # what a callable raises when rows are missing
Columns = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferenceRun:
    """Every stage of a pipeline on the true bars, against which all other runs are compared.

    Parameters
    ----------
    pipeline : PipelineUnderTest
        Its callables.
    bars, panel : Panel
        True bars as they came, and with the universe that the pipeline chose.
    features : mapping of str to DataFrame
        Features of every session.
    scores : DataFrame of float
        Scores of every decided session.
    sampled : DataFrame of float
        Scores of the sampled sessions, computed in this process.
    weights, final : DataFrame of float
        Decided weights, and those after the overlays.
    equity : Series of float or None
        Cost-free, at each fill.
    rows : mapping of int to str
        Sampled rows and why.
    spread : DataFrame of float or None
        Spreads of the sampled sessions, where the pipeline gives them.
    """

    pipeline: PipelineUnderTest
    bars: Panel
    panel: Panel
    features: Features
    scores: pd.DataFrame
    sampled: pd.DataFrame
    weights: pd.DataFrame
    final: pd.DataFrame
    equity: pd.Series | None
    rows: Mapping[int, str]
    spread: pd.DataFrame | None = None

    @property
    def first_decision(self) -> int:
        """Row of the first decision."""
        return int(self.panel.sessions.searchsorted(self.pipeline.first_decision))

    def is_scored(self, row: int) -> bool:
        """Whether the scores of the row were computed here."""
        return self.panel.sessions[row] in self.sampled.index


def reference_run(
    pipeline: PipelineUnderTest, bars: Panel, *, rows: Mapping[int, str], recorded: pd.DataFrame | None = None
) -> ReferenceRun:
    """Run the pipeline on the true bars.

    Parameters
    ----------
    pipeline : PipelineUnderTest
        Callables.
    bars : Panel
        True bars.
    rows : mapping of int to str
        Rows to score here, among others that are only looked at.
    recorded : DataFrame of float, optional
        Scores of all decided sessions that a run has written; None computes them.
    """
    panel = pipeline.on(bars)
    features = pipeline.features(panel)
    decided = panel.sessions[panel.sessions >= pipeline.first_decision]
    scores = pipeline.scores(features, panel, decided) if recorded is None else recorded
    scored = panel.sessions[[row for row in rows if row >= min(pipeline.score_warm_up, len(panel.sessions) - 2)]]
    sampled = pipeline.scores(features, panel, scored)
    weights = pipeline.weights(scores, panel)
    final = pipeline.overlays(weights, panel)
    equity = None if pipeline.fill_equity is None else pipeline.fill_equity(final, panel)
    return ReferenceRun(
        pipeline=pipeline,
        bars=bars,
        panel=panel,
        features=features,
        scores=scores,
        sampled=sampled,
        weights=weights,
        final=final,
        equity=equity,
        rows=rows,
        spread=None if pipeline.spread is None else pipeline.spread(features, panel, scored),
    )


def compare_stages(
    reference: ReferenceRun, other: Panel, row: int, *, later: pd.DataFrame | None = None, because: str
) -> Finding | None:
    """Find the first stage whose rows up to ``row`` changed on other bars; None if none did.

    Parameters
    ----------
    reference : ReferenceRun
        The pipeline on the true bars.
    other : Panel
        Bars that are the true ones up to ``row``.
    row : int
        Last row that must not change.
    later : DataFrame of float, optional
        Scores to hand on after ``row``; None hands on none.
    because : str
        How the other bars differ, for the finding.
    """
    stage = "universe"
    try:
        for stage, expected, found, rounding in _recomputed_stages(reference, other, row, later):
            finding = first_difference(stage, expected, found, rounding=rounding, because=because)
            if finding is not None:
                return finding
    except BROKEN as error:
        session = f"{reference.panel.sessions[row]:%Y-%m-%d}"
        return broken(f"after {stage}", error, session=session, because=because)
    return None


def broken(stage: str, error: Exception, *, session: str = "", because: str = "on other bars") -> Finding:
    """Describe a stage that ran on the true bars and fails on others: it reads what is not there."""
    return Finding(
        stage=stage,
        column=type(error).__name__,
        session=session,
        ticker="",
        expected="a result",
        found=" ".join(str(error).split())[:160],
        because=because,
    )


def _recomputed_stages(
    reference: ReferenceRun, other: Panel, row: int, later: pd.DataFrame | None
) -> Iterator[tuple[str, Columns, Columns, float]]:
    """Yield each stage with its true columns and those on other bars, cut after ``row``."""
    pipeline, session, rows = reference.pipeline, reference.panel.sessions[row], slice(0, row + 1)
    panel = pipeline.on(other)
    yield "universe", {"universe": reference.panel.universe.iloc[rows]}, {"universe": panel.universe.iloc[rows]}, 0.0
    features = pipeline.features(panel)
    yield "features", _cut(reference.features, rows), _cut(features, rows), 0.0
    if reference.is_scored(row):
        scores = pipeline.scores(features, panel, pd.DatetimeIndex([session]))
        yield "scores", {"score": reference.sampled.loc[[session]]}, {"score": scores}, ROUNDING
    if reference.is_scored(row) and pipeline.spread is not None and reference.spread is not None:
        spread = pipeline.spread(features, panel, pd.DatetimeIndex([session]))
        yield "spread", {"spread": reference.spread.loc[[session]]}, {"spread": spread}, ROUNDING
    if row <= reference.first_decision + pipeline.execution.delay:
        return
    handed = reference.scores.loc[:session]
    weights = pipeline.weights(handed if later is None else pd.concat([handed, later]), panel)
    yield "weights", {"weight": reference.weights.loc[:session]}, {"weight": weights.loc[:session]}, 0.0
    final = pipeline.overlays(weights, panel)
    yield "overlays", {"weight": reference.final.loc[:session]}, {"weight": final.loc[:session]}, 0.0
    if pipeline.fill_equity is not None and reference.equity is not None:
        equity = pipeline.fill_equity(final.loc[:session], panel)
        yield "fills", _as_column(reference.equity.iloc[rows]), _as_column(equity.iloc[rows]), 0.0


def _cut(columns: Features, rows: slice) -> Columns:
    return {name: frame.iloc[rows] for name, frame in columns.items()}


def _as_column(equity: pd.Series) -> Columns:
    return {"equity": pd.DataFrame({"book": equity / np.float64(equity.iloc[0])})}
