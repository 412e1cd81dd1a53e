"""Resumption: what may stand beside ``--resume``, which is nothing that the run did not begin with."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quintile.bar_requests import told_fields

if TYPE_CHECKING:
    from strategy.definitions.spec import StrategySpec
    from strategy.runs.store import RunFolder

__all__ = ["refuse_changed_bars", "refuse_changed_spec", "refuse_option"]


def refuse_changed_bars(folder: "RunFolder", told: Mapping[str, Any]) -> None:
    """Refuse bars, or what stands beside them, that are not those a run began with.

    Raises
    ------
    ValueError
        If an option was told that says something else.
    """
    own = folder.request
    for field, value in told_fields(told).items():
        if getattr(own, field) != value:
            raise refuse_option(folder, f"--{field.replace('_', '-')}", getattr(own, field))


def refuse_changed_spec(folder: "RunFolder", told: Mapping[str, Any], spec: "StrategySpec") -> None:
    """Refuse a strategy, or settings of it, that a run did not begin with.

    Parameters
    ----------
    folder : RunFolder
        The run.
    told : mapping
        What stands on the command line.
    spec : StrategySpec
        The strategy as told, with every setting that was not told as in the run.

    Raises
    ------
    ValueError
        If they differ.
    """
    if spec.model_dump(mode="json") == folder.spec.model_dump(mode="json"):
        return
    words = [*(f"--set {each}" for each in told.get("set_") or ()), *(["--split"] if told.get("split") else [])]
    raise refuse_option(folder, " ".join(words) or str(told["strategy"]), f"its own {folder.spec.name}")


def refuse_option(folder: "RunFolder", option: str, own: object) -> ValueError:
    """The error that names an option which a resumed run cannot honour, and what the run began with."""
    shown = "" if own is None else f" ({own})"
    return ValueError(
        f"run {folder.run_id} resumes as it began{shown}: {option} would change it; leave it out, or start a new run "
        "without --resume"
    )
