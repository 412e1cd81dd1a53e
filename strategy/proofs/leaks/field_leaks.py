"""Leaks that published code of the field had, each known from a bug report on it, and the same thing done right."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.panel import Panel, aligned_frame
from market.returns import forward_returns
from signals.score_metrics import information_coefficient
from strategy.proofs.leaks.feature_leaks import added_feature
from strategy.proofs.leaks.leak import HonestSetup, LeakPair
from strategy.proofs.pipeline_under_test import Features, PipelineUnderTest, SpanPair
from strategy.proofs.shipped_pipeline import equity_at_fills

__all__ = ["FIELD_LEAKS"]

LOWEST, HIGHEST = 7, 8  # labels of a session that a released test set lacked
FILED_AFTER, RESTATED_AFTER = 10, 40  # sessions after a quarter's end
RESTATED_BY = 0.9
FILING_MEMORY = 260  # sessions that a filed number reaches back


def cut_by_label(setup: HonestSetup, *, sessions_late: int) -> PipelineUnderTest:
    """Leave the names with the most extreme labels out of the test span: by labels to come, or by those known.

    A released test set lacked the seven lowest and eight highest labels of every session: whoever scores what is left
    is told where the extremes are not.
    """

    def universe(panel: Panel) -> pd.DataFrame:
        labels = forward_returns(panel, setup.spec.execution).shift(sessions_late).where(panel.universe)
        extreme = (labels.rank(axis=1) <= LOWEST) | (labels.rank(axis=1, ascending=False) <= HIGHEST)
        tested = pd.Series(panel.sessions >= setup.pipeline.first_decision, index=panel.sessions)
        return panel.universe & ~extreme.mul(tested, axis=0).astype(bool)

    return replace(setup.pipeline, universe=universe)


def repeated_rows(setup: HonestSetup, *, before_split: bool) -> PipelineUnderTest:
    """Draw training rows with replacement: from all rows, so that some are tested as well, or from training rows."""

    def spans(panel: Panel) -> tuple[SpanPair, ...]:
        assert setup.pipeline.spans is not None
        pairs = tuple(setup.pipeline.spans(panel))
        fitted, tested = pairs[0].fitted, pairs[-1].judged
        pool = np.arange(fitted[0], tested[-1] + 1) if before_split else fitted
        drawn = np.unique(np.random.default_rng(0).choice(pool, size=len(pool)))
        return (*pairs, SpanPair(fitted_on="drawn rows", judged_on="rows of the test", fitted=drawn, judged=tested))

    return replace(setup.pipeline, spans=spans)


def selected_factors(setup: HonestSetup, *, judged_on: str) -> PipelineUnderTest:
    """Keep the half of the factors whose IC is largest, by sign and size, over the test or over validation.

    What is chosen on the span that is shown afterwards has been fitted to it, however few numbers were chosen.
    """

    def weights_on(panel: Panel) -> Mapping[str, float]:
        rows = _judged_rows(setup, panel, judged_on)
        labels = forward_returns(panel, setup.spec.execution).iloc[rows]
        features = setup.pipeline.features(panel)
        ics = {name: information_coefficient(each.iloc[rows], labels).mean() for name, each in features.items()}
        known = pd.Series(ics).dropna()
        kept = known.abs().sort_values(ascending=False, kind="stable").index[: max(len(known) // 2, 1)]
        return {name: float(known[name]) for name in sorted(kept)}

    chosen = weights_on(setup.panel)

    def scores(features: Features, panel: Panel, sessions: pd.DatetimeIndex) -> pd.DataFrame:
        parts = [weight * features[name].loc[sessions].rank(axis=1, pct=True) for name, weight in chosen.items()]
        return sum(parts[1:], parts[0]).where(panel.universe.loc[sessions])

    return replace(setup.pipeline, scores=scores, fit=weights_on)


def restated_filings(setup: HonestSetup, *, last_of_quarter: bool) -> PipelineUnderTest:
    """Read a table of quarterly numbers, filed after each quarter and restated a quarter later.

    ``drop_duplicates`` keeps the last filing of each quarter in the file: once an older period is restated late, the
    newer one that was filed before is gone, on the days too on which nobody knew of a restatement. Done right, every
    filing stays, and each session reads the newest period that was filed by then.
    """

    def formula(panel: Panel) -> pd.DataFrame:
        filings = _filings(panel)
        if last_of_quarter:
            slots = panel.sessions.to_period("Q")
            filings = list({slots[filing.row]: filing for filing in filings}.values())
        values = np.full(panel.close.shape, np.nan)
        newest = -1
        for filing in filings:
            if not last_of_quarter and filing.period < newest:
                continue
            newest = filing.period
            values[filing.row :] = filing.values
        return aligned_frame(values, panel.sessions, panel.tickers)

    made = added_feature("filed_number", formula)(setup)
    return replace(made, feature_warm_up=max(made.feature_warm_up, FILING_MEMORY))


def filled_at_open_of_the_day(setup: HonestSetup, *, sessions_early: int) -> PipelineUnderTest:
    """Fill at the open of the session at whose close the decision was made, or at the next open."""

    def fill_equity(weights: pd.DataFrame, panel: Panel) -> pd.Series:
        return equity_at_fills(weights.shift(-sessions_early), panel, setup.spec.execution)

    return replace(setup.pipeline, fill_equity=fill_equity)


class _Filing(NamedTuple):
    """Numbers of a period, (n_tickers,), and the row at whose close they are known."""

    row: int
    period: int
    values: np.ndarray


def _filings(panel: Panel) -> list[_Filing]:
    """Mean return of each whole quarter, filed and restated, in the order of filing; known within these bars."""
    moves = panel.close.pct_change(fill_method=None).to_numpy()
    quarters = panel.sessions.to_period("Q").asi8
    starts = np.flatnonzero(np.diff(quarters)) + 1  # the first quarter of the bars may be part of one
    found = []
    for start, stop in pairwise(starts.tolist()):
        rows, last = moves[start:stop], stop - 1
        known = np.isfinite(rows)
        count = known.sum(axis=0)
        mean = np.divide(
            np.where(known, rows, 0.0).sum(axis=0), count, out=np.full(len(count), np.nan), where=count > 0
        )
        period = int(quarters[start])
        found.append(_Filing(last + FILED_AFTER, period, mean))
        later = starts[starts > stop]
        if len(later):
            found.append(_Filing(int(later[0]) - 1 + RESTATED_AFTER, period, RESTATED_BY * mean))
    return sorted((each for each in found if each.row < len(moves)), key=lambda filing: filing.row)


def _judged_rows(setup: HonestSetup, panel: Panel, judged_on: str) -> np.ndarray:
    assert setup.pipeline.spans is not None
    return next(pair.judged for pair in setup.pipeline.spans(panel) if pair.judged_on == judged_on)


FIELD_LEAKS = (
    LeakPair.by_argument("test set cut by a future label", cut_by_label, sessions_late=(0, 2)),
    LeakPair.by_argument("sampler that repeats rows before the split", repeated_rows, before_split=(True, False)),
    LeakPair.by_argument("factors selected on the test span", selected_factors, judged_on=("test", "validation")),
    LeakPair.by_argument("late restatement that hides a newer period", restated_filings, last_of_quarter=(True, False)),
    LeakPair.by_argument("fill at the open of the decision's day", filled_at_open_of_the_day, sessions_early=(1, 0)),
)
