"""Store under fire: one of two writers is killed at random moments; whatever was committed stays, and is readable.

``QUINTILE_KILLS`` says how often each kind of writer is killed.
"""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import SourceError
from market.sources import load_bars
from market.store import Change, commit_repair, data_folder, find_version, import_bars, read_rows, update_bars

KILLS = int(os.environ.get("QUINTILE_KILLS", "20"))
AFRESH = 25  # kills of one store, before the next: versions add up
DAYS = range(200, 260)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder, dates = tmp_path_factory.mktemp("sources"), pd.bdate_range("2018-01-01", periods=max(DAYS) + 1)
    paths = []
    for days in DAYS:
        close = 20.0 + np.add.outer(np.arange(20), np.arange(days) % 17 * 0.1).ravel()
        frame = pd.DataFrame(
            {"date": np.tile(dates[:days], 20), "ticker": np.repeat([f"T{n:02}" for n in range(20)], days)}
        )
        frame = frame.assign(
            open=close, high=close + 1, low=close - 1, close=close, volume=1000.0 + np.arange(len(close))
        )
        paths.append(folder / f"{days}.parquet")
        frame.to_parquet(paths[-1], index=False)
    return paths


def imported(sources: list[Path], rng: random.Random) -> None:
    import_bars(rng.choice(sources), name="us")


def updated(sources: list[Path], rng: random.Random) -> None:
    update_bars(rng.choice(sources), name="us")


def fixed(sources: list[Path], rng: random.Random) -> None:
    stored = find_version("us")
    assert stored is not None
    rows = read_rows(*stored)
    volume = rows.numbers["volume"].copy()
    volume[rng.randrange(len(volume))] = rng.randrange(10**6)
    with suppress(SourceError):  # the other writer was quicker
        commit_repair(
            stored[0],
            replace(rows, numbers=rows.numbers | {"volume": volume}),
            [Change(what="x", ticker="T01")],
            of=stored[1],
        )


def swept(sources: list[Path], rng: random.Random) -> None:
    folder = data_folder("us")
    for number in range(60):
        (folder.files / f"{rng.getrandbits(256):064x}.parquet").write_bytes(b"half")
        (folder.files / f".{number}.{rng.random()}.partial").write_bytes(b"half")
    with folder.locked():
        pass


def begun(work: Callable[[list[Path], random.Random], None], sources: list[Path], seed: int) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(sources, random.Random(seed))
            code = 0
        finally:
            os._exit(code)
    return child


def seconds(work: Callable[[list[Path], random.Random], None], sources: list[Path]) -> float:
    before = time.monotonic()
    os.waitpid(begun(work, sources, 0), 0)
    return time.monotonic() - before


@pytest.mark.slow
@pytest.mark.parametrize("work", [imported, updated, fixed, swept])
def test_a_writer_killed_beside_another_loses_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sources: list[Path],
    work: Callable[[list[Path], random.Random], None],
) -> None:
    rng, in_time = random.Random(16), 0
    for number in range(KILLS):
        if number % AFRESH == 0:
            monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / str(number)))
            import_bars(sources[0], name="us")
            update_bars(sources[1], name="us")
            whole, known = seconds(work, sources), set(data_folder("us").fingerprints)
        victim, other = begun(work, sources, number), begun(rng.choice([updated, work]), sources, -number)
        time.sleep(rng.uniform(0, 1.5 * whole))
        running = os.waitpid(victim, os.WNOHANG)[0] == 0
        if running:
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
        in_time += running
        assert os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) == 0
        folder = data_folder("us")
        assert known <= set(folder.fingerprints)
        assert not folder.damaged()
        known = set(folder.fingerprints)
        for version in {one.fingerprint: one for one in folder.versions()[-3:]}.values():
            assert load_bars(f"us@{version.fingerprint}").fingerprint() == version.panel
    with folder.locked():  # the next writer clears away what the killed ones left
        pass
    named = {file.content for one in folder.versions() for part in one.parts for file in part.files.values()}
    assert {path.name for path in folder.files.iterdir()} == {f"{content}.parquet" for content in named}
    assert in_time >= KILLS // 4
