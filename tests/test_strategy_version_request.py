"""What a version is run on: its own bars, the built-in market or what was told, whatever its lock says besides."""

from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import RunError
from market.request import BarsRequest
from strategy.frozen.own_request import described_bars, embedded_request, version_request
from strategy.frozen.run_version import run_request
from strategy.runs.context import IN_MEMORY

FILES = ("members.csv", "/etc/hostname", "top5/../members.csv", "mine.parquet,age=20", "top0")


def version(held: str, **request: object) -> Any:
    recorded = {"bars": "mine.parquet", "universe": "top5", "start": None, "end": "2020-12-31", "sectors": "s.csv"}
    return SimpleNamespace(version="mine@1.0.0", body={"bars": held, "request": recorded | request})


def test_told_bars_take_the_universe_of_the_version_and_run_to_their_end() -> None:
    request = run_request(version("given"), {"bars": "newer.parquet"})
    assert request == BarsRequest(bars="newer.parquet", universe="top5")
    other = run_request(version("given"), {"bars": "newer.parquet", "universe": "all"})
    assert other is not None
    assert other.universe == "all"


def test_a_version_without_its_bars_asks_for_them() -> None:
    with pytest.raises(RunError, match=r"mine@1\.0\.0 does not hold its bars \(mine\.parquet\): name them with --bars"):
        run_request(version("given"), {})


def test_a_version_of_the_built_in_market_makes_it_again() -> None:
    request = run_request(version("builtin", bars="builtin", end=None), {"benchmark": "b.csv"})
    assert request is not None
    assert (request.bars, request.universe, request.sectors, request.benchmark) == ("builtin", "top5", None, "b.csv")


def test_a_version_that_holds_its_bars_reads_them() -> None:
    assert run_request(version("embedded"), {}) is None
    with pytest.raises(RunError, match="--benchmark goes with --bars"):
        run_request(version("embedded"), {"benchmark": "b.csv"})


@pytest.mark.parametrize("bars", ["/etc/hostname", "yfinance:AAPL", "us"])
@pytest.mark.parametrize("held", ["given", "embedded"])
def test_no_bars_are_loaded_because_a_lock_names_them(held: str, bars: str) -> None:
    with pytest.raises(RunError, match=r"does not hold (its|later) bars .*: name them with --bars"):
        version_request(version(held, bars=bars), {})
    assert version_request(version("builtin", bars=bars), {}).bars == "builtin"
    assert embedded_request(version("embedded", bars=bars)).bars == IN_MEMORY


@pytest.mark.parametrize("universe", FILES)
def test_no_file_of_members_is_opened_because_a_lock_names_it(universe: str) -> None:
    with pytest.raises(RunError, match=r"the universe of mine@1\.0\.0 is a file .*: name it with --universe"):
        version_request(version("builtin", bars="builtin", universe=universe), {})
    for reading in (run_request, version_request):
        with pytest.raises(RunError, match="name it with --universe"):
            reading(version("given", universe=universe), {"bars": "newer.parquet"})
        told = reading(version("given", universe=universe), {"bars": "newer.parquet", "universe": "mine.csv"})
        assert (told.bars, told.universe) == ("newer.parquet", "mine.csv")
    with pytest.raises(RunError, match="name it with --universe"):
        described_bars(version("given", universe=universe))
    assert embedded_request(version("embedded", universe=universe)).universe == "all"


def test_what_stands_beside_the_bars_is_never_the_locks_word() -> None:
    beside = dict.fromkeys(("benchmark", "vix", "sectors", "factors", "hedge"), "/etc/hostname")
    for made in (
        version_request(version("builtin", **beside), {}),
        version_request(version("given", **beside), {"bars": "newer.parquet"}),
        run_request(version("given", **beside), {"bars": "newer.parquet"}),
        embedded_request(version("embedded", **beside)),
    ):
        assert made is not None
        assert [getattr(made, name) for name in beside] == [None] * 5


@pytest.mark.parametrize("universe", ["all", "top5", "top400,age=252", "all,price=5,age=20"])
def test_rules_are_kept(universe: str) -> None:
    assert version_request(version("builtin", universe=universe), {}).universe == universe
