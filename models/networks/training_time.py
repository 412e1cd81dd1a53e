"""Training time: the epochs so far and their wall clock, as the state that a training keeps recorded them."""

import json
import math
from pathlib import Path

from safetensors import SafetensorError, safe_open

from core.errors import RunError
from models.networks.training_state import FILE_NAME

__all__ = ["epoch_ics", "epoch_seconds"]


def epoch_seconds(folder: Path) -> tuple[float, ...]:
    """Seconds of every epoch that was judged on validation; none where no state is left, as after a prune.

    Parameters
    ----------
    folder : Path
        Where the training kept its state.

    Raises
    ------
    RunError
        If the state cannot be read.
    """
    return tuple(float(epoch["seconds"]) for epoch in _epochs(folder))


def epoch_ics(folder: Path) -> tuple[float | None, ...]:
    """Validation rank IC of every epoch that was judged on validation so far; None where no session has one.

    The parameters and errors are those of ``epoch_seconds``.
    """
    found = (float(epoch["validation_ic"]) for epoch in _epochs(folder))
    return tuple(ic if math.isfinite(ic) else None for ic in found)


def _epochs(folder: Path) -> list[dict[str, float]]:
    path = folder / FILE_NAME
    if not path.is_file():
        return []
    try:
        with safe_open(path, framework="pt") as stored:
            history: list[dict[str, float]] = json.loads(stored.metadata()["history"])
            return [{key: epoch[key] for key in ("seconds", "validation_ic")} for epoch in history]
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"training state {path} cannot be read ({error}): delete it, nothing else needs it") from error
