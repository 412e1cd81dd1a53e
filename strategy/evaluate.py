"""Evaluate: IC, books, backtests and report of scores that came without a model."""

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.evaluation import MODEL, evaluate_scores, given_breadth
from backtests.quick_evaluation import LEFT_OUT, quick_evaluation
from core.errors import DataError
from market.inputs import Inputs
from market.panel import Panel
from portfolio.book_settings import BookSettings
from signals.score_file import align_scores, ended_names, read_scores, scores_of_no_session
from strategy.definitions.render import rule_words
from strategy.definitions.spec import StrategySpec, load_spec
from strategy.epilogue import Remarks, conclude, conclude_quickly
from strategy.runs.context import RunContext
from strategy.runs.log.run_log import logged
from strategy.runs.result import Run
from strategy.runs.store import RunOrigin
from strategy.runs.whole_run import kept_run, whole_run

__all__ = ["SCORES_BOOK", "evaluate", "scores_spec"]

SCORES_BOOK = "given_scores"
SUSPICIOUS_IC = 0.05  # of daily scores on liquid US stocks: a leak or a bad print until proven otherwise
MIN_SESSIONS = 20
QUICK_IDENTITY = {"code": "not read: quick"}
QUICK = ("QUICK", f"Left out: {', '.join(LEFT_OUT)}.")


def evaluate(
    scores: pd.DataFrame | str | Path,
    bars: Panel | Inputs,
    *,
    spec: StrategySpec | None = None,
    context: RunContext | None = None,
    quick: bool = False,
    name: str = "",
) -> Run:
    """Judge given scores as ``run`` judges a model's: IC, the strategy's book and its companion, baselines, report.

    Parameters
    ----------
    scores : DataFrame of float, or path
        Sessions × tickers, or a file that ``read_scores`` takes. Row *t* must have been known at the close of *t*:
        nothing here can prove that, and the report says so.
    bars : Panel or Inputs
        Bars with their universe; they decide who may be held.
    spec : StrategySpec, optional
        Its portfolio, execution and costs decide; by default those of ``quintile_long_short``, which reads the order of
        scores alone. Rules such as "short below zero" mean something only for scores that are expected returns.
    context : RunContext, optional
        Store, record and progress.
    quick : bool
        The numbers of the strategy's own book alone, by one engine: no companion, random book, study, stress or report.
        The figures are the same, the verdict is WEAK at best, and it counts as a trial.
    name : str
        What the scores are called; by default the name of their file.

    Returns
    -------
    Run
        Without a model: it cannot decide on later bars.

    Raises
    ------
    DataError
        If scores and bars do not fit.
    """
    inputs = Inputs.of(bars)
    given = scores if isinstance(scores, pd.DataFrame) else read_scores(scores)
    name = name or ("scores" if isinstance(scores, pd.DataFrame) else Path(scores).name)
    placed = align_scores(given, inputs.panel)
    _check_length(placed)
    chosen = scores_spec(spec or load_spec("quintile_long_short"), name)
    context = logged(context or RunContext())
    judge = quick_evaluation if quick else partial(evaluate_scores, baselines={}, progress=context.progress)
    evaluation = judge(chosen.rules, inputs, scores=placed)
    evaluation = replace(evaluation, breadth=given_breadth(evaluation))
    notes = _notes(chosen, placed, evaluation.signal.summary(MODEL).mean)
    fallen = (*scores_of_no_session(given, inputs.panel), *ended_names(given, inputs.panel))
    remarks = Remarks(stamps=(QUICK,) if quick else (), notes=(*given.attrs.get("notes", ()), *notes, *fallen))
    scored: dict[str, str] = {"scores": _fingerprint(placed)}
    named: dict[str, Any] = {"scores": name}
    if quick:
        scored, named = scored | QUICK_IDENTITY, named | {"quick": True}
    origin = RunOrigin(identity=scored, record=named)
    with whole_run(chosen, inputs.panel, context=context, origin=origin) as folder:
        (conclude_quickly if quick else conclude)(context.store, folder, evaluation, remarks=remarks)
    return Run(kept_run(folder))


def scores_spec(spec: StrategySpec, name: str) -> StrategySpec:
    """The spec under which given scores are judged: book, execution and costs of ``spec`` under a name of its own."""
    fields = {
        "name": SCORES_BOOK,
        "title": f"Given scores: {name}"[:120],
        "summary": rule_words(spec.portfolio.builder),
    }
    return spec.model_copy(update=fields)


def _check_length(scores: pd.DataFrame) -> None:
    scored = int((scores.notna().sum(axis=1) >= 2).sum())
    if scored < MIN_SESSIONS:
        raise DataError(f"scores cover {scored} sessions of the universe, at least {MIN_SESSIONS} are needed: add some")


def _notes(spec: StrategySpec, scores: pd.DataFrame, rank_ic: float) -> tuple[str, ...]:
    notes = [
        f"Scores came without a model: row t is taken as known at the close of t and fills at {spec.execution.fill}; "
        "whether it was known then is the giver's word."
    ]
    horizon = spec.label.horizon
    limit, returns = SUSPICIOUS_IC, "daily stock returns"
    if horizon > 1:  # a signal that does not decay at all gains with the square root of the horizon
        limit, returns = round(SUSPICIOUS_IC * horizon**0.5, 3), f"stock returns of {horizon} sessions"
    if abs(rank_ic) > limit:
        notes.append(
            f"A rank IC of {rank_ic:+.3f} is beyond {limit}: on {returns} that is a leak or a bad print until proven "
            "otherwise."
        )
    if _reads_levels(spec.portfolio) and not ((scores < 0).any(axis=None) and (scores > 0).any(axis=None)):
        notes.append("All scores have one sign: a rule that compares them with zero means nothing here.")
    return tuple(notes)


def _reads_levels(book: BookSettings) -> bool:
    return book.builder in ("filter_negative", "confidence")


def _fingerprint(scores: pd.DataFrame) -> str:
    digest = hashlib.sha256("\0".join([*map(str, scores.index), *scores.columns]).encode())
    digest.update(np.ascontiguousarray(scores.to_numpy() + 0.0).tobytes())
    return digest.hexdigest()
