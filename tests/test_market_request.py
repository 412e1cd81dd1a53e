"""Requests that a run or a lock wrote down: read back, or refused in one line."""

from dataclasses import asdict

import pytest

from core.errors import SourceError
from market.request import BarsRequest


def test_a_request_comes_back_as_it_was_written() -> None:
    request = BarsRequest(bars="us", universe="top400", start="2015-01-02", point_in_time=True, exchange="XNYS")
    assert BarsRequest.recorded(asdict(request)) == request


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        ([], "must be a table of fields, was a list"),
        (None, "was None"),
        ({"bars": "us", "evil": 1}, "has the field 'evil', which this release does not know"),
        ({"bars": 7}, "bars 7, must be text"),
        ({"bars": None}, "bars None, must be text"),
        ({"start": ["2015"]}, "start a list, must be text"),
        ({"point_in_time": "yes"}, "point_in_time 'yes', must be true or false"),
        ({"point_in_time": None}, "must be true or false"),
        ({"universe": 10**50}, "…, must be text"),
    ],
)
def test_what_is_no_request_is_one_clear_line(recorded: object, said: str) -> None:
    with pytest.raises(SourceError) as refused:
        BarsRequest.recorded(recorded)  # type: ignore[arg-type]
    assert said in str(refused.value)
    assert len(str(refused.value)) < 200
