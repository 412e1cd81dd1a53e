"""Workloads of `benchmarks.training`: made-up windows, the training loop on a few of their rows, and the naive loop.

Features are normal draws, every name is labelled on every session. The loop is the one of `models.networks.train`,
private parts and all, so that nothing is timed but what a training does; a sample is one labelled name on one session.
"""

import itertools
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from models.kinds.lstm import LstmSettings
from models.model_settings import KindSettings, LossSettings, ModelSettings, TrainingSettings
from models.networks.train import _begin, _reproducible, _train_epoch
from models.networks.trained import TrainedModel, resolve_device
from models.spans import training_batches
from models.windows import Scaler, Windows

__all__ = ["Device", "HalfProducts", "Seconds", "Training", "made_model", "made_windows", "matmul_rate", "naive_scores"]

TARGET_SD = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """What something took: by the clock, and of the processor."""

    clock: float
    processor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Where to run, and with how many bits.

    Parameters
    ----------
    name : {"cpu", "cuda"}
        CUDA is refused in one line where there is none.
    precision : {"float32", "tf32", "bf16"}
        Of matrix products; another than float32 on CUDA alone.
    compiled : bool
        Pass the network through ``torch.compile`` in training; recurrent layers stay the library's.
    """

    name: str = "cpu"
    precision: str = "float32"
    compiled: bool = False

    def __post_init__(self) -> None:
        resolve_device(self.name)
        if self.precision != "float32" and self.name != "cuda":
            raise ValueError(
                f"{self.precision} is measured on CUDA alone, many processors have no LSTM in it: leave --precision "
                "out, or give --device cuda"
            )

    @property
    def place(self) -> torch.device:
        """The torch device."""
        return resolve_device(self.name)

    def prepared(self, network: torch.nn.Module) -> torch.nn.Module:
        """Network compiled, or with products in half precision and scores in single, by the settings."""
        network = torch.compile(network) if self.compiled else network
        return HalfProducts(network) if self.precision == "bf16" else network

    def allow(self) -> None:
        """Let this process's products and recurrent layers on CUDA use tf32, or not: the library's own wish differs."""
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = self.precision == "tf32"

    def arithmetic(self) -> AbstractContextManager[object]:
        """Context of inference and of plain products; a rank loss needs more bits and stays outside."""
        self.allow()
        return torch.autocast(self.name, dtype=torch.bfloat16) if self.precision == "bf16" else nullcontext()

    def counted(self, seconds: Seconds) -> float:
        """Seconds that count: of the processor, which neighbours disturb less, and by the clock on a GPU."""
        return seconds.clock if self.name == "cuda" else seconds.processor

    def timed(self, run: Callable[[], object]) -> Seconds:
        """Run once; work that a GPU still has queued is waited for."""
        self._wait()
        clock, processor = time.perf_counter(), time.process_time()
        run()
        self._wait()
        return Seconds(clock=time.perf_counter() - clock, processor=time.process_time() - processor)

    def _wait(self) -> None:
        if self.name == "cuda":
            torch.cuda.synchronize()


class HalfProducts(torch.nn.Module):
    """A network whose products are in bf16 and whose scores are float32: ranks of bf16 scores would be full of ties."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            scores: torch.Tensor = self.network(x)
        return scores.float()


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """The real model's training on some rows of made-up windows.

    Parameters
    ----------
    mode : {"long", "exact"}
        How sequences are unrolled.
    rows : range
        Consecutive scored sessions, at least a burn-in from the first one.
    network : KindSettings
        Of a kind that has a network.
    """

    mode: str
    rows: range
    network: KindSettings = field(default_factory=LstmSettings)

    @property
    def settings(self) -> ModelSettings:
        """Network, loss and training, all but the mode as they are by default."""
        training = TrainingSettings(mode=self.mode)
        return ModelSettings(model=self.network, loss=LossSettings(), training=training)

    def samples(self, windows: Windows) -> int:
        """Name-sessions that one pass scores."""
        return len(self.rows) * windows.x.shape[1]

    def operations(self, windows: Windows) -> float:
        """Floating-point operations of one pass's matrix products: forward, and twice that backward."""
        training = self.settings.training
        batches = training_batches(np.array(self.rows), lookback=windows.lookback, settings=training, epoch=1)
        unrolled = sum(span.stop - span.opens for batch in batches for span in batch)
        network = LstmSettings.model_validate(self.network.model_dump())
        return 3.0 * unrolled * windows.x.shape[1] * operations_a_step(network, windows.x.shape[2])

    def run(self, windows: Windows, device: Device) -> Callable[[], object]:
        """One pass over the rows as a call; every call repeats the same first epoch on fresh weights."""

        def once() -> None:
            device.allow()
            with _reproducible(device.place):
                learner = _begin(windows, self.settings)
                learner.network = device.prepared(learner.network)
                rate = self.settings.training.learning_rate
                _train_epoch(learner, windows, np.array(self.rows), settings=self.settings, epoch=1, rate=rate)

        return once


def operations_a_step(network: LstmSettings, n_features: int) -> float:
    """Floating-point operations of one name's step through the layers: four gates, each of two products."""
    widths = itertools.pairwise((n_features, *network.widths))
    return float(sum(2 * 4 * width * (inputs + width) for inputs, width in widths))


def made_windows(n_sessions: int, n_names: int, *, n_features: int = 14, lookback: int = 90) -> Windows:
    """Windows of normal draws."""
    generator = torch.Generator().manual_seed(n_names)
    shape = (n_sessions, n_names)
    complete = (torch.arange(n_sessions) >= lookback - 1)[:, None].expand(shape).contiguous()
    return Windows(
        x=torch.randn(*shape, n_features, generator=generator),
        y=TARGET_SD * torch.randn(shape, generator=generator),
        mask=complete,
        present=torch.ones(shape, dtype=torch.bool),
        scaler=_plain_scaler(n_features),
        lookback=lookback,
        sessions=pd.bdate_range("2000-01-03", periods=n_sessions, name="session"),
        tickers=pd.Index([f"T{k:04d}" for k in range(n_names)], name="ticker"),
    )


def made_model(windows: Windows, network: KindSettings) -> TrainedModel:
    """Untrained network that fits the windows."""
    settings = ModelSettings(model=network)
    learner = _begin(windows, settings)
    weights = {name: tensor.detach() for name, tensor in learner.network.state_dict().items()}
    return TrainedModel(weights=weights, settings=settings, scaler=windows.scaler, best_epoch=0, history=())


@torch.inference_mode()
def naive_scores(model: TrainedModel, windows: Windows, device: Device) -> np.ndarray:
    """Last session's scores, (n_names,), one stock at a time: its window, one forward pass, its score."""
    network = model.network(device.place)
    window = windows.x[-windows.lookback :].to(device.place)
    scores = [network(window[:, k : k + 1])[-1, 0].item() for k in range(window.shape[1])]
    return np.array(scores)


def matmul_rate(device: Device, *, size: int = 1_536, rounds: int = 6) -> float:
    """Operations per second of a plain square matrix product, best of some rounds."""
    a, b = (torch.randn(size, size, device=device.place) for _ in range(2))
    with device.arithmetic():
        best = min(device.counted(device.timed(lambda: a @ b)) for _ in range(rounds))
    return 2.0 * size**3 / best


def _plain_scaler(n_features: int) -> Scaler:
    """Scaler that says what the draws are: scaled already."""
    columns = {"lower": -9.0, "upper": 9.0, "mean": 0.0, "sd": 1.0}
    names = tuple(f"f{k}" for k in range(n_features))
    return Scaler(names=names, **{key: (value,) * n_features for key, value in columns.items()}, target_sd=TARGET_SD)
