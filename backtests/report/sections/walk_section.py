"""Section on the walk-forward: every retraining beside its results on the sessions after it."""

import pandas as pd

from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures.dots_figures import dots_figure
from backtests.report.formats import count, plus_minus, ratio
from backtests.report.page import Page
from backtests.walk_study import WalkStudy, walk_sentence

__all__ = ["walk_section"]

CLEAR = 1.96  # standard errors of a 95 % interval
CONVENTION = (
    "The stitched book runs through all folds and is cut at their bounds; rank IC ± HAC standard error, net "
    "Sharpe ratio ± standard error, both of the fold's own sessions, annual as on page one. Epochs: kept of trained. "
    "No seed was selected."
)


def walk_section(page: Page) -> Section | None:
    """Folds and seeds; None for a model trained once."""
    study = page.walk
    if study is None:
        return None
    tables = (_seed_table(study), _fold_table(study))
    return Section(
        slug="walk",
        title="Walk-forward" if study.paths is None else "Combinatorial splits",
        lead=walk_sentence(study),
        parts=(Part(sentences=(study.plan,), pictures=(_picture(study),), tables=tables),),
    )


def _picture(study: WalkStudy) -> Picture:
    known = study.folds["rank_ic"].dropna()
    return Picture(
        title="Rank IC of each fold's test span, with 95 % intervals",
        summary=f"{count(int((known > 0).sum()))} of {count(len(known))} folds are above zero; an interval that "
        f"includes zero is no evidence. Mean of the folds {ratio(float(known.mean()), 4)}.",
        figure=dots_figure(_estimates(study), x_format="+.3f"),
    )


def _estimates(study: WalkStudy) -> pd.DataFrame:
    folds, several = study.folds, len(study.seeds) > 1
    reach = CLEAR * folds["rank_ic_standard_error"].astype(float)
    middle = folds["rank_ic"].astype(float)
    names = [
        f"{row['test_first']} to {row['test_last']}" + (f", seed {row['seed']}" if several else "")
        for _, row in folds.iterrows()
    ]
    bounds = {"estimate": middle, "low": middle - reach, "high": middle + reach}
    return pd.DataFrame(bounds).set_axis(pd.Index(names), axis=0)


def _seed_table(study: WalkStudy) -> Table:
    rows = tuple(
        (
            str(seed),
            plus_minus(row["rank_ic"], row["rank_ic_standard_error"], 4),
            plus_minus(row["sharpe"], row["sharpe_standard_error"]),
            str(row["run"]),
        )
        for seed, row in study.seeds.iterrows()
    )
    columns = ("Seed", "Rank IC ± SE", "Sharpe net ± SE", "Run")
    return Table(caption="Every seed, all folds together", columns=columns, rows=rows)


def _fold_table(study: WalkStudy) -> Table:
    rows = tuple(
        (
            f"{row['fold']}, seed {row['seed']}",
            f"{row['train_first']} to {row['train_last']}",
            f"{row['validation_first']} to {row['validation_last']}",
            f"{row['test_first']} to {row['test_last']}",
            "n/a" if pd.isna(row["epochs"]) else f"{count(row['best_epoch'])} of {count(row['epochs'])}",
            ratio(row["validation_ic"], 4),
            plus_minus(row["rank_ic"], row["rank_ic_standard_error"], 4),
            plus_minus(row["sharpe"], row["sharpe_standard_error"]),
        )
        for _, row in study.folds.iterrows()
    )
    columns = ("Fold", "Train", "Validation", "Test", "Epochs", "Validation IC", "Test IC ± SE", "Sharpe net ± SE")
    return Table(caption="Every fold", columns=columns, rows=rows, note=CONVENTION)
