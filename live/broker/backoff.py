"""Backoff: how long to wait before a request is repeated; exponential with jitter, and never less than was asked."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

__all__ = ["Backoff"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Patience with a broker that does not answer or asks to wait.

    Parameters
    ----------
    attempts : int
        Requests in all, at least 1.
    base, cap : float
        Seconds; the wait before repetition *n* is drawn from 0 to ``min(cap, base × 2**n)`` ("full jitter").
    timeout : float
        Seconds after which a request counts as unanswered.
    sleep : callable
        Waits; a test hands in its own.
    rng : Random
        Of the jitter, so that clients that were refused together do not come back together.
    """

    attempts: int = 6
    base: float = 0.5
    cap: float = 20.0
    timeout: float = 20.0
    sleep: Callable[[float], None] = time.sleep
    rng: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts must be at least 1, was {self.attempts}")

    def tries(self) -> Iterator[bool]:
        """Yield for each request whether it is the last."""
        return (n == self.attempts - 1 for n in range(self.attempts))

    def wait(self, number: int, *, asked: float = 0.0) -> float:
        """Wait after request ``number``, counted from 0, at least the seconds that the broker asked for."""
        seconds = asked + self.rng.uniform(0.0, min(self.cap, self.base * 2.0**number))
        self.sleep(seconds)
        return seconds
