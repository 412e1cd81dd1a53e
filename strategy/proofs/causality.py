"""Causality: what was decided at *t* must not move when the future does, by one bar or by all of them."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from strategy.proofs.first_difference import first_difference
from strategy.proofs.futures import CORRUPTIONS, corrupted, shuffled
from strategy.proofs.stages import ROUNDING, ReferenceRun, compare_stages
from strategy.runs.proof_file import CheckResult, Finding

__all__ = ["check_corruption", "check_decisions", "check_shuffle", "check_truncation"]

FULL_DECISIONS = (1, 4, 9)  # sessions after the first decision at which the whole chain is run again


def check_truncation(reference: ReferenceRun) -> CheckResult:
    """Cut the bars after each sampled session: no row up to it may change in any stage."""

    def findings() -> Iterator[Finding | None]:
        for row in reference.rows:
            session = reference.panel.sessions[row]
            yield compare_stages(
                reference, reference.bars.until(session), row, because=f"bars cut after {_day(session)}"
            )

    return _first("truncation", findings(), f"{len(reference.rows)} sessions")


def check_corruption(reference: ReferenceRun, *, seed: int = 0, every_kind: bool = False) -> CheckResult:
    """Replace everything after each sampled session by noise; after every other, one kind of thing alone too."""
    single = CORRUPTIONS[1:]

    def findings() -> Iterator[Finding | None]:
        for place, row in enumerate(reference.rows):
            alone = (single[place // 2 % len(single)],) if place % 2 == 0 else ()
            for kind in CORRUPTIONS if every_kind else (CORRUPTIONS[0], *alone):
                rng = np.random.default_rng((seed, row))
                other = corrupted(reference.bars, row, rng=rng, kind=kind)
                later = _noise_scores(reference, row, rng)
                yield compare_stages(reference, other, row, later=later, because=_noise_words(reference, row, kind))

    return _first("future corruption", findings(), f"{len(reference.rows)} sessions, noise from t+1")


def check_shuffle(reference: ReferenceRun, *, seed: int = 0, step: int = 3) -> CheckResult:
    """Put the sessions after every third sampled one in another order."""
    rows = list(reference.rows)[::step]

    def findings() -> Iterator[Finding | None]:
        for row in rows:
            rng = np.random.default_rng((seed, row))
            later = _shuffled_scores(reference, row, rng)
            because = f"sessions after {_day(reference.panel.sessions[row])} in another order"
            yield compare_stages(reference, shuffled(reference.bars, row, rng=rng), row, later=later, because=because)

    return _first("future shuffle", findings(), f"{len(rows)} sessions")


def check_decisions(reference: ReferenceRun) -> CheckResult:
    """Run the whole chain on bars cut at a few early decisions: the last row is what would be held that evening."""
    rows = [reference.first_decision + ahead for ahead in FULL_DECISIONS]  # one score for each session up to then
    rows = [row for row in rows if row < len(reference.panel.sessions) - 1]
    return _first("decision", (_decision(reference, row) for row in rows), f"{len(rows)} sessions, every stage anew")


def _decision(reference: ReferenceRun, row: int) -> Finding | None:
    pipeline, session = reference.pipeline, reference.panel.sessions[row]
    known = reference.bars.until(session)
    because = f"decided on bars that end {_day(session)}"
    held = reference.final.loc[[session]]
    if pipeline.decide is not None:
        decided = pipeline.decide(known).to_frame().T.set_axis([session])
        return first_difference("decision", {"weight": held}, {"weight": decided}, because=because)
    panel = pipeline.on(known)
    sessions = panel.sessions[panel.sessions >= pipeline.first_decision]
    scores = pipeline.scores(pipeline.features(panel), panel, sessions)
    expected = reference.scores.loc[sessions]
    finding = first_difference("scores", {"score": expected}, {"score": scores}, rounding=ROUNDING, because=because)
    if finding is not None:
        return finding
    final = pipeline.overlays(pipeline.weights(expected, panel), panel)
    return first_difference("weights", {"weight": held}, {"weight": final.loc[[session]]}, because=because)


def _first(check: str, findings: Iterator[Finding | None], note: str) -> CheckResult:
    finding = next((found for found in findings if found is not None), None)
    return CheckResult(check=check, status="PASS" if finding is None else "FAIL", note=note, finding=finding)


def _noise_scores(reference: ReferenceRun, row: int, rng: np.random.Generator) -> pd.DataFrame:
    """Scores of the sessions after a row, of the size that true ones have, for every name."""
    later = reference.scores.loc[reference.panel.sessions[row] :].iloc[1:]
    known = reference.scores.to_numpy()[~np.isnan(reference.scores.to_numpy())]
    return _scores_like(later, lambda shape: known.mean() + 3.0 * known.std() * rng.standard_normal(shape))


def _shuffled_scores(reference: ReferenceRun, row: int, rng: np.random.Generator) -> pd.DataFrame:
    later = reference.scores.loc[reference.panel.sessions[row] :].iloc[1:]
    order = rng.permutation(len(later))
    return _scores_like(later, lambda _: later.to_numpy()[order])


def _scores_like(frame: pd.DataFrame, draw: Callable[[tuple[int, ...]], np.ndarray]) -> pd.DataFrame:
    return pd.DataFrame(draw(frame.shape), index=frame.index, columns=frame.columns)


def _noise_words(reference: ReferenceRun, row: int, kind: str) -> str:
    what = "everything" if kind == "everything" else f"the {kind}"
    return f"{what} after {_day(reference.panel.sessions[row])} replaced by noise; {reference.rows[row]}"


def _day(session: pd.Timestamp) -> str:
    return f"{session:%Y-%m-%d}"
