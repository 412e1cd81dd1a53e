'''Twin: a pipeline that cheats in one way, beside one that does the same thing honestly.

A twin of your own needs this module and nothing of the checks:

    from dataclasses import replace

    from strategy.prove import ProveOptions
    from strategy.prove.self_test import SELF_TEST_SESSIONS, make_stand, self_test
    from strategy.prove.twins import Stand, Twin


    def calm(stand: Stand, *, days_early: int):
        """Halve the book on sessions on which the market moved by more than 1 %."""

        def overlays(weights, panel):
            market = panel.close.pct_change(fill_method=None).mean(axis=1)
            moved = market.abs().shift(-days_early) > 0.01
            return weights.mul(1.0 - 0.5 * moved, axis=0)

        return replace(stand.pipeline, overlays=overlays)


    twin = Twin(
        name="calm on the eve of a move",
        leaky=lambda stand: calm(stand, days_early=1),
        clean=lambda stand: calm(stand, days_early=0),
    )
    table = self_test(make_stand(), [twin], options=ProveOptions(sessions=SELF_TEST_SESSIONS))
    print(table)  # the catch table, as Markdown
    assert table.is_right  # the leak was caught and the honest one was not accused

What a stage may be, and what each is given
-------------------------------------------
``dataclasses.replace(stand.pipeline, stage=yours)`` swaps one stage, or several; call ``stand.pipeline.stage`` inside
yours to change what the honest one says. Every stage is a pure function of what it is given: it reads bars from
``panel`` alone, never from ``stand.panel``, and changes no frame in place. Frames are sessions × tickers; row *t* of
what a stage returns claims to be known at the close of *t*.

======================  =============================================================================================
stage                   what it is
======================  =============================================================================================
``universe``            ``panel`` → bool frame, names eligible at each close; later stages see ``panel.universe``
``features``            ``panel`` → dict of float frames, one a feature; the honest ones are named as in ``core14``
``scores``              ``features, panel, sessions`` → float frame of those sessions. The trained network reads exactly
                        the honest names: take any feature that you add out again before calling the honest ``scores``
``weights``             ``scores, panel`` → weights decided at each close, all sessions of the panel; a row of NaN is no
                        rebalance, and no decision is made before ``stand.pipeline.first_decision``
``overlays``            ``weights, panel`` → final weights, of the same shape
``labels``              ``panel`` → forward returns, from the fill on
``fill_equity``         ``weights, panel`` → Series, cost-free equity just before the fills of each session
``spans``               ``panel`` → tuple of ``SpanPair``: rows fitted on, rows judged on, embargo
``scaler``, ``fit``     ``panel`` → dict of everything fitted on training rows, or learned at all, by name: arrays,
                        numbers, strings; it is trained anew at each call and compared bit by bit
``clocks``              dict of ``Execution`` by who declares it: ``"fills"``, ``"paper"``, …
======================  =============================================================================================

The honest twin does the same thing without the leak: the same window that ends a session earlier, the same choice made
on validation. It is the harder half: a clean twin that is accused shows a check that is wrong, or a leak of its own.
'''

from collections.abc import Callable
from dataclasses import dataclass

from market.panel import Panel
from models.checkpoint import Checkpoint
from strategy.definitions.spec import StrategySpec
from strategy.proofs.pipeline_under_test import PipelineUnderTest

__all__ = ["Stand", "Twin", "own_bars"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stand:
    """What every twin starts from; ``make_stand()`` builds it in some seconds, always the same.

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
        The honest strategy; twins replace one of its stages.
    """

    panel: Panel
    spec: StrategySpec
    checkpoint: Checkpoint
    pipeline: PipelineUnderTest


def own_bars(stand: Stand) -> Panel:
    """Return the stand's bars."""
    return stand.panel


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """One leak, and the same thing without it; the module's docstring shows one from beginning to end.

    Parameters
    ----------
    name : str
        A few words, for the catch table.
    leaky, clean : callable
        Stand to the pipeline that cheats, and to the one that does not.
    bars : callable
        Stand to the bars of both; its own by default. Others, where the leak needs what the built-in market lacks:
        dividends, say.
    """

    name: str
    leaky: Callable[[Stand], PipelineUnderTest]
    clean: Callable[[Stand], PipelineUnderTest]
    bars: Callable[[Stand], Panel] = own_bars
