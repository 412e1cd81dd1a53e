"""Kept features: a run's come from the cache with every bit, whatever becomes of the cache."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market.panel import Panel
from signals import compute_features, feature, register_feature_set
from signals.features import Computing, feature_code, kept, kept_features
from signals.features.feature_sets import SHIPPED_SETS
from tests.oracles.signal_panels import bits, delisting, random_panel


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path))
    monkeypatch.setattr(feature_code, "STARTED", 4e9)  # sources may be edited while tests run
    feature_code._module_hash.cache_clear()
    yield tmp_path / ".features"
    feature_code._module_hash.cache_clear()


def bars(seed: int = 5) -> Panel:
    return replace(random_panel(seed, n_sessions=90, n_tickers=12), delistings=delisting("D", "2020-03-20"))


def same(one: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> bool:
    return list(one) == list(other) and all(
        frame.index.equals(other[name].index)
        and frame.columns.equals(other[name].columns)
        and bits(frame) == bits(other[name])
        for name, frame in one.items()
    )


def no_computation(*_: object) -> None:
    raise AssertionError("computed again")


@pytest.mark.parametrize("feature_set", SHIPPED_SETS)
def test_the_first_fills_and_the_second_only_reads(
    feature_set: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, fresh = bars(), compute_features(bars(), feature_set)
    assert same(kept_features(panel, feature_set), fresh)
    assert list(home.glob("*.npy"))
    monkeypatch.setattr(kept, "whole_frames", no_computation)
    assert same(kept_features(panel, feature_set), fresh)


def test_what_the_command_wrote_is_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = bars()
    fresh = compute_features(panel, computing=Computing(cache=home))
    monkeypatch.setattr(kept, "whole_frames", no_computation)
    assert same(kept_features(panel, "core14"), fresh)


@pytest.mark.parametrize("feature_set", SHIPPED_SETS)
def test_features_of_all_bars_cut_are_those_of_the_bars_cut(feature_set: str) -> None:
    panel = bars()
    for row in (89, 60, 54, 25):  # D goes at row 57
        cut = panel.sessions[row]
        alone = compute_features(panel.until(cut), feature_set)
        assert same(kept_features(panel, feature_set, until=cut), alone)


def test_own_features_see_no_row_behind_the_cut() -> None:
    @feature(group="own", warm_up=0)
    def mean_of_all(panel: Panel) -> np.ndarray:
        """Mean of every close, later ones too."""
        return np.full(panel.close.shape, np.nanmean(panel.close.to_numpy()))

    register_feature_set("peeking", [mean_of_all])
    panel, cut = bars(), bars().sessions[40]
    alone = compute_features(panel.until(cut), "peeking")
    assert same(kept_features(panel, "peeking", until=cut), alone)
    assert not same(alone, {name: frame.loc[:cut] for name, frame in kept_features(panel, "peeking").items()})


@pytest.mark.parametrize("trouble", ["a file in its place", "no space", "full disk", "too large", "damaged"])
def test_a_cache_in_trouble_changes_no_number(trouble: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel, fresh = bars(), compute_features(bars())

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    if trouble == "a file in its place":
        home.write_text("not a folder")
    elif trouble == "no space":
        monkeypatch.setattr(kept, "ROOM", 10**15)
    elif trouble == "full disk":
        monkeypatch.setattr("signals.features.cache.write_json", full)
    elif trouble == "too large":
        monkeypatch.setattr(kept, "MAX_KEPT_BYTES", 100)
    else:
        kept_features(panel, "core14")
        for path in home.glob("*.npy"):
            path.write_bytes(path.read_bytes()[:-8])
    assert same(kept_features(panel, "core14"), fresh)
    assert same(kept_features(panel, "core14"), fresh)
    assert not home.is_dir() or bool(list(home.glob("*.json"))) == (trouble == "damaged")


def test_the_least_recently_used_go_first_and_what_was_asked_for_stays(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, third = bars(1), bars(2), bars(3)
    compute_features(one, names=["ret_1d"], computing=Computing(cache=home))
    asked = set(home.iterdir())
    size = sum(frame.to_numpy().nbytes + 128 for frame in compute_features(one, "compact7").values())
    monkeypatch.setattr(kept, "MAX_KEPT_BYTES", 2 * size + 500)
    for step, panel in enumerate((one, other)):
        kept_features(panel, "compact7")
        for path in set(home.glob("*.json")) - asked:
            if path.stat().st_mtime > 1e9 + 100:
                os.utime(path, (1e9 + step, 1e9 + step))
    kept_features(one, "compact7")  # a use: other bars are the oldest now
    kept_features(third, "compact7")
    assert asked <= set(home.iterdir())
    monkeypatch.setattr(kept, "whole_frames", no_computation)
    for panel in (one, third):
        kept_features(panel, "compact7")
    with pytest.raises(AssertionError, match="computed again"):
        kept_features(other, "compact7")


def test_nothing_is_left_of_a_feature_without_a_code_hash(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_code, "STARTED", 0.0)  # every source is newer than the process
    feature_code._module_hash.cache_clear()
    assert same(kept_features(bars(), "core14"), compute_features(bars()))
    assert not home.exists()
