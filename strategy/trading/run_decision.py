"""Run decision: the next session's book of a finished run, on its own bars or on others, which it then says."""

from dataclasses import replace

from market.inputs import Inputs
from market.request import BarsRequest
from strategy.runs.own_bars import refuse_strange_bars, source_note
from strategy.runs.store import RunFolder
from strategy.trading.decision import Decision, next_decision, scorer_of
from strategy.trading.holdings import Holdings

__all__ = ["run_decision"]


def run_decision(
    folder: RunFolder,
    inputs: Inputs,
    *,
    request: BarsRequest,
    holdings: Holdings | None = None,
    equity: float | None = None,
    as_of: str | None = None,
) -> Decision:
    """Decide with a run's model at the last close of bars, and note where they are not the run's source.

    Parameters
    ----------
    folder : RunFolder
        A finished run with a model.
    inputs : Inputs
        The latest bars, with sectors and hedge where the book reads them.
    request : BarsRequest
        What loaded them.
    holdings, equity, as_of
        As in ``next_decision``.

    Raises
    ------
    RunError
        If the run has no model, or the bars hold none of its names.
    DataError
        If nothing can be decided at the last close.
    """
    panel = inputs.panel
    refuse_strange_bars(folder, panel.tickers, panel.facts.source)
    scorer = scorer_of(folder)
    decision = next_decision(scorer.spec, inputs, scorer, holdings=holdings, equity=equity, as_of=as_of)
    note = source_note(folder, request, panel)
    if note is None:
        return decision
    return replace(decision, checks=replace(decision.checks, notes=(note, *decision.checks.notes)))
