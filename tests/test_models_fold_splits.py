"""Walk-forward and combinatorial splits: no label crosses into what is judged, and test spans tile the sessions."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.errors import DataError
from models.fold_splits import (
    RetrainingSettings,
    combinatorial_paths,
    combinatorial_splits,
    group_blocks,
    walk_forward_splits,
)

PURGE = st.integers(1, 6)
EMBARGO = st.integers(0, 5)
GROUPS = st.integers(2, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n - 1)))


def rows(*spans):
    return {row for span in spans for row in range(span.start, span.stop)}


def realised(fitted, purge):
    """Rows in which a label of these rows is still open or becomes known."""
    return {row + ahead for row in fitted for ahead in range(purge + 1)}


@st.composite
def walks(draw):
    train = draw(st.integers(60, 120))
    settings = RetrainingSettings(
        train=train,
        test=draw(st.integers(1, 50)),
        validation=draw(st.floats(0.25, 0.6)),
        expanding=draw(st.booleans()),
        embargo=draw(EMBARGO),
    )
    first = train + draw(st.integers(0, 30))
    return settings, draw(PURGE), first, first + draw(st.integers(1, 150))


@given(walks())
def test_no_label_of_a_fitted_row_is_realised_in_a_later_span(walk):
    settings, purge, first, n_sessions = walk
    for split in walk_forward_splits(n_sessions, settings, purge=purge, first=first):
        assert max(realised(rows(split.train), purge)) < split.validation.start - settings.embargo
        assert max(realised(rows(split.validation), purge)) < split.test.start - settings.embargo


@given(walks())
def test_test_spans_tile_the_sessions_from_the_first_judged_one(walk):
    settings, purge, first, n_sessions = walk
    splits = walk_forward_splits(n_sessions, settings, purge=purge, first=first)
    assert [row for split in splits for row in range(split.test.start, split.test.stop)] == list(
        range(first, n_sessions)
    )
    assert all(split.test.stop - split.test.start == settings.test for split in splits[:-1])


@given(walks())
def test_training_spans_move_on_or_keep_their_beginning(walk):
    settings, purge, first, n_sessions = walk
    for split in walk_forward_splits(n_sessions, settings, purge=purge, first=first):
        begins = first if settings.expanding else split.test.start
        assert split.train.start == begins - settings.train


@given(walks(), st.integers(1, 100))
def test_later_sessions_change_no_finished_fold(walk, more):
    settings, purge, first, n_sessions = walk
    before = walk_forward_splits(n_sessions, settings, purge=purge, first=first)
    after = walk_forward_splits(n_sessions + more, settings, purge=purge, first=first)
    assert after[: len(before) - 1] == before[:-1]


def test_a_small_walk_by_hand():
    settings = RetrainingSettings(train=40, test=25, validation=0.2, embargo=1)
    last = walk_forward_splits(100, settings, purge=2)[-1]
    assert (last.train, last.validation, last.test) == (slice(50, 79), slice(82, 87), slice(90, 100))


@given(GROUPS, PURGE, EMBARGO, st.integers(0, 13))
def test_no_label_of_a_fitted_row_meets_a_judged_row_or_its_label(groups, purge, embargo, odd):
    n_groups, k_test = groups
    n_sessions = 60 * n_groups + odd
    for split in combinatorial_splits(n_sessions, n_groups=n_groups, k_test=k_test, purge=purge, embargo=embargo):
        fitted = {row for row, is_fitted in enumerate(split.fitted(n_sessions)) if is_fitted}
        judged = rows(*split.judged)
        assert fitted
        assert not fitted & {row + late for row in judged for late in range(embargo + 1)}
        assert not realised(fitted, purge) & realised(judged, purge)
        train, validation = fitted & rows(split.split.train), fitted & rows(split.split.validation)
        assert train
        assert max(realised(train, purge)) < min(validation)


@given(GROUPS)
def test_every_group_is_in_each_path_once_and_every_split_serves_each_of_its_groups_once(groups):
    n_groups, k_test = groups
    splits = list(itertools.combinations(range(n_groups), k_test))
    paths = combinatorial_paths(n_groups, k_test)
    assert len(paths) == math.comb(n_groups - 1, k_test - 1)
    assert all(len(path) == n_groups and group in splits[path[group]] for path in paths for group in range(n_groups))
    served = [(path[group], group) for path in paths for group in range(n_groups)]
    assert sorted(served) == sorted((number, group) for number, split in enumerate(splits) for group in split)


def test_six_groups_two_judged_give_five_paths_as_in_the_book():
    assert combinatorial_paths(6, 2)[0] == [0, 0, 1, 2, 3, 4]
    assert [len(combinatorial_splits(300, n_groups=6, k_test=2)), len(combinatorial_paths(6, 2))] == [15, 5]


@given(st.integers(2, 12), st.integers(12, 400))
def test_groups_tile_the_rows_and_differ_by_one_at_most(n_groups, n_sessions):
    blocks = group_blocks(n_sessions, n_groups)
    assert [row for block in blocks for row in range(block.start, block.stop)] == list(range(n_sessions))
    lengths = {block.stop - block.start for block in blocks}
    assert max(lengths) - min(lengths) <= 1


def test_spans_that_do_not_fit_are_refused_with_a_remedy():
    with pytest.raises(DataError, match="give more history"):
        walk_forward_splits(100, RetrainingSettings(train=100, test=5), purge=2)
    with pytest.raises(DataError, match="validation span keeps no session of 20 after a gap of 5"):
        walk_forward_splits(100, RetrainingSettings(train=20, test=5, embargo=3), purge=2)
    with pytest.raises(DataError, match="fewer groups"):
        combinatorial_splits(12, n_groups=6, k_test=5)
    with pytest.raises(ValueError, match="1 ≤ k < N"):
        combinatorial_splits(100, n_groups=4, k_test=4)
    with pytest.raises(ValueError, match="purge must be at least 1"):
        combinatorial_splits(100, n_groups=4, k_test=1, purge=0)
    with pytest.raises(ValidationError):
        RetrainingSettings(validation=1.0)
