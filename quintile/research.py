"""Research: train, judge and compare, each in one call; every result is a value that prints and shows itself."""

import datetime as dt
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import pandas as pd
import pyarrow as pa

from core.parallel import Workers
from market.bars.dates import zones_as_text
from portfolio.rules import TradingRules
from quintile.bar_frames import Bars, inputs_for, recorded_request, require_loadable
from quintile.frozen_version import FrozenVersion
from quintile.lookup import require
from quintile.progress_display import shown_progress
from quintile.redrawn_board import redraw_board
from signals.score_file import cut_scores, read_scores, scores_of_table
from strategy.definitions.spec import StrategySpec, load_spec
from strategy.evaluate import evaluate as evaluate_given
from strategy.learning.given_model import find_model
from strategy.pipeline import run as run_strategy
from strategy.proofs.checks import ProveOptions
from strategy.proofs.run_proof import prove_run, prove_version
from strategy.run_model import run_model
from strategy.runs.context import RunContext
from strategy.runs.proof_file import Proof
from strategy.runs.result import Run
from strategy.runs.store import DEFAULT_STORE, RunStore
from strategy.studies.book_comparison import BookComparison, write_comparison
from strategy.studies.book_comparison import compare_books as score_lineup
from strategy.walk_forward.walk import walk
from strategy.walk_forward.walk_result import WalkForward
from strategy.walk_forward.walk_settings import WalkSettings

__all__ = ["compare_books", "evaluate", "prove", "run", "walk_forward"]

JUDGED_BY = "quintile_long_short"  # reads the order of scores alone


class WalkOptions(TypedDict, total=False):
    """What a walk may be told beside its spans; the fields of ``WalkSettings`` and where it is written."""

    validation: float
    embargo: int
    expanding: bool
    first_test: str | dt.date
    seeds: tuple[int, ...]
    learner: Literal["model", "ridge"]
    combinatorial: tuple[int, int]
    store: str | Path
    quiet: bool


class RunOptions(TypedDict, total=False):
    """What a run may be told beside its strategy, bars and store."""

    from_run: str
    quiet: bool


class EvaluateOptions(TypedDict, total=False):
    """What an evaluation may be told beside its scores, bars and rules."""

    start: str | dt.date
    end: str | dt.date
    quiet: bool


def run(
    spec: StrategySpec,
    bars: Bars,
    *,
    model: str | None = None,
    resume: str | None = None,
    store: str | Path = DEFAULT_STORE,
    **options: Unpack[RunOptions],
) -> Run:
    """Train, score, build the books, backtest them on two engines, weigh the evidence and write the report.

    Parameters
    ----------
    spec : StrategySpec
        The strategy.
    bars : Panel, Inputs or DataFrame
        Daily bars with their universe.
    model : str, optional
        Train nothing: score with the model of a run in the store, or of a .safetensors file.
    resume : str, optional
        An unfinished run to continue, on the same bars.
    store : str or Path
        Folder of runs; the result is logged there as a trial.
    **options
        ``from_run``: begin training with the weights of a run in the store, or of a .safetensors file, which are of
        the same network on the same features and learned before the new validation begins. ``quiet``: no progress bars.

    Returns
    -------
    Run
        Prints as a table, shows itself in a notebook, and knows its files.

    Raises
    ------
    DataError
        If the bars cannot carry the strategy, or the weights to begin with saw what it is judged on.
    RunError
        If an unfinished run cannot be continued.
    CheckpointError
        If the weights to begin with are of another network.

    Examples
    --------
    >>> again = qt.run(spec, bars, model=run.folder.run_id, store=store)
    >>> again.scores.equals(run.scores)
    True
    """
    require(spec, StrategySpec, name="spec", made_by="qt.load_strategy")
    _refuse_unknown(options, RunOptions, of="run")
    place, from_run = RunStore(Path(store)), options.get("from_run")
    if resume is not None and model is not None:
        raise ValueError("resume does not go with model: a given model trains nothing that could be resumed")
    if from_run is not None and (resume is not None or model is not None):
        word = "model" if resume is None else "resume"
        raise ValueError(f"from_run does not go with {word}: no training is begun")
    unfinished = None if resume is None else place.find(resume)
    if unfinished is not None:
        unfinished.check_resumable("run")
        unfinished.check_unfinished()
    inputs = inputs_for(bars, spec.holdout)
    with shown_progress(quiet=options.get("quiet", False)) as progress:
        context = RunContext(store=place, request=recorded_request(bars), progress=progress, resume=unfinished)
        if model is not None:
            made = run_model(spec, inputs, find_model(model, place), context=context)
        else:
            start = None if from_run is None else find_model(from_run, place)
            made = run_strategy(spec, inputs, context=context, start=start)
    redraw_board(place.root, tell=warnings.warn)
    return made


def evaluate(
    scores: pd.DataFrame | str | Path,
    bars: Bars,
    *,
    rules: TradingRules | None = None,
    store: str | Path = DEFAULT_STORE,
    quick: bool = False,
    **options: Unpack[EvaluateOptions],
) -> Run:
    """Judge scores that came without a model: information coefficient, books, backtests, verdict and report.

    Parameters
    ----------
    scores : DataFrame or path
        Sessions × tickers, or one row a date and ticker with a column ``score``; or a .parquet or .csv file of either.
        Row *t* must have been known at the close of *t*.
    bars : Panel, Inputs or DataFrame
        Bars with their universe; they decide who may be held.
    rules : TradingRules, optional
        Book, overlays, clock and costs, such as ``spec.rules``; by default a quintile long/short book, which reads the
        order of scores alone.
    store : str or Path
        Folder of runs; the result is logged there as a trial.
    quick : bool
        The same numbers of the strategy's own book alone, in seconds: no companion, random books, studies, stress rows
        or report. The verdict is WEAK at best.
    **options
        ``start`` and ``end`` (dates: first and last session whose scores are judged; bars keep their history, which
        features, baselines and the universe read) and ``quiet`` (False: no progress bars).

    Raises
    ------
    DataError
        If scores and bars do not fit.

    Examples
    --------
    >>> judged = qt.evaluate(run.scores, bars, rules=spec.rules, store=store)
    >>> judged.ic["model"].equals(run.ic["model"])
    True
    """
    if not isinstance(scores, pd.DataFrame | str | Path):
        raise TypeError(f"scores must be a DataFrame or the path of a file, were a {type(scores).__name__}")
    _refuse_unknown(options, EvaluateOptions, of="evaluate")
    given = _wide(scores) if isinstance(scores, pd.DataFrame) else read_scores(scores)
    given = cut_scores(given, options.get("start"), options.get("end"))
    name = "" if isinstance(scores, pd.DataFrame) else Path(scores).name
    with shown_progress(quiet=options.get("quiet", False)) as progress:
        context = RunContext(store=RunStore(Path(store)), request=recorded_request(bars), progress=progress)
        spec = _judging_spec(rules)
        made = evaluate_given(given, inputs_for(bars), spec=spec, context=context, quick=quick, name=name)
    redraw_board(Path(store), tell=warnings.warn)
    return made


def walk_forward(
    spec: StrategySpec,
    bars: Bars,
    *,
    train: int = 756,
    test: int = 63,
    workers: int = 2,
    **options: Unpack[WalkOptions],
) -> WalkForward:
    """Retrain on a moving span, judge only what comes after it, and report the stitched scores, once a seed.

    Parameters
    ----------
    spec : StrategySpec
        The strategy; its split is not used.
    bars : Panel, Inputs or DataFrame
        Daily bars with their universe.
    train, test : int
        Sessions of a training span, validation included, and sessions judged before the next retraining.
    workers : int
        Processes of one thread each; they change no number.
    **options
        ``validation`` (share of the training span, 0.2), ``embargo`` (sessions, 0), ``expanding`` (False),
        ``first_test`` (date), ``seeds`` (the strategy's own), ``learner`` (``"model"`` or ``"ridge"``),
        ``combinatorial`` (*n* groups, *k* of them judged), ``store`` (``"runs"``) and ``quiet`` (False).

    Returns
    -------
    WalkForward
        Prints as a table; ``runs`` holds one run a seed, each with its report.

    Raises
    ------
    DataError
        If the bars are too few for the spans.

    Examples
    --------
    >>> walk = qt.walk_forward(spec, bars, train=300, test=160, learner="ridge", workers=1, store=store)
    >>> len(walk.study.folds), walk.runs[0].verdict.word
    (1, 'NOT EVIDENCE')
    """
    require(spec, StrategySpec, name="spec", made_by="qt.load_strategy")
    given: dict[str, Any] = dict(options)
    store, quiet = RunStore(Path(given.pop("store", DEFAULT_STORE))), given.pop("quiet", False)
    settings = _walk_settings({"train": train, "test": test}, given)
    inputs = inputs_for(bars, spec.holdout)
    with shown_progress(quiet=quiet) as progress:
        context = RunContext(store=store, request=recorded_request(bars), progress=progress)
        walked = walk(spec, inputs, settings=settings, context=context, workers=Workers(count=workers))
    redraw_board(store.root, tell=warnings.warn)
    return walked


def compare_books(
    run: Run, bars: Bars | None = None, *, optimised: bool = False, quiet: bool = False
) -> BookComparison:
    """Hold every book builder against the others on a run's scores; each row is logged as a trial.

    Parameters
    ----------
    run : Run
        A finished run; a page with the curves is written into its folder.
    bars : Panel, Inputs or DataFrame, optional
        The run's bars; by default loaded again.
    optimised : bool
        Whether mean-variance, mean-CVaR, risk parity and HRP join; they need skfolio.
    quiet : bool
        No progress bars.

    Raises
    ------
    RunError
        If the run has not finished or the bars are others.

    Examples
    --------
    >>> books = qt.compare_books(run)
    >>> len(books.table) + len(books.refused)
    10
    """
    require(run, Run, name="run", made_by="qt.run or qt.load_run")
    store = RunStore(run.folder.path.parents[1])
    if bars is None:
        require_loadable(run)
    inputs = None if bars is None else inputs_for(bars, run.folder.spec.holdout)
    with shown_progress(quiet=quiet) as progress:
        found = score_lineup(run.folder, store=store, inputs=inputs, optimised=optimised, progress=progress)
    write_comparison(found, run.folder)
    return found


def prove(subject: Run | FrozenVersion, *, deep: bool = False, quiet: bool = False) -> Proof:
    """Try to catch a trained strategy looking ahead: PASS, or the first number that moved with the future.

    Parameters
    ----------
    subject : Run or FrozenVersion
        What is tried, on its own bars; the reports of a run then say what was found.
    deep : bool
        Four times the sessions, and label permutation.
    quiet : bool
        No progress bars.

    Raises
    ------
    RunError
        If it has no model, or was made of other bars or by other code.

    Examples
    --------
    >>> qt.prove(run).verdict
    'PASS'
    """
    if not isinstance(subject, FrozenVersion):
        require(subject, Run, name="subject", made_by="qt.run, qt.load_run or, of a version, qt.freeze")
        require_loadable(subject)
    with shown_progress(quiet=quiet) as progress:
        options = ProveOptions(deep=deep, progress=progress)
        if isinstance(subject, Run):
            return prove_run(subject.folder, options=options)
        return prove_version(subject.folder, out=Path(DEFAULT_STORE), options=options)[0]


def _wide(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores as sessions × tickers; a frame that is so already is taken as it is."""
    if scores.index.nlevels == 1 and isinstance(scores.index, pd.DatetimeIndex) and "score" not in scores:
        return scores
    return scores_of_table(pa.Table.from_pandas(zones_as_text(scores)), origin="the scores")


def _judging_spec(rules: TradingRules | None) -> StrategySpec:
    spec = load_spec(JUDGED_BY)
    if rules is None:
        return spec
    require(rules, TradingRules, name="rules", made_by="spec.rules")
    names = ("portfolio", "risk", "execution", "costs")
    return spec.model_copy(update={name: getattr(rules, name) for name in names})


def _walk_settings(spans: Mapping[str, int], given: dict[str, Any]) -> WalkSettings:
    retraining: dict[str, Any] = {key: given.pop(key) for key in ("validation", "embargo", "expanding") if key in given}
    return WalkSettings.of({"retraining": {**spans, **retraining}, **given})


def _refuse_unknown(options: Mapping[str, Any], known: Any, *, of: str) -> None:
    """Refuse an option that a call does not have, as a signature would."""
    unknown = sorted(options.keys() - known.__annotations__.keys())
    if unknown:
        raise TypeError(f"{of}() got an unexpected keyword argument {unknown[0]!r}")
