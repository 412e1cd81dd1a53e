"""Later bars of the small market that tests freeze on: the same 480 sessions, and what a continued market adds."""

from functools import lru_cache
from pathlib import Path

from live.continued_market import Continuation, continued_market
from market.inputs import Inputs, load_inputs
from market.panel import Panel
from market.request import BarsRequest
from market.synthetic import SyntheticSettings
from tests.frozen_market import long_bars

SEEN = 460


@lru_cache
def later_panel(n_sessions: int = 160) -> Panel:
    """The small market up to ``n_sessions`` after the last one of the frozen version."""
    settings = SyntheticSettings(n_tickers=30, n_sessions=480)
    return continued_market(settings, Continuation(n_sessions=n_sessions - 20)).panel


def later_inputs_at(path: Path, n_sessions: int = 160) -> Inputs:
    """The same as a file, loaded as the version's bars were."""
    long_bars(later_panel(n_sessions)).to_parquet(path)
    return load_inputs(BarsRequest(bars=str(path)))
