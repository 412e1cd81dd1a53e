"""How often 95 % intervals hold the true number, on simulated series that depend on their past.

    python -m benchmarks.interval_coverage [--simulations 2000] [--sessions 1000] [--phi 0.2]

Prints one row a statistic and one column a process; the table of docs/intervals.md is made of its output. Nothing is
fitted to the outcome: every simulation has its own seed, the same for every statistic.
"""

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.statistics.bootstrap_intervals import (
    beta_interval,
    mean_gap_interval,
    mean_interval,
    sharpe_gap_interval,
    sharpe_interval,
)
from core.conventions import SESSIONS_PER_YEAR
from core.intervals import Interval
from core.progress import ProgressCallback, silent
from quintile.progress_display import progress_bars
from signals.score_metrics import summarize_ic

BURN_IN = 500
PAIRED = 0.6  # correlation of the two series of a pair
DEGREES = 6  # of freedom of the heavy-tailed shocks
ARCH, GARCH = 0.08, 0.90  # weights of yesterday's squared shock and of yesterday's variance
IC_MEANS, IC_DEVIATION = (0.020, 0.012), 0.12
RETURN_MEANS, RETURN_DEVIATION = (6e-4, 3e-4), 0.01


class Pair(NamedTuple):
    """Two series of unit variance and zero mean, as what they stand for; columns of (n_simulations, n_sessions)."""

    ours: pd.Series
    theirs: pd.Series


class Measured(NamedTuple):
    """An interval and the true value that it should cover; the seed is that of the bootstrap."""

    truth: float
    interval: Callable[[Pair, int], Interval]


def normal_shocks(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Independent standard normal shocks."""
    return rng.standard_normal(shape)


def clustered_shocks(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """GARCH(1,1) shocks of variance 1 with Student tails: heavy, and turbulent in stretches."""
    student = rng.standard_t(DEGREES, shape) * np.sqrt((DEGREES - 2) / DEGREES)
    shocks, variance = np.empty(shape), np.ones(shape[0])
    for t in range(shape[1]):
        shocks[:, t] = np.sqrt(variance) * student[:, t]
        variance = 1.0 - ARCH - GARCH + ARCH * shocks[:, t] ** 2 + GARCH * variance
    return shocks


Shocks = Callable[[tuple[int, int], np.random.Generator], np.ndarray]
PROCESSES: dict[str, Shocks] = {"AR(1), normal": normal_shocks, "AR(1), GARCH, t6": clustered_shocks}


def autoregression(shocks: np.ndarray, phi: float) -> np.ndarray:
    """AR(1) series of unit variance, the burn-in cut off."""
    series = np.empty_like(shocks)
    series[:, 0] = shocks[:, 0]
    for t in range(1, shocks.shape[1]):
        series[:, t] = phi * series[:, t - 1] + np.sqrt(1.0 - phi**2) * shocks[:, t]
    return series[:, BURN_IN:]


def pairs(shocks: Shocks, n_simulations: int, n_sessions: int, *, phi: float, seed: int) -> list[Pair]:
    """Pairs of series with correlation 0.6."""
    rng, shape = np.random.default_rng(seed), (n_simulations, n_sessions + BURN_IN)
    common, own = (autoregression(shocks(shape, rng), phi) for _ in range(2))
    other = PAIRED * common + np.sqrt(1.0 - PAIRED**2) * own
    return [Pair(pd.Series(ours), pd.Series(theirs)) for ours, theirs in zip(common, other, strict=True)]


def as_ic(pair: Pair) -> Pair:
    """A pair as daily rank ICs."""
    return Pair(*(mean + IC_DEVIATION * series for mean, series in zip(IC_MEANS, pair, strict=True)))


def as_returns(pair: Pair) -> Pair:
    """A pair as session returns."""
    return Pair(*(mean + RETURN_DEVIATION * series for mean, series in zip(RETURN_MEANS, pair, strict=True)))


SHARPES = [np.sqrt(SESSIONS_PER_YEAR) * mean / RETURN_DEVIATION for mean in RETURN_MEANS]
STATISTICS: dict[str, Measured] = {
    "mean IC, HAC": Measured(IC_MEANS[0], lambda pair, _: summarize_ic(as_ic(pair).ours).interval),
    "mean IC, bootstrap": Measured(IC_MEANS[0], lambda pair, seed: mean_interval(as_ic(pair).ours, seed=seed)),
    "IC difference, HAC": Measured(
        IC_MEANS[0] - IC_MEANS[1],
        lambda pair, _: summarize_ic(as_ic(pair).ours - as_ic(pair).theirs).interval,
    ),
    "IC difference, bootstrap": Measured(
        IC_MEANS[0] - IC_MEANS[1], lambda pair, seed: mean_gap_interval(*as_ic(pair), seed=seed)
    ),
    "Sharpe": Measured(SHARPES[0], lambda pair, seed: sharpe_interval(as_returns(pair).ours, seed=seed)),
    "Sharpe difference": Measured(
        SHARPES[0] - SHARPES[1], lambda pair, seed: sharpe_gap_interval(*as_returns(pair), seed=seed)
    ),
    "beta": Measured(PAIRED, lambda pair, seed: beta_interval(*reversed(as_returns(pair)), seed=seed)),
}


def coverage(
    shocks: Shocks,
    *,
    n_simulations: int,
    n_sessions: int,
    phi: float,
    seed: int = 0,
    advance: ProgressCallback = silent,
) -> pd.Series:
    """Return, for every statistic, the share of simulations whose interval holds the truth."""
    held = dict.fromkeys(STATISTICS, 0)
    for number, pair in enumerate(pairs(shocks, n_simulations, n_sessions, phi=phi, seed=seed)):
        for name, (truth, interval) in STATISTICS.items():
            bounds = interval(pair, number)
            held[name] += bounds.low <= truth <= bounds.high
        advance(shocks.__name__, number + 1, n_simulations)
    return pd.Series(held) / n_simulations


def markdown(shares: pd.DataFrame) -> str:
    """Shares as the rows of a Markdown table."""
    head = f"| 95 % interval of | {' | '.join(shares.columns)} |\n|---|{'---:|' * len(shares.columns)}\n"
    rows = (f"| {name} | {' | '.join(f'{share:.1%}' for share in row)} |" for name, row in shares.iterrows())
    return head + "\n".join(rows)


def main() -> None:
    """Simulate, count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--phi", type=float, default=0.2, help="autocorrelation at one session")
    options, begun = parser.parse_args(), time.process_time()
    sizes = {"n_simulations": options.simulations, "n_sessions": options.sessions, "phi": options.phi}
    with progress_bars() as advance:
        shares = {name: coverage(shocks, **sizes, advance=advance) for name, shocks in PROCESSES.items()}
    title = f"{options.simulations:,} simulations of {options.sessions:,} sessions, φ = {options.phi:g}"
    print(f"{title}; {time.process_time() - begun:.0f} s of one core")
    print(markdown(pd.DataFrame(shares)))


if __name__ == "__main__":
    main()
