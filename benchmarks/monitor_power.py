"""How often the monitor says BROKEN without cause, and how soon with one: ``python -m benchmarks monitor_power``.

Daily rank ICs are drawn, not markets: a test span, whose mean is a draw too, and sessions after it. Every path goes
through the looks and ranges of the product's own rule, at every session. The deviation of a daily IC is that of ranks
without skill, 1 / √(names − 1), or the .18 that 1-day reversal has on 400 to 500 real names, whose returns move
together.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from backtests.statistics.confidence_sequence import difference_reach
from benchmarks.runner import Options
from benchmarks.runner.page import machine
from live.continued_market import Continuation, continued_market
from live.monitor.monitor_rule import ALPHA, decline_of, looks
from market.returns import Execution, forward_returns
from market.synthetic import SyntheticSettings
from signals.score_metrics import information_coefficient

__all__ = [
    "DROPS",
    "NULLS",
    "Design",
    "Drop",
    "Null",
    "calls",
    "calls_of_drop",
    "false_share",
    "market_call",
    "section",
]

SKILL = 0.03
REAL = 0.18


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How much is simulated."""

    n_nulls: int = 2_000
    n_drops: int = 1_000
    n_test: int = 375
    n_live: int = 250
    n_dropped: int = 750
    n_markets: int = 40


Noise = Callable[[np.random.Generator, int], np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """ICs around one mean: what is drawn, and the sessions that each looks ahead."""

    noise: Noise
    horizon: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """An IC that falls from .03 to 0: deviation of a session, sessions of the test span, live ones before the fall."""

    deviation: float
    n_test: int
    begins: int = 0


def memory(rng: np.random.Generator, n: int, *, deviation: float, phi: float = 0.0) -> np.ndarray:
    """Stationary normal AR(1)."""
    values = rng.standard_normal(n)
    values[1:] *= np.sqrt(1.0 - phi**2)
    for t in range(1, n) if phi else ():
        values[t] += phi * values[t - 1]
    return deviation * values


def overlapping(rng: np.random.Generator, n: int, *, deviation: float, horizon: int) -> np.ndarray:
    """Means over the sessions that a return spans."""
    shocks = rng.standard_normal(n + horizon - 1)
    means: np.ndarray = deviation * np.convolve(shocks, np.full(horizon, horizon**-0.5), "valid")
    return means


def coming_and_going(rng: np.random.Generator, n: int, *, deviation: float) -> np.ndarray:
    """Beside the noise a skill of the built-in market: half-life 60 sessions, spread 35 % of its mean."""
    strength = memory(rng, n, deviation=0.35 * SKILL, phi=0.5 ** (1.0 / 60.0))
    together: np.ndarray = strength + memory(rng, n, deviation=deviation)
    return together


def louder(rng: np.random.Generator, n: int, *, deviation: float, n_test: int) -> np.ndarray:
    """Noise of twice the deviation after the test span."""
    return memory(rng, n, deviation=deviation) * np.where(np.arange(n) < n_test, 1.0, 2.0)


def of_names(names: int) -> float:
    """Deviation of a daily rank IC without skill, of independent names."""
    return float((names - 1) ** -0.5)


NULLS: Mapping[str, Null] = {
    "200 independent names": Null(noise=partial(memory, deviation=of_names(200))),
    "500 independent names": Null(noise=partial(memory, deviation=of_names(500))),
    "deviation .18": Null(noise=partial(memory, deviation=REAL)),
    "deviation .18, autocorrelation .2": Null(noise=partial(memory, deviation=REAL, phi=0.2)),
    "deviation .18, autocorrelation .5": Null(noise=partial(memory, deviation=REAL, phi=0.5)),
    "deviation .18, 5 sessions overlap": Null(noise=partial(overlapping, deviation=REAL, horizon=5), horizon=5),
    "200 names, skill comes and goes": Null(noise=partial(coming_and_going, deviation=of_names(200))),
    "200 names, twice as noisy since": Null(noise=partial(louder, deviation=of_names(200), n_test=375)),
}
DROPS: Mapping[str, Drop] = {
    "500 independent names": Drop(deviation=of_names(500), n_test=375),
    "200 independent names": Drop(deviation=of_names(200), n_test=375),
    "500 names, after 125 sessions": Drop(deviation=of_names(500), n_test=375, begins=125),
    "200 names, after 125 sessions": Drop(deviation=of_names(200), n_test=375, begins=125),
    "deviation .10": Drop(deviation=0.10, n_test=375),
    "deviation .10, test span of 1,500": Drop(deviation=0.10, n_test=1_500),
    "deviation .18": Drop(deviation=REAL, n_test=375),
    "deviation .18, test span of 1,500": Drop(deviation=REAL, n_test=1_500),
}


def false_share(null: Null, design: Design, *, seed: int = 0) -> float:
    """Share of paths whose IC did not fall that the rule calls BROKEN at any session."""
    n = design.n_test + design.n_live
    paths = np.stack([SKILL + null.noise(np.random.default_rng([seed, k]), n) for k in range(design.n_nulls)])
    return float(np.isfinite(calls(paths, design.n_test, horizon=null.horizon)).mean())


def calls_of_drop(drop: Drop, design: Design, *, seed: int = 1) -> np.ndarray:
    """Sessions from the fall to the call of each path; infinite where none came, not positive where it came before."""
    n = drop.n_test + design.n_dropped
    rngs = [np.random.default_rng([seed, number]) for number in range(design.n_drops)]
    paths = np.stack([memory(rng, n, deviation=drop.deviation) for rng in rngs])
    paths[:, : drop.n_test + drop.begins] += SKILL
    since: np.ndarray = calls(paths, drop.n_test) - drop.begins
    return since


def calls(paths: np.ndarray, n_test: int, *, horizon: int = 1) -> np.ndarray:
    """Live sessions until ``decline_of`` calls each path, shape (n_paths,); infinite where it does not.

    The rule's own looks and ranges, of all paths at once.
    """
    live, found = paths[:, n_test:], np.full(len(paths), np.inf)
    for start, level in looks(live.shape[1], ALPHA):
        earlier, numbers = paths[:, : n_test + start], live[:, start:]
        reach = difference_reach(numbers, earlier, alpha=level, horizon=horizon, side="upper")
        means = numbers.cumsum(axis=1) / np.arange(1.0, numbers.shape[1] + 1.0)
        crossed = means - earlier.mean(axis=1, keepdims=True) + reach < 0.0  # NaN is not
        first = np.where(crossed.any(axis=1), start + crossed.argmax(axis=1) + 1.0, np.inf)
        found = np.minimum(found, first)
    return found


def market_call(seed: int, *, planted_ic: float | None, design: Design) -> float:
    """Sessions until the rule calls the built-in market's true scores, its alpha going on or ending; infinite if never.

    A market of its own, whole: 1,500 sessions of 240 names, of which the last ``n_test`` are the test span, and
    ``n_dropped`` after them.
    """
    settings = SyntheticSettings(seed=seed)
    inputs = continued_market(settings, Continuation(n_sessions=design.n_dropped, planted_ic=planted_ic))
    assert inputs.oracle is not None
    ic = information_coefficient(inputs.oracle, forward_returns(inputs.panel, Execution()))
    live = ic.iloc[settings.n_sessions :]
    call = decline_of(live, ic.iloc[settings.n_sessions - design.n_test : settings.n_sessions])
    return np.inf if call is None else float(live.index.searchsorted(call.session) + 1)


def section(_: Options) -> str:
    """The tables of the benchmarks' page; nothing here is timed but the whole."""
    design, begun = Design(), time.process_time()
    lines = ["| ICs that did not fall | called BROKEN within 250 sessions |", "| --- | ---: |"]
    for name, null in NULLS.items():
        lines.append(f"| {name} | {false_share(null, design):.1%} |")
        print(lines[-1], flush=True)
    table = [
        "| IC falls from .03 to 0 | median sessions to BROKEN | called in 250 | called in 750 |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, drop in DROPS.items():
        found = calls_of_drop(drop, design)
        late = found[found > 0]
        median = float(np.median(late))
        words = f"{median:.0f}" if np.isfinite(median) else "not within 750"
        table.append(f"| {name} | {words} | {(late <= 250).mean():.0%} | {np.isfinite(late).mean():.0%} |")
        print(table[-1], flush=True)
    markets = ["| built-in markets | called in 250 | called in 750 |", "| --- | ---: | ---: |"]
    for name, planted_ic in {"the planted alpha, IC .045, goes on": None, "it ends at the freeze": 0.0}.items():
        when = np.array(
            [market_call(seed, planted_ic=planted_ic, design=design) for seed in range(1, design.n_markets + 1)]
        )
        markets.append(f"| {name} | {(when <= 250).mean():.0%} | {np.isfinite(when).mean():.0%} |")
        print(markets[-1], flush=True)
    minutes = (time.process_time() - begun) / 60.0
    title = (
        f"`python -m benchmarks monitor_power`: {machine()}; {minutes:.0f} processor minutes. {design.n_nulls:,} paths "
        f"of {design.n_live} sessions behind a test span of {design.n_test}, {design.n_drops} for each fall; "
        f"mean IC {SKILL:g}. {design.n_markets} whole built-in markets by their true scores."
    )
    note = (
        "A path counts once if the rule calls it at any of its sessions. The standard error of 5 % is half a point. "
        "The test span is a sample of the same mean: its error is in every path."
    )
    return (
        "\n\n".join(
            [
                "## False alarms and delay of the monitor",
                title,
                note,
                "\n".join(lines),
                "\n".join(table),
                "\n".join(markets),
            ]
        )
        + "\n"
    )
