"""A walk on the page: median and range of the seeds, every fold in a row, nothing that reads as nan."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.report.sections import all_sections
from backtests.report.stamps import front_stamps
from backtests.walk_study import FOLD_COLUMNS, SEED_COLUMNS, WalkStudy, walk_sentence
from tests.random_evaluation import random_page


def study_of(sharpes: list[float], *, paths: pd.Series | None = None) -> WalkStudy:
    seeds = pd.DataFrame(0.01, pd.Index(range(1, len(sharpes) + 1), name="seed"), SEED_COLUMNS[1:])
    dates = dict.fromkeys((name for name in FOLD_COLUMNS if name.endswith(("_first", "_last"))), "2013-01-02")
    row = dict.fromkeys(FOLD_COLUMNS, 0.01) | dates | {"fold": 1}
    folds = pd.DataFrame([row | {"seed": seed} for seed in seeds.index], columns=list(FOLD_COLUMNS))
    return WalkStudy(
        folds=folds,
        seeds=seeds.assign(sharpe=sharpes, run="20261121-000000-abcdef"),
        plan="Retrained once.",
        paths=paths,
    )


def test_the_headline_is_the_median_of_the_seeds_and_their_range() -> None:
    assert "Net Sharpe ratio 0.20 (-0.50 to 3.00)" in walk_sentence(study_of([3.0, -0.5, 0.2]))
    assert "median of 3 seeds" in walk_sentence(study_of([3.0, -0.5, 0.2]))


def test_a_single_seed_is_said_to_be_one() -> None:
    assert walk_sentence(study_of([0.3])) == "Net Sharpe ratio 0.30, rank IC 0.0100: one seed, out of sample."


def test_a_seed_without_a_number_is_left_out_of_the_median() -> None:
    assert "Net Sharpe ratio 0.30" in walk_sentence(study_of([0.3, np.nan]))


def test_paths_are_shown_as_a_distribution() -> None:
    found = walk_sentence(study_of([0.3], paths=pd.Series([0.1, 0.3, 0.9])))
    assert "3 paths: median and range 0.30 (0.10 to 0.90)" in found
    assert "of the one path 0.44; rank IC" in walk_sentence(study_of([0.3], paths=pd.Series([0.44])))


@pytest.mark.parametrize(("paths", "stamp"), [(None, "WALK-FORWARD"), (pd.Series([0.1, 0.3]), "COMBINATORIAL")])
def test_page_one_is_stamped_and_the_section_has_every_fold_and_seed(paths, stamp) -> None:
    study = study_of([0.3, np.nan], paths=paths)
    study = replace(study, folds=study.folds.assign(epochs=np.nan, sharpe=np.nan))
    report = replace(random_page(), walk=study)
    assert stamp in [each.label for each in front_stamps(report)]
    (section,) = (each for each in all_sections(report) if each.slug == "walk")
    seeds, folds = section.parts[0].tables
    assert (len(seeds.rows), len(folds.rows)) == (2, 2)
    assert "nan" not in str((seeds, folds, section.lead))


def test_a_result_that_was_trained_once_has_no_walk() -> None:
    assert "walk" not in [section.slug for section in all_sections(random_page())]
