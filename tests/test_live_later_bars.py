"""Bars of today for a version: a continued market, the data set stored last, and a record that only grows."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.errors import SourceError
from live.continued_market import Continuation, continued_market
from live.latest_bars import latest_data_set
from live.record_lines import append_record
from market.holdout import HoldoutSettings
from market.returns import Execution, forward_returns
from market.store import import_bars
from market.synthetic import SyntheticSettings, synthetic_market
from quintile.later_inputs import later_inputs
from signals.score_metrics import information_coefficient
from strategy.frozen.versions import VersionFolder, find_version
from tests.frozen_market import small_bars

SMALL = SyntheticSettings(seed=3, n_tickers=20, n_sessions=150)


@pytest.mark.parametrize("planted_ic", [0.02])
def test_what_was_there_stays_bit_for_bit(planted_ic: float | None) -> None:
    for settings in (SMALL, SMALL.model_copy(update={"planted_ic": 0.0})):
        before = synthetic_market(settings)
        found = continued_market(settings, Continuation(n_sessions=60, planted_ic=planted_ic))
        assert found.panel.until(before.panel.sessions[-1]).fingerprint() == before.panel.fingerprint()
        assert found.oracle is not None
        pd.testing.assert_frame_equal(found.oracle.iloc[:150], before.oracle)


def test_more_sessions_move_none_of_the_fewer() -> None:
    longer, shorter = (continued_market(SMALL, Continuation(n_sessions=n)).panel for n in (300, 40))
    assert longer.until(shorter.sessions[-1]).fingerprint() == shorter.fingerprint()
    assert (len(longer.sessions), len(shorter.sessions)) == (450, 190)


def test_the_level_of_a_names_volume_is_kept_across_the_seam() -> None:
    volume = np.log(continued_market(SMALL, Continuation(n_sessions=250)).panel.volume)
    gap = volume.iloc[150:].mean() - volume.iloc[:150].mean()
    assert gap.abs().median() < 0.2  # names differ by 0.8


@pytest.mark.slow
@pytest.mark.parametrize(("planted_ic", "expected"), [(None, 0.045), (0.0, 0.0), (0.1, 0.1)])
def test_the_planted_alpha_goes_on_as_told(planted_ic: float | None, expected: float) -> None:
    found = continued_market(SyntheticSettings(), Continuation(n_sessions=1_000, planted_ic=planted_ic))
    assert found.oracle is not None
    ic = information_coefficient(found.oracle, forward_returns(found.panel, Execution())).iloc[1500:]
    assert ic.mean() == pytest.approx(expected, abs=0.012)


def test_words_of_a_continued_market() -> None:
    assert Continuation.parse("builtin+250") == Continuation(n_sessions=250)
    assert Continuation.parse("builtin+9,planted_ic=0.02") == Continuation(n_sessions=9, planted_ic=0.02)
    assert Continuation.parse("builtin") is None
    assert Continuation.parse("builtin:seed=2") is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("builtin+", "names no continued market"),
        ("builtin+0", "names no continued market"),
        ("builtin+5,seed=2", "names no continued market"),
        ("builtin+5,planted_ic=0.1.2", "names no continued market"),
        ("builtin+2501", "takes 1 to 2,500 sessions"),
        ("builtin+5,planted_ic=0.2", "planted_ic must be 0 to 0.10"),
    ],
)
def test_other_words_are_named(words: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Continuation.parse(words)


def test_a_version_of_other_bars_is_not_continued(frozen: VersionFolder) -> None:
    with pytest.raises(ValueError, match=r"continues the built-in market, .* is not of it"):
        later_inputs(frozen, "builtin+20")
    with pytest.raises(ValueError, match="--hedge does not go with"):
        later_inputs(find_version("filter_negative@1.1.0"), "builtin+20", hedge=Path("spy.csv"))


def test_a_continued_market_ends_before_a_seal() -> None:
    request = {"bars": "builtin:seed=3,n_tickers=20,n_sessions=150", "universe": "all", "start": None}
    folder: Any = SimpleNamespace(version="small@1.0.0", body={"bars": "builtin", "request": request})
    sessions = later_inputs(folder, "builtin+20").panel.sessions
    seal = HoldoutSettings(start=sessions[160].date())
    pd.testing.assert_index_equal(later_inputs(folder, "builtin+20", holdout=seal).panel.sessions, sessions[:160])
    assert len(sessions) == 170


def test_later_bars_go_past_the_end_of_the_versions_own(frozen: VersionFolder, tmp_path: Path) -> None:
    assert len(later_inputs(frozen, str(small_bars(tmp_path / "bars.parquet", 480))).panel.sessions) == 480


@pytest.mark.slow
def test_latest_is_the_data_set_that_was_stored_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / "home"))
    with pytest.raises(SourceError, match="no data set is stored"):
        latest_data_set()
    for name, n_sessions in (("zebra", 470), ("ant", 480)):
        import_bars(str(small_bars(tmp_path / f"{name}.parquet", n_sessions)), name=name)
    assert latest_data_set().startswith("ant@")


def test_latest_says_so_where_nothing_is_stored(
    frozen: VersionFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / "home"))
    with pytest.raises(SourceError, match="quintile data import"):
        later_inputs(frozen, "latest")


def test_a_record_only_grows_a_line_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "monitor.jsonl"
    for number in range(3):
        append_record(path, {"number": number})
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [0, 1, 2]


def test_a_line_that_a_kill_cut_short_stays_alone(tmp_path: Path) -> None:
    path = tmp_path / "monitor.jsonl"
    path.write_text('{"number": 0}\n{"numb')
    append_record(path, {"number": 1})
    assert path.read_text().splitlines() == ['{"number": 0}', '{"numb', '{"number": 1}']


def test_a_line_that_the_disk_takes_in_part_is_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write = tmp_path / "monitor.jsonl", os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:5]))
        with pytest.raises(SourceError, match="took a part of its line"):
            append_record(path, {"number": 0})
    append_record(path, {"number": 1})
    assert path.read_text().splitlines() == ['{"num', '{"number": 1}']


def test_what_is_no_plain_file_gets_no_record(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no plain file"):
        append_record(tmp_path, {"number": 1})
    with pytest.raises(ValueError, match="JSON"):
        append_record(tmp_path / "monitor.jsonl", {"number": float("nan")})
    assert not list(tmp_path.iterdir())
