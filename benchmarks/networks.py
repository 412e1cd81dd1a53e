"""Networks of every kind, in training and in scoring, beside the LSTM; and attention between 1,695 names.

Each kind is as it is by default: a sample is one labelled name on one session, one pass of the loop of
`models.networks.train`. Kinds that read sequences take whole chunks, the others a few sessions' windows.
"""

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.runner import Options, Section, added_peak, fresh_peak, interleaved
from benchmarks.training_workloads import Device, Training, made_model, made_windows
from core.allocator import keep_large_blocks
from models.model_kinds import build_network, kind_of, known_kinds, settings_of
from models.networks.predict import predict_scores
from models.spans import reads_sequences

N_NAMES, N_WIDE, N_FEATURES = 200, 1_695, 14
SEQUENCES, WINDOWS = range(200, 328), range(200, 216)  # scored sessions of one pass
FORMS = ("attention", "matrix")


def kinds() -> list[str]:
    """Kinds that the training loop trains, the LSTM first."""
    found = [kind for kind in known_kinds() if kind_of(kind).network is not None]
    return sorted(found, key=lambda kind: (kind != "lstm", kind))


def trainings() -> dict[str, Training]:
    """One pass of each kind."""
    settings = {kind: settings_of({"kind": kind}) for kind in kinds()}
    networks = {kind: build_network(each, N_FEATURES) for kind, each in settings.items()}
    return {
        kind: Training(
            mode="long", rows=SEQUENCES if reads_sequences(networks[kind]) else WINDOWS, network=settings[kind]
        )
        for kind in settings
    }


def scoring(training: Training) -> Callable[[], object]:
    """Scores of one session of all names, from its exact windows."""
    windows = made_windows(training.network.lookback, N_NAMES)
    model = made_model(windows, training.network)
    return lambda: predict_scores(model, windows, sessions=windows.sessions[-1:], device="cpu")


class _Matrix(nn.Module):
    """What the library's attention spares: the weights of every pair, kept for the gradient."""

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **_options: object) -> torch.Tensor:
        return (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(dim=-1) @ v


def peak(form: str) -> float:
    """MB that one training step on one session of 1,695 names adds, with the library's attention or the matrix."""
    import models.architectures.attention_block as block

    torch.set_num_threads(1)
    if form == "matrix":
        block.scaled_dot_product_attention = _Matrix()  # type: ignore[assignment]
    kind = settings_of({"kind": "cross_attention"})
    Training(mode="long", rows=range(89, 90), network=kind).run(made_windows(90, 64), Device())()
    windows = made_windows(90, N_WIDE)
    return added_peak(Training(mode="long", rows=range(89, 90), network=kind).run(windows, Device()))


def section(options: Options) -> Section:
    """Measure, and return the section."""
    torch.set_num_threads(1)
    keep_large_blocks()
    windows, passes = made_windows(SEQUENCES.stop, N_NAMES), trainings()
    seconds = interleaved({kind: each.run(windows, Device()) for kind, each in passes.items()}, options.rounds)
    scored = interleaved({kind: scoring(each) for kind, each in passes.items()}, options.rounds)
    rates = {kind: passes[kind].samples(windows) / seconds[kind] for kind in passes}
    sizes = {kind: _size(each) for kind, each in passes.items()}
    peaks = {form: fresh_peak("networks", form) for form in FORMS} if options.memory else {}
    memory = (
        f"One training step of attention between {N_WIDE:,} names adds {peaks['attention']:,.0f} MB to the peak, "
        f"{peaks['matrix']:,.0f} MB where the weights of every pair are kept for the gradient."
        if peaks
        else "Memory was left out."
    )
    return Section(
        heading="Networks of every kind",
        clock=f"CPU, one thread, processor time, medians of {options.rounds} interleaved rounds in one run",
        notes=(
            f"Every kind as it is by default, lookback 90, {N_FEATURES} made-up features, {N_NAMES} labelled names; a "
            f"sample is one name on one session. One pass over {len(SEQUENCES)} sessions where the kind reads "
            f"sequences, {len(WINDOWS)} where it reads windows; scoring is one session from exact windows.",
            memory,
        ),
        columns=("kind", "reads", "parameters", "training samples a second", "÷ the LSTM's", "scoring ms a session"),
        rows=tuple(
            (
                kind,
                "sequences" if each.rows == SEQUENCES else "windows",
                f"{sizes[kind]:,}",
                f"{rates[kind]:,.0f}",
                f"{rates[kind] / rates['lstm']:.2f}",
                f"{scored[kind] * 1e3:,.1f}",
            )
            for kind, each in passes.items()
        ),
    )


def _size(training: Training) -> int:
    return sum(each.numel() for each in build_network(training.network, N_FEATURES).parameters())
