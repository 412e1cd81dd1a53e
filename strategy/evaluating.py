"""Evaluate: IC, books, backtests and report of scores that came without a model."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from market.errors import DataError
from market.files import write_json
from market.panel import Panel
from portfolio.settings import BookSettings
from strategy.definition import BOOK_RULES
from strategy.finished import Run
from strategy.given import align_scores, read_scores
from strategy.inputs import Inputs
from strategy.outcome import judge
from strategy.reporting import save_outcome
from strategy.runs import RunFolder, RunRequest, RunStore
from strategy.spec import StrategySpec, load_spec
from strategy.standing import record_trial

__all__ = ["SCORES_BOOK", "evaluate", "scores_spec"]

SCORES_BOOK = "given_scores"
SUSPICIOUS_IC = 0.05  # of daily scores on liquid US stocks: a leak or a bad print until proven otherwise
LEAST_SESSIONS = 20


def evaluate(
    scores: pd.DataFrame | str | Path,
    bars: Panel | Inputs,
    *,
    spec: StrategySpec | None = None,
    store: RunStore | None = None,
    request: RunRequest | None = None,
    command: str = "strategy.evaluate(scores, bars)",
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
    store : RunStore, optional
        Where the run is written.
    request : RunRequest, optional
        Where the bars came from, for the record.
    command : str
        What reproduces the run, for the record.

    Returns
    -------
    Run
        Without a model: it cannot decide on later bars.

    Raises
    ------
    DataError
        If scores and bars do not fit.
    """
    inputs = Inputs(panel=bars) if isinstance(bars, Panel) else bars
    name, given = ("scores", scores) if isinstance(scores, pd.DataFrame) else (Path(scores).name, read_scores(scores))
    placed = align_scores(given, inputs.panel)
    _check_length(placed)
    chosen = scores_spec(spec or load_spec("quintile_long_short"), name)
    outcome = judge(chosen, inputs, scores=placed, baselines={})
    notes = _notes(chosen, placed, outcome.signal.summary("model").mean)
    store = store or RunStore()
    with _whole_folder(chosen, store, request or RunRequest(bars="given in Python"), inputs.panel, command) as folder:
        record = folder.record
        record["identity"]["scores"] = _fingerprint(placed)
        write_json(folder.path / "run.json", record | {"scores": name})
        save_outcome(folder, outcome, checkpoint=None, standing=record_trial(store, folder, outcome), notes=notes)
        folder.finish()
    return Run(RunFolder(store.root / chosen.name / folder.run_id))


def scores_spec(spec: StrategySpec, name: str) -> StrategySpec:
    """Return the spec under which given scores are judged: its book, clock and costs, renamed."""
    words = {"name": SCORES_BOOK, "title": f"Given scores: {name}"[:120], "summary": BOOK_RULES[spec.portfolio.builder]}
    return spec.model_copy(update=words)


@contextmanager
def _whole_folder(
    spec: StrategySpec, store: RunStore, request: RunRequest, panel: Panel, command: str
) -> Iterator[RunFolder]:
    """Yield a run's folder outside the store's sight; it is moved there when complete, and removed on any failure.

    The trial log of the store is written before: a result that was about to be shown counts.
    """
    staging = RunStore(store.root / ".evaluating")
    folder = staging.create(spec, request, panel=panel.fingerprint(), command=command)
    try:
        yield folder
        target = store.root / spec.name / folder.run_id
        target.parent.mkdir(parents=True, exist_ok=True)
        folder.path.rename(target)
    finally:
        shutil.rmtree(folder.path, ignore_errors=True)
        for left in (folder.path.parent, staging.root, store.root):
            if left.is_dir() and not any(left.iterdir()):
                left.rmdir()


def _check_length(scores: pd.DataFrame) -> None:
    scored = int((scores.notna().sum(axis=1) >= 2).sum())
    if scored < LEAST_SESSIONS:
        raise DataError(
            f"scores cover {scored} sessions of the universe, at least {LEAST_SESSIONS} are needed: add some"
        )


def _notes(spec: StrategySpec, scores: pd.DataFrame, rank_ic: float) -> tuple[str, ...]:
    notes = [
        f"Scores came without a model: row t is taken as known at the close of t and fills at {spec.execution.fill}; "
        "whether it was known then is the giver's word."
    ]
    if abs(rank_ic) > SUSPICIOUS_IC:
        notes.append(
            f"A rank IC of {rank_ic:+.3f} is beyond {SUSPICIOUS_IC}: on daily stock returns that is a leak or a bad "
            "print until proven otherwise."
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
