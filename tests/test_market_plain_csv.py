"""Plain CSV: whatever the frame, the bytes are those of pandas."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market.plain_csv import write_csv


def numbers(count: int) -> np.ndarray:
    """Every bit pattern alike, every size alike, whole ones, and the edges."""
    rng = np.random.default_rng(0)
    sizes = 10.0 ** rng.uniform(-12, 18, count) * rng.choice([-1.0, 1.0], count)
    edges = [0.0, -0.0, 1e-4, 9.999999999999999e-5, 1e10, 9999999999.5, 1e15, 1e16, 1e17, 5e-324, np.inf, -np.inf]
    patterns = rng.integers(0, 2**64, count, dtype=np.uint64).view(np.float64)
    return np.concatenate([patterns, sizes, np.round(sizes), np.round(sizes, 2), edges, [np.nan]])


DAYS = pd.bdate_range("2020-01-01", periods=4, name="session")
FRAMES = {
    "wide": pd.DataFrame(np.random.default_rng(1).standard_normal((4, 3)) * 1e-3, DAYS, ["A", "B", "C"]),
    "gaps": pd.DataFrame({"A": [0.1, np.nan, 1.0, 2.5], "n": [1, 2, 3, 4]}, DAYS),
    "long": pd.DataFrame({"session": DAYS, "ticker": ["A", "BRK.B", "C", "D"], "shares": [1.5, 2.0, 3.0, 4e20]}),
    "empty": pd.DataFrame({"session": pd.DatetimeIndex([]), "ticker": pd.Series(dtype=str)}),
    "no columns": pd.DataFrame(index=DAYS),
    "no unique names": pd.DataFrame([[1.0, 2.0]] * 4, DAYS, ["A", "A"]),
    "comma": pd.DataFrame({"rule": ["a,b", 'say "x"', "line\nend", ""], "value": 0.5}),
    "comma above": pd.DataFrame({"a,b": [0.5]}),
    "hours": pd.DataFrame({"at": pd.to_datetime(["2020-01-01 09:30", "2020-01-02 16:00"]), "x": 0.5}),
    "missing day": pd.DataFrame({"at": pd.to_datetime(["2020-01-01", None]), "x": 0.5}),
    "missing word": pd.DataFrame({"word": pd.Series(["a", None], dtype="str"), "yes": [True, False]}),
    "two levels": pd.DataFrame({"x": [0.5, 1.5]}, pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    "numbered columns": pd.DataFrame([[0.5, 1.5]]),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=list(FRAMES))
def test_every_frame_is_written_as_pandas_would(frame: pd.DataFrame, tmp_path: Path) -> None:
    write_csv(frame, tmp_path / "ours.csv")
    frame.to_csv(tmp_path / "theirs.csv")
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()


def test_every_number_is_written_as_pandas_would(tmp_path: Path) -> None:
    test_every_frame_is_written_as_pandas_would(pd.DataFrame({"x": numbers(20_000)}), tmp_path)
