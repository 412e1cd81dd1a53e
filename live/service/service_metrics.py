"""Service metrics: counts and a histogram of the answers, as Prometheus reads them in its text form 0.0.4."""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

__all__ = ["BUCKETS", "ServiceMetrics"]

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds


class ServiceMetrics:
    """What a server has answered since it started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: Counter[tuple[str, int]] = Counter()
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0

    def count(self, route: str, status: int, seconds: float | None = None) -> None:
        """Count an answer; one without a time was refused before it was a request."""
        with self._lock:
            self._answers[route, status] += 1
            if seconds is not None:
                self._buckets[bisect_left(BUCKETS, seconds)] += 1
                self._seconds += seconds

    def text(self, *, info: Mapping[str, str], gauges: Mapping[str, float]) -> str:
        """All of it, with a line of facts and the gauges of the moment.

        Parameters
        ----------
        info : mapping of str to str
            Labels of ``quintile_serve_info``.
        gauges : mapping of str to float
            By name, without the prefix ``quintile_serve_``.
        """
        with self._lock:
            answers, buckets, seconds = dict(self._answers), list(self._buckets), self._seconds
        lines = ["# TYPE quintile_serve_requests_total counter"]
        for (route, status), number in sorted(answers.items()):
            lines.append(f'quintile_serve_requests_total{{route="{route}",status="{status}"}} {number}')
        lines.append("# TYPE quintile_serve_latency_seconds histogram")
        total = 0
        for bound, number in zip((*BUCKETS, "+Inf"), buckets, strict=True):
            total += number
            lines.append(f'quintile_serve_latency_seconds_bucket{{le="{bound}"}} {total}')
        lines += [f"quintile_serve_latency_seconds_sum {seconds!r}", f"quintile_serve_latency_seconds_count {total}"]
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in info.items())
        lines += ["# TYPE quintile_serve_info gauge", f"quintile_serve_info{{{labels}}} 1"]
        for name, value in gauges.items():
            lines += [f"# TYPE quintile_serve_{name} gauge", f"quintile_serve_{name} {value!r}"]
        return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
