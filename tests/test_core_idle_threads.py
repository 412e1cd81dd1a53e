"""Idle threads: waiting is settled before a library with threads is loaded, and a user's own word stands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.idle_threads import POLICY, sleep_while_idle

ROOT = Path(__file__).resolve().parent.parent
SEEN = """
import os, sys

class Watch:
    def find_spec(self, name, *_):
        if name in ("torch", "numba"):
            print(name, os.environ.get("OMP_WAIT_POLICY"))

sys.meta_path.insert(0, Watch())
import MODULE
"""


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(os, "environ", {name: value for name, value in os.environ.items() if name not in POLICY})
    return monkeypatch


@pytest.mark.usefixtures("clean")
def test_threads_sleep_while_they_wait() -> None:
    sleep_while_idle()
    assert POLICY.items() <= os.environ.items()


@pytest.mark.parametrize("own", [("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "1000"), ("KMP_BLOCKTIME", "200")])
def test_what_the_user_set_stays(own: tuple[str, str], clean: pytest.MonkeyPatch) -> None:
    clean.setitem(os.environ, *own)
    before = dict(os.environ)
    sleep_while_idle()
    assert before == os.environ


@pytest.mark.parametrize("module", [pytest.param("quintile.research", marks=pytest.mark.slow), "models.threads"])
def test_it_is_settled_before_torch_is_loaded(module: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in POLICY}
    command = [sys.executable, "-c", SEEN.replace("MODULE", module)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert "torch PASSIVE" in done.stdout
    assert "None" not in done.stdout
