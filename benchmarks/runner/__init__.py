"""Runner: what every workload shares. A module of ``benchmarks`` with a function ``section`` is a workload.

    def section(options: Options) -> Section      measures, and returns what its part of the page says (or that text)
    def peak(form: str) -> float              optional: MB that one form adds to the peak of this fresh process

``python -m benchmarks NAME`` runs it, keeps what it returned in ``results.json``, and draws page and chart anew.
"""

from benchmarks.runner.measure import Clock, added_peak, environment, fresh_peak, high_water, interleaved
from benchmarks.runner.options import Options
from benchmarks.runner.peers import run_peer
from benchmarks.runner.section import Ratio, Section

__all__ = [
    "Clock",
    "Options",
    "Ratio",
    "Section",
    "added_peak",
    "environment",
    "fresh_peak",
    "high_water",
    "interleaved",
    "run_peer",
]
