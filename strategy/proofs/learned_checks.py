"""Learned checks: what was learned must not change when bars that training may not read are replaced by noise."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.errors import RunError
from market.panel import BAR_FIELDS, Panel, aligned_frame, no_delistings
from market.universe import survivorship
from signals.score_metrics import information_coefficient, summarize_ic
from strategy.proofs.first_difference import first_artefact
from strategy.proofs.futures import corrupted
from strategy.proofs.pipeline_under_test import PipelineUnderTest
from strategy.proofs.stages import ReferenceRun
from strategy.runs.proof_file import CheckResult, Finding

__all__ = ["check_holdout", "check_label_permutation", "check_scaler", "check_survivorship", "check_training"]

NULL_BAND = 3.0  # HAC standard errors: one test, and a false alarm in 370


def check_scaler(reference: ReferenceRun, *, seed: int = 0) -> CheckResult:
    """Replace every row from validation on by noise: what is fitted on training rows keeps every bit."""
    pipeline = reference.pipeline
    row = _last_row(reference, "validation")
    if pipeline.scaler is None or row is None:
        return CheckResult(check="scaler", status="NOT RUN", note="give scaler and spans with a validation span")
    other, because = _noise_after(reference, row, seed)
    session = f"{reference.panel.sessions[row]:%Y-%m-%d}"
    finding = first_artefact(
        "scaler", pipeline.scaler(reference.panel), pipeline.scaler(other), session=session, because=because
    )
    return _result("scaler", finding, "noise from the first validation session on")


def check_training(reference: ReferenceRun, *, seed: int = 0) -> CheckResult:
    """Replace every row after validation by noise and learn again: everything learned keeps every bit."""
    pipeline = reference.pipeline
    row = _last_row(reference, "test")
    if pipeline.fit is None or row is None:
        return CheckResult(check="training", status="NOT RUN", note="give fit and spans with a test span")
    other, because = _noise_after(reference, row, seed)
    session = f"{reference.panel.sessions[row]:%Y-%m-%d}"
    expected = pipeline.fit(reference.panel)
    finding = first_artefact("learning", expected, pipeline.fit(other), session=session, because=because)
    return _result("training", finding, f"{len(expected)} artefacts learned again with noise after validation")


def check_label_permutation(reference: ReferenceRun, *, seed: int = 0) -> CheckResult:
    """Deal each session's labels to other tickers, learn them, and find nothing on the test."""
    pipeline = reference.pipeline
    if pipeline.relearn is None or pipeline.labels is None:
        return CheckResult(check="label permutation", status="NOT RUN", note="give relearn and labels")
    labels = _dealt_again(pipeline.labels(reference.panel), np.random.default_rng(seed))
    scores = pipeline.relearn(reference.panel, labels)
    ic = summarize_ic(information_coefficient(scores, labels.loc[scores.index]))
    band = NULL_BAND * ic.standard_error
    note = f"IC {ic.mean:+.4f}, null band ±{band:.4f}, {ic.n_sessions} sessions"
    if math.isfinite(band) and abs(ic.mean) <= band:
        return CheckResult(check="label permutation", status="PASS", note=note)
    finding = Finding(
        stage="learning",
        column="rank IC",
        session="",
        ticker="",
        expected=f"within ±{band:.4f}",
        found=f"{ic.mean:+.4f}",
        because="labels dealt at random within each session",
    )
    return CheckResult(check="label permutation", status="FAIL", note=note, finding=finding)


def check_holdout(reference: ReferenceRun) -> CheckResult:
    """Date the last session into the seal: features must refuse the bars."""
    pipeline, sealed = reference.pipeline, reference.pipeline.sealed_from
    if sealed is None:
        return CheckResult(check="hold-out", status="NOT RUN", note="no hold-out is sealed")
    note = f"sealed from {sealed:%Y-%m-%d}"
    last = reference.panel.sessions[-1]
    if last < sealed and _refuses(pipeline, _dated_into(reference.panel, sealed)):
        return CheckResult(check="hold-out", status="PASS", note=note)
    finding = Finding(
        stage="features",
        column="hold-out",
        session=f"{max(last, sealed):%Y-%m-%d}",
        ticker="",
        expected="bars that reach into the seal are refused",
        found="they were read",
        because=note,
    )
    return CheckResult(check="hold-out", status="FAIL", note=note, finding=finding)


def check_survivorship(panel: Panel) -> CheckResult:
    """Stamp bars that cannot be shown to hold the dead: a caution, for no code can mend it."""
    evidence = survivorship(panel)
    declared = evidence.stamp == "DECLARED POINT-IN-TIME"
    return CheckResult(check="survivorship", status="PASS" if declared else "WARN", note=evidence.stamp)


def _refuses(pipeline: PipelineUnderTest, panel: Panel) -> bool:
    try:
        pipeline.features(panel)
    except RunError:
        return True
    return False


def _dated_into(panel: Panel, sealed: pd.Timestamp) -> Panel:
    """The panel with its last session moved to the first sealed one."""
    sessions = pd.DatetimeIndex([*panel.sessions[:-1], sealed])
    names = (*BAR_FIELDS, "universe")
    frames: dict[str, Any] = {
        name: aligned_frame(getattr(panel, name).to_numpy(), sessions, panel.tickers) for name in names
    }
    return replace(panel, **frames, delistings=no_delistings())


def _last_row(reference: ReferenceRun, judged_on: str) -> int | None:
    """The last row before the span of that name."""
    spans = reference.pipeline.spans
    pairs = [] if spans is None else [pair for pair in spans(reference.panel) if pair.judged_on == judged_on]
    return int(pairs[0].judged.min()) - 1 if pairs else None


def _noise_after(reference: ReferenceRun, row: int, seed: int) -> tuple[Panel, str]:
    other = corrupted(reference.bars, row, rng=np.random.default_rng((seed, row)))
    other = reference.pipeline.on(other)
    return other, f"every row after {reference.panel.sessions[row]:%Y-%m-%d} replaced by noise"


def _dealt_again(labels: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Permute each row among the cells that hold a number."""
    dealt = labels.to_numpy(copy=True)
    for row in range(len(dealt)):  # each session has its own names
        known = np.flatnonzero(~np.isnan(dealt[row]))
        dealt[row, known] = dealt[row, rng.permutation(known)]
    return pd.DataFrame(dealt, index=labels.index, columns=labels.columns)


def _result(check: str, finding: Finding | None, note: str) -> CheckResult:
    return CheckResult(check=check, status="PASS" if finding is None else "FAIL", note=note, finding=finding)
