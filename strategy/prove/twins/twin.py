"""Twin: a pipeline that cheats in one way, beside one that does the same thing honestly."""

from collections.abc import Callable
from dataclasses import dataclass

from market.panel import Panel
from models.checkpoint import Checkpoint
from strategy.prove.pipeline_under_test import PipelineUnderTest
from strategy.spec import StrategySpec

__all__ = ["Stand", "Twin", "own_bars"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stand:
    """What every twin starts from.

    Parameters
    ----------
    panel : Panel
        Bars of the built-in market.
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
    """One leak, and the same thing without it.

    Parameters
    ----------
    name : str
        A few words.
    leaky, clean : callable
        Stand to the pipeline that cheats, and to the one that does not.
    bars : callable
        Stand to the bars of both; its own by default.
    """

    name: str
    leaky: Callable[[Stand], PipelineUnderTest]
    clean: Callable[[Stand], PipelineUnderTest]
    bars: Callable[[Stand], Panel] = own_bars
