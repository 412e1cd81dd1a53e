"""Clock: labels, fills and paper trading share one ``Execution``, and no label crosses from one span into the next.

The rules are computed here from prices and row numbers, not by the functions that are checked.
"""

import numpy as np
import pandas as pd

from market.panel import Panel
from market.returns import Execution, untraded
from strategy.proofs.first_difference import first_difference
from strategy.proofs.pipeline_under_test import PipelineUnderTest, SpanPair
from strategy.proofs.stages import ReferenceRun
from strategy.runs.proof_file import CheckResult, Finding

__all__ = ["check_clock", "check_spans"]

TIE = 1e-9
PROBE_SESSIONS = 60
PROBE_GROSS = 0.5


def check_clock(reference: ReferenceRun, *, seed: int = 0) -> CheckResult:
    """Compare labels with fill prices, and a cost-free book's return with decided weights × forward returns."""
    pipeline = reference.pipeline
    parts = [name for name, part in (("labels", pipeline.labels), ("fills", pipeline.fill_equity)) if part is not None]
    if not parts:
        return CheckResult(check="clock", status="NOT RUN", note="give labels and fill_equity to check the clock")
    finding = _declared(pipeline) or _labels(reference) or _fills(reference, np.random.default_rng(seed))
    note = f"{' and '.join(parts)} against {pipeline.execution.fill}, delay {pipeline.execution.delay}"
    return CheckResult(check="clock", status="PASS" if finding is None else "FAIL", note=note, finding=finding)


def check_spans(reference: ReferenceRun) -> CheckResult:
    """Look for labels of fitted rows that are realised inside a judged span, or within its embargo."""
    pipeline = reference.pipeline
    if pipeline.spans is None:
        return CheckResult(check="purge and embargo", status="NOT RUN", note="give spans to check the splits")
    pairs = pipeline.spans(reference.panel)
    purge = pipeline.execution.delay + pipeline.horizon
    finding = next((f for pair in pairs if (f := _overlap(pair, reference.panel, purge)) is not None), None)
    note = f"{len(pairs)} pairs of spans, purge {purge}"
    return CheckResult(
        check="purge and embargo", status="PASS" if finding is None else "FAIL", note=note, finding=finding
    )


def _declared(pipeline: PipelineUnderTest) -> Finding | None:
    """The first part that declares another clock than the pipeline."""
    for part, execution in pipeline.clocks.items():
        if execution != pipeline.execution:
            return Finding(
                stage="clock",
                column=part,
                session="",
                ticker="",
                expected=_words(pipeline.execution),
                found=_words(execution),
                because="labels, fills and paper trading must share one Execution",
            )
    return None


def _labels(reference: ReferenceRun) -> Finding | None:
    pipeline = reference.pipeline
    if pipeline.labels is None:
        return None
    expected = {"forward return": _forward(reference.panel, pipeline.execution, pipeline.horizon)}
    declared = {"forward return": pipeline.labels(reference.panel)}
    because = f"fill price at t+{pipeline.execution.delay} held {pipeline.horizon} sessions"
    return first_difference("labels", expected, declared, rounding=TIE, because=because)


def _fills(reference: ReferenceRun, rng: np.random.Generator) -> Finding | None:
    """Trade random weights of names that print throughout a stretch, at no cost."""
    pipeline = reference.pipeline
    if pipeline.fill_equity is None:
        return None
    panel = _quiet_stretch(reference.panel)
    weights = _probe(panel, rng)
    equity = pipeline.fill_equity(weights, panel)
    delay, count = pipeline.execution.delay, len(panel.sessions)
    earned = (weights * _forward(panel, pipeline.execution, 1)).sum(axis=1, min_count=1)
    kept = slice(0, count - delay - 1)
    realised = equity.shift(-delay - 1) / equity.shift(-delay) - 1.0
    expected, actual = ({"return": series.iloc[kept].to_frame("book")} for series in (earned, realised))
    because = "cost-free return must be decided weights × forward returns"
    return first_difference("fills", expected, actual, rounding=TIE, because=because)


def _quiet_stretch(panel: Panel) -> Panel:
    """The stretch of sessions in which most names print every day."""
    length = min(PROBE_SESSIONS, len(panel.sessions))
    printed = panel.printed & panel.open.notna() & ~untraded(panel)
    throughout = printed.rolling(length).sum().to_numpy() == length
    end = int(np.argmax(throughout.sum(axis=1)))
    return panel.between(panel.sessions[end - length + 1], panel.sessions[end])


def _probe(panel: Panel, rng: np.random.Generator) -> pd.DataFrame:
    throughout = (panel.close.notna() & panel.open.notna() & ~untraded(panel)).all(axis=0).to_numpy()
    drawn = rng.standard_normal(panel.close.shape) * throughout
    drawn *= PROBE_GROSS / np.abs(drawn).sum(axis=1, keepdims=True)
    return pd.DataFrame(drawn, index=panel.sessions, columns=panel.tickers)


def _forward(panel: Panel, execution: Execution, horizon: int) -> pd.DataFrame:
    """From the fill price of row t + delay to that of row t + delay + horizon, by row numbers."""
    prices = (panel.open if execution.fill == "next_open" else panel.close).to_numpy(copy=True)
    if execution.no_volume == "waits":
        seen = (panel.volume > 0.0).cumsum().to_numpy() > 0
        prices[seen & (panel.volume.to_numpy() == 0.0)] = np.nan
    begin = (0 if execution.fill == "close" else 1) + execution.extra_delay
    forward = np.full(prices.shape, np.nan)
    stop = len(prices) - begin - horizon
    if stop > 0:
        forward[:stop] = prices[begin + horizon :][:stop] / prices[begin:][:stop] - 1.0
    return pd.DataFrame(forward, index=panel.sessions, columns=panel.tickers)


def _overlap(pair: SpanPair, panel: Panel, purge: int) -> Finding | None:
    """The first fitted row whose label meets the judged rows or labels, or lies in their embargo."""
    judged = np.zeros(len(panel.sessions) + purge + pair.embargo + 1, dtype=bool)
    judged[pair.judged] = True
    for row in pair.fitted:
        reach = slice(max(0, row - purge - pair.embargo), row + purge + 1)
        if judged[reach].any():
            met = int(np.flatnonzero(judged[reach])[0]) + reach.start
            return Finding(
                stage="spans",
                column=f"{pair.fitted_on} and {pair.judged_on}",
                session=f"{panel.sessions[row]:%Y-%m-%d}",
                ticker="",
                expected=f"{purge} sessions apart" + (f" and an embargo of {pair.embargo}" if pair.embargo else ""),
                found=f"{abs(met - int(row))} from {panel.sessions[min(met, len(panel.sessions) - 1)]:%Y-%m-%d}",
                because="labels of fitted rows must be known before the judged span, and the other way round",
            )
    return None


def _words(execution: Execution) -> str:
    return f"{execution.fill} with delay {execution.delay}"
