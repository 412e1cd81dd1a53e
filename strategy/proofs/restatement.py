"""Restatement: what becomes known later must move nothing earlier, and an older period must hide no newer one."""

import numpy as np

from strategy.proofs.first_difference import first_difference
from strategy.proofs.futures import older_periods_restated, restated
from strategy.proofs.stages import ReferenceRun, compare_stages
from strategy.runs.proof_file import CheckResult, Finding

__all__ = ["check_restatement"]


def check_restatement(reference: ReferenceRun, *, seed: int = 0) -> CheckResult:
    """Alter, drop and restate outside rows that are known later, and restate older periods late.

    The first must move nothing up to the sampled session. The second must move no feature that bears a table's name:
    it is the latest period's value. Features of your own may well read older periods.
    """
    panel = reference.panel
    if not panel.outside:
        return CheckResult(check="restatement", status="NOT RUN", note="the bars bring no outside table")
    later = (_later(reference, row, seed) for row in reference.rows)
    finding = next((found for found in later if found is not None), None) or _older(reference, seed)
    note = f"{', '.join(sorted(panel.outside))} restated after {len(reference.rows)} sessions, and older periods late"
    return CheckResult(check="restatement", status="PASS" if finding is None else "FAIL", note=note, finding=finding)


def _later(reference: ReferenceRun, row: int, seed: int) -> Finding | None:
    other = restated(reference.bars, row, rng=np.random.default_rng((seed, row)))
    because = f"outside rows known after {reference.panel.sessions[row]:%Y-%m-%d} altered, left out and restated"
    return compare_stages(reference, other, row, because=because)


def _older(reference: ReferenceRun, seed: int) -> Finding | None:
    pipeline = reference.pipeline
    other = older_periods_restated(reference.bars, rng=np.random.default_rng(seed))
    features = pipeline.features(pipeline.on(other))
    named = [name for name in reference.features if name in reference.panel.outside and name in features]
    expected, found = ({name: frames[name] for name in named} for frames in (reference.features, features))
    because = "a period restated the day after a later one became known"
    return first_difference("features", expected, found, because=because)
