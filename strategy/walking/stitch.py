"""Stitch: from the folds' scores to one out-of-sample record of a seed, judged as any other scores are."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from backtests.metrics import sharpe_ratio, sharpe_standard_error
from market.panel import aligned_frame
from signals.evaluation import summarize_ic
from strategy.inputs import Inputs
from strategy.outcome import MODEL, Outcome, judge
from strategy.runs import RunFolder
from strategy.walking.fold import FoldFiles
from strategy.walking.plan import Fold

__all__ = ["fold_rows", "judge_walk", "seed_row", "stitched_scores"]


def stitched_scores(folder: RunFolder, folds: Sequence[Fold], *, name: str = "scores") -> pd.DataFrame:
    """Return the scores of every judged session, each from the one fold that judges it."""
    parts = pd.concat([FoldFiles(folder.path, fold.number).read_scores(name) for fold in folds])
    return aligned_frame(parts.to_numpy(), pd.DatetimeIndex(parts.index), parts.columns)


def judge_walk(folder: RunFolder, inputs: Inputs, folds: Sequence[Fold], *, with_ridge: bool) -> Outcome:
    """Judge the stitched scores of a seed, with ridge from the same folds beside them."""
    baselines = {"ridge": stitched_scores(folder, folds, name="ridge")} if with_ridge else {}
    return judge(folder.spec, inputs, scores=stitched_scores(folder, folds), baselines=baselines)


def seed_row(folder: RunFolder, outcome: Outcome) -> dict[str, Any]:
    """Return a seed's line of the table."""
    return {"run": folder.run_id, **_measured(outcome, pd.DatetimeIndex(outcome.scores.index))}


def fold_rows(folder: RunFolder, outcome: Outcome, folds: Sequence[Fold]) -> list[dict[str, Any]]:
    """Return a line for each fold: its dates and fit, and what the stitched record shows over its sessions."""
    rows = []
    for fold in folds:
        told = FoldFiles(folder.path, fold.number).record
        dates = {
            f"{name}_{end}": told[name][place]
            for name in ("train", "validation", "test")
            for place, end in enumerate(("first", "last"))
        }
        fitted = {key: told.get(key) for key in ("epochs", "best_epoch", "validation_ic")}
        judged = fold.judged_sessions(outcome.inputs.panel.sessions)
        rows.append({"seed": folder.spec.training.seed, "fold": fold.number, **dates, **fitted, **_measured(outcome, judged)})
    return rows


def _measured(outcome: Outcome, sessions: pd.DatetimeIndex) -> dict[str, float]:
    signal = summarize_ic(outcome.signal.ic[MODEL].reindex(sessions))
    net = outcome.result.net_returns.reindex(sessions).dropna()
    return {
        "rank_ic": signal.mean,
        "rank_ic_standard_error": signal.standard_error,
        "sharpe": sharpe_ratio(net),
        "sharpe_standard_error": sharpe_standard_error(net),
    }
