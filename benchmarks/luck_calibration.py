"""How often scores without skill are called better than 95 % of luck: ``python -m benchmarks luck_calibration``.

Scores that know nothing of returns are traded on the built-in market without a planted signal, and compared with lucky
books as the report compares them. A calibrated null says "better than 95 % of luck" of one in twenty. Beside the
product's own, which exchanges the names behind the scores, stands what is usually drawn: ranks anew at every close.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from backtests.comparison.baseline_comparison import compare_returns
from backtests.comparison.luck import Luck, draw_luck
from backtests.engine.many_books import net_returns_of
from backtests.engine.overlay_loop import decide_weights, traded_part
from benchmarks.runner import Options
from benchmarks.runner.page import machine
from core.parallel import cores, mapped
from market.inputs import Inputs
from market.panel import aligned_frame
from market.synthetic import SyntheticSettings, synthetic_market
from portfolio.rules import TradingRules
from strategy.definitions.spec import load_spec

__all__ = ["KINDS", "NULLS", "Design", "lucky_share", "section"]

LEVEL = 0.05
Paths = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How much is simulated; with a multiple of twenty lucky books less one, the nominal rate is 5 % exactly."""

    n_scores: int = 500
    n_rival_scores: int = 200  # for the null that the report does not draw from
    n_books: int = 39
    n_sessions: int = 250
    n_tickers: int = 40


def autoregression(rng: np.random.Generator, shape: tuple[int, int], *, phi: float) -> np.ndarray:
    """One stationary normal AR(1) path a name."""
    paths = rng.standard_normal(shape)
    for t in range(1, shape[0]):
        paths[t] = phi * paths[t - 1] + np.sqrt(1.0 - phi**2) * paths[t]
    return paths


def level_and_news(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Half a level that hardly moves, half news of the session: autocorrelation .5 at every lag of a month."""
    return autoregression(rng, shape, phi=0.998) + rng.standard_normal(shape)


def monthly(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Scores of the month, held for 21 sessions, with autocorrelation .8 from month to month."""
    months = autoregression(rng, (shape[0] // 21 + 1, shape[1]), phi=0.8)
    return np.repeat(months, 21, axis=0)[: shape[0]]


def coming_and_going(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Autocorrelation .98; every name is scored for spells of about 100 sessions, and away for half as long."""
    paths = autoregression(rng, shape, phi=0.98)
    paths[autoregression(rng, shape, phi=0.97) < -0.45] = np.nan
    return paths


KINDS: Mapping[str, Paths] = {
    "AR(1), autocorrelation 0": partial(autoregression, phi=0.0),
    "AR(1), .9": partial(autoregression, phi=0.9),
    "AR(1), .98": partial(autoregression, phi=0.98),
    "a level and news, half each": level_and_news,
    "monthly, held for 21 sessions": monthly,
    "AR(1), .98, names come and go": coming_and_going,
}


def names_exchanged(rules: TradingRules, inputs: Inputs, scores: pd.DataFrame, seeds: range) -> pd.DataFrame:
    """The product's own luck."""
    return draw_luck(rules, inputs, scores=scores, seeds=seeds).returns


def drawn_anew(rules: TradingRules, inputs: Inputs, scores: pd.DataFrame, seeds: range) -> pd.DataFrame:
    """Ranks drawn anew at every close."""
    return _traded(rules, inputs, scores, (np.random.default_rng(seed).random(scores.shape) for seed in seeds))


Null = Callable[[TradingRules, Inputs, pd.DataFrame, range], pd.DataFrame]
NULLS: Mapping[str, Null] = {
    "drawn anew": drawn_anew,
    "names exchanged": names_exchanged,
}


def lucky_share(kind: Paths, null: Null, design: Design, *, seed: int = 0) -> float:
    """Share of skill-less scores that the null calls better than 95 % of luck."""
    market = synthetic_market(
        SyntheticSettings(n_tickers=design.n_tickers, n_sessions=design.n_sessions + 30, planted_ic=0.0, seed=seed)
    )
    n_scores = design.n_scores if null is names_exchanged else design.n_rival_scores
    called = partial(_called, kind, null, Inputs(panel=market.panel), design)
    return float(np.mean(list(mapped(called, range(n_scores), workers=cores(), on="threads"))))


def section(_: Options) -> str:
    """The table of the benchmarks' page; nothing here is timed but the whole."""
    design = Design()
    begun = time.process_time()
    shares = {
        kind: {name: lucky_share(paths, null, design) for name, null in NULLS.items()} for kind, paths in KINDS.items()
    }
    minutes = (time.process_time() - begun) / 60.0
    lines = [f"| scores without skill | {' | '.join(NULLS)} |", f"| --- |{' ---: |' * len(NULLS)}"]
    lines += [f"| {kind} | {' | '.join(f'{share:.1%}' for share in row.values())} |" for kind, row in shares.items()]
    title = (
        f"`python -m benchmarks luck_calibration`: {machine()}; {minutes:.0f} processor minutes. {design.n_scores:,} "
        f"scores ({design.n_rival_scores:,} for the other null) of {design.n_tickers} names and {design.n_sessions} "
        f"sessions each, through the shipped filter_negative, beside {design.n_books} lucky books."
    )
    note = (
        "Share of scores called better than 95 % of luck, by the null that luck is drawn from; 5 % is right, and the "
        "standard error of that is 1 point, 1.5 for the other null. The report exchanges names."
    )
    return "\n\n".join(["## Skill-less scores that pass for skilled", title, note, "\n".join(lines)]) + "\n"


def _called(kind: Paths, null: Null, inputs: Inputs, design: Design, number: int) -> bool:
    """Whether the null calls the scores of this number better than 95 % of luck."""
    sessions, rules = inputs.panel.sessions[-design.n_sessions :], load_spec("filter_negative").rules
    paths = kind(np.random.default_rng([number, 1]), (design.n_sessions, design.n_tickers))
    scores = aligned_frame(paths, sessions, inputs.panel.tickers)
    part = replace(inputs, panel=traded_part(inputs.panel, scores))
    weights = {"own": decide_weights(rules, part.panel, scores)}
    own = net_returns_of(part.panel, weights, execution=rules.execution, costs=rules.costs)["own"]
    luck = null(rules, part, scores, range(number * design.n_books, (number + 1) * design.n_books))
    p_value = compare_returns("own", own.dropna(), baselines={}, random=Luck(returns=luck)).random.p_value
    return p_value <= LEVEL


def _traded(rules: TradingRules, inputs: Inputs, scores: pd.DataFrame, draws: Iterable[np.ndarray]) -> pd.DataFrame:
    """Net returns of books on drawn scores, where the scores have them."""
    known = scores.notna().to_numpy()
    frames = (aligned_frame(np.where(known, each, np.nan), scores.index, scores.columns) for each in draws)
    weights = (decide_weights(rules, inputs.panel, frame) for frame in frames)
    return net_returns_of(inputs.panel, weights, execution=rules.execution, costs=rules.costs)
