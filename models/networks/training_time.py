"""Training time: the wall clock of each epoch, as the state that a training left beside its run recorded it."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from core.errors import RunError
from models.networks.training_state import FILE_NAME

__all__ = ["epoch_seconds"]


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
    path = folder / FILE_NAME
    if not path.is_file():
        return ()
    try:
        with safe_open(path, framework="pt") as stored:
            return tuple(float(epoch["seconds"]) for epoch in json.loads(stored.metadata()["history"]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"training state {path} cannot be read ({error}): delete it, nothing else needs it") from error
