import datetime as dt

import pandas as pd
import pytest
from pydantic import ValidationError

from core.errors import DataError
from models.model_settings import SplitSettings
from models.sample_splits import Split, resolve_split

SESSIONS = pd.bdate_range("2020-01-01", periods=100)


def split_of(delay=1, horizon=1, **settings):
    return resolve_split(SESSIONS, SplitSettings(**settings), delay=delay, horizon=horizon)


def test_fractions_give_sixty_fifteen_twenty_five_less_the_purge():
    found = split_of()
    assert (found.train, found.validation, found.test) == (slice(0, 58), slice(60, 73), slice(75, 100))
    assert found.purge == 2


@pytest.mark.parametrize(("delay", "horizon"), [(0, 1), (1, 1), (2, 5)])
def test_no_label_of_a_span_reaches_into_the_next_and_no_row_is_dropped_needlessly(delay, horizon):
    found = split_of(delay=delay, horizon=horizon)
    for span, following in ((found.train, found.validation), (found.validation, found.test)):
        last_row = span.stop - 1
        assert last_row + delay + horizon == following.start - 1


def test_dates_are_the_last_sessions_of_their_spans():
    found = split_of(train_end=SESSIONS[49].date(), validation_end=SESSIONS[69].date())
    assert (found.train.stop, found.validation, found.test) == (48, slice(50, 68), slice(70, 100))


def test_a_date_between_sessions_ends_with_the_session_before_it():
    saturday = dt.date(2020, 3, 7)
    assert split_of(train_end=saturday, validation_end="2020-04-01") == split_of(
        train_end="2020-03-06", validation_end="2020-04-01"
    )


@pytest.mark.parametrize(
    "dates", [("2019-12-31", "2020-03-02"), ("2020-02-03", "2020-05-19"), ("2020-02-03", "2030-01-01")]
)
def test_dates_outside_the_bars_are_refused(dates):
    with pytest.raises(DataError, match="must lie within the bars"):
        split_of(train_end=dates[0], validation_end=dates[1])


def test_dates_out_of_order_or_alone_are_refused():
    with pytest.raises(ValidationError, match="must be before"):
        SplitSettings(train_end="2020-03-02", validation_end="2020-03-02")
    with pytest.raises(ValidationError, match="go together"):
        SplitSettings(train_end="2020-03-02")
    with pytest.raises(ValidationError, match="must leave a test span"):
        SplitSettings(train=0.8, validation=0.2)


def test_a_span_that_the_purge_empties_is_named():
    with pytest.raises(DataError, match="validation span keeps no session"):
        split_of(horizon=14)
    with pytest.raises(DataError, match="training span keeps no session"):
        resolve_split(SESSIONS[:2], SplitSettings(), delay=1, horizon=1)


def test_a_split_refuses_overlapping_spans():
    with pytest.raises(ValueError, match="2 rows apart"):
        Split(train=slice(0, 59), validation=slice(60, 73), test=slice(75, 100), purge=2)


def test_a_clock_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="horizon"):
        split_of(horizon=0)
