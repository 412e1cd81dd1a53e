"""What a version is run on: its own bars or those that were told, never the built-in market for want of a word."""

from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import RunError
from market.request import BarsRequest
from strategy.frozen.run_version import run_request


def version(held: str, **request: object) -> Any:
    recorded = {"bars": "mine.parquet", "universe": "top5", "start": None, "end": "2020-12-31", "sectors": "s.csv"}
    return SimpleNamespace(version="mine@1.0.0", body={"bars": held, "request": recorded | request})


def test_told_bars_take_the_universe_of_the_version_and_run_to_their_end() -> None:
    request = run_request(version("external"), {"bars": "newer.parquet"})
    assert request == BarsRequest(bars="newer.parquet", universe="top5")
    other = run_request(version("external"), {"bars": "newer.parquet", "universe": "all"})
    assert other is not None
    assert other.universe == "all"


def test_a_version_without_its_bars_asks_for_them() -> None:
    with pytest.raises(RunError, match=r"mine@1\.0\.0 does not hold its bars \(mine\.parquet\): name them with --bars"):
        run_request(version("external"), {})


def test_a_version_of_the_built_in_market_makes_it_again() -> None:
    request = run_request(version("builtin", bars="builtin", end=None), {"benchmark": "b.csv"})
    assert request is not None
    assert (request.bars, request.universe, request.sectors, request.benchmark) == ("builtin", "top5", None, "b.csv")


def test_a_version_that_holds_its_bars_reads_them() -> None:
    assert run_request(version("embedded"), {}) is None
    with pytest.raises(RunError, match="--benchmark goes with --bars"):
        run_request(version("embedded"), {"benchmark": "b.csv"})
