import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.scratch import Scratch, feature_store

ROOT = Path(__file__).resolve().parent.parent
CHILD = """
import resource, sys
import numpy as np, torch
from pathlib import Path
from models.scratch import Scratch
from models.sample_splits import resolve_split
from models.model_settings import SplitSettings
from models.networks.train import train_network
from models.windows import build_windows, fit_scaler
from tests.oracles.planted import frame, small_settings

N_SESSIONS, N_TICKERS, N_FEATURES = 6_000, 100, 100

class Made(dict):
    def items(self):
        for seed, name in enumerate(self):
            rng = np.random.default_rng(seed)
            yield name, frame(rng.standard_normal((N_SESSIONS, N_TICKERS), dtype=np.float32))

torch.set_num_threads(1)
features = Made({f"f{k}": None for k in range(N_FEATURES)})
targets = frame(np.random.default_rng(1_000).normal(0, 0.02, (N_SESSIONS, N_TICKERS)))
universe = frame(np.ones(targets.shape, dtype=bool))
split = resolve_split(targets.index, SplitSettings(), delay=1, horizon=1)
size = 4 * N_SESSIONS * N_TICKERS * N_FEATURES
status = Path("/proc/self/status").read_text().splitlines()
held = next(int(line.split()[1]) for line in status if line.startswith("VmData")) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (held + int(0.8 * size), resource.RLIM_INFINITY))
scaler = fit_scaler(features, targets=targets, universe=universe, rows=split.train)
scratch = Scratch(folder=Path(sys.argv[2]), above=0) if sys.argv[1] == "file" else None
windows = build_windows(
    features, targets=targets, universe=universe, scaler=scaler, lookback=6, scratch=scratch
)
model = train_network(windows, split, settings=small_settings(max_epochs=1))
print(f"trained {model.best.train_loss:.4f}")
"""


def child(place, folder):
    command = [sys.executable, "-c", CHILD, place, str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit counts private memory alone on Linux")
def test_a_data_set_larger_than_the_memory_allowed_trains_from_a_file(tmp_path):
    held = child("memory", tmp_path)
    assert held.returncode != 0
    assert "MemoryError" in held.stderr
    filed = child("file", tmp_path)
    assert filed.returncode == 0, filed.stderr
    assert filed.stdout.startswith("trained 0.")
    assert not list(tmp_path.iterdir())


def test_memory_cannot_be_negative(tmp_path):
    with pytest.raises(ValueError, match="at least 0 bytes, was -1"):
        Scratch(folder=tmp_path, above=-1)


def test_the_folder_is_made_when_it_is_needed_only(tmp_path):
    scratch = Scratch(folder=tmp_path / "runs", above=8)
    feature_store((2, 1, 1), scratch)
    assert not scratch.folder.exists()
    store = feature_store((3, 1, 1), scratch)
    store.add(np.array([[1.0], [2.0], [3.0]]))
    assert store.tensor().flatten().tolist() == [1.0, 2.0, 3.0]
