"""Walk result: a finished walk as a value that prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from backtests.verdict import finite_or_none
from backtests.walk_study import WalkStudy, walk_sentence
from core.notebook_html import notebook_card, small_lines
from strategy.runs.result import Run
from strategy.runs.store import RunFolder

__all__ = ["WalkForward", "fold_table", "seed_table", "study_as_dict"]

FOLD_HEADINGS = ("fold", "train", "test", "epochs", "validation IC", "test IC ± SE", "Sharpe net ± SE")
SEED_HEADINGS = ("seed", "rank IC ± SE", "Sharpe net ± SE", "run")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WalkForward:
    """A walk and its results; print it.

    Parameters
    ----------
    study : WalkStudy
        Folds and seeds.
    folders : sequence of RunFolder
        The runs, one a seed.
    strategy : str
        Name of the strategy.

    Examples
    --------
    >>> walk.runs[0].strategy
    'filter_negative'
    """

    study: WalkStudy
    folders: Sequence[RunFolder]
    strategy: str

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs, one a seed, each with its report."""
        return tuple(Run(folder) for folder in self.folders)

    def as_dict(self) -> dict[str, Any]:
        """The numbers as plain values, with the folders of the runs."""
        return study_as_dict(self.study) | {"folders": [str(folder.path) for folder in self.folders]}

    def __str__(self) -> str:
        blocks = [walk_sentence(self.study), self.study.plan]
        blocks += ["\n".join(_aligned(SEED_HEADINGS, seed_table(self.study)))]
        blocks += ["\n".join(_aligned(FOLD_HEADINGS, fold_table(self.study)))]
        blocks += ["\n".join(f"report  {run.report}" for run in self.runs)]
        return "\n\n".join(blocks)

    def __repr__(self) -> str:
        return f"<WalkForward of {self.strategy}: {len(self.study.folds)} folds, {len(self.folders)} runs>"

    def _repr_html_(self) -> str:
        headings = SEED_HEADINGS[1:3]
        rows = [
            (f"Seed {seed}", ", ".join(f"{name} {cell}" for name, cell in zip(headings, cells, strict=True)))
            for seed, *cells, _ in seed_table(self.study)
        ]
        lines = {run.folder.run_id: run.equity.tolist() for run in self.runs[:3]}
        picture = small_lines(lines, title="Growth of 1, net of costs")
        links = "".join(f"<p>Report: {run.report._repr_html_()}</p>" for run in self.runs)
        return notebook_card(walk_sentence(self.study), [("Plan", self.study.plan), *rows], picture) + links


def study_as_dict(study: WalkStudy) -> dict[str, Any]:
    """A study as plain values for JSON; NaN is None."""
    folds = study.folds.astype(object).where(study.folds.notna(), None)
    seeds = study.seeds.astype(object).where(study.seeds.notna(), None)
    plain: dict[str, Any] = finite_or_none(
        {
            "sentence": walk_sentence(study),
            "plan": study.plan,
            "seeds": seeds.reset_index().to_dict(orient="records"),
            "folds": folds.to_dict(orient="records"),
            "paths": None if study.paths is None else study.paths.tolist(),
        }
    )
    return plain


def seed_table(study: WalkStudy) -> list[tuple[str, ...]]:
    """The lines of the seeds, printed."""
    return [
        (
            str(seed),
            _plus_minus(row["rank_ic"], row["rank_ic_standard_error"], 4),
            _plus_minus(row["sharpe"], row["sharpe_standard_error"], 2),
            str(row["run"]),
        )
        for seed, row in study.seeds.iterrows()
    ]


def fold_table(study: WalkStudy) -> list[tuple[str, ...]]:
    """The lines of the folds, printed."""
    several = len(study.seeds) > 1
    return [
        (
            f"{row['fold']} (seed {row['seed']})" if several else str(row["fold"]),
            f"{row['train_first']} to {row['train_last']}",
            f"{row['test_first']} to {row['test_last']}",
            "n/a" if pd.isna(row["epochs"]) else f"{row['best_epoch']:.0f} of {row['epochs']:.0f}",
            f"{row['validation_ic']:+.4f}",
            _plus_minus(row["rank_ic"], row["rank_ic_standard_error"], 4),
            _plus_minus(row["sharpe"], row["sharpe_standard_error"], 2),
        )
        for _, row in study.folds.iterrows()
    ]


def _plus_minus(value: float, error: float, digits: int) -> str:
    return "n/a" if pd.isna(value) else f"{value:+.{digits}f} ± {error:.{digits}f}"


def _aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[place]) for line in (headings, *rows)) for place in range(len(headings))]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (headings, *rows)
    ]
