import numpy as np
import pytest
import torch

from benchmarks import training
from benchmarks.training_ic import ic_cells
from benchmarks.training_workloads import (
    Device,
    HalfProducts,
    Training,
    made_model,
    made_windows,
    naive_scores,
    operations_a_step,
)
from models.kinds.lstm import LstmSettings
from models.networks.predict import predict_scores

SMALL = LstmSettings(hidden=4, layers=2, lookback=90)


def test_the_loop_over_stocks_computes_the_scores_of_the_whole_session():
    windows = made_windows(95, 7, n_features=3)
    model = made_model(windows, SMALL)
    whole = predict_scores(model, windows, sessions=windows.sessions[-1:], device="cpu")
    np.testing.assert_allclose(naive_scores(model, windows, Device()), whole.iloc[0], rtol=1e-5, atol=1e-7)


def test_operations_are_those_of_the_steps_that_are_unrolled():
    windows = made_windows(300, 6, n_features=3)
    step = 2 * 16 * (3 + 4) + 2 * 16 * (4 + 4)
    assert operations_a_step(SMALL, 3) == step
    exact = Training(mode="exact", rows=range(200, 208), network=SMALL)
    assert exact.operations(windows) == 3 * 8 * 90 * 6 * step
    assert exact.samples(windows) == 48
    long = Training(mode="long", rows=range(200, 264), network=SMALL)
    assert long.operations(windows) == 3 * (90 + 64) * 6 * step


def test_an_estimated_epoch_says_what_was_timed(monkeypatch):
    monkeypatch.setattr(training, "N_WIDE", 6)
    monkeypatch.setattr(training, "N_SESSIONS", 500)
    monkeypatch.setattr(training, "matmul_rate", lambda device: 1e9)
    text = training.epoch_section(Device(), whole=False)
    assert "12 of 411 sessions, scaled by the work" in text
    assert "| samples per second |" in text


def test_a_missing_gpu_is_one_line_with_the_command(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as stopped:
        training.main(["--epoch", "--device", "cuda", "--precision", "bf16", "--compile"])
    message = str(stopped.value)
    assert message.startswith("device cuda is not available here")
    assert "`python -m benchmarks.training --epoch --device cuda --precision bf16 --compile`" in message
    assert "\n" not in message


def test_half_precision_reaches_the_products_and_not_the_scores():
    network, x = torch.nn.Linear(3, 1), torch.randn(5, 3)
    with torch.no_grad():
        halved, whole = HalfProducts(network)(x), network(x)
    assert halved.dtype == torch.float32
    torch.testing.assert_close(halved, whole, rtol=0.02, atol=0.02)
    assert not torch.equal(halved, whole)


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_other_precisions_are_refused_on_a_processor(precision):
    with pytest.raises(ValueError, match=f"{precision} is measured on CUDA alone"):
        Device(precision=precision)


def test_the_options_of_a_gpu_reach_the_network(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "compile", lambda network: ("compiled", network))
    network = torch.nn.Linear(3, 1)
    assert Device(name="cuda").prepared(network) is network
    assert Device(name="cuda", compiled=True).prepared(network) == ("compiled", network)
    assert isinstance(Device(name="cuda", precision="bf16").prepared(network), HalfProducts)
    for precision, allowed in (("tf32", True), ("float32", False)):
        Device(name="cuda", precision=precision).allow()
        assert torch.backends.cuda.matmul.allow_tf32 is torch.backends.cudnn.allow_tf32 is allowed


def test_the_compared_trainings_differ_in_their_mode_alone(tmp_path):
    cells = ic_cells([1, 2], full=False, bars=tmp_path / "absent.parquet")
    assert len({cell.name for cell in cells}) == len(cells) == 4
    for long, exact in zip(cells[::2], cells[1::2], strict=True):
        assert long.market == exact.market
        changed = exact.spec.training.model_copy(update={"mode": "long"})
        assert exact.spec.model_copy(update={"training": changed}) == long.spec
