"""Invariance: numbers must not depend on where the bars begin, the order of the tickers or the scale of the prices."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from market.panel import Panel
from models.bar_levels import quotients
from strategy.proofs.first_difference import first_difference
from strategy.proofs.futures import permuted, rescaled, without_first
from strategy.proofs.pipeline_under_test import no_overlays
from strategy.proofs.stages import ROUNDING, ReferenceRun
from strategy.runs.proof_file import CheckResult, Finding

__all__ = ["check_carried_state", "check_permutation", "check_scale", "check_start"]

SUM_ORDER = 1e-9  # of a column's largest number: sums in another order, prices times another factor
FORGOTTEN = 150  # sessions after which smoothing has forgotten where it began
WEIGHT_TOLERANCE = 1e-6
LATER_BOOK = 50  # sessions by which a book is begun later
SCORED_AGAIN = 3  # every third sampled session: features are compared on all rows, and the scores read only them
SHIFTS = (1, 17)  # sessions left out at the start: one, and a number that divides no week or month


def check_start(reference: ReferenceRun) -> CheckResult:
    """Begin the bars later: features and scores the same after the warm-up, weights after 150 sessions."""
    shift = min(LATER_BOOK, len(reference.scores) - FORGOTTEN - 1)

    def findings() -> Iterator[Finding | None]:
        for count in SHIFTS:
            yield _later_bars(reference, count)
        if shift > 0:
            yield _later_book(reference, shift)

    finding = next((found for found in findings() if found is not None), None)
    book = f"book begun {shift}" if shift > 0 else f"no book, which needs {FORGOTTEN} test sessions"
    return _result("start shift", finding, f"bars begun {' and '.join(str(count) for count in SHIFTS)}, {book}")


def check_permutation(reference: ReferenceRun, *, seed: int = 0) -> CheckResult:
    """Put the tickers in another order: every number follows its ticker."""
    order = np.random.default_rng(seed).permutation(len(reference.panel.tickers))
    other = permuted(reference.panel, order)
    because = "tickers in another order"
    finding = _equivalent_bars(reference, other, because=because)
    if finding is None:
        weights = reference.pipeline.weights(reference.scores.iloc[:, order], other)
        finding = first_difference(
            "weights", {"weight": reference.weights}, {"weight": weights}, rounding=SUM_ORDER, because=because
        )
    return _result("ticker permutation", finding, "features, scores, weights")


def check_scale(reference: ReferenceRun, *, seed: int = 0) -> CheckResult:
    """Rescale each ticker's past and present as a later dividend, then a later split, would."""

    def findings() -> Iterator[Finding | None]:
        for split in (False, True):
            other = rescaled(reference.panel, rng=np.random.default_rng(seed), split=split)
            because = f"prices as a later {'split' if split else 'dividend'} would restate them"
            restated = rescaled(reference.bars, rng=np.random.default_rng(seed), split=split)
            yield _universe_of(reference, restated, because=because) or _equivalent_bars(
                reference, other, because=because
            )
            weights = reference.pipeline.weights(reference.scores, other)
            expected = {"weight": reference.weights}
            yield first_difference("weights", expected, {"weight": weights}, rounding=SUM_ORDER, because=because)

    finding = next((found for found in findings() if found is not None), None)
    return _result("price scale", finding, "universe, features, scores, weights under a dividend and under a split")


def check_carried_state(reference: ReferenceRun) -> CheckResult:
    """Stop overlays that remember in the middle of the test, and go on from what they remember."""
    pipeline = reference.pipeline
    if pipeline.overlays is no_overlays:
        return CheckResult(check="carried state", status="NOT RUN", note="no overlays: nothing is remembered")
    if pipeline.carry is None:
        return CheckResult(check="carried state", status="NOT RUN", note="give carry to check overlays that remember")
    row = (reference.first_decision + len(reference.panel.sessions)) // 2
    session = reference.panel.sessions[row]
    state = pipeline.carry.state(reference.weights.loc[:session], reference.panel.until(session))
    later = reference.panel.sessions[row + 1 :]
    resumed = pipeline.carry.resume(state, reference.weights, reference.panel).loc[later]
    finding = first_difference(
        "overlays",
        {"weight": reference.final.loc[later]},
        {"weight": resumed},
        rounding=SUM_ORDER,
        because=f"carried on from the state of {session:%Y-%m-%d}",
    )
    return _result("carried state", finding, f"{len(later)} sessions after a stop")


def _later_bars(reference: ReferenceRun, shift: int) -> Finding | None:
    """Compare features, then sampled scores, on bars without their first sessions."""
    pipeline, because = reference.pipeline, f"bars begun {shift} sessions later"
    other = without_first(reference.panel, shift)
    features = pipeline.features(other)
    kept = other.sessions[pipeline.feature_warm_up :]
    expected = {name: frame.loc[kept] for name, frame in reference.features.items()}
    actual = {name: frame.loc[kept] for name, frame in features.items()}
    finding = first_difference("features", expected, actual, rounding=SUM_ORDER, because=because)
    if finding is not None:
        return finding
    warm = other.sessions[min(pipeline.score_warm_up, len(other.sessions) - 1)]
    sampled = reference.sampled.loc[warm:].iloc[::SCORED_AGAIN]
    scores = pipeline.scores(features, other, pd.DatetimeIndex(sampled.index))
    return first_difference("scores", {"score": sampled}, {"score": scores}, rounding=ROUNDING, because=because)


def _later_book(reference: ReferenceRun, shift: int) -> Finding | None:
    """Compare the weights of a book that starts ``shift`` decisions later, once smoothing has forgotten it."""
    weights = reference.pipeline.weights(reference.scores.iloc[shift:], reference.panel)
    after = reference.scores.index[shift + FORGOTTEN :]
    return first_difference(
        "weights",
        {"weight": reference.weights.loc[after]},
        {"weight": weights.loc[after]},
        rounding=WEIGHT_TOLERANCE / float(np.nanmax(np.abs(reference.weights.to_numpy()))),
        because=f"first decision {shift} sessions later",
    )


def _universe_of(reference: ReferenceRun, other: Panel, *, because: str) -> Finding | None:
    expected, actual = {"universe": reference.panel.universe}, {"universe": reference.pipeline.universe(other)}
    return first_difference("universe", expected, actual, because=because)


def _equivalent_bars(reference: ReferenceRun, other: Panel, *, because: str) -> Finding | None:
    """Compare features and sampled scores on the same bars in another order or on another scale."""
    features = reference.pipeline.features(other)
    expected, actual = quotients(reference.features), quotients(features)
    finding = first_difference("features", expected, actual, rounding=SUM_ORDER, because=because)
    if finding is not None:
        return finding
    sampled = reference.sampled.iloc[::SCORED_AGAIN]
    scores = reference.pipeline.scores(features, other, pd.DatetimeIndex(sampled.index))
    return first_difference("scores", {"score": sampled}, {"score": scores}, rounding=ROUNDING, because=because)


def _result(check: str, finding: Finding | None, note: str) -> CheckResult:
    return CheckResult(check=check, status="PASS" if finding is None else "FAIL", note=note, finding=finding)
