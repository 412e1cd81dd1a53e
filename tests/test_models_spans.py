from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from models.architectures.rank_lstm import RankLSTM
from models.kinds.lstm import LstmSettings
from models.model_settings import TrainingSettings
from models.spans import Span, cover, exact_span, labelled_block, span_scores, training_batches, usable_rows
from models.windows import build_windows, fit_scaler
from tests.oracles.planted import planted_features


def small_windows(lookback=6, **options):
    features, targets, universe = planted_features(**options)
    scaler = fit_scaler(features, targets=targets, universe=universe, rows=slice(0, 60))
    return build_windows(features, targets=targets, universe=universe, scaler=scaler, lookback=lookback)


@given(
    mode=st.sampled_from(["long", "exact"]),
    epoch=st.integers(1, 50),
    chunk=st.integers(1, 90),
    batch=st.integers(1, 70),
    first=st.integers(0, 20),
)
def test_every_usable_session_is_scored_once_an_epoch(mode, epoch, chunk, batch, first):
    rows = np.r_[first : first + 40, first + 45 : first + 100]
    settings = TrainingSettings(mode=mode, chunk_sessions=chunk, batch_sessions=batch, burn_in=7)
    batches = training_batches(rows, lookback=1, settings=settings, epoch=epoch)
    scored = Counter(row for group in batches for span in group for row in range(span.start, span.stop))
    assert all(scored[row] == 1 for row in rows)
    assert max(scored.values()) == 1


def test_chunk_boundaries_move_and_depend_on_seed_and_epoch_only():
    rows, settings = np.arange(10, 300), TrainingSettings(chunk_sessions=32)
    first, again, second = (training_batches(rows, lookback=5, settings=settings, epoch=e) for e in (1, 1, 2))
    assert first == again
    assert {s.start for g in first for s in g} != {s.start for g in second for s in g}
    other = training_batches(rows, lookback=5, settings=TrainingSettings(chunk_sessions=32, seed=2), epoch=1)
    assert other != first


def test_chunks_burn_in_before_their_first_scored_row():
    settings = TrainingSettings(chunk_sessions=20, burn_in=15)
    spans = [s for g in training_batches(np.arange(5, 200), lookback=6, settings=settings, epoch=3) for s in g]
    assert all(span.opens == max(0, span.start - 15) for span in spans)
    assert all(10 <= span.stop - span.start <= 31 for span in spans)


def test_exact_batches_hold_whole_windows_of_shuffled_sessions():
    settings = TrainingSettings(mode="exact", batch_sessions=8)
    batches = training_batches(np.arange(9, 59), lookback=10, settings=settings, epoch=1)
    assert [len(group) for group in batches] == [8] * 6 + [2]
    assert all(span.stop - span.opens == 10 and span.stop - span.start == 1 for g in batches for span in g)
    assert [span.start for span in batches[0]] != sorted(span.start for span in batches[0])


def test_long_batches_hold_as_many_chunks_as_fill_the_batch():
    settings = TrainingSettings(chunk_sessions=10, batch_sessions=32)
    batches = training_batches(np.arange(0, 120), lookback=1, settings=settings, epoch=1)
    assert [len(group) for group in batches] == [3, 3, 3, 3]
    assert settings.step_sessions == 30


@pytest.mark.parametrize(("batch", "mode", "step"), [(32, "long", 64), (32, "exact", 32), (150, "long", 128)])
def test_a_step_holds_what_the_settings_say(batch, mode, step):
    settings = TrainingSettings(mode=mode, batch_sessions=batch)
    assert settings.step_sessions == step
    rows = np.arange(0, 64 * 9)
    batches = training_batches(rows, lookback=1, settings=settings, epoch=1)
    scored = [sum(span.stop - span.start for span in group) for group in batches[1:-1]]
    assert abs(np.mean(scored) - step) < 0.2 * step  # edges of chunks move


def test_cover_leaves_no_row_out():
    assert cover(slice(5, 12), burn_in=4, length=3) == [
        Span(opens=1, start=5, stop=8),
        Span(opens=4, start=8, stop=11),
        Span(opens=7, start=11, stop=12),
    ]


def test_an_exact_span_scores_the_stacked_window():
    windows = small_windows(lookback=6)
    network = RankLSTM(3, LstmSettings(hidden=8, layers=1)).eval()
    names = torch.arange(12)
    with torch.no_grad():
        found = span_scores(network, windows, exact_span(40, 6), names)
        stacked = network(windows.samples[40 - 5].transpose(0, 1))[-1]  # (lookback, names, features)
    torch.testing.assert_close(found, stacked[None])


def test_an_unlabelled_name_is_not_unrolled():
    windows = small_windows()
    windows.y[30:35, 4] = torch.nan
    names, y, labelled = labelled_block(windows, Span(opens=20, start=30, stop=35))
    assert names.tolist() == [0, 1, 2, 3, *range(5, 12)]
    assert y.shape == labelled.shape == (5, 11)


def test_sessions_with_fewer_than_five_labelled_names_are_unusable():
    windows = small_windows(lookback=6)
    windows.y[50, 4:] = torch.nan
    windows.y[51, 5:] = torch.nan
    assert set(range(60)) - set(usable_rows(windows, slice(0, 60), span="training")) == {0, 1, 2, 3, 4, 50}
    windows.y[:] = torch.nan
    with pytest.raises(DataError, match="no training session has 5 names with 6 complete sessions"):
        usable_rows(windows, slice(0, 60), span="training")
