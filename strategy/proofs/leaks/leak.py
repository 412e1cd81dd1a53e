'''Leak: a pipeline with one look-ahead leak, beside one that does the same thing without it.

A pair of your own needs this module and nothing of the checks:

    from dataclasses import replace

    from strategy.proofs.checks import ProveOptions
    from strategy.proofs.leaks import HonestSetup, LeakPair
    from strategy.proofs.self_test import SELF_TEST_SESSIONS, make_honest_setup, self_test


    def calm(setup: HonestSetup, *, days_early: int):
        """Halve the book on sessions on which the market moved by more than 1 %."""

        def overlays(weights, panel):
            market = panel.close.pct_change(fill_method=None).mean(axis=1)
            moved = market.abs().shift(-days_early) > 0.01
            return weights.mul(1.0 - 0.5 * moved, axis=0)

        return replace(setup.pipeline, overlays=overlays)


    pair = LeakPair(
        name="calm on the eve of a move",
        leaky=lambda setup: calm(setup, days_early=1),
        clean=lambda setup: calm(setup, days_early=0),
    )
    table = self_test(make_honest_setup(), [pair], options=ProveOptions(sessions=SELF_TEST_SESSIONS))
    print(table)  # the catch table, as Markdown
    assert table.is_right  # the leak was caught and the clean pipeline was not accused

What a stage may be, and what each is given
-------------------------------------------
``dataclasses.replace(setup.pipeline, stage=yours)`` swaps one stage, or several; call ``setup.pipeline.stage`` inside
yours to change what the honest one says. Every stage is a pure function of what it is given: it reads bars from
``panel`` alone, never from ``setup.panel``, and changes no frame in place. Frames are sessions × tickers; row *t* of
what a stage returns claims to be known at the close of *t*.

======================  =============================================================================================
stage                   what it is
======================  =============================================================================================
``universe``            ``panel`` → bool frame, names eligible at each close; later stages see ``panel.universe``
``features``            ``panel`` → dict of float frames, one a feature; the honest ones are named as in ``core14``
``scores``              ``features, panel, sessions`` → float frame of those sessions. The trained network reads exactly
                        the honest names: take any feature that you add out again before calling the honest ``scores``
``weights``             ``scores, panel`` → weights decided at each close, all sessions of the panel; a row of NaN is no
                        rebalance, and no decision is made before ``setup.pipeline.first_decision``
``overlays``            ``weights, panel`` → final weights, of the same shape
``labels``              ``panel`` → forward returns, from the fill on
``fill_equity``         ``weights, panel`` → Series, cost-free equity just before the fills of each session
``spans``               ``panel`` → tuple of ``SpanPair``: rows fitted on, rows judged on, embargo
``scaler``, ``fit``     ``panel`` → dict of everything fitted on training rows, or learned at all, by name: arrays,
                        numbers, strings; it is trained anew at each call and compared bit by bit
``clocks``              dict of ``Execution`` by who declares it: ``"fills"``, ``"paper"``, …
======================  =============================================================================================

The clean pipeline does the same thing without the leak: the same window that ends a session earlier, the same choice
made on validation. It is the harder half: if it is accused, a check is wrong, or it has a leak of its own.
'''

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from market.panel import Panel
from models.checkpoint import Checkpoint
from strategy.definitions.spec import StrategySpec
from strategy.proofs.pipeline_under_test import PipelineUnderTest

__all__ = ["HonestSetup", "LeakPair", "setup_bars"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HonestSetup:
    """What every pair starts from; ``make_honest_setup()`` builds it in seconds, always the same.

    Parameters
    ----------
    panel : Panel
        Bars of the built-in market: 60 names, 720 sessions, with listings, halts and delistings. ``open``, ``high``,
        ``low``, ``close``, ``volume``, ``dollar_volume`` and ``universe`` are frames; ``sessions`` and ``tickers``
        their axes; ``delistings`` has a row for each dead name with its last ``session``.
    spec : StrategySpec
        A strategy with a small network.
    checkpoint : Checkpoint
        That network, trained on the panel.
    pipeline : PipelineUnderTest
        The honest strategy; a leak replaces one of its stages.
    """

    panel: Panel
    spec: StrategySpec
    checkpoint: Checkpoint
    pipeline: PipelineUnderTest


def setup_bars(setup: HonestSetup) -> Panel:
    """Bars of the setup."""
    return setup.panel


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakPair:
    """One leak, and the same thing without it; the module's docstring shows one from beginning to end.

    Parameters
    ----------
    name : str
        A few words, for the catch table.
    leaky, clean : callable
        Make the leaking and the clean pipeline from the setup.
    bars : callable
        Makes the bars of both from the setup, by default its own; other bars where the leak needs what the built-in
        market lacks, such as dividends.
    """

    name: str
    leaky: Callable[[HonestSetup], PipelineUnderTest]
    clean: Callable[[HonestSetup], PipelineUnderTest]
    bars: Callable[[HonestSetup], Panel] = setup_bars

    @classmethod
    def by_argument(cls, name: str, make: Callable[..., PipelineUnderTest], **values: tuple[Any, Any]) -> Self:
        """Pair of one maker whose arguments differ: each keyword has the leaky value, then the clean one."""
        leaky, clean = ({word: pair[side] for word, pair in values.items()} for side in (0, 1))
        return cls(name=name, leaky=partial(make, **leaky), clean=partial(make, **clean))
