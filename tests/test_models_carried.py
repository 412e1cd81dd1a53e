"""Carried scores: a network read on through each calendar quarter sees the past alone, and the same past always."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from models.kinds.lstm import LstmSettings
from models.networks.carried import MAX_QUARTER_SESSIONS, quarter_spans
from models.networks.predict import predict_scores
from models.networks.train import train_network
from models.spans import Span
from models.threads import threads
from models.windows import Windows
from tests.oracles.planted import planted_windows, small_settings


@pytest.fixture(scope="module")
def trained():
    """A 1×8 network on windows of 6 sessions; 190 business days from 2020-01-01 reach into a third quarter."""
    windows, split = planted_windows(n_sessions=190)
    return train_network(windows, split, settings=small_settings(max_epochs=1)), windows


def rows_of(windows: Windows, rows: slice) -> Windows:
    tensors = {name: getattr(windows, name)[rows].clone() for name in ("x", "y", "mask", "present")}
    return replace(windows, sessions=windows.sessions[rows], **tensors)


def long_scores(model, windows, sessions):
    return predict_scores(model, windows, sessions=sessions, scoring="long")


def test_quarters_are_the_calendars_and_open_a_lookback_before():
    sessions = pd.bdate_range("2020-01-01", periods=190)
    first, second, third = 0, int(sessions.searchsorted("2020-04-01")), int(sessions.searchsorted("2020-07-01"))
    assert (second, third) == (65, 130)
    assert quarter_spans(sessions, np.array([130, 64, 10]), lookback=6) == [
        Span(opens=first, start=0, stop=65),
        Span(opens=124, start=130, stop=131),
    ]
    assert quarter_spans(sessions, np.array([70]), lookback=90) == [Span(opens=0, start=65, stop=71)]


def test_no_quarter_is_longer_than_the_longest():
    days = pd.date_range("2000-01-01", "2004-12-31")
    assert pd.Series(1, index=days).resample("QS").sum().max() == MAX_QUARTER_SESSIONS


def test_carried_scores_are_the_network_unrolled_over_the_quarter(trained):
    model, windows = trained
    scores = long_scores(model, windows, windows.sessions[130:])
    network = model.network(torch.device("cpu"))
    for name in range(12):
        with torch.no_grad():
            unrolled = network(windows.x[130 - 6 :, [name]])[6:, 0]  # one name from six sessions before July
        np.testing.assert_allclose(scores.iloc[:, name], unrolled, rtol=0, atol=1e-6)


def test_the_first_session_of_a_quarter_reads_one_row_more_than_its_window(trained):
    model, windows = trained
    wanted = model.network(torch.device("cpu"))(windows.x[65 - 6 : 66])[-1].detach()
    found = long_scores(model, windows, windows.sessions[[65]])
    np.testing.assert_allclose(found.iloc[0], wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("row", [64, 65, 101, 129, 130, 150])
def test_bars_that_end_with_a_session_give_its_bits(trained, row):
    model, windows = trained
    session = windows.sessions[[row]]
    ended = long_scores(model, rows_of(windows, slice(0, row + 1)), session)
    whole = long_scores(model, windows, windows.sessions[5:]).loc[session]
    pd.testing.assert_frame_equal(ended, whole, check_exact=True, check_freq=False)


def test_another_future_changes_no_bit(trained):
    model, windows = trained
    other = rows_of(windows, slice(None))
    other.x[141:] = -other.x[141:] + 1.0
    other.mask[141:, ::2] = False
    told, found = (long_scores(model, each, windows.sessions[100:141]) for each in (windows, other))
    pd.testing.assert_frame_equal(told, found, check_exact=True)


def test_whichever_sessions_are_asked_for_the_bits_are_the_same(trained):
    model, windows = trained
    whole = long_scores(model, windows, windows.sessions[60:])
    some = windows.sessions[[180, 70, 131, 64]]
    pd.testing.assert_frame_equal(long_scores(model, windows, some), whole.loc[some], check_exact=True)


def test_the_number_of_threads_changes_no_bit(trained):
    model, windows = trained
    found = []
    for count in (1, 2):
        with threads(count):
            found.append(long_scores(model, windows, windows.sessions[60:]))
            assert torch.get_num_threads() == count
    pd.testing.assert_frame_equal(*found, check_exact=True)


def test_bars_that_begin_earlier_move_no_quarter_but_the_first(trained):
    model, windows = trained
    later = long_scores(model, rows_of(windows, slice(59, None)), windows.sessions[65:])
    pd.testing.assert_frame_equal(
        later, long_scores(model, windows, windows.sessions[65:]), check_exact=True, check_freq=False
    )


def test_other_columns_hardly_matter(trained):
    model, windows = trained
    few = replace(
        windows,
        tickers=windows.tickers[:3],
        **{name: getattr(windows, name)[:, :3] for name in ("x", "y", "mask", "present")},
    )
    sessions = windows.sessions[100:]
    whole = long_scores(model, windows, sessions).iloc[:, :3]
    np.testing.assert_allclose(long_scores(model, few, sessions), whole, rtol=0, atol=1e-6)


def test_names_without_a_window_have_no_score_as_from_exact_windows(trained):
    model, windows = trained
    mask = windows.mask.clone()
    mask[120:, 4] = False
    windows = replace(windows, mask=mask)
    exact, carried = (predict_scores(model, windows, sessions=windows.sessions, scoring=s) for s in ("exact", "long"))
    assert exact.isna().equals(carried.isna())
    assert carried.iloc[125, 4:6].isna().tolist() == [True, False]
    assert not np.allclose(exact.iloc[-1].dropna(), carried.iloc[-1].dropna(), rtol=0, atol=1e-6)


def test_the_models_own_settings_say_how_unless_the_caller_does(trained):
    model, windows = trained
    some = windows.sessions[-3:]
    network = LstmSettings(hidden=8, layers=1, lookback=6, scoring="long")
    settled = replace(model, settings=model.settings.model_copy(update={"model": network}))
    assert predict_scores(settled, windows, sessions=some).equals(long_scores(model, windows, some))
    exact = predict_scores(model, windows, sessions=some)
    assert predict_scores(settled, windows, sessions=some, scoring="exact").equals(exact)


def test_progress_counts_sessions_of_carried_scores(trained):
    model, windows = trained
    seen = []
    predict_scores(
        model, windows, sessions=windows.sessions[128:132], scoring="long", progress=lambda *x: seen.append(x)
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
