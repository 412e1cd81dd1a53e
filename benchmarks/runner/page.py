"""Page: the sections that were measured, kept as JSON, and the README and the chart that are drawn of all of them."""

import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.runner.chart import chart
from benchmarks.runner.section import Ratio, Section
from core.files import read_json, write_json, write_text
from strategy.runs.provenance import commit

__all__ = ["keep", "machine", "processor"]

FOLDER = Path(__file__).parent.parent
INTRODUCTION = """# Benchmarks

    make bench                                   all workloads, with peers in environments of their own
    .venv/bin/python -m benchmarks ledger        one of them
    .venv/bin/python -m benchmarks --help

Drawn by the command from `results.json`; not edited by hand. Forms and peers of one workload are interleaved in one
run, and ratios are of medians. Memory is what a form adds to the peak of a process of its own. A workload is a module
here with a function `section`; `runner/` is what they share, `peers.toml` pins the peers. Measured on whatever machine
ran it: the facts and the load stand with every table.

![How many times faster, on a logarithmic axis](speed.svg)
"""


def keep(workload: str, section: Section | str, *, folder: Path = FOLDER) -> str:
    """Keep a section in place of the workload's last one, draw page and chart anew, and return the section's text.

    A section that is text already begins with its heading, and has no bars in the chart.
    """
    text = section if isinstance(section, str) else _text(workload, section)
    ratios = () if isinstance(section, str) else section.ratios
    path = folder / "results.json"
    kept: dict[str, Any] = read_json(path) if path.is_file() else {}
    heading = text.partition("\n")[0].removeprefix("## ")
    kept[workload] = {"heading": heading, "text": text, "ratios": [asdict(ratio) for ratio in ratios]}
    kept = dict(sorted(kept.items()))
    write_json(path, kept)
    bars = {each["heading"]: [Ratio(**ratio) for ratio in each["ratios"]] for each in kept.values() if each["ratios"]}
    write_text(folder / "speed.svg", chart(bars))
    write_text(folder / "README.md", "\n".join([INTRODUCTION, *(each["text"] for each in kept.values())]))
    return text


def machine() -> str:
    """Processor, cores, load and versions in one line."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pandas", "numba", "torch"))
    load = f"load {os.getloadavg()[0]:.1f} at its end"
    return f"{processor()}, {os.cpu_count()} cores, {load}; Python {platform.python_version()}, {libraries}"


def _text(workload: str, section: Section) -> str:
    facts = f"`python -m benchmarks {workload}`, commit {(commit() or 'unknown')[:8]}: {machine()}; {section.clock}."
    return "\n\n".join([f"## {section.heading}", facts, *section.notes, section.table()]) + "\n"


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
