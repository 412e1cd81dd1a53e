"""Stitch: from the folds' scores to one out-of-sample record of a seed, judged as any other scores are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from backtests.breakdown.range_study import ReturnRanges
from backtests.evaluation import MODEL, Evaluation, evaluate_scores
from backtests.judged_span import judged_backtest
from backtests.statistics.metrics import sharpe_ratio, sharpe_standard_error
from market.inputs import Inputs
from market.panel import Panel, aligned_frame
from market.returns import forward_returns
from models.fold_splits import combinatorial_paths, group_blocks
from signals.score_metrics import ICSummary, information_coefficient, summarize_ic
from strategy.definitions.spec import StrategySpec
from strategy.learning.return_ranges import with_stitched_ranges
from strategy.runs.store import RunFolder
from strategy.walk_forward.fold_files import FoldFiles
from strategy.walk_forward.plan import Fold
from strategy.walk_forward.walk_settings import CombinatorialSettings, WalkSettings

__all__ = ["SeedEvaluation", "evaluate_seed", "fold_rows", "path_scores", "seed_row", "stitched_scores"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeedEvaluation:
    """Evaluation of the stitched scores of one seed.

    Parameters
    ----------
    evaluation : Evaluation
        Evaluation of the stitched scores; with paths, of the one with the median (lower of two) Sharpe ratio.
    path_sharpes : tuple of float
        Annual net Sharpe ratio of each path; empty for a walk forward.
    """

    evaluation: Evaluation
    path_sharpes: tuple[float, ...] = ()


def evaluate_seed(folder: RunFolder, inputs: Inputs, folds: Sequence[Fold], settings: WalkSettings) -> SeedEvaluation:
    """Judge the stitched scores of a seed; with ridge of the same folds beside a model."""
    spec, names = folder.spec, ["scores"] + (["ridge"] if settings.learner == "model" else [])
    if settings.combinatorial is None:
        model, *ridge = (stitched_scores(folder, folds, name=name) for name in names)
        evaluation = evaluate_scores(
            spec.rules, inputs, scores=model, baselines=dict(zip(names[1:], ridge, strict=True))
        )
        parts = [(fold.number, evaluation.scores.index) for fold in folds]
        return SeedEvaluation(evaluation=_with_ranges(evaluation, folder, parts))
    paths = [path_scores(folder, inputs.panel, settings.combinatorial, name=name) for name in names]
    sharpes = tuple(_sharpe(spec, inputs, scores) for scores in paths[0])
    median = int(np.argsort(sharpes, kind="stable")[(len(sharpes) - 1) // 2])
    model, *ridge = (scores[median] for scores in paths)
    evaluation = evaluate_scores(spec.rules, inputs, scores=model, baselines=dict(zip(names[1:], ridge, strict=True)))
    evaluation = _with_ranges(evaluation, folder, _path_parts(inputs.panel, settings.combinatorial, median))
    return SeedEvaluation(evaluation=evaluation, path_sharpes=sharpes)


def stitched_scores(folder: RunFolder, folds: Sequence[Fold], *, name: str = "scores") -> pd.DataFrame:
    """The scores of every judged session, each from the one fold that judges it."""
    return _joined([FoldFiles(folder.path, fold.number).read_scores(name) for fold in folds])


def path_scores(
    folder: RunFolder, panel: Panel, settings: CombinatorialSettings, *, name: str = "scores"
) -> list[pd.DataFrame]:
    """The scores of each combinatorial path: every group once, from the split that the path takes it from."""
    blocks = group_blocks(len(panel.sessions), settings.n_groups)
    paths = combinatorial_paths(settings.n_groups, settings.k_test)
    splits = sorted({split for path in paths for split in path})
    scores = {split: FoldFiles(folder.path, split + 1).read_scores(name) for split in splits}
    return [
        _joined([scores[split].loc[panel.sessions[block]] for split, block in zip(path, blocks, strict=True)])
        for path in paths
    ]


def seed_row(folder: RunFolder, evaluation: Evaluation) -> dict[str, Any]:
    """A seed's line of the table."""
    result = evaluation.result
    performance = _performance(result.net_returns, result.sessions_per_year)
    return {"run": folder.run_id, **_signal(evaluation.signal.summary(MODEL)), **performance}


def fold_rows(
    folder: RunFolder, evaluation: Evaluation, folds: Sequence[Fold], settings: WalkSettings
) -> list[dict[str, Any]]:
    """A line per fold: its dates, its fit, and its rank IC and Sharpe ratio over the sessions it judges.

    A combinatorial split is part of several paths: it has a rank IC, and no Sharpe ratio of its own.
    """
    panel = evaluation.inputs.panel
    horizon, year = evaluation.signal.horizon, panel.facts.sessions_per_year
    forward = forward_returns(panel, folder.spec.execution, horizon=horizon)
    rows = []
    for fold in folds:
        files, judged = FoldFiles(folder.path, fold.number), fold.judged_sessions(panel.sessions)
        net = evaluation.result.net_returns.reindex(judged if settings.combinatorial is None else judged[:0])
        ic = information_coefficient(files.read_scores("scores"), forward.loc[judged])
        summary = summarize_ic(ic, horizon=horizon)
        measured = {**_signal(summary), **_performance(net, year)}
        rows.append({"seed": folder.spec.training.seed, **_fitted(files), **measured})
    return rows


def _path_parts(panel: Panel, settings: CombinatorialSettings, path: int) -> list[tuple[int, pd.Index]]:
    """Folds of a combinatorial path and the sessions that it takes from each."""
    blocks = group_blocks(len(panel.sessions), settings.n_groups)
    splits = combinatorial_paths(settings.n_groups, settings.k_test)[path]
    return [(split + 1, panel.sessions[block]) for split, block in zip(splits, blocks, strict=True)]


def _with_ranges(evaluation: Evaluation, folder: RunFolder, parts: Sequence[tuple[int, pd.Index]]) -> Evaluation:
    """The evaluation with a study of the folds' ranges, each over the judged ones of some sessions."""
    judged, found = evaluation.scores.index, list[ReturnRanges]()
    for number, sessions in parts:
        ranges = FoldFiles(folder.path, number).read_ranges()
        if ranges is not None:
            rows = ranges.expected.index.intersection(sessions).intersection(judged)
            found.append(replace(ranges, expected=ranges.expected.loc[rows], spread=ranges.spread.loc[rows]))
    return with_stitched_ranges(evaluation, found)


def _fitted(files: FoldFiles) -> dict[str, Any]:
    """Dates, epochs and validation IC of a fold, flat."""
    record = files.record
    spans, ends = ("train", "validation", "test"), ("first", "last")
    dates = {f"{span}_{end}": record[span][place] for span in spans for place, end in enumerate(ends)}
    return {
        "fold": record["fold"],
        **dates,
        **{key: record.get(key) for key in ("epochs", "best_epoch", "validation_ic")},
    }


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The parts one after the other, from the first session with a score."""
    joined = pd.concat(parts)
    first = int(joined.notna().any(axis=1).to_numpy().argmax())
    kept = joined.iloc[first:]
    return aligned_frame(kept.to_numpy(), pd.DatetimeIndex(kept.index), kept.columns)


def _sharpe(spec: StrategySpec, inputs: Inputs, scores: pd.DataFrame) -> float:
    result = judged_backtest(spec.rules, inputs, scores)
    return sharpe_ratio(result.net_returns, sessions_per_year=result.sessions_per_year)


def _signal(summary: ICSummary) -> dict[str, float]:
    return {"rank_ic": summary.mean, "rank_ic_standard_error": summary.standard_error}


def _performance(net: pd.Series, sessions_per_year: float) -> dict[str, float]:
    observed, annual = net.dropna(), {"sessions_per_year": sessions_per_year}
    return {
        "sharpe": sharpe_ratio(observed, **annual),
        "sharpe_standard_error": sharpe_standard_error(observed, **annual),
    }
