"""Computing: blocks, workers and the cache change no bit, a budget is kept, and nothing stale or damaged is read."""

import importlib
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from market.panel import Panel
from signals import FEATURE_SETS, compute_features
from signals.features import Computing, computation
from signals.features.cache import FeatureCache
from signals.features.core14 import ret_1d
from signals.features.feature_code import code_hash
from tests.oracles.signal_panels import bits, delisting, random_panel


@pytest.fixture(autouse=True)
def _sources_may_be_edited_while_tests_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from signals.features import feature_code

    monkeypatch.setattr(feature_code, "STARTED", 4e9)
    feature_code._module_hash.cache_clear()


def panel_of_many() -> Panel:
    return replace(random_panel(5, n_sessions=90, n_tickers=12), delistings=delisting("D", "2020-03-20"))


def same(features: dict, others: dict) -> bool:
    return list(features) == list(others) and all(bits(features[name]) == bits(others[name]) for name in features)


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
@pytest.mark.parametrize("cells", [1, 90 * 5, 90 * 12])
def test_blocks_change_no_bit(cells: int, feature_set: str, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = panel_of_many()
    whole = {member.name: member(panel) for member in FEATURE_SETS[feature_set]}
    monkeypatch.setattr(computation, "CELLS", cells)
    assert same(whole, compute_features(panel, feature_set, computing=Computing(workers=2, gap_limit=0)))


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
@pytest.mark.parametrize("cells", [1, 90 * 5, 90 * 12])
def test_blocks_change_no_bit_of_windows_over_prints(
    cells: int, feature_set: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = panel_of_many()
    whole = compute_features(panel, feature_set, computing=Computing(workers=1))
    monkeypatch.setattr(computation, "CELLS", cells)
    assert same(whole, compute_features(panel, feature_set, computing=Computing(workers=2)))


def test_float32_is_the_rounded_float64() -> None:
    panel = panel_of_many()
    rounded = compute_features(panel, computing=Computing(dtype="float32"))
    for name, frame in compute_features(panel).items():
        assert bits(frame.astype("float32")) == bits(rounded[name]), name


def test_the_bars_of_some_tickers_are_a_panel_of_their_own() -> None:
    panel = panel_of_many()
    some = panel.of_columns(2, 5)
    assert list(some.tickers) == ["C", "D", "E"]
    assert list(some.delistings.index) == ["D"]
    assert some.close.equals(panel.close[["C", "D", "E"]])


def test_a_memory_budget_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"memory must be at least 0\.5GB for 12 features of 12 tickers over 90 sess"):
        compute_features(panel_of_many(), computing=Computing(memory=10**8))
    monkeypatch.setattr(computation, "LIBRARIES", 0)
    small = Computing(memory=600_000, workers=1, cache=tmp_path)
    assert computation._cells_of_a_block(panel_of_many(), 12, small) < 90 * 12
    assert same(compute_features(panel_of_many()), compute_features(panel_of_many(), computing=small))


def test_what_is_kept_is_mapped_and_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel, kept = panel_of_many(), Computing(cache=tmp_path)
    monkeypatch.setattr(computation, "CELLS", 300)
    fresh, first = compute_features(panel), compute_features(panel, computing=kept)
    monkeypatch.setattr("signals.features.registry.computed_pieces", None)  # nothing may be computed again
    again = compute_features(panel, computing=kept)
    assert same(fresh, first)
    assert same(fresh, again)
    assert len(list(tmp_path.glob("*.npy"))) == len(list(tmp_path.glob("*.json"))) == 12
    assert isinstance(again["ret_1d"].to_numpy().base.base, np.memmap) or not again["ret_1d"].to_numpy().flags.owndata
    assert again["momentum"] is again["ret_20d"]


def test_other_bars_ask_for_other_files(tmp_path: Path) -> None:
    panel, kept = panel_of_many(), Computing(cache=tmp_path)
    compute_features(panel, computing=kept)
    nobody = panel.with_universe(panel.universe & False, described="nobody")
    assert compute_features(nobody, computing=kept)["market_return"].isna().all(axis=None)
    cut = panel.until(panel.sessions[50])
    assert same(compute_features(cut), compute_features(cut, computing=kept))


@pytest.mark.parametrize("damage", ["cut", "flip", "gone", "words", "half"])
def test_what_is_damaged_is_computed_again(tmp_path: Path, damage: str) -> None:
    panel, kept = panel_of_many(), Computing(cache=tmp_path)
    fresh = compute_features(panel, names=["ret_1d"], computing=kept)
    fresh = {name: frame.copy() for name, frame in fresh.items()}
    (numbers,), (words,) = tmp_path.glob("*.npy"), tmp_path.glob("*.json")
    whole = numbers.read_bytes()
    if damage == "cut":
        numbers.write_bytes(whole[:-8])
    elif damage == "flip":
        numbers.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif damage == "gone":
        numbers.unlink()
    else:
        words.write_text("{" if damage == "words" else "{}")
    assert same(fresh, compute_features(panel, names=["ret_1d"], computing=kept))
    assert numbers.read_bytes() == whole


def own_module(folder: Path, *, sessions: int) -> None:
    (folder / "own_helper.py").write_text(f"SESSIONS = {sessions}\n")
    (folder / "own_features.py").write_text(
        "from own_helper import SESSIONS\nfrom signals.features.feature import feature\n"
        "from signals.features.trailing_windows import change\n\n\n"
        "@feature(group='return', warm_up=SESSIONS)\ndef own(panel):\n"
        "    'Return over some sessions.'\n    return change(panel.close.to_numpy(), SESSIONS)\n"
    )
    for name in ("own_helper", "own_features"):
        os.utime(folder / f"{name}.py", (1e9, 1e9))


def test_changed_code_of_a_helper_asks_for_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from signals.features import feature_code

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    hashes = []
    for sessions in (3, 4):
        own_module(tmp_path, sessions=sessions)
        for name in ("own_helper", "own_features"):
            sys.modules.pop(name, None)
        feature_code._module_hash.cache_clear()
        hashes.append(code_hash(importlib.import_module("own_features").own))
    assert None not in hashes
    assert hashes[0] != hashes[1] != code_hash(ret_1d)
    os.utime(
        tmp_path / "own_helper.py", (4.1e9, 4.1e9)
    )  # written while this process runs: what it holds may not be what runs
    feature_code._module_hash.cache_clear()
    assert code_hash(importlib.import_module("own_features").own) is None


def test_our_sources_count_where_they_are_installed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from signals.features import feature_code

    monkeypatch.setattr(feature_code, "INSTALLED", (Path(feature_code.__file__).parents[2], *feature_code.INSTALLED))
    sources, _ = feature_code._closure("signals.features.core14")
    assert {"core.conventions", "market.panel", "signals.rows"} <= set(sources)


def test_a_feature_typed_into_a_session_is_never_kept(tmp_path: Path) -> None:
    def typed(panel: Panel) -> np.ndarray:
        return panel.close.to_numpy()

    typed.__module__ = "__main__"
    panel, own = panel_of_many(), replace(ret_1d, name="typed", formula=typed)
    assert not FeatureCache.of(panel, tmp_path, dtype="float64", gap_limit=5).can_hold(own)


def test_what_a_killed_writer_left_is_swept_away(tmp_path: Path) -> None:
    old, young = tmp_path / ".x.npy.1.partial", tmp_path / ".x.npy.2.partial"
    for path in (old, young):
        path.touch()
    os.utime(old, (1e9, 1e9))
    compute_features(panel_of_many(), names=["ret_1d"], computing=Computing(cache=tmp_path))
    assert not old.exists()
    assert young.exists()


@pytest.mark.slow
def test_processes_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = panel_of_many()
    monkeypatch.setattr(computation, "CELLS", 300)
    assert same(compute_features(panel), compute_features(panel, computing=Computing(on="processes", workers=2)))


@pytest.mark.slow
def test_a_local_ray_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    panel = panel_of_many()
    monkeypatch.setattr(computation, "CELLS", 300)
    assert same(compute_features(panel), compute_features(panel, computing=Computing(on="ray", workers=2)))
