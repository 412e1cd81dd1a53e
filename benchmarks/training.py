"""Long against exact training, inference against a loop over stocks, an epoch of 1,695 × 6,000, and validation ICs.

    python -m benchmarks.training [--rounds 3]                 samples per second; scores of one session
    python -m benchmarks.training --epoch [--whole]            seconds of an epoch, from 3 % of it or the whole
    python -m benchmarks.training --epoch --device cuda [--precision tf32|bf16] [--compile]     the same on a GPU
    python -m benchmarks.training --ic [--full] [--seeds 3]    mean validation ICs of long and exact training

Run from the checkout; each command writes its own section of `benchmarks/README.md`. Forms are interleaved. Times are
medians of processor time on a CPU, which neighbours on a shared machine disturb less than the clock, and of the clock
on a GPU; ratios are of medians. The floor is the time that the network's matrix products alone would take at the rate
of a plain matrix product in the same run.
"""

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from benchmarks.runner import Options, high_water
from benchmarks.runner.page import keep, processor
from benchmarks.training_workloads import (
    Device,
    Seconds,
    Training,
    made_model,
    made_windows,
    matmul_rate,
    naive_scores,
)
from core.allocator import keep_large_blocks
from models.kinds.lstm import LstmSettings
from models.networks.predict import predict_scores
from models.windows import Windows

N_NAMES, N_WIDE, N_SESSIONS = 200, 1_695, 6_000
SHARE = 0.03  # of the sessions of an epoch that are timed unless the whole is wanted
ROWS = {"exact": range(200, 208), "long": range(200, 456)}  # scored sessions of one timed pass
SPEED = "## Long and exact training, and inference"
EPOCH = "## One epoch of 1,695 × 6,000"


def interleaved(forms: Mapping[str, Callable[[], object]], rounds: int, device: Device) -> dict[str, Seconds]:
    """Median seconds of every form; with several rounds a first one warms up and does not count."""
    times: dict[str, list[Seconds]] = {name: [] for name in forms}
    for _ in range(rounds + (rounds > 1)):
        for name, run in forms.items():
            times[name].append(device.timed(run))
    return {name: _median(kept[-rounds:]) for name, kept in times.items()}


def _median(times: Sequence[Seconds]) -> Seconds:
    return Seconds(
        clock=statistics.median(each.clock for each in times),
        processor=statistics.median(each.processor for each in times),
    )


def speed_table(device: Device, rounds: int) -> list[str]:
    """Samples a second of both modes."""
    windows = made_windows(ROWS["long"].stop, N_NAMES).to(device.place)
    trainings = {mode: Training(mode=mode, rows=rows) for mode, rows in ROWS.items()}
    seconds_by_form = interleaved({mode: each.run(windows, device) for mode, each in trainings.items()}, rounds, device)
    rate = matmul_rate(device)
    speeds = {mode: trainings[mode].samples(windows) / device.counted(seconds_by_form[mode]) for mode in trainings}
    lines = [
        "| training | samples | seconds | samples per second | times exact | floor ÷ time |",
        "|---|" + "---:|" * 5,
    ]
    for mode, each in trainings.items():
        seconds = device.counted(seconds_by_form[mode])
        times, floor = speeds[mode] / speeds["exact"], each.operations(windows) / rate / seconds
        lines.append(
            f"| {mode} | {each.samples(windows):,} | {seconds:.2f} | {speeds[mode]:,.0f} | {times:.1f} | {floor:.0%} |"
        )
    return lines


def inference_table(device: Device, rounds: int) -> list[str]:
    """Seconds of one session's scores, all stocks at once, one stock, and stock by stock."""
    network = LstmSettings()
    wide = made_windows(network.lookback, N_WIDE).to(device.place)
    single = made_windows(network.lookback, 1).to(device.place)
    model = made_model(wide, network)

    def scored(windows: Windows) -> Callable[[], object]:
        last = windows.sessions[-1:]
        return lambda: predict_scores(model, windows, sessions=last, device=device.name)

    forms = {
        f"one session, {N_WIDE:,} stocks": scored(wide),
        "one stock": scored(single),
        f"naive loop over {N_WIDE:,} stocks": lambda: naive_scores(model, wide, device),
    }
    with device.arithmetic():
        seconds_by_form = interleaved(forms, rounds, device)
    slowest = device.counted(seconds_by_form[f"naive loop over {N_WIDE:,} stocks"])
    lines = ["| inference | milliseconds | by the clock | times faster than the loop |", "|---|---:|---:|---:|"]
    for name, each in seconds_by_form.items():
        per_session = device.counted(each) * (N_WIDE if name == "one stock" else 1)
        lines.append(
            f"| {name} | {device.counted(each) * 1e3:,.1f} | {each.clock * 1e3:,.1f} | {slowest / per_session:,.1f} |"
        )
    return lines


def speed_section(device: Device, rounds: int) -> str:
    """Section of both tables."""
    notes = (
        f"2 × 128 units, 90 sessions, 14 made-up features, {N_NAMES} labelled names in training; a sample is one "
        f"labelled name on one session. One pass of the loop of `models.networks.train` over {len(ROWS['long'])} "
        f"sessions (long: chunks of 64 after 90 of burn-in) and {len(ROWS['exact'])} (exact), weights stepped. "
        "Inference goes from scaled windows to scores, the network built from its weights each time; the loop runs one "
        "forward pass "
        "a stock on windows cut from the same tensor."
    )
    tables = ["\n".join(table(device, rounds)) for table in (speed_table, inference_table)]
    return "\n\n".join([SPEED, facts("", device, rounds), notes, *tables]) + "\n"


def section(options: Options) -> str:
    """Section of both tables on the processor, one thread, as ``python -m benchmarks training`` asks."""
    torch.set_num_threads(1)
    keep_large_blocks()
    return speed_section(Device(), options.rounds)


def epoch_section(device: Device, *, whole: bool) -> str:
    """Section of one epoch: its seconds, by estimate or whole, and the peak memory of this process."""
    windows = made_windows(N_SESSIONS, N_WIDE).to(device.place)
    first = windows.lookback - 1
    everything = Training(mode="long", rows=range(first, N_SESSIONS))
    share = 1.0 if whole else SHARE
    timed = Training(mode="long", rows=range(first, first + round(share * len(everything.rows))))
    seconds = device.timed(timed.run(windows, device))
    _longest(everything).run(windows, device)()  # the peak of an epoch is that of its longest chunk
    work, rate = timed.operations(windows), matmul_rate(device)
    scale = everything.operations(windows) / work
    floor = everything.operations(windows) / rate
    span = "the whole epoch" if whole else f"{len(timed.rows)} of {len(everything.rows):,} sessions, scaled by the work"
    lines = [
        "| | |\n|---|---:|",
        f"| processor seconds an epoch | {seconds.processor * scale:,.0f} |",
        f"| seconds by the clock | {seconds.clock * scale:,.0f} |",
        f"| samples per second | {timed.samples(windows) / device.counted(seconds):,.0f} |",
        f"| plain matrix product | {rate / 1e9:,.0f} GFLOP/s |",
        f"| arithmetic floor of the epoch, s | {floor:,.0f} |",
        f"| floor ÷ time | {work / rate / device.counted(seconds):.0%} |",
        f"| peak memory, GB | {_peak(device):.2f} |",
    ]
    notes = (
        f"Long training of the real model (2 × 128 units, 90 sessions, 14 features), every name labelled; {span}. "
        "Memory is the peak of the process, a chunk of the greatest length that an epoch may hold among its steps."
    )
    return "\n\n".join([EPOCH, facts("--epoch", device, 1), notes, "\n".join(lines)]) + "\n"


def _longest(epoch: Training) -> Training:
    """Pass over one chunk of the greatest length that moving edges make, after a whole burn-in."""
    training = epoch.settings.training
    start = epoch.rows.start + training.burn_in
    return Training(mode="long", rows=range(start, start + training.chunk_sessions * 3 // 2 - 1))


def _peak(device: Device) -> float:
    """Peak memory in GB: of the GPU, or of this process."""
    return torch.cuda.max_memory_allocated() / 1e9 if device.name == "cuda" else high_water() / 1e3


def facts(options: str, device: Device, rounds: int) -> str:
    """Line that says how and on what a section was measured."""
    command = " ".join(["python -m benchmarks.training", *options.split(), *_words(device)])
    where = torch.cuda.get_device_name() if device.name == "cuda" else f"{processor()}, {os.cpu_count()} cores"
    load = f"load {os.getloadavg()[0]:.1f}, " if hasattr(os, "getloadavg") else ""
    return (
        f"`{command}`: {where}, {torch.get_num_threads()} thread(s), {load}Python {platform.python_version()}, torch "
        f"{torch.__version__}, {device.precision}; {'clock' if device.name == 'cuda' else 'processor'} time, "
        f"medians of {rounds} interleaved round(s)."
    )


def _words(device: Device) -> list[str]:
    flags = [] if device.name == "cpu" else ["--device", device.name]
    flags += [] if device.precision == "float32" else ["--precision", device.precision]
    return flags + ["--compile"] * device.compiled


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("float32", "tf32", "bf16"), default="float32")
    parser.add_argument("--compile", action="store_true", help="pass the network through torch.compile")
    parser.add_argument("--epoch", action="store_true", help="one epoch of 1,695 x 6,000")
    parser.add_argument("--whole", action="store_true", help="time all of the epoch instead of 3 %% of it")
    parser.add_argument("--ic", action="store_true", help="mean validation ICs; continues where it was stopped")
    parser.add_argument("--full", action="store_true", help="the real model, hours of it; else 1 x 32 on 40 sessions")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1, help="processes of --ic, one thread each")
    parser.add_argument("--cells", type=Path, default=Path("runs/training_cells"), help="folder of measured cells")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write the sections that the options name."""
    chosen = parsed(sys.argv[1:] if arguments is None else arguments)
    torch.set_num_threads(chosen.threads)
    keep_large_blocks()  # as `train_network` does
    try:
        device = Device(name=chosen.device, precision=chosen.precision, compiled=chosen.compile)
    except ValueError as error:
        command = " ".join(sys.argv[1:] if arguments is None else arguments)
        sys.exit(f"{error}; on a machine with a GPU, `python -m benchmarks.training {command}` measures it")
    if chosen.ic:
        from benchmarks.training_ic import ic_section

        print(keep("training_ic", ic_section(chosen)))
    elif chosen.epoch:
        print(keep("training_epoch", epoch_section(device, whole=chosen.whole)))
    else:
        print(keep("training", speed_section(device, chosen.rounds)))


if __name__ == "__main__":
    main()
