"""Challenger run: the training of a challenger as an ordinary run of the store, begun, gone on with or found again.

What trains it is ``strategy.pipeline.run``: it goes through the one seam of every model and the one epilogue of every
run, and so is a trial. A killed one goes on after its last epoch, and a finished one is not made again.
"""

from dataclasses import replace

from core.errors import RunError
from market.inputs import Inputs
from strategy.definitions.spec import StrategySpec
from strategy.pipeline import run
from strategy.runs.context import RunContext
from strategy.runs.store import RunFolder, RunStore, identity_of

__all__ = ["challenger_run", "found_run", "refuse_given_start"]


def refuse_given_start(spec: StrategySpec, version: str) -> None:
    """Refuse a champion that began with another model's weights: a challenger draws its own from the seed.

    Raises
    ------
    RunError
        If it did.
    """
    if spec.training.start:
        raise RunError(
            f"{version} began with the weights {spec.training.start[:12]} of another model, and a challenger of the "
            "same spec would need them: train it with `quintile run --from` and freeze that"
        )


def challenger_run(spec: StrategySpec, inputs: Inputs, *, context: RunContext) -> RunFolder:
    """Train a challenger, or find it trained.

    Parameters
    ----------
    spec : StrategySpec
        The champion's, with moved dates.
    inputs : Inputs
        Bars from the first session of training to the last judged one.
    context : RunContext
        Store, progress, and the request that loads the bars again.
    """
    found = found_run(context.store, spec, inputs.panel.fingerprint())
    if found is not None and found.is_complete:
        return found
    return run(spec, inputs, context=replace(context, resume=found)).folder


def found_run(store: RunStore, spec: StrategySpec, panel: str) -> RunFolder | None:
    """The last run of exactly this strategy, these bars and this code that trained a model of its own."""
    identity = identity_of(spec, panel)
    for folder in reversed(store.readable()):
        if folder.record.get("identity") == identity and "version" not in folder.record:
            return folder
    return None
