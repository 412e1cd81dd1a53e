"""Order of runs: the quick way against the plain one."""

import json
from pathlib import Path

import numpy as np
import pytest

from strategy.runs.run_order import in_order

CLAIM = "trials.json"


def plain_order(runs: dict[str, tuple[int, int]]) -> list[str]:
    """Runs by their place in the log; one without follows every run that was begun before it, by the numbers."""
    placed, before = [], 0
    for name, (number, place) in sorted(runs.items()):
        earlier = [there for other, there in runs.values() if other <= number]
        before = place or (max(earlier) if number else before)
        placed.append(((before, 0 if place else number, name), name))
    return [name for _, name in sorted(placed)]


@pytest.mark.parametrize("seed", range(20))
def test_runs_stand_in_the_plain_order_whatever_their_numbers_and_places(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    n_runs = int(rng.integers(1, 12))
    numbers = rng.integers(0, n_runs + 2, n_runs).tolist()
    places = np.where(rng.random(n_runs) < 0.5, 0, 1 + rng.permutation(n_runs)).tolist()
    runs = {f"{run:02d}": (number, place) for run, (number, place) in enumerate(zip(numbers, places, strict=True))}
    for name, (number, place) in runs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps({"number": number}))
        if place:
            (tmp_path / name / CLAIM).write_text(json.dumps({"length": place}))
    found = in_order((tmp_path / name / "run.json" for name in runs), claim=CLAIM)
    assert [path.name for path in found] == plain_order(runs)
