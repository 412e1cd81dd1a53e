"""Shared fixtures: the root on the path, derandomized property tests, real bars where they are present."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.pop("CI", None)  # results shown under CI are not counted as trials; the tests count theirs

settings.register_profile("quintile", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("quintile")


@pytest.fixture(scope="session", autouse=True)
def _home_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the features of the tests' runs in a folder of their own, not beside the sources."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("QUINTILE_DATA", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def _nothing_registered_stays() -> Iterator[None]:
    """Forget after each test the models, rules and features that it registered, as an example of ours does too."""
    from core import user_file
    from models import model_kinds
    from portfolio import own_rules
    from signals.features import feature_sets

    registries = (feature_sets._sets, feature_sets._sources, model_kinds._own, own_rules._own)
    kept, loaded = [dict(registry) for registry in registries], list(user_file._loaded)
    yield
    for registry, before in zip(registries, kept, strict=True):
        registry.clear()
        registry.update(before)
    user_file._loaded[:] = loaded


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of recorded market data, or skip: a user's clone has none."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no recorded market data beside the checkout")
    return folder


@pytest.fixture(scope="module")
def few_random_books() -> Iterator[None]:
    """Draw five random books instead of two hundred, where what a book is compared with is not the matter."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("backtests.evaluation.N_RANDOM", 5)
        yield


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a small finished run with its bars, and a folder for versions; copy before changing anything in it."""
    from tests.frozen_market import bench as small_bench

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("backtests.evaluation.N_RANDOM", 5)
        return small_bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="session")
def frozen(bench: Any) -> Any:
    """Return the small run frozen with its bars; copy before changing anything in it."""
    return bench.freeze("filter_negative@1.0.0")
