"""Checks: the look-ahead tests that every pipeline is put through; none knows which leak it looks for."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from core.progress import ProgressCallback, silent
from market.panel import Panel
from strategy.proofs.causality import check_corruption, check_decisions, check_shuffle, check_truncation
from strategy.proofs.clock import check_clock, check_spans
from strategy.proofs.invariance import check_carried_state, check_permutation, check_scale, check_start
from strategy.proofs.learned_checks import (
    check_holdout,
    check_label_permutation,
    check_scaler,
    check_survivorship,
    check_training,
)
from strategy.proofs.pipeline_under_test import PipelineUnderTest
from strategy.proofs.restatement import check_restatement
from strategy.proofs.sampled_sessions import sample_rows
from strategy.proofs.stages import BROKEN, ReferenceRun, broken, reference_run
from strategy.runs.proof_file import CheckResult, Proof

__all__ = ["ProveOptions", "check_reference", "proof_rows", "prove"]

DEEP_FACTOR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveOptions:
    """Effort and randomness of a proof.

    Parameters
    ----------
    sessions : int
        Sampled over all sessions, and again over the decided ones; at least 2.
    seed : int
        Seed of sampling and noise.
    deep : bool
        Four times the sessions, every kind of noise at each, and the label permutation.
    identity : mapping of str to str
        Fingerprints to write into the proof.
    progress : callable
        Called after each check.
    """

    sessions: int = 12
    seed: int = 0
    deep: bool = False
    identity: Mapping[str, str] = field(default_factory=dict)
    progress: ProgressCallback = silent

    def __post_init__(self) -> None:
        if self.sessions < 2:
            raise ValueError(f"sessions must be at least 2, was {self.sessions}")


def prove(
    pipeline: PipelineUnderTest,
    bars: Panel,
    *,
    options: ProveOptions | None = None,
    recorded: pd.DataFrame | None = None,
) -> Proof:
    """Search a pipeline for look-ahead.

    Parameters
    ----------
    pipeline : PipelineUnderTest
        The strategy as callables.
    bars : Panel
        True bars, before the pipeline chooses its universe.
    options : ProveOptions, optional
        How hard to try.
    recorded : DataFrame of float, optional
        Scores of every decided session that a run has written, bit for bit those of ``pipeline.scores``.

    Returns
    -------
    Proof
        PASS, or the first offending stage, column, session and ticker with both values. A pass says that no leak was
        found in the sampled sessions, not that there is none.
    """
    began, options = time.perf_counter(), options or ProveOptions()
    reference = reference_run(pipeline, bars, rows=proof_rows(pipeline, bars, options), recorded=recorded)
    checks = check_reference(reference, options)
    return Proof(
        subject=pipeline.name,
        checks=checks,
        identity=options.identity,
        deep=options.deep,
        seconds=round(time.perf_counter() - began, 1),
    )


def check_reference(reference: ReferenceRun, options: ProveOptions) -> tuple[CheckResult, ...]:
    """Run every check, in order."""
    questions = _questions(reference, options)
    results = []
    for done, (name, ask) in enumerate(questions.items(), start=1):
        options.progress("checks", done - 1, len(questions), name)
        results.append(_answer(name, ask))
    options.progress("checks", len(questions), len(questions), "done")
    return tuple(results)


def _answer(name: str, ask: Callable[[], CheckResult]) -> CheckResult:
    """Run one check; a stage that ran on the true bars and fails on others fails the check."""
    try:
        return ask()
    except BROKEN as error:
        return CheckResult(check=name, status="FAIL", finding=broken(name, error))


def _questions(reference: ReferenceRun, options: ProveOptions) -> Mapping[str, Callable[[], CheckResult]]:
    seed, deep = options.seed, options.deep
    questions: dict[str, Callable[[], CheckResult]] = {
        "truncation": partial(check_truncation, reference),
        "future corruption": partial(check_corruption, reference, seed=seed, every_kind=deep),
        "future shuffle": partial(check_shuffle, reference, seed=seed, step=1 if deep else 3),
        "decision": partial(check_decisions, reference),
        "start shift": partial(check_start, reference),
        "ticker permutation": partial(check_permutation, reference, seed=seed),
        "price scale": partial(check_scale, reference, seed=seed),
        "clock": partial(check_clock, reference, seed=seed),
        "purge and embargo": partial(check_spans, reference),
        "scaler": partial(check_scaler, reference, seed=seed),
        "training": partial(check_training, reference, seed=seed),
        "carried state": partial(check_carried_state, reference),
        "hold-out": partial(check_holdout, reference),
        "survivorship": partial(check_survivorship, reference.panel),
    }
    if reference.panel.outside:
        questions["restatement"] = partial(check_restatement, reference, seed=seed)
    if deep:
        questions["label permutation"] = partial(check_label_permutation, reference, seed=seed)
    return questions


def proof_rows(pipeline: PipelineUnderTest, bars: Panel, options: ProveOptions) -> dict[int, str]:
    """Sample rows: some among all sessions with an eligible name, as many among the decided ones."""
    panel = pipeline.on(bars)
    count = options.sessions * (DEEP_FACTOR if options.deep else 1)
    begun = int(panel.universe.to_numpy().any(axis=1).argmax())
    decided = int(panel.sessions.searchsorted(pipeline.first_decision))
    anywhere = sample_rows(panel, first=begun, count=count, seed=options.seed)
    later = sample_rows(panel, first=decided, count=count, seed=options.seed + 1)
    return dict(sorted((later | anywhere).items()))
