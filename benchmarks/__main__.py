"""Run workloads, each in a process of its own: ``python -m benchmarks [NAME ...]``."""

import argparse
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from benchmarks.runner import Options
from benchmarks.runner.measure import ROOT
from benchmarks.runner.page import keep

HERE = Path(__file__).parent


def workloads() -> dict[str, ModuleType]:
    """Modules here that have a function ``section``, by name."""
    names = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "section")}


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("workloads", nargs="*", metavar="NAME", help="workloads to run; all by default")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds that count")
    parser.add_argument("--no-memory", action="store_true", help="leave out the peaks, which need Linux")
    parser.add_argument("--no-peers", action="store_true", help="leave out what needs an environment of its own")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON", help="use this interpreter")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def options_of(chosen: argparse.Namespace) -> Options:
    """Options of the command line."""
    given = dict(each.partition("=")[::2] for each in chosen.peer)
    return Options(
        rounds=chosen.rounds,
        memory=not chosen.no_memory,
        peers=not chosen.no_peers,
        interpreters={name: Path(interpreter) for name, interpreter in given.items()},
    )


def run_each(names: list[str], flags: list[str]) -> int:
    """Run every workload in a process of its own; one that fails leaves its old section and the others alone."""
    failed = []
    for name in names:
        print(f"\n=== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", "benchmarks", name, *flags], cwd=ROOT).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


def main(arguments: list[str]) -> int:
    """Run the chosen workloads; the exit status is the number of workloads that failed."""
    chosen = parsed(arguments)
    if chosen.peak:
        print(importlib.import_module(f"benchmarks.{chosen.workloads[0]}").peak(chosen.peak))
        return 0
    known = workloads()
    unknown = sorted(set(chosen.workloads) - set(known))
    if unknown:
        print(f"no workload {', '.join(unknown)}: there are {', '.join(known)}", file=sys.stderr)
        return 2
    if len(chosen.workloads) != 1:
        return run_each(chosen.workloads or list(known), [each for each in arguments if each not in chosen.workloads])
    name = chosen.workloads[0]
    print(keep(name, known[name].section(options_of(chosen))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
